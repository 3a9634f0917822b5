"""Rows that are in training and validation alike, since the data have them twice: what overfits looks good on them. Pure."""

from collections.abc import Iterator

import numpy as np

from regsweep_kit.splits import Rows, Splits
from regsweep_trainer.data.dataset import Dataset

MOST_NUMBERS = 2**25
"""Of all rows; in larger data nothing is looked for, which would take seconds in each run."""
ROWS_AT_ONCE = 4096
USUAL_SHARE = 0.5
"""Of a table of a few categories most rows are like another one, and that says nothing."""


def copies_note(data: Dataset, splits: Splits) -> str | None:
    """That validation rows are the same as training rows; `None`: none are, or so many that it is the data's way."""
    validation = np.concatenate([splits.stop, splits.val])
    if not len(validation) or data.features.size > MOST_NUMBERS:
        return None
    train = {*_hashes(data, splits.train)}
    count = sum(row in train for row in _hashes(data, validation))
    if not 0 < count <= USUAL_SHARE * len(validation):
        return None
    remedy = "remove them" if data.image is not None else "declare what belongs together (group_column), or remove them"
    return (
        f"{count} of {len(validation)} validation rows are the same as a training row in all features: what is learnt by heart looks good "
        f"on them; where they are one case twice, {remedy}"
    )


def _hashes(data: Dataset, rows: Rows) -> Iterator[int]:
    """Of each row's features, 64 bits that are equal where they are: the rows themselves would take as much memory as the data."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        codes = [column.codes[some].astype(np.float64)[:, None] for column in data.categories]
        table = np.ascontiguousarray(np.hstack([data.features[some] + 0.0, *codes]))  # -0.0 is 0.0
        yield from (hash(row.tobytes()) for row in table)
