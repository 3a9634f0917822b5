"""Runs copied, archived, brought back and purged: nothing is overwritten, and nothing that is being trained is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from regsweep.local.inventory import ARCHIVE, inventory
from regsweep.local.locks import held_lock
from regsweep.local.upkeep import UpkeepError, archive_runs, copy_runs, of_combinations, purge_archive, restore_runs
from support.kept_runs import keep_run

OK = (0.1, 0.2, 0.9, 0.8)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_is_the_folder_as_it_is(tmp_path: Path) -> None:
    folder = keep_run(tmp_path / "runs", {"l2": 0.1}, OK)
    (folder / "model.keras").write_bytes(b"model")
    (target,) = copy_runs(inventory(tmp_path / "runs").runs, tmp_path / "best")
    assert target == tmp_path / "best" / folder.name
    assert content(target) == content(folder)


def test_a_copy_of_the_files_alone_has_what_the_trainer_wrote(tmp_path: Path) -> None:
    folder = keep_run(tmp_path / "runs", {"l2": 0.1}, OK)
    for name in ("model.keras", "message.txt", "output-notes.log", "history-1.jsonl"):
        (folder / name).write_text("x")
    (target,) = copy_runs(inventory(tmp_path / "runs").runs, tmp_path / "best", ["it"], files_only=True)
    assert sorted(content(target)) == ["message.txt", "model.keras", "output-notes.log"]


@pytest.mark.parametrize(
    ("names", "there", "said"),
    [
        ([], "mine", "exists already, and nothing was copied"),
        (["x", "x"], "", "two runs would get the same name"),
        (["x", "../y"], "", "is no name of a folder"),
        (["x", "/tmp/y"], "", "is no name of a folder"),
        (["x", ".."], "", "is no name of a folder"),
    ],
)
def test_a_copy_overwrites_nothing_and_stays_in_its_place(
    tmp_path: Path, names: list[str], there: str, said: str
) -> None:
    folder = keep_run(tmp_path / "runs", {"l2": 0.1}, OK)
    keep_run(tmp_path / "runs", {"l2": 0.2}, OK)
    to = tmp_path / "best"
    if there:
        (to / folder.name).mkdir(parents=True)
    with pytest.raises(UpkeepError, match=said):
        copy_runs(inventory(tmp_path / "runs").runs, to, names)
    assert not to.exists() or [path.name for path in to.iterdir()] == [folder.name]


def test_the_archive_takes_runs_and_gives_them_back(tmp_path: Path) -> None:
    keep_run(tmp_path, {"l2": 0.1}, OK)
    keep_run(tmp_path, {"l2": 0.2}, OK, sweep="other")
    before = {str(run.path): content(run.path) for run in inventory(tmp_path).runs}
    moved = archive_runs(inventory(tmp_path).runs, tmp_path)
    assert inventory(tmp_path).runs == ()
    assert len(inventory(tmp_path / ARCHIVE).runs) == len(moved.runs) == 2
    restore_runs(inventory(tmp_path / ARCHIVE).runs, tmp_path)
    assert {str(run.path): content(run.path) for run in inventory(tmp_path).runs} == before
    assert inventory(tmp_path / ARCHIVE).runs == ()


def test_checkpoints_go_with_the_last_run_of_their_point_and_come_back_with_it(tmp_path: Path) -> None:
    key = "0123456789abcdef"
    for name in ("mine-a", "mine-b"):
        keep_run(tmp_path, {"l2": 0.1}, OK, run=name, point_key=key)
    keep_run(tmp_path, {"l2": 0.2}, OK)
    checkpoint = tmp_path / "mine" / "checkpoints" / key / "0.keras"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("x")
    first, second = (run for run in inventory(tmp_path).runs if run.facts.point_key == key)
    archive_runs([first], tmp_path)
    assert checkpoint.exists(), "the other run may go on from it"
    archive_runs([second], tmp_path)
    assert not checkpoint.exists(), "or training anew would go on from it"
    restore_runs(inventory(tmp_path / ARCHIVE).runs, tmp_path)
    assert checkpoint.read_text() == "x"


def test_results_that_would_be_stale_go_and_frozen_picks_stay(tmp_path: Path) -> None:
    folder = keep_run(tmp_path, {"l2": 0.1}, OK)
    for name in ("results.json", "results.csv", "final.json"):
        (folder.parent / name).write_text("x")
    archive_runs(inventory(tmp_path).runs, tmp_path)
    assert sorted(path.name for path in folder.parent.iterdir() if path.name[0] != ".") == ["final.json"]


def test_nothing_of_a_sweep_that_is_being_trained_is_moved(tmp_path: Path) -> None:
    busy = keep_run(tmp_path, {"l2": 0.1}, OK)
    idle = keep_run(tmp_path, {"l2": 0.1}, OK, sweep="other")
    with held_lock(busy.parent):
        moved = archive_runs(inventory(tmp_path).runs, tmp_path)
    assert moved.active == ("mine",)
    assert [run.path for run in inventory(tmp_path).runs] == [busy]
    assert [path.name for path in moved.runs] == [idle.name]


def test_a_run_that_was_trained_anew_is_archived_beside_the_old_one(tmp_path: Path) -> None:
    for text in ("first", "second"):
        folder = keep_run(tmp_path, {"l2": 0.1}, OK, console=text)
        archive_runs(inventory(tmp_path).runs, tmp_path)
    found = {run.path.name: (run.path / "output.log").read_text() for run in inventory(tmp_path / ARCHIVE).runs}
    assert found == {folder.name: "first", f"{folder.name}.2": "second"}


def test_a_run_that_was_trained_anew_is_not_replaced_by_the_archived_one(tmp_path: Path) -> None:
    keep_run(tmp_path, {"l2": 0.1}, OK, console="first")
    archive_runs(inventory(tmp_path).runs, tmp_path)
    folder = keep_run(tmp_path, {"l2": 0.1}, OK, console="second")
    with pytest.raises(UpkeepError, match=r"was trained again meanwhile"):
        restore_runs(inventory(tmp_path / ARCHIVE).runs, tmp_path)
    assert (folder / "output.log").read_text() == "second"


def test_a_run_of_another_directory_is_not_moved(tmp_path: Path) -> None:
    keep_run(tmp_path / "elsewhere", {"l2": 0.1}, OK)
    with pytest.raises(UpkeepError, match=r"is not in"):
        archive_runs(inventory(tmp_path / "elsewhere").runs, tmp_path / "runs")
    assert len(inventory(tmp_path / "elsewhere").runs) == 1


def test_purging_removes_the_archive_and_no_run(tmp_path: Path) -> None:
    keep_run(tmp_path, {"l2": 0.1}, OK)
    keep_run(tmp_path, {"l2": 0.2}, OK)
    first, second = inventory(tmp_path).runs
    archive_runs([first], tmp_path)
    assert purge_archive(tmp_path) == 1
    assert not (tmp_path / ARCHIVE).exists()
    assert [run.path for run in inventory(tmp_path).runs] == [second.path]
    assert purge_archive(tmp_path) == 0


def test_purging_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    keep_run(precious, {"l2": 0.1}, OK)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ARCHIVE).symlink_to(precious)
    with pytest.raises(UpkeepError, match=r"is a link; nothing was removed"):
        purge_archive(tmp_path / "runs")
    (tmp_path / "runs" / ARCHIVE).unlink()
    (tmp_path / "runs" / ARCHIVE / "mine").mkdir(parents=True)
    (tmp_path / "runs" / ARCHIVE / "mine" / "link").symlink_to(precious)
    purge_archive(tmp_path / "runs")
    assert len(inventory(precious).runs) == 1


def test_a_row_stands_for_all_runs_of_its_combination(tmp_path: Path) -> None:
    key = "0123456789abcdef"
    keep_run(tmp_path, {"l2": 0.1}, OK, run="mine-a", point_key=key)
    last = keep_run(tmp_path, {"l2": 0.1}, OK, run="mine-b", point_key=key)
    keep_run(tmp_path, {"l2": 0.2}, OK)
    found = of_combinations(inventory(tmp_path).runs, {str(last)})
    assert sorted(run.path.name for run in found) == ["mine-a", "mine-b"]
