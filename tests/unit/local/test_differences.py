"""What differs between two runs, and nothing that does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue

from regsweep.local.differences import Pair, differences
from regsweep.local.facts import DataFacts
from regsweep.local.inventory import read_run
from support.kept_runs import keep_run

A = ((0.1, 0.2, 0.9, 0.8), (0.2, 0.3, 0.8, 0.7), (0.3, 0.4, 0.7, 0.6))
B = ((0.1, 0.3, 0.9, 0.9), (0.2, 0.5, 0.8, 0.9), (0.3, 0.7, 0.7, 0.9))


def test_equal_runs_differ_in_nothing(tmp_path: Path) -> None:
    found = differences(*(read_run(keep_run(tmp_path / name, {"l2": 0.1}, *A)) for name in "ab"))
    assert (found.flags, found.circumstances, found.source, found.output) == ((), (), (), ())
    assert {each.difference for each in found.metrics} == {0.0}


def test_flags_parameters_source_and_console_are_shown_where_they_differ(tmp_path: Path) -> None:
    before = keep_run(
        tmp_path, {"l2": 0, "dropout": 0.2}, *A, source={"train.py": "a\nb\n"}, console="loss 1 (3.1 s)\n"
    )
    after = keep_run(
        tmp_path,
        {"l2": 0.1, "dropout": 0.2},
        *A,
        source={"train.py": "a\nc\n", "new.py": "x\n"},
        console="loss 2 (9.9 s)\n",
        parameters={"dataset": "wine"},
        seed=1,
    )
    found = differences(read_run(before), read_run(after))
    assert found.flags == (Pair("dataset", "iris", "wine"), Pair("l2", 0, 0.1))
    assert found.circumstances == (Pair("seed", 0, 1),)
    assert [line for line in found.source if line[0] in "+-"] == [
        *("--- a/source/new.py", "+++ b/source/new.py", "+x"),
        *("--- a/source/train.py", "+++ b/source/train.py", "-b", "+c"),
    ]
    assert [line for line in found.output if line[:2] in ("-l", "+l")] == ["-loss 1 (- s)", "+loss 2 (- s)"]


def test_durations_alone_are_no_difference(tmp_path: Path) -> None:
    runs = [keep_run(tmp_path / name, {"l2": 0.1}, *A, console=f"ready after {name} s\n") for name in ("1.5", "22")]
    assert differences(*map(read_run, runs)).output == ()


def test_1_and_1_0_are_one_value_and_a_number_is_no_text(tmp_path: Path) -> None:
    both: list[dict[str, JsonValue]] = [{"a": 1, "b": 1}, {"a": 1.0, "b": "1"}]
    runs = [keep_run(tmp_path, flags, *A) for flags in both]
    assert differences(*map(read_run, runs)).flags == (Pair("b", 1, "1"),)


def test_metrics_are_compared_over_common_replicates_and_paired(tmp_path: Path) -> None:
    before, after = keep_run(tmp_path, {"l2": 0}, *A), keep_run(tmp_path, {"l2": 0.1}, *B, (0, 0, 0, 0))
    accuracy = next(
        each for each in differences(read_run(before), read_run(after)).metrics if each.name == "val_accuracy"
    )
    assert [accuracy.before, accuracy.after] == pytest.approx([0.7, 0.9])
    assert accuracy.difference == pytest.approx(0.2)
    assert accuracy.standard_error == pytest.approx(0.1 / 3**0.5)
    assert accuracy.replicates == 3


def test_what_the_last_epochs_brought_is_no_metric_to_compare_by(tmp_path: Path) -> None:
    runs = [keep_run(tmp_path, {"l2": l2}, (0.3, 0.1), columns=("val_average_loss", "late_gain")) for l2 in (0, 0.1)]
    assert [each.name for each in differences(*map(read_run, runs)).metrics] == ["val_average_loss"]


def test_a_replicate_that_diverged_in_one_run_is_compared_in_neither(tmp_path: Path) -> None:
    before, after = keep_run(tmp_path, {"l2": 0}, A[0], None), keep_run(tmp_path, {"l2": 0.1}, *B[:2])
    assert {each.replicates for each in differences(read_run(before), read_run(after)).metrics} == {1}
    apart = keep_run(tmp_path, {"l2": 9}, None, B[0])
    assert differences(read_run(before), read_run(apart)).metrics == ()


def test_another_environment_is_a_difference(tmp_path: Path) -> None:
    data = DataFacts(settings={"keras.backend": "torch"})
    runs = [keep_run(tmp_path / name, {"l2": 0.1}, *A, data=facts) for name, facts in (("a", DataFacts()), ("b", data))]
    assert differences(*map(read_run, runs)).circumstances == (Pair("environment keras.backend", None, "torch"),)
