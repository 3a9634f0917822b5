"""The journal: every finished replicate is on the disk at once, whatever ends the process later."""

import json
from pathlib import Path
from typing import Any

import pytest

from regsweep_kit.errors import RecordUnwritableError
from regsweep_kit.journal import Journal
from regsweep_kit.record import Failure, Outcome, Record


def record(replicate: int) -> Record:
    return Record(replicate, Outcome.OK, 1, {"a": 0.5}, None)


def message(path: Path) -> Any:
    return json.loads(path.read_bytes())


def test_the_journal_has_every_finished_replicate_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("x" * 9999)  # longer than what replaces it
    journal = Journal(path)
    journal.describe(columns=("a",))
    for replicate in range(3):
        journal.finish(record(replicate))
        assert [row[0] for row in message(path)["records"]] == list(range(replicate + 1))


def test_terminating_keeps_what_is_finished(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    journal.describe(columns=("a",))
    journal.finish(record(0))
    assert journal.terminate(2, Failure("Terminated", "SIGTERM")) is False
    ended = message(tmp_path / "log")
    assert ended["error"] == {"reason": "Terminated", "message": "SIGTERM"}
    assert len(ended["records"]) == 1


def test_terminating_after_the_last_replicate_changes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    journal.finish(record(0))
    before = (tmp_path / "log").read_bytes()
    assert journal.terminate(1, Failure("Terminated", "SIGTERM")) is True
    assert (tmp_path / "log").read_bytes() == before


def test_a_failure_keeps_to_the_messages_room(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    journal.limit(1024)
    journal.fail(Failure("BadData", "x" * 5000))
    assert (tmp_path / "log").stat().st_size == 1024


def test_an_unwritable_record_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(
        RecordUnwritableError, match=r"REGSWEEP_TERMINATION_LOG: cannot write .*nowhere/log: No such file"
    ):
        Journal(tmp_path / "nowhere" / "log")
