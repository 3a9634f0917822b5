"""Columns of numbers that are not what they seem: row numbers, and a few values that dwarf all others. Pure."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import show

FEWEST_ROWS = 10  # fewer rows may look like row numbers by chance, and have no usual value
FEWEST_IDENTIFIERS = 100  # as many different whole numbers in a row are hardly counts of something
SAMPLED_ROWS = 10_000  # evenly spaced rows by which columns are chosen that are worth a closer look
DWARFED = 1e-3  # standard deviations that contain half of the values: below it, a note
DROWNED = (
    2.0**-24
)  # ... within which MOST of them lie: below it, refused, as a network's float32 does not distinguish them
MOST = 0.9

Places = Callable[[NDArray[np.int64]], str]
"""Rows (from 0) in words: `row 3 (line 4)`."""


def check_features(features: NDArray[np.float64], names: Sequence[str], where: str, places: Places) -> tuple[str, ...]:
    """Notes on the columns. Raises BadDataError where one is the row number, or is drowned by a few of its values."""
    notes = []
    for index, name in enumerate(names):
        if _is_row_number(features[:, index]):
            raise BadDataError(
                f"flag data_path: column {show(name)} of {where} is the row number ({features[0, index]:g}, "
                f"{features[1, index]:g}, ... in order): it reflects the order of the rows, not their content. Declare "
                f"it ignored, as in columns: {{{name}: ignored}}; if it is a feature, shuffle the rows"
            )
        if _is_identifier(features[:, index]):
            notes.append(
                f"column {show(name)} of {where} has another whole number in every row, as identifiers have: a network may learn rows by "
                f"heart by it; declare it ignored, as in columns: {{{name}: ignored}}, unless it measures something"
            )
        if _is_strictly_sorted(features[:, index]):
            notes.append(
                f"column {show(name)} of {where} rises or falls from every row to the next, as row numbers and times do: where the "
                "rows are sorted it reveals the target; remove it unless that is intended"
            )
    for index in _candidates(features):
        note = check_scale(features[:, index], f"flag data_path: column {show(names[index])} of {where}", places)
        notes += [note] if note else []
    return tuple(notes)


def check_scale(values: NDArray[np.float64], where: str, places: Places) -> str | None:
    """A note where a few values set the column's scale; raises BadDataError where nearly all others are then one number to a network.

    Compares how far values are from the median (those that are not the median) with the standard deviation.
    """
    if len(values) < FEWEST_ROWS:
        return None
    quartered = values * 0.25  # so that no difference overflows
    median = float(np.median(quartered))
    deviation = quartered - median
    distance = np.abs(deviation)
    farthest = float(distance.max())
    if farthest == 0:
        return None
    scale = float(np.std(deviation / farthest))  # in units of `farthest`
    half, most = np.quantile(distance[distance > 0], [0.5, MOST], method="lower")
    row = int(np.argmax(distance))
    place = f"{where} has {values[row]:g} in {places(np.array([row]))}"
    if most / farthest < DROWNED * scale:
        raise BadDataError(
            f"{place}, but {MOST:.0%} of the values are within {4 * most:g} of the median {4 * median:g}: standardised, these would be "
            "one number; correct it, take the column's logarithm, or remove the column"
        )
    if half / farthest < DWARFED * scale:
        return (
            f"{place}, but half of the values are within {4 * half:g} of the median {4 * median:g}: standardised, these are close "
            "together; correct it, or take the column's logarithm"
        )
    return None


def _is_row_number(values: NDArray[np.float64]) -> bool:
    count = len(values)
    if count < FEWEST_ROWS or values[0] not in (0, 1) or values[-1] != values[0] + count - 1:
        return False
    return bool(np.all(np.diff(values) == 1))


def _is_identifier(values: NDArray[np.float64]) -> bool:
    """Whole numbers of several digits, no two alike. Sorted ones are named by what they are, too."""
    start = values[:FEWEST_IDENTIFIERS]
    if len(start) < FEWEST_IDENTIFIERS or np.any(start != np.floor(start)) or len(np.unique(start)) < len(start):
        return False
    return (
        bool(np.all(values == np.floor(values)))
        and len(np.unique(values)) == len(values)
        and not _is_strictly_sorted(values)
    )


def _is_strictly_sorted(values: NDArray[np.float64]) -> bool:
    if len(values) < FEWEST_ROWS or not _one_way(values[:FEWEST_ROWS]):
        return False
    return _one_way(values)


def _one_way(values: NDArray[np.float64]) -> bool:
    later, earlier = values[1:], values[:-1]
    return bool(np.all(later > earlier) or np.all(later < earlier))


def _candidates(features: NDArray[np.float64]) -> Iterator[int]:
    """Columns that may have a value far out, by a sample of their rows."""
    rows = np.linspace(0, len(features) - 1, min(len(features), SAMPLED_ROWS)).astype(np.int64)
    lowest, highest = features.min(axis=0) * 0.25, features.max(axis=0) * 0.25
    for index in range(features.shape[1]):
        sample = features[rows, index] * 0.25
        median = np.median(sample)
        distance = np.abs(sample - median)
        apart = distance[distance > 0]
        farthest = max(highest[index] - median, median - lowest[index])
        if farthest > 0 and (not len(apart) or np.median(apart) < 10 * DWARFED * farthest):
            yield index
