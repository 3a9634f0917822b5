"""Rows that the data have twice, on both sides of a split, are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regsweep_kit.splits import Splits
from regsweep_trainer.data import copies
from regsweep_trainer.data.copies import copies_note
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.typed import Categories
from regsweep_trainer.models.inputs import Image

NONE = np.array([], np.int64)
SPLITS = Splits(np.arange(4), np.array([4, 5]), np.array([6, 7]), np.array([8, 9]), audit=NONE)


def note(*same: tuple[int, int], rows: Any = None, **fields: Any) -> str | None:
    """Of ten rows that differ, but for pairs that are the same."""
    features = np.arange(20.0).reshape(10, 2) if rows is None else rows
    for one, other in same:
        features[other] = features[one]
    return copies_note(Dataset("t", features, np.arange(10.0) % 2, ("a", "b"), **fields), SPLITS)


@pytest.mark.parametrize(
    ("same", "count"),
    [
        pytest.param([(0, 6)], 1, id="in val"),
        pytest.param([(0, 4), (3, 7)], 2, id="in stop and val"),
        pytest.param([], 0, id="none"),
        pytest.param([(0, 1)], 0, id="both in train"),
        pytest.param([(4, 6)], 0, id="both in validation"),
        pytest.param([(0, 8)], 0, id="in test, which is not looked at"),
        pytest.param([(0, 4), (0, 5), (0, 6)], 0, id="most of them, as in a table of a few categories"),
    ],
)
def test_copies_of_training_rows_are_counted(same: list[tuple[int, int]], count: int) -> None:
    found = note(*same)
    assert (found is not None) == (count > 0)
    if found is not None:
        assert found.startswith(f"{count} of 4 validation rows are the same as a training row in all features")
        assert "group_column" in found


def test_of_images_it_is_said_to_remove_them() -> None:
    assert "group_column" not in (note((0, 6), image=Image(1, 2, 1)) or "group_column")


def test_a_category_tells_rows_apart_and_a_gap_or_the_sign_of_zero_does_not() -> None:
    letters = Categories("c", tuple("abcdefghij"), np.arange(10))
    assert note((0, 6), categories=(letters,)) is None
    rows = np.arange(20.0).reshape(10, 2)
    rows[0], rows[6] = [np.nan, 0.0], [np.nan, -0.0]
    assert note(rows=rows)


def test_in_large_data_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST_NUMBERS", 19)
    assert note((0, 6)) is None
