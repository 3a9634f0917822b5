"""Rows in order of time: every part lies before the next one, and what is simultaneous is in one part.

train, then stop, then val, then test. With folds the rows before test are cut into one stretch more than there are folds: fold k, from 0,
trains on the first k + 1 of them and validates on the one that follows. The same in every replicate, or in every repeat of the folds: what
replicates differ in are weights and row order.
"""

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_kit.splits import Division, Draw, Outline, Rows, Splits, check_parts


def split_in_time(data: Outline, times: NDArray[np.float64], division: Division, draw: Draw) -> Splits:
    """The replicate's rows. times: shape (rows,), finite. `train_rows` takes the last ones of train; marks and audit are not for such data.

    Raises BadDataError where a part would be too small or would lack a class, and for an outer fold.
    """
    if division.outer is not None:
        raise BadDataError(
            f"{data.name} is in order of time, but REGSWEEP_RESAMPLING asks for {division.outer.folds} outer folds, of which most would "
            "test on rows before those they train on; choose another final evaluation"
        )
    order = np.argsort(times, kind="stable").astype(np.int64)
    rest, test = _cut(order, times, len(order) - round(division.test_fraction * len(order)))
    if draw.fold is None:
        train, val = _cut(rest, times, len(rest) - round(division.val_fraction * len(rest)))
    else:
        pieces = draw.fold.folds + 1
        before, _ = _cut(rest, times, len(rest) * (draw.fold.index + 2) // pieces)
        train, _ = _cut(rest, times, len(rest) * (draw.fold.index + 1) // pieces)
        val = before[len(train) :]
    stop, val = _cut(val, times, len(val) // 2)
    train = train if division.train_rows is None else train[-division.train_rows :]
    none = np.empty(0, np.int64)
    splits = Splits(np.sort(train), np.sort(stop), np.sort(val), np.sort(test), audit=none)
    check_parts(splits, data, division, draw.fold)
    return splits


def _cut(ordered: Rows, times: NDArray[np.float64], at: int) -> tuple[Rows, Rows]:
    """(the rows before that place, those from there on), cut where the time changes: earlier if need be."""
    if 0 < at < len(ordered):
        own = times[ordered]
        at = int(np.searchsorted(own, own[at], side="left"))
    return ordered[:at], ordered[at:]
