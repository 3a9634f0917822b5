"""A log directory is brought up to what a sweep has come to, while TensorBoard may be reading it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from regsweep.errors import RegsweepError
from regsweep.export.events import EventFile
from regsweep.export.tensorboard import write_log


def files(**contents: bytes) -> list[EventFile]:
    return [EventFile(PurePosixPath(name), content) for name, content in contents.items()]


def event_files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("events*")}


def test_a_file_that_has_grown_is_added_to_where_it_is(tmp_path: Path) -> None:
    assert write_log(tmp_path, "mine", files(a=b"one")) == 1
    (path,) = (tmp_path / "a").glob("events*")
    inode = path.stat().st_ino
    assert write_log(tmp_path, "mine", files(a=b"one two")) == 1
    assert (path.read_bytes(), path.stat().st_ino) == (b"one two", inode)


def test_what_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    write_log(tmp_path, "mine", files(a=b"one", b=b"two"))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("events*")}
    assert write_log(tmp_path, "mine", files(a=b"one", b=b"two")) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("events*")} == before


def test_a_file_that_says_something_else_gives_way_to_one_of_another_name(tmp_path: Path) -> None:
    write_log(tmp_path, "mine", files(a=b"one"))
    write_log(tmp_path, "mine", files(a=b"two"))
    assert event_files(tmp_path) == {"a/events.out.tfevents.0000000001.regsweep": b"two"}


def test_trainings_that_are_the_sweeps_no_more_go_and_files_of_others_stay(tmp_path: Path) -> None:
    write_log(tmp_path, "mine", files(a=b"one", b=b"two"))
    theirs = tmp_path / "b" / "events.out.tfevents.123.host"
    theirs.write_bytes(b"keras")
    write_log(tmp_path, "mine", files(a=b"one"))
    assert event_files(tmp_path) == {
        "a/events.out.tfevents.0000000000.regsweep": b"one",
        "b/events.out.tfevents.123.host": b"keras",
    }


@pytest.mark.parametrize("mark", [None, "{}", "no JSON", "[]"])
def test_the_directory_of_another_sweep_is_left_alone(tmp_path: Path, mark: str | None) -> None:
    write_log(tmp_path, "other", files(a=b"one"))
    if mark is not None:
        (tmp_path / ".regsweep.json").write_text(mark)
    with pytest.raises(RegsweepError, match=r"is the log directory of (sweep other|something else)"):
        write_log(tmp_path, "mine", files(b=b"two"))
    assert list(event_files(tmp_path)) == ["a/events.out.tfevents.0000000000.regsweep"]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegsweepError, match=r"file/log: cannot be written \(Not a directory\)"):
        write_log(tmp_path / "file" / "log", "mine", files(a=b"one"))
