"""Which rows train, validate, test and audit.

Test rows are fixed by the data's digest and `test_seed` (or by marks), never by the replicate, and so are audit rows, which come next in
the same order (with marks: of the rows marked train). With an outer fold the same order is cut into stretches, and one of them is the test
rows. The other rows are divided by the replicate's `split` seed into train and val, or by its repeat's seed into folds of which one is val;
and val into two halves: `stop`, by which epochs are chosen, and the half that is ranked. The division does not depend on any regularisation
nor on what the test rows contain, and `train_rows` takes rows from train only: val stays.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_kit.resampling import Fold
from regsweep_kit.seeds import permutation, stable_order

Rows: TypeAlias = NDArray[np.int64]
"""Row numbers, from 0."""

FEWEST_ROWS = 2  # in each of train, stop, val and, where requested, audit: below it not even a mean has an error


@dataclass(frozen=True, slots=True)
class Outline:
    """All that the splits depend on of the data."""

    name: str
    """In messages."""
    rows: int
    digest: str
    """Of the whole data: other data have other test rows."""
    labels: NDArray[np.int64] | None = None
    """Shape (rows,), each row's class as its index, by which parts are stratified; `None`: rows have no classes."""
    classes: tuple[str, ...] = ()
    """Names of the classes by index."""
    marks: Sequence[str] | None = None
    """Per row `train`, `val` or `test`, if the data mark them."""
    strata: NDArray[np.int64] | None = None
    """Shape (rows,): by which parts are stratified; `None`: by `labels`."""

    @property
    def stratified_by(self) -> NDArray[np.int64] | None:
        return self.labels if self.strata is None else self.strata


@dataclass(frozen=True, slots=True)
class Division:
    """How the rows are divided in every replicate alike."""

    val_fraction: float = 0.4
    """Of the rows outside test and audit; ignored with folds and where rows are marked val."""
    test_fraction: float = 0.2
    """Of all rows; ignored with an outer fold and where the data are marked."""
    audit_fraction: float = 0.0
    """Of all rows."""
    train_rows: int | None = None
    """Train on at most so many rows; `None`: on all."""
    test_seed: int = 0
    outer: Fold | None = None
    """The stretch of rows that tests; `None`: the test rows are chosen by test_fraction or marks."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What distinguishes a replicate's rows from those of others."""

    seed: int
    fold: Fold | None = None
    """Which stretch of the ordered rows validates; `None`: the first `val_fraction` of them, or the rows marked val."""


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


def split(data: Outline, division: Division, draw: Draw) -> Splits:
    """The replicate's rows.

    Raises BadDataError where a part would be too small or would lack a class that it needs, or where marks contradict folds.
    """
    test, fixed, marked_val = _set_aside(data, division, draw.fold)
    count = round(division.audit_fraction * data.rows)
    audit, rest = fixed[:count], np.sort(fixed[count:])
    train, val = _divide(data.stratified_by, rest, marked_val, draw, division.val_fraction)
    half = len(val) // 2
    splits = Splits(
        train=np.sort(train[: division.train_rows]),
        stop=np.sort(val[:half]),
        val=np.sort(val[half:]),
        test=np.sort(test),
        audit=np.sort(audit),
    )
    check_parts(splits, data, division, draw.fold)
    return splits


def test_order_seed(digest: str, test_seed: int) -> int:
    """The seed that orders rows for test and audit: from the data and `test_seed` alone."""
    return int.from_bytes(hashlib.sha256(f"regsweep-test\n{digest}\n{test_seed}".encode()).digest()[:8], "big") >> 1


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
    return shuffled[stable_order(position)]


