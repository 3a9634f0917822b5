"""Runs as data frames: what R's users did with tfruns' data frames can be done with these."""

from __future__ import annotations

import math
from pathlib import Path

import pandas
import pytest

import regsweep
from regsweep.errors import RegsweepError
from regsweep.notebook.frames import frame_of
from support.kept_runs import keep_run

GOOD = ((0.1, 0.2, 0.9, 0.9), (0.2, 0.3, 0.8, 0.8), (0.3, 0.4, 0.7, 0.7))
BAD = ((0.1, 0.5, 0.9, 0.6), (0.2, 0.6, 0.8, 0.5), (0.3, 0.7, 0.7, 0.4))


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    keep_run(tmp_path, {"dropout": 0.2, "activation": "relu"}, *BAD, started="2026-11-25T10:00:00Z")
    keep_run(tmp_path, {"dropout": 0.5, "activation": "relu"}, *GOOD, started="2026-11-25T10:00:01Z")
    keep_run(tmp_path, {"dropout": 0.5, "activation": "softmax"}, None, started="2026-11-25T10:00:02Z")
    return tmp_path


def test_the_latest_run_comes_first(runs_dir: Path) -> None:
    runs = regsweep.ls_runs(runs_dir=runs_dir)
    assert isinstance(runs, pandas.DataFrame)
    assert list(runs.flag_activation) == ["softmax", "relu", "relu"]
    assert list(runs.columns[:2]) == ["run_dir", "eval_average_loss"]
    assert str(runs.dtypes["start"]) == "datetime64[us, UTC]" or str(runs.dtypes["start"]).startswith("datetime64")


def test_the_ranked_data_frame_is_one_line(runs_dir: Path) -> None:
    runs = regsweep.ls_runs(runs_dir=runs_dir)
    ranked = runs.sort_values("eval_accuracy", ascending=False)
    assert list(ranked.flag_dropout) == [0.5, 0.2, 0.5]
    assert list(ranked.eval_accuracy.round(3)[:2]) == [0.8, 0.5]
    assert math.isnan(ranked.eval_accuracy.iloc[2])


@pytest.mark.parametrize(
    "subset", ["eval_accuracy > 0.6", lambda runs: runs.eval_accuracy > 0.6], ids=["a condition", "a function"]
)
def test_a_subset_is_a_condition_or_a_function_and_a_missing_value_meets_none(runs_dir: Path, subset: object) -> None:
    found = regsweep.ls_runs(subset, runs_dir=runs_dir)  # type: ignore[arg-type]
    assert list(found.flag_dropout) == [0.5]
    assert "1 x" in repr(found)


def test_runs_are_ordered_by_a_column_in_either_direction(runs_dir: Path) -> None:
    for decreasing, expected in ((True, [0.5, 0.2, 0.5]), (False, [0.2, 0.5, 0.5])):
        found = regsweep.ls_runs(order="eval_accuracy", decreasing=decreasing, runs_dir=runs_dir)
        assert list(found.flag_dropout) == expected
        assert list(found.columns[:2]) == ["run_dir", "eval_accuracy"]


def test_latest_n_takes_those_that_were_begun_last(runs_dir: Path) -> None:
    assert list(regsweep.ls_runs(latest_n=2, runs_dir=runs_dir).flag_activation) == ["softmax", "relu"]
    assert len(regsweep.ls_runs(latest_n=9, runs_dir=runs_dir)) == 3
    with pytest.raises(RegsweepError, match=r"latest_n: got 0"):
        regsweep.ls_runs(latest_n=0, runs_dir=runs_dir)


def test_a_row_per_replicate_where_that_is_asked_for(runs_dir: Path) -> None:
    found = regsweep.ls_runs(
        "flag_dropout == 0.2", order="replicate", decreasing=False, runs_dir=runs_dir, replicates=True
    )
    assert list(found.eval_accuracy) == [0.6, 0.5, 0.4]


def test_without_runs_the_frame_is_empty_and_has_columns(tmp_path: Path) -> None:
    found = regsweep.ls_runs("eval_accuracy > 0.5", runs_dir=tmp_path / "none")
    assert (len(found), list(found.columns)) == (0, ["run_dir", "start", "end", "type"])
    assert "No runs." in repr(found)
    assert regsweep.latest_run(tmp_path / "none") is None


def test_a_frame_is_shown_by_the_columns_that_matter_and_says_what_else_it_has(runs_dir: Path) -> None:
    found = regsweep.ls_runs(runs_dir=runs_dir)
    for shown in (repr(found), found._repr_html_()):
        assert "eval_accuracy_standard_error" in shown
        assert "flag_dropout" in shown
        assert "more columns: " in shown
        assert "state" not in shown.split("more columns")[0], "all completed"
    assert "more columns" not in repr(found[["run_dir", "eval_accuracy"]]), "chosen columns are shown as they are"


def test_what_comes_from_outside_is_escaped_in_a_notebook(tmp_path: Path) -> None:
    keep_run(tmp_path, {"activation": "<script>alert(1)</script>"}, *GOOD, console="<b>bold</b>")
    for shown in (
        regsweep.ls_runs(runs_dir=tmp_path)._repr_html_(),
        regsweep.latest_run(tmp_path)._repr_html_(),  # type: ignore[union-attr]
    ):
        assert "<script>" not in shown
        assert "&lt;script&gt;" in shown
        assert "<b>" not in shown


