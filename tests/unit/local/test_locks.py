"""One `regsweep run` in a folder, whatever locks its file system has."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from regsweep.local.locks import OWNER_FILE, FolderLockedError, held_lock

HOLD = """
import sys
from pathlib import Path
from regsweep.local import locks
exec(sys.argv[2])
with locks.held_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
NO_FLOCK = "import errno, fcntl\ndef no(*_): raise OSError(errno.ENOLCK, 'No locks available')\nfcntl.flock = no\n"
NO_LOCKS = NO_FLOCK + "fcntl.lockf = no\n"


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, name, refused)


def test_a_usual_lock_needs_no_word(tmp_path: Path) -> None:
    with held_lock(tmp_path) as held:
        assert held.note == ""
        with pytest.raises(FolderLockedError), held_lock(tmp_path):
            pass
    with held_lock(tmp_path):
        pass


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def test_where_flock_is_refused_another_lock_is_taken_and_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse(monkeypatch, "flock", number)
    with held_lock(tmp_path) as held:
        assert held.note == (
            f"{tmp_path}: its file system does not support flock ({os.strerror(number)}); a POSIX record lock is used "
            "instead."
        )
        assert not (tmp_path / OWNER_FILE).exists()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def test_where_every_lock_is_refused_a_file_names_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse(monkeypatch, "flock", number)
    refuse(monkeypatch, "lockf", number)
    with held_lock(tmp_path) as held:
        assert "nor record locks" in held.note
        assert str(tmp_path / OWNER_FILE) in held.note
        with pytest.raises(FolderLockedError, match="remove the file"), held_lock(tmp_path):
            pass
    assert not (tmp_path / OWNER_FILE).exists()


def test_an_error_that_is_not_about_locks_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "flock", errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), held_lock(tmp_path):
        pass


@pytest.mark.parametrize("locks", [pytest.param(NO_FLOCK, id="record locks"), pytest.param(NO_LOCKS, id="owner file")])
def test_two_processes_never_hold_a_lesser_lock_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: str
) -> None:
    refuse(monkeypatch, "flock", errno.ENOLCK)
    if locks == NO_LOCKS:
        refuse(monkeypatch, "lockf", errno.ENOLCK)
    command = [sys.executable, "-c", HOLD, str(tmp_path), locks]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FolderLockedError), held_lock(tmp_path):
            pass
        holder.kill()
    with held_lock(tmp_path):
        pass


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param("elsewhere.example 1\n", id="on another machine"),
        pytest.param("", id="that has not written its name yet"),
        pytest.param("no owner at all", id="in other words"),
        pytest.param(f"{os.uname().nodename} {os.getppid()}\n", id="that lives"),
    ],
)
def test_an_owner_that_may_live_keeps_others_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str) -> None:
    refuse(monkeypatch, "flock", errno.ENOSYS)
    refuse(monkeypatch, "lockf", errno.ENOSYS)
    (tmp_path / OWNER_FILE).write_text(owner)
    with (
        pytest.raises(FolderLockedError, match="if that process no longer exists, remove the file"),
        held_lock(tmp_path),
    ):
        pass
    assert (tmp_path / OWNER_FILE).read_text() == owner
