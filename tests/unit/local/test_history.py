"""Epochs that a trainer has written, read back; another program's lines are left out."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from regsweep.local.history import read_history, read_properties
from regsweep.local.inventory import read_run
from support.kept_runs import keep_run

EPOCH = '{"replicate": 0, "epoch": 1, "values": {"val_average_loss": 0.5, "val_auc": null}}'


def test_epochs_and_properties_are_read_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    run = read_run(keep_run(tmp_path, {"l2": 0.1}, (0.1, 0.2, 0.9, 0.8), (0.2, 0.3, 0.8, 0.7), epochs=2))
    history = read_history(run.path, run.facts)
    assert [(each.replicate, each.epoch) for each in history.epochs] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert history.epochs[2].values["val_average_loss"] == 0.3
    assert history.properties == read_properties(run.path, run.facts)
    assert history.properties["optimizer"] == "adam"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="blank"),
        pytest.param("{", id="cut off"),
        pytest.param("[1, 2]", id="no object"),
        pytest.param('{"replicate": true, "epoch": 1, "values": {}}', id="a replicate that is none"),
        pytest.param('{"replicate": 0, "epoch": -1, "values": {}}', id="an epoch before the first"),
        pytest.param('{"replicate": 0, "epoch": 1, "values": [1]}', id="values without names"),
        pytest.param('{"epoch": 1, "values": {}}', id="no replicate"),
        pytest.param('{"properties": 3}', id="properties that are none"),
        pytest.param('{"replicate": 0, "epoch": 2, "values": {"' + "x" * 70_000 + '": 1}}', id="a line without end"),
        pytest.param("\x00\xff", id="binary"),
    ],
)
def test_a_line_that_is_not_understood_is_left_out(tmp_path: Path, line: str) -> None:
    run = read_run(keep_run(tmp_path, {"l2": 0.1}, (0.1, 0.2, 0.9, 0.8)))
    (run.path / "history.jsonl").write_text(f"{line}\n{EPOCH}\n")
    (epoch,) = read_history(run.path, run.facts).epochs
    assert epoch.values["val_average_loss"] == 0.5
    assert math.isnan(epoch.values["val_auc"])
    assert read_properties(run.path, run.facts) == {}


def test_a_number_beyond_all_floats_is_none(tmp_path: Path) -> None:
    run = read_run(keep_run(tmp_path, {"l2": 0.1}, (0.1, 0.2, 0.9, 0.8)))
    huge = "1" + "0" * 400
    line = f'{{"replicate": 0, "epoch": 1, "at": {huge}, "values": {{"val_auc": {huge}, "val_loss": -{huge}}}}}'
    (run.path / "history.jsonl").write_text(f"{line}\n")
    (epoch,) = read_history(run.path, run.facts).epochs
    assert epoch.at is None
    assert all(map(math.isnan, epoch.values.values()))


def test_without_a_file_there_are_no_epochs(tmp_path: Path) -> None:
    run = read_run(keep_run(tmp_path, {"l2": 0.1}, (0.1, 0.2, 0.9, 0.8)))
    (run.path / "history.jsonl").unlink()
    assert read_history(run.path, run.facts).epochs == ()


def test_what_a_script_adds_after_its_epochs_is_a_property_too(tmp_path: Path) -> None:
    run = read_run(keep_run(tmp_path, {"l2": 0.1}, (0.1, 0.2, 0.9, 0.8)))
    with (run.path / "history.jsonl").open("a") as file:
        file.write('{"properties": {"owner": "me", "optimizer": "mine"}}\n')
    properties = read_properties(run.path, run.facts)
    assert (properties["owner"], properties["optimizer"], properties["learning_rate"]) == ("me", "mine", 0.003)


def test_an_epoch_that_was_trained_again_after_a_checkpoint_counts_once(tmp_path: Path) -> None:
    run = read_run(keep_run(tmp_path, {"l2": 0.1}, (0.1, 0.2, 0.9, 0.8), epochs=2))
    with (run.path / "history.jsonl").open("a") as file:
        file.write('{"replicate": 0, "epoch": 2, "values": {"val_average_loss": 0.125}}\n')
    epochs = read_history(run.path, run.facts).epochs
    assert [(each.epoch, each.values["val_average_loss"]) for each in epochs] == [(1, 0.2), (2, 0.125)]
