"""Runs as rows with tfruns' columns: the mean of each metric over the replicates, and what must not be averaged away."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.local.estimates import mean, standard_error
from regsweep.local.inventory import inventory
from regsweep.local.runrows import Row, columns_of, rows
from support.kept_runs import keep_run

THREE = ((0.1, 0.2, 0.9, 0.8), (0.2, 0.4, 0.8, 0.7), (0.3, 0.3, 0.7, 0.9))


def row_of(runs_dir: Path) -> Row:
    (row,) = rows(inventory(runs_dir).runs)
    return row


def test_eval_is_the_mean_of_val_over_the_replicates_with_its_standard_error(tmp_path: Path) -> None:
    keep_run(tmp_path, {"l2": 0.1}, *THREE)
    row = row_of(tmp_path)
    assert row["eval_accuracy"] == pytest.approx(0.8)
    assert row["eval_average_loss"] == row["metric_val_average_loss"] == pytest.approx(0.3)
    assert row["metric_average_loss"] == pytest.approx(0.2)
    assert row["eval_accuracy_standard_error"] == pytest.approx(stdev([0.8, 0.7, 0.9]) / math.sqrt(3))
    assert (row["replicates"], row["diverged"]) == (3, 0)


def test_columns_come_in_tfruns_order_and_ours_after_them(tmp_path: Path) -> None:
    keep_run(tmp_path, {"dropout": 0.2, "activation": "relu"}, *THREE)
    columns = columns_of([row_of(tmp_path)])
    assert columns[:9] == [
        "run_dir",
        *("eval_average_loss", "eval_accuracy"),
        *("metric_average_loss", "metric_accuracy", "metric_val_average_loss", "metric_val_accuracy"),
        *("flag_dropout", "flag_activation"),
    ]
    assert columns[9:] == [
        *("samples", "validation_samples", "batch_size", "epochs", "epochs_completed", "metrics"),
        *("model", "loss_function", "optimizer", "learning_rate", "script", "start", "end", "completed"),
        *("output", "error_message", "error_traceback", "source_code", "context", "type"),
        *("sweep", "run", "state", "replicates", "diverged"),
        *("eval_average_loss_standard_error", "eval_accuracy_standard_error"),
    ]


def test_what_rows_are_ordered_by_comes_right_after_the_folder(tmp_path: Path) -> None:
    keep_run(tmp_path, {"l2": 0.1}, *THREE)
    assert columns_of([row_of(tmp_path)], ["eval_accuracy", "start"])[:2] == ["run_dir", "eval_accuracy"]
    assert columns_of([]) == ["run_dir", "start", "end", "type"]


def test_the_other_columns_say_what_was_trained_and_how_that_went(tmp_path: Path) -> None:
    folder = keep_run(tmp_path, {"l2": 0.1}, *THREE, epochs=7, source={"train.py": "x"})
    row = row_of(tmp_path)
    expected: Row = {
        "run_dir": str(folder),
        "flag_l2": 0.1,
        "samples": 90,
        "validation_samples": 30,
        "batch_size": None,
        "epochs": 7,
        "epochs_completed": 7,
        "metrics": str(folder / "history.jsonl"),
        "model": "Dense\nDense",
        "optimizer": "adam",
        "learning_rate": 0.003,
        "script": "train.py",
        "start": "2026-11-25T10:00:00Z",
        "end": "2026-11-25T10:01:00Z",
        "completed": True,
        "output": str(folder / "output.log"),
        "error_message": None,
        "error_traceback": None,
        "source_code": str(folder / "source"),
        "context": "local",
        "type": "training",
        "state": "completed",
    }
    assert {name: row[name] for name in expected} == expected


def test_a_diverged_replicate_is_not_averaged_away(tmp_path: Path) -> None:
    keep_run(tmp_path, {"l2": 0.1}, *THREE, None)
    row = row_of(tmp_path)
    accuracy = row["eval_accuracy"]
    assert isinstance(accuracy, float)
    assert math.isnan(accuracy)
    assert "eval_accuracy_standard_error" not in row
    assert (row["replicates"], row["diverged"]) == (4, 1)


def test_below_three_replicates_there_is_no_standard_error(tmp_path: Path) -> None:
    keep_run(tmp_path, {"l2": 0.1}, *THREE[:2])
    assert not [name for name in row_of(tmp_path) if name.endswith("standard_error")]


def test_a_row_per_replicate_has_the_replicates_own_values(tmp_path: Path) -> None:
    keep_run(tmp_path, {"l2": 0.1}, *THREE, None)
    found = rows(inventory(tmp_path).runs, replicates=True)
    assert [(row["replicate"], row["diverged"]) for row in found] == [(0, 0), (1, 0), (2, 0), (3, 1)]
    assert [row["eval_accuracy"] for row in found[:3]] == [0.8, 0.7, 0.9]


def test_runs_of_one_combination_are_one_row_and_each_replicate_counts_once(tmp_path: Path) -> None:
    key = "0123456789abcdef"
    keep_run(tmp_path, {"l2": 0.1}, *THREE, run="mine-a", started="2026-11-25T10:00:00Z", point_key=key)
    keep_run(tmp_path, {"l2": 0.1}, *THREE, run="mine-b", started="2026-11-25T11:00:00Z", attempt=1, point_key=key)
    row = row_of(tmp_path)
    assert row["replicates"] == 3
    assert str(row["run_dir"]).endswith("mine-b"), "the latest"
    assert row["start"] == "2026-11-25T10:00:00Z"


def test_what_rests_on_other_data_is_another_row(tmp_path: Path) -> None:
    keep_run(tmp_path, {"l2": 0.1}, *THREE, point_key="0123456789abcdef")
    keep_run(tmp_path, {"l2": 0.1}, *THREE, point_key="fedcba9876543210")
    assert len(rows(inventory(tmp_path).runs)) == 2


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        pytest.param([2, 0.95, 0.85], 0.85, id="at its best epoch"),
        pytest.param(None, math.nan, id="no best epoch reported"),
    ],
)
def test_an_objective_of_the_best_epoch_is_evaluated_there(
    tmp_path: Path, best: list[float] | None, expected: float
) -> None:
    rule = {"metric": "val_accuracy", "goal": "Maximize", "ranked": True}
    folder = keep_run(tmp_path, {"l2": 0.1}, THREE[0], rule=rule)
    message = json.loads((folder / "message.json").read_text())
    message["records"][0][4] = best
    (folder / "message.json").write_text(json.dumps(message))
    row = row_of(tmp_path)
    assert row["eval_accuracy"] == pytest.approx(expected, nan_ok=True)
    assert row["metric_val_accuracy"] == 0.8, "at the last epoch"
    assert row["eval_average_loss"] == 0.2, "only the objective is taken there"


def test_a_failed_run_has_its_error_and_its_traceback(tmp_path: Path) -> None:
    crash = 'Traceback (most recent call last):\n  File "train.py", line 1, in <module>\nValueError: no such column'
    keep_run(tmp_path, {"l2": 0.1}, exit_code=1, console=f"begin\n{crash}\n")
    row = row_of(tmp_path)
    assert (row["completed"], row["state"]) == (False, "failed")
    assert row["error_message"] == "ValueError: no such column"
    assert row["error_traceback"] == crash
    assert row["replicates"] == 0


def test_a_run_of_the_final_evaluation_is_told_from_the_others(tmp_path: Path) -> None:
    keep_run(
        tmp_path,
        {"l2": 0.1},
        (0.1, 0.2, 0.3),
        final=True,
        columns=["train_average_loss", "val_average_loss", "test_average_loss"],
    )
    row = row_of(tmp_path)
    assert (row["type"], row["metric_test_average_loss"]) == ("final evaluation", 0.3)


def test_properties_of_a_scripts_own_are_columns_and_replace_none_of_ours(tmp_path: Path) -> None:
    folder = keep_run(tmp_path, {"l2": 0.1}, *THREE)
    with (folder / "history.jsonl").open("a") as file:
        file.write('{"properties": {"owner": "me", "state": "mine", "eval_accuracy": 1.0}}\n')
    row = row_of(tmp_path)
    assert (row["owner"], row["state"]) == ("me", "completed")
    assert row["eval_accuracy"] == pytest.approx(0.8)


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=6))
def test_means_and_errors_are_those_of_the_statistics_module(values: list[float]) -> None:
    assert mean(values) == fmean(values)
    assert standard_error(values) == stdev(values) / math.sqrt(len(values))
