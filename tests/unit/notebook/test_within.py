"""What a training script can ask and keep of its own run."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import regsweep
from regsweep.errors import RegsweepError
from regsweep.local.locks import held_lock
from support.kept_runs import keep_run

OK = (0.1, 0.2, 0.9, 0.8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the run as which the test is trained."""
    found = keep_run(tmp_path, {"l2": 0.1}, OK)
    monkeypatch.setenv("REGSWEEP_TERMINATION_LOG", str(found / "message.json"))
    return found


def test_outside_of_a_run_nothing_is_active_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for log in ("", str(tmp_path / "termination-log")):
        monkeypatch.setenv("REGSWEEP_TERMINATION_LOG", log)
        assert not regsweep.is_run_active()
        assert regsweep.run_dir() == tmp_path
        regsweep.write_run_metadata("properties", {"owner": "me"})
    assert list(tmp_path.iterdir()) == []


def test_within_a_run_its_folder_is_known(folder: Path) -> None:
    assert regsweep.is_run_active()
    assert regsweep.run_dir() == folder


def test_any_run_is_active_while_it_is_trained(tmp_path: Path) -> None:
    folder = keep_run(tmp_path, {"l2": 0.1}, ended=None, exit_code=None)
    assert not regsweep.is_run_active(folder)
    with held_lock(folder.parent):
        assert regsweep.is_run_active(folder)
    with pytest.raises(RegsweepError):
        regsweep.is_run_active(tmp_path)


def test_properties_become_columns(folder: Path) -> None:
    regsweep.write_run_metadata("properties", {"owner": "me", "seconds": 1.5, "score": math.nan, "path": folder})
    row = regsweep.ls_runs(runs_dir=folder.parents[1]).iloc[0]
    assert (row.owner, row.seconds, row.score, row.path) == ("me", 1.5, "nan", str(folder))


def test_source_and_files_of_ones_own_are_kept_in_the_folder(folder: Path, tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    (sources / "deep").mkdir(parents=True)
    for name in ("a.py", "b.txt", "deep/c.py"):
        (sources / name).write_text("x")
    regsweep.write_run_metadata("source", sources)
    regsweep.write_run_metadata("images", lambda where: (where / "images").mkdir())
    regsweep.write_run_metadata("thresholds", {"low": 1})
    assert (folder / "source" / "a.py").is_file()
    assert not list(folder.rglob("c.py")), "nothing of the folders below: there may be gigabytes"
    assert (folder / "images").is_dir()
    assert (folder / "thresholds.json").read_text() == '{\n  "low": 1\n}\n'


@pytest.mark.parametrize("kind", ["flags", "metrics", "evaluation", "error"])
def test_what_the_ranking_rests_on_comes_from_the_report_alone(folder: Path, kind: str) -> None:
    with pytest.raises(RegsweepError, match=r"come from the trainer's report"):
        regsweep.write_run_metadata(kind, {"accuracy": 1.0})


@pytest.mark.parametrize("kind", ["run", "message", "environment", "../x", "", "a b", "a/b"])
def test_a_name_that_would_replace_a_file_of_ours_or_leave_the_folder_is_refused(folder: Path, kind: str) -> None:
    before = (folder / "run.json").read_bytes()
    with pytest.raises(RegsweepError, match=r"is no name for a file of a run"):
        regsweep.write_run_metadata(kind, {"x": 1})
    assert (folder / "run.json").read_bytes() == before


def test_properties_without_names_and_folders_without_a_run_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RegsweepError, match=r"properties are a mapping"):
        regsweep.write_run_metadata("properties", [1, 2])
    with pytest.raises(RegsweepError, match=r"is no run's folder"):
        regsweep.write_run_metadata("properties", {}, tmp_path)
