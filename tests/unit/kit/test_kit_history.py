"""The course of a run, epoch by epoch, in a file for people."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep_kit.history import MOST_PROPERTY, History, is_kept
from regsweep_kit.record import Progress


def progress(epoch: int, loss: float = 0.5) -> Progress:
    return Progress(epoch, {("average_loss", "val"): loss, ("regularization_loss", ""): 0.0}, {"val": 9}, None)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_epoch_is_a_line_with_the_columns_of_the_message(tmp_path: Path) -> None:
    history = History(tmp_path / "h")
    history.add(0, progress(1))
    history.add(3, progress(1, 0.25))
    found = lines(tmp_path / "h")
    assert all(0 < float(str(line.pop("at"))) <= time.time() + 1 for line in found)
    assert found == [
        {"replicate": 0, "epoch": 1, "values": {"val_average_loss": 0.5, "regularization_loss": 0.0}},
        {"replicate": 3, "epoch": 1, "values": {"val_average_loss": 0.25, "regularization_loss": 0.0}},
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_null(tmp_path: Path, value: float) -> None:
    History(tmp_path / "h").add(0, progress(1, value))
    assert lines(tmp_path / "h")[0]["values"] == {"val_average_loss": None, "regularization_loss": 0.0}


def test_the_last_epoch_is_there_once_also_where_it_would_be_left_out(tmp_path: Path) -> None:
    history = History(tmp_path / "h")
    history.add(0, progress(1000))
    history.add(0, progress(1001))
    history.add(0, progress(1001), last=True)
    history.add(0, progress(1001), last=True)
    assert [line["epoch"] for line in lines(tmp_path / "h")] == [1000, 1001]


def test_what_is_said_of_the_whole_replicate_is_no_point_of_a_curve(tmp_path: Path) -> None:
    ended = Progress(1001, {("average_loss", "val"): 0.5, ("late_gain", ""): 0.1}, {"val": 9}, None)
    History(tmp_path / "h").add(0, ended, last=True)
    assert [line["values"] for line in lines(tmp_path / "h")] == [{"val_average_loss": 0.5}]


def test_properties_come_as_they_are_but_for_a_text_without_end(tmp_path: Path) -> None:
    History(tmp_path / "h").describe(optimizer="adam", model="x" * 10 * MOST_PROPERTY)
    (line,) = lines(tmp_path / "h")
    properties = line["properties"]
    assert isinstance(properties, dict)
    assert properties["optimizer"] == "adam"
    assert len(properties["model"]) == MOST_PROPERTY


def test_without_a_file_nothing_is_written_and_an_unwritable_one_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    History(None).add(0, progress(1))
    history = History(tmp_path / "no such folder" / "h")
    history.add(0, progress(1))
    history.add(0, progress(2))
    assert capsys.readouterr().err.count("REGSWEEP_HISTORY: cannot write") == 1
    assert list(tmp_path.iterdir()) == []


@given(st.integers(1, 10**6))
def test_early_epochs_are_all_kept_and_later_ones_at_growing_steps(epoch: int) -> None:
    assert is_kept(epoch) == (
        epoch % (1 if epoch <= 1000 else 10 if epoch <= 10_000 else 100 if epoch <= 100_000 else 1000) == 0
    )


def test_a_training_without_end_has_a_file_with_an_end() -> None:
    assert sum(map(is_kept, range(1, 100_001))) == 1000 + 900 + 900
