"""Rows that belong together stay together: what `splits` does with rows, done with whole groups of them.

Fractions, folds and stretches count groups; parts are stratified by each group's most frequent class. Only `train_rows` counts rows: a
part of the last group may then be left out, which puts no group on two sides.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_kit.seeds import permutation
from regsweep_kit.splits import Division, Draw, Outline, Rows, Splits, check_parts, split


def split_groups(data: Outline, groups: NDArray[np.int64], division: Division, draw: Draw) -> Splits:
    """The replicate's rows, no group of which is in two parts. groups: shape (rows,), each row's group, numbered from 0.

    Raises BadDataError as `split` does, and where the rows of one group have different marks.
    """
    count = int(groups.max()) + 1
    strata = data.stratified_by
    whole = Outline(
        name=f"{data.name}, in groups,",
        rows=count,
        digest=data.digest,
        labels=None if strata is None else _most_frequent(strata, groups, count),
        marks=_marks(data, groups, count),
    )
    drawn = split(whole, replace(division, train_rows=None), draw)
    splits = Splits(
        train=_some(_rows_of(drawn.train, groups), groups, division.train_rows, draw.seed),
        stop=_rows_of(drawn.stop, groups),
        val=_rows_of(drawn.val, groups),
        test=_rows_of(drawn.test, groups),
        audit=_rows_of(drawn.audit, groups),
    )
    check_parts(splits, data, division, draw.fold)
    return splits


def _most_frequent(labels: NDArray[np.int64], groups: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Each group's most frequent label, the smallest of several."""
    table = np.zeros((count, int(labels.max()) + 1), np.int64)
    np.add.at(table, (groups, labels), 1)
    return np.asarray(table.argmax(axis=1), np.int64)


def _marks(data: Outline, groups: NDArray[np.int64], count: int) -> list[str] | None:
    if data.marks is None:
        return None
    marks = [""] * count
    for row, (group, mark) in enumerate(zip(groups.tolist(), data.marks, strict=True), start=1):
        if marks[group] not in ("", mark):
            raise BadDataError(
                f"{data.name}: row {row} is marked {mark}, and another row of its group {marks[group]}; mark all rows of a group alike"
            )
        marks[group] = mark
    return marks


def _rows_of(members: Rows, groups: NDArray[np.int64]) -> Rows:
    return np.flatnonzero(np.isin(groups, members)).astype(np.int64)


def _some(rows: Rows, groups: NDArray[np.int64], most: int | None, seed: int) -> Rows:
    """At most so many of the rows, group after group in an order that the seed determines."""
    if most is None or len(rows) <= most:
        return rows
    place = permutation(seed, int(groups.max()) + 1)
    return np.sort(rows[np.argsort(place[groups[rows]], kind="stable")][:most])
