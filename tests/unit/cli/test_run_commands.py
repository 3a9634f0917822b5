"""`regsweep ls`, `show`, `diff`, `cp`, `clean`, `archive` and `purge`, as a person types them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from pyarrow import parquet
from pydantic import JsonValue
from typer.testing import CliRunner

from regsweep.cli.main import app
from regsweep.local.inventory import inventory
from regsweep.local.locks import held_lock
from support.kept_runs import keep_run

GOOD = ((0.1, 0.2, 0.9, 0.9), (0.2, 0.3, 0.8, 0.8), (0.3, 0.4, 0.7, 0.7))
BAD = ((0.1, 0.5, 0.9, 0.6), (0.2, 0.6, 0.8, 0.5), (0.3, 0.7, 0.7, 0.45))
runner = CliRunner()


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    """Names of three runs: a bad one, a good one, one that has failed."""
    return [
        keep_run(tmp_path / "runs", {"dropout": 0.2}, *BAD, started="2026-11-25T10:00:00Z").name,
        keep_run(tmp_path / "runs", {"dropout": 0.5}, *GOOD, started="2026-11-25T10:00:01Z").name,
        keep_run(
            tmp_path / "runs", {"dropout": 0.9}, exit_code=1, console="no memory\n", started="2026-11-25T10:00:02Z"
        ).name,
    ]


def regsweep(tmp_path: Path, *arguments: str, code: int = 0) -> str:
    done = runner.invoke(app, [*arguments, "--runs-dir", str(tmp_path / "runs")])
    assert done.exit_code == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def names_in(text: str, runs: list[str]) -> list[str]:
    return sorted((name for name in runs if name in text), key=text.index)


def test_ls_shows_the_latest_first_with_flags_metrics_and_state(tmp_path: Path, runs: list[str]) -> None:
    text = regsweep(tmp_path, "ls")
    assert names_in(text, runs) == runs[::-1]
    for word in ("dropout=0.5", "eval_accuracy", "0.80 ± 0.06", "failed", "2026-11-25 10:00"):
        assert word in text
    assert "more columns (run_dir, " in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--order", "eval_accuracy"], [1, 0, 2]),
        (["--order", "eval_accuracy", "--ascending"], [0, 1, 2]),
        (["--filter", "eval_accuracy > 0.6"], [1]),
        (["--filter", "state == failed"], [2]),
        (["--filter", "completed == true and flag_dropout < 0.5"], [0]),
        (["--latest"], [2]),
        (["--rows", "1"], [2]),
        (["--columns", "run"], [2, 1, 0]),
    ],
)
def test_ls_filters_orders_and_cuts(tmp_path: Path, runs: list[str], options: list[str], expected: list[int]) -> None:
    assert names_in(regsweep(tmp_path, "ls", *options), runs) == [runs[place] for place in expected]


def test_ls_says_what_it_cuts_and_that_there_is_nothing(tmp_path: Path, runs: list[str]) -> None:
    assert "2 more not shown: --rows 0 shows all." in regsweep(tmp_path, "ls", "--rows", "1")
    assert regsweep(tmp_path, "ls", "--filter", "eval_accuracy > 2") == "No run meets the filter.\n"
    done = runner.invoke(app, ["ls", "--runs-dir", str(tmp_path / "none")])
    assert (done.exit_code, done.stdout.startswith("No runs in ")) == (0, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--filter", "eval_acc > 1"], "eval_acc: no such column. Did you mean `eval_accuracy`?"),
        (["--filter", "nonsense"], "'nonsense' is no condition."),
        (["--order", "accuracy"], "accuracy: no such column."),
        (["--columns", "run,colour"], "colour: no such column."),
        (["--output", "parquet"], "--output parquet needs a file"),
    ],
)
def test_ls_says_what_it_does_not_understand(tmp_path: Path, runs: list[str], options: list[str], said: str) -> None:
    assert said in regsweep(tmp_path, "ls", *options, code=2)


def test_ls_gives_programs_every_column_at_full_precision(tmp_path: Path, runs: list[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(regsweep(tmp_path, "ls", "-o", "csv", "--order", "eval_accuracy"))))
    assert [row["run"] for row in rows] == [runs[1], runs[0], runs[2]]
    assert float(rows[0]["eval_accuracy"]) == pytest.approx(0.8)
    assert (rows[2]["eval_accuracy"], rows[2]["error_message"]) == ("", "no memory")
    document = json.loads(regsweep(tmp_path, "ls", "-o", "json", "--order", "eval_accuracy"))["runs"]
    assert document[0]["flag_dropout"] == 0.5
    assert document[2]["eval_accuracy"] is None
    file = tmp_path / "runs.parquet"
    regsweep(tmp_path, "ls", "-o", "parquet", "--file", str(file), "--order", "eval_accuracy")
    table = parquet.read_table(file).to_pydict()
    assert table["flag_dropout"] == [0.5, 0.2, 0.9]


def test_a_column_of_several_types_is_one_of_texts_in_parquet(tmp_path: Path) -> None:
    values: list[JsonValue] = [[8, 8], "eight", 8]
    for value in values:
        keep_run(tmp_path / "runs", {"units": value}, *GOOD)
    file = tmp_path / "runs.parquet"
    regsweep(tmp_path, "ls", "-o", "parquet", "--file", str(file))
    assert sorted(parquet.read_table(file).to_pydict()["flag_units"]) == ["8", "[8, 8]", "eight"]


def test_a_row_per_replicate(tmp_path: Path, runs: list[str]) -> None:
    text = regsweep(
        tmp_path, "ls", "--replicates", "-o", "csv", "--columns", "replicate,eval_accuracy", "--order", "replicate"
    )
    assert text.splitlines()[0] == "replicate,eval_accuracy"
    assert len(text.splitlines()) == 7, "a run without a result has no replicate"


def test_a_folder_that_cannot_be_read_is_a_note_and_no_more(tmp_path: Path, runs: list[str]) -> None:
    (tmp_path / "runs" / "mine" / runs[0] / "run.json").write_text("{")
    done = runner.invoke(app, ["ls", "--runs-dir", str(tmp_path / "runs")])
    assert done.exit_code == 0
    assert "does not describe a run of this version of regsweep" in done.stderr
    assert names_in(done.stdout, runs) == [runs[2], runs[1]]


def test_show_tells_all_about_a_run_and_without_a_name_about_the_latest(tmp_path: Path, runs: list[str]) -> None:
    text = regsweep(tmp_path, "show", runs[1])
    for word in (
        "dropout=0.5",
        "completed",
        "val_accuracy".removeprefix("val_"),
        "0.8000",
        "optimizer=adam",
        "90 train",
        "Dense",
    ):
        assert word in text, word
    failed = regsweep(tmp_path, "show")
    assert f"{runs[2]}  dropout=0.9" in failed
    assert "error: no memory" in failed
    assert json.loads(regsweep(tmp_path, "show", runs[1], "-o", "json"))["eval_accuracy"] == pytest.approx(0.8)


def test_show_has_the_end_of_a_long_console_and_all_of_it_on_request(tmp_path: Path) -> None:
    keep_run(
        tmp_path / "runs",
        {"l2": 0},
        *GOOD,
        console="".join(f"line {k}\n" for k in range(50)),
        source={"a.py": "import x"},
    )
    assert "line 9\n" not in regsweep(tmp_path, "show")
    assert "the last 10 of 50 lines" in regsweep(tmp_path, "show")
    assert "line 9\n" in regsweep(tmp_path, "show", "--console")
    assert "import x" in regsweep(tmp_path, "show", "--source")


def test_nothing_in_a_run_can_move_the_cursor_or_colour_the_terminal(tmp_path: Path) -> None:
    keep_run(tmp_path / "runs", {"a": "\x1b[31mred"}, *GOOD, console="\x1b[2Jgone\n", source={"a.py": "\x1b[2J"})
    for text in (regsweep(tmp_path, "show", "--console", "--source"), regsweep(tmp_path, "ls")):
        assert "\x1b" not in text


def test_diff_shows_flags_metrics_source_and_console(tmp_path: Path, runs: list[str]) -> None:
    text = regsweep(tmp_path, "diff", runs[0], runs[1])
    for line in (
        "dropout   0.2   0.5",
        "the difference b - a is paired by replicate",
        "Trained with: equal",
        "Source: equal",
    ):
        assert line in text
    assert "0.283 ± 0.017" in " ".join(text.split())
    assert "they have no replicate in common" in regsweep(tmp_path, "diff", runs[0], runs[2])


@pytest.mark.parametrize(
    "command", [["show", "nobody"], ["diff", "mine", "nobody"], ["cp", "nobody", "x"], ["clean", "nobody", "-y"]]
)
def test_a_run_that_there_is_not_is_named(tmp_path: Path, runs: list[str], command: list[str]) -> None:
    assert "nobody: no run and no sweep of this name." in regsweep(tmp_path, *command, code=2)


def test_cp_copies_and_overwrites_nothing(tmp_path: Path, runs: list[str]) -> None:
    best = str(tmp_path / "best")
    assert regsweep(tmp_path, "cp", runs[1], best, "--name", "winner") == f"{best}/winner\n"
    assert "exists already" in regsweep(tmp_path, "cp", runs[1], best, "--name", "winner", code=2)
    assert "--name is for one run; these are 3" in regsweep(tmp_path, "cp", "mine", best, "--name", "x", code=2)
    assert "cp needs at least one run and a folder" in regsweep(tmp_path, "cp", runs[1], code=2)
    assert len(regsweep(tmp_path, "cp", runs[0], runs[1], best).splitlines()) == 2


def test_clean_archive_and_purge_move_back_and_remove(tmp_path: Path, runs: list[str]) -> None:
    assert "Moved 1 run to" in regsweep(tmp_path, "clean", "--filter", "eval_accuracy < 0.6", "--yes")
    assert names_in(regsweep(tmp_path, "ls"), runs) == [runs[2], runs[1]]
    assert names_in(regsweep(tmp_path, "archive"), runs) == [runs[0]]
    assert "Moved 1 run back" in regsweep(tmp_path, "archive", "--restore", runs[0])
    assert "Moved 3 runs to" in regsweep(tmp_path, "clean", "-y")
    assert regsweep(tmp_path, "clean", "-y") == "No runs to clean.\n"
    assert regsweep(tmp_path, "purge", "--yes") == "Removed 3 runs.\n"
    assert regsweep(tmp_path, "purge", "--yes").startswith("No runs in ")


@pytest.mark.parametrize("command", ["clean", "purge"])
def test_what_moves_or_removes_needs_a_yes(tmp_path: Path, runs: list[str], command: str) -> None:
    if command == "purge":
        regsweep(tmp_path, "clean", "-y")
    assert "Nobody can be asked here: give --yes." in regsweep(tmp_path, command, code=2)
    assert len(inventory(tmp_path / "runs").runs) + len(inventory(tmp_path / "runs" / ".archive").runs) == 3


def test_runs_of_a_sweep_that_is_being_trained_stay_and_that_is_said(tmp_path: Path, runs: list[str]) -> None:
    with held_lock(tmp_path / "runs" / "mine"):
        assert "mine: is being trained; its runs stayed." in regsweep(tmp_path, "clean", "-y", code=1)
    assert len(inventory(tmp_path / "runs").runs) == 3