def test_the_answer_stands_above_and_stays_with_the_rows() -> None:
    frame = frame_of(
        [{"run_dir": "b", "eval_accuracy": 0.5}, {"run_dir": "a", "eval_accuracy": 0.7}], answer="<b> is best"
    )
    ranked = frame.sort_values("eval_accuracy", ascending=False)
    assert repr(ranked).startswith("<b> is best\nData frame: 2 x 2\n")
    assert ranked._repr_html_().startswith("<p><strong>&lt;b&gt; is best</strong></p>")


def test_a_flag_that_is_a_list_is_one_value(tmp_path: Path) -> None:
    keep_run(tmp_path, {"units": [40, 60, 10]}, *GOOD)
    keep_run(tmp_path, {"units": 8}, *GOOD)
    assert sorted(map(str, regsweep.ls_runs(runs_dir=tmp_path).flag_units)) == ["8", "[40, 60, 10]"]


def test_a_run_tells_all_about_itself(runs_dir: Path) -> None:
    info = regsweep.run_info("mine", runs_dir)
    assert isinstance(info, list)
    assert len(info) == 3
    best = info[1]
    assert best.flag_dropout == 0.5
    assert list(best.metrics.columns[:2]) == ["replicate", "epoch"]
    assert len(best.metrics) == 9
    assert best.output == "training\n"
    assert best.source_code == {"sweep.json": "{}"}
    assert best.environment["packages"] == {"keras": "3.15.1"}
    assert best["optimizer"] == "adam"
    with pytest.raises(AttributeError, match=r"a run has no 'optimiser'; it has run_dir, "):
        _ = best.optimiser


def test_the_latest_run_is_the_one_that_was_begun_last(runs_dir: Path) -> None:
    latest = regsweep.latest_run(runs_dir)
    assert latest is not None
    assert latest.flag_activation == "softmax"
    assert "run_dir: " in repr(latest)


def test_two_runs_are_compared_with_the_earlier_one_first(runs_dir: Path) -> None:
    runs = regsweep.ls_runs("eval_accuracy > 0", runs_dir=runs_dir)
    found = regsweep.compare_runs(runs, runs_dir)
    assert found.flags.to_dict("records") == [{"name": "dropout", "a": 0.2, "b": 0.5}]
    metrics = found.metrics.set_index("metric")
    assert metrics.loc["val_accuracy", "difference"] == pytest.approx(0.3)
    assert metrics.loc["val_accuracy", "standard_error"] == pytest.approx(0, abs=1e-12)
    assert (found.source, found.output) == ("", "")
    for shown in (repr(found), found._repr_html_()):
        assert "dropout" in shown


def test_compare_runs_wants_two(runs_dir: Path) -> None:
    with pytest.raises(RegsweepError, match=r"compare_runs: got 3 runs, want 2"):
        regsweep.compare_runs("mine", runs_dir)


@pytest.mark.parametrize("named", [3, None, pandas.DataFrame({"x": [1]})])
def test_what_names_no_run_is_refused(runs_dir: Path, named: object) -> None:
    with pytest.raises(RegsweepError):
        regsweep.run_info(named, runs_dir)


def test_runs_that_cannot_be_read_are_warned_of(runs_dir: Path) -> None:
    next(runs_dir.glob("*/*/run.json")).write_text("{")
    with pytest.warns(UserWarning, match=r"does not describe a run"):
        assert len(regsweep.ls_runs(runs_dir=runs_dir)) == 2


def test_cleaning_takes_the_rows_of_a_frame_and_purging_removes_them(runs_dir: Path) -> None:
    moved = regsweep.clean_runs(regsweep.ls_runs("eval_accuracy < 0.6", runs_dir=runs_dir), runs_dir, confirm=False)
    assert len(moved) == 1
    assert len(regsweep.ls_runs(runs_dir=runs_dir)) == 2
    assert len(regsweep.ls_runs(runs_dir=runs_dir / ".archive")) == 1
    assert regsweep.purge_runs(runs_dir, confirm=False) == 1
    assert len(regsweep.clean_runs(runs_dir=runs_dir, confirm=False)) == 2, "all where none are named"


def test_it_asks_before_and_takes_only_yes(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return ""

    monkeypatch.setattr("builtins.input", ask)
    assert regsweep.clean_runs(runs_dir=runs_dir) == []
    assert questions == [f"Move 3 runs to {runs_dir / '.archive'}? [y/N] "]
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert len(regsweep.clean_runs(runs_dir=runs_dir)) == 3


def test_where_nobody_can_be_asked_nothing_is_done(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(RegsweepError, match=r"Nobody can be asked here: pass confirm=False"):
        regsweep.clean_runs(runs_dir=runs_dir)
    assert len(regsweep.ls_runs(runs_dir=runs_dir)) == 3


def test_copies_have_the_names_that_are_given(runs_dir: Path, tmp_path: Path) -> None:
    best = regsweep.ls_runs("eval_accuracy > 0.6", runs_dir=runs_dir)
    (copy,) = regsweep.copy_run(best, tmp_path / "best", rename="winner", runs_dir=runs_dir)
    assert (copy.name, (copy / "run.json").is_file()) == ("winner", True)
    info = regsweep.run_info(copy)
    assert isinstance(info, dict)
    assert info["flag_dropout"] == 0.5, "a copy is a run"
    (files,) = regsweep.copy_run_files(best, tmp_path / "files", runs_dir=runs_dir)
    assert list(files.iterdir()) == []
    with pytest.raises(RegsweepError, match=r"rename: got 2 names for 1 run"):
        regsweep.copy_run(best, tmp_path / "x", rename=["a", "b"], runs_dir=runs_dir)