def _set_aside(data: Outline, division: Division, fold: Fold | None) -> tuple[Rows, Rows, Rows]:
    """(test; the rows for audit and training in their fixed order; those marked val), the same in every replicate."""
    seed = test_order_seed(data.digest, division.test_seed)
    none = np.empty(0, dtype=np.int64)
    marks = None if data.marks is None else np.array(data.marks)
    if division.outer is not None:
        _refuse_marks(
            data, marks, ("test", "val"), division.outer, "outer folds, in which every row is a test row once"
        )
        order = stratified_order(np.arange(data.rows), data.stratified_by, seed)
        test, fixed = _stretch(order, division.outer)
        return test, fixed, none
    if marks is None:
        order = stratified_order(np.arange(data.rows), data.stratified_by, seed)
        count = round(division.test_fraction * data.rows)
        return order[:count], order[count:], none
    if fold is not None:
        _refuse_marks(data, marks, ("val",), fold, "folds, in which every row outside test is a validation row once")
    test, free, marked_val = (np.flatnonzero(marks == mark) for mark in ("test", "train", "val"))
    return test, stratified_order(free, data.stratified_by, seed), marked_val


def _refuse_marks(
    data: Outline, marks: NDArray[np.str_] | None, refused: tuple[str, ...], fold: Fold, folds: str
) -> None:
    for mark in refused if marks is not None else ():
        if count := int(np.sum(marks == mark)):
            raise BadDataError(
                f"{count} rows of {data.name} are marked {mark}, but REGSWEEP_RESAMPLING asks for {fold.folds} {folds}; "
                "mark them train, or choose another resampling"
            )


def _divide(
    labels: NDArray[np.int64] | None, rest: Rows, marked_val: Rows, draw: Draw, val_fraction: float
) -> tuple[Rows, Rows]:
    """(train, val) of the rows that remain, each in the order in which its beginning is taken."""
    order = stratified_order(rest, labels, draw.seed)
    if draw.fold is not None:
        val, train = _stretch(order, draw.fold)
        return train, val
    if len(marked_val):
        return order, stratified_order(marked_val, labels, draw.seed)
    count = round(val_fraction * len(order))
    return order[count:], order[:count]


def _stretch(order: Rows, fold: Fold) -> tuple[Rows, Rows]:
    """(the fold's rows, the others). The others begin after the fold and go round, so that no two folds begin with the same others."""
    stretches = np.array_split(order, fold.folds)
    return stretches[fold.index], np.concatenate([*stretches[fold.index + 1 :], *stretches[: fold.index]])


def check_parts(splits: Splits, data: Outline, division: Division, fold: Fold | None) -> None:
    """Raises BadDataError where a part is too small or lacks a class that it needs."""
    audited = division.audit_fraction > 0
    where = dict.fromkeys(
        ("train", "stop", "val"), "" if fold is None else f" in fold {fold.index + 1} of {fold.folds}"
    )
    remedies = ["val_fraction" if fold is None else "the number of folds"]
    if division.outer is None:
        remedies.append("test_fraction")
    else:
        where["test"] = f" in outer fold {division.outer.index + 1} of {division.outer.folds}"
        remedies.append("the number of outer folds")
    if audited:
        where["audit"] = ""
        remedies.append("audit_fraction")
    counts = splits.counts | ({"audit": len(splits.audit)} if audited else {})
    for part, divided in where.items():
        if counts[part] < FEWEST_ROWS:
            shown = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise BadDataError(
                f"{data.name} has too few rows ({data.rows}): {part}{divided} would have {counts[part]}, at least "
                f"{FEWEST_ROWS} are needed ({shown}); change {', '.join(remedies)} or the rows' marks"
            )
    if data.labels is not None:
        _check_classes(splits, data, data.labels, where["train"], remedies[0])


def _check_classes(splits: Splits, data: Outline, labels: NDArray[np.int64], divided: str, remedy: str) -> None:
    """Train needs every class; of two, stop and val need both: without one of them a ROC curve has no area."""
    needed = {"train": splits.train}
    if len(data.classes) == 2:
        needed |= {"stop": splits.stop, "val": splits.val}
    for part, rows in needed.items():
        missing = sorted(set(range(len(data.classes))) - set(labels[rows].tolist()))
        if missing:
            name = data.classes[missing[0]]
            raise BadDataError(
                f"{data.name}: class {name!r} of the target has {int(np.sum(labels == missing[0]))} rows in all and none in "
                f"{part}{divided} ({len(rows)} rows); merge rare classes, or change train_rows, {remedy} or the rows' marks"
            )
