"""Which rows train, validate, test and audit.

Test rows are fixed by the data's digest and `test_seed` (or by a split column), never by the replicate, and so are audit rows, which come
next in the same order (with a split column: of the rows marked train). The other rows are divided by the replicate's `split` seed into
train and val, or by its repeat's seed into folds of which one is val; and val into two halves: `stop`, by which epochs are chosen, and
the half that is ranked. The division does not depend on any regularisation, and `train_rows` takes rows from train only: val stays.
"""

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regsweep_trainer.dataset import Dataset, Head
from regsweep_trainer.errors import BadDataError
from regsweep_trainer.resampling import Fold
from regsweep_trainer.seeds import permutation

Rows: TypeAlias = NDArray[np.int64]

FEWEST_ROWS = 2  # in each of train, stop, val and, where asked for, audit: below it not even a mean has an error


@dataclass(frozen=True, slots=True)
class Splits:
    """Row numbers, disjoint. `val` is the ranked half of the validation rows, `stop` the other. `audit` may be empty."""

    train: Rows
    stop: Rows
    val: Rows
    test: Rows
    audit: Rows

    @property
    def counts(self) -> dict[str, int]:
        """Rows by part; without `audit` where it is empty."""
        counts = {"train": len(self.train), "stop": len(self.stop), "val": len(self.val), "test": len(self.test)}
        return counts | ({"audit": len(self.audit)} if len(self.audit) else {})


def test_order_seed(digest: str, test_seed: int) -> int:
    """The seed that orders rows for test and audit: from the data and `test_seed` alone."""
    return int.from_bytes(hashlib.sha256(f"regsweep-test\n{digest}\n{test_seed}".encode()).digest()[:8], "big") >> 1


def split(
    data: Dataset,
    *,
    split_seed: int,
    test_seed: int,
    val_fraction: float,
    test_fraction: float,
    train_rows: int | None,
    audit_fraction: float = 0.0,
    fold: Fold | None = None,
) -> Splits:
    """fold: which stretch of the ordered rows validates; `None`: the first `val_fraction` of them, or the rows marked val.

    Raises BadDataError where a part would be too small or would lack a class that it needs, or where rows are marked val beside folds.
    """
    labels = data.labels
    fixed_seed = test_order_seed(data.digest, test_seed)
    if data.marks is None:
        fixed = stratified_order(np.arange(data.rows), labels, fixed_seed)
        count = round(test_fraction * data.rows)
        test, fixed, marked_val = fixed[:count], fixed[count:], np.empty(0, dtype=np.int64)
    else:
        marks = np.array(data.marks)
        test, free, marked_val = (np.flatnonzero(marks == mark) for mark in ("test", "train", "val"))
        fixed = stratified_order(free, labels, fixed_seed)
    count = round(audit_fraction * data.rows)
    audit, rest = fixed[:count], np.sort(fixed[count:])
    order = stratified_order(rest, labels, split_seed)
    if fold is not None:
        if len(marked_val):
            raise BadDataError(
                f"flag split_column: {len(marked_val)} rows of {data.name} are marked val, but REGSWEEP_RESAMPLING asks for "
                f"{fold.folds} folds, where every row outside test validates in turn; mark them train, or take Holdout"
            )
        val, train = _fold(order, fold)
    elif len(marked_val):
        val, train = stratified_order(marked_val, labels, split_seed), order
    else:
        count = round(val_fraction * len(order))
        val, train = order[:count], order[count:]
    half = len(val) // 2
    splits = Splits(
        train=np.sort(train[:train_rows]),
        stop=np.sort(val[:half]),
        val=np.sort(val[half:]),
        test=np.sort(test),
        audit=np.sort(audit),
    )
    _check(splits, data, fold, audited=audit_fraction > 0)
    return splits


def _fold(order: Rows, fold: Fold) -> tuple[Rows, Rows]:
    """(val, train). Train begins after the fold and goes round, so that under `train_rows` no two folds train on the same first rows."""
    stretches = np.array_split(order, fold.folds)
    return stretches[fold.index], np.concatenate([*stretches[fold.index + 1 :], *stretches[: fold.index]])


def stratified_order(rows: Rows, labels: NDArray[np.int64] | None, seed: int) -> Rows:
    """The rows in an order of which every stretch has the classes in nearly their proportions; shuffled where there are none.

    The j-th of the n rows of a class (in shuffled order) is put at (j + 1/2) / n of the way; ties fall as shuffled.
    """
    shuffled = rows[permutation(seed, len(rows))]
    if labels is None:
        return shuffled
    position = np.empty(len(shuffled))
    own = labels[shuffled]
    for label in np.unique(own):
        members = np.flatnonzero(own == label)
        position[members] = (np.arange(len(members)) + 0.5) / len(members)
    return shuffled[np.argsort(position, kind="stable")]


def _check(splits: Splits, data: Dataset, fold: Fold | None, *, audited: bool) -> None:
    counts = splits.counts | ({"audit": len(splits.audit)} if audited else {})
    divided, remedy = "", "val_fraction"
    if fold is not None:
        divided, remedy = f" in fold {fold.index + 1} of {fold.folds}", "the number of folds"
    fractions = "test_fraction, audit_fraction" if audited else "test_fraction"
    for part in ("train", "stop", "val", *(["audit"] if audited else [])):
        if counts[part] < FEWEST_ROWS:
            where = "" if part == "audit" else divided
            shown = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise BadDataError(
                f"{data.name} has too few rows ({data.rows}): {part}{where} would have {counts[part]}, at least "
                f"{FEWEST_ROWS} are needed ({shown}); change {remedy}, {fractions} or the split column"
            )
    labels = data.labels
    if labels is None or data.classes is None:
        return
    needed = {"train": splits.train}
    if data.head is Head.BINARY:
        needed |= {"stop": splits.stop, "val": splits.val}
    for part, rows in needed.items():
        missing = sorted(set(range(len(data.classes))) - set(labels[rows].tolist()))
        if missing:
            name = data.classes[missing[0]]
            raise BadDataError(
                f"{data.name}: class {name!r} of the target has {int(np.sum(labels == missing[0]))} rows in all and none in "
                f"{part}{divided} ({len(rows)} rows); merge rare classes, or change train_rows, {remedy} or the split column"
            )
