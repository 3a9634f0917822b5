from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path

import pytest

from regsweep.api.findings import MixedKind
from regsweep.core.judging.stats.pairing import mixture
from regsweep.core.results.records import Outcome
from regsweep.local.directory import RunsDirectory, RunsDirectoryError, UnwritableRunsError, write_atomically
from regsweep.local.facts import DataFacts, RunFacts, history_file, message_file, output_file
from regsweep.local.provenance import Keepsakes


def facts(**changes: object) -> RunFacts:
    fields: dict[str, object] = {
        "sweep": "mine",
        "run": "mine-0123456789ab",
        "flags": {"l2": 0.1},
        "parameters": {},
        "seed": 0,
        "trainer": "process:x",
        "point_key": "0123456789abcdef",
        "first_replicate": 0,
        "replicates": 4,
        "replicates_per_pod": 2,
        "attempt": 0,
        "command": ["x"],
    }
    return RunFacts.model_validate(fields | changes)


def message(*replicates: int) -> str:
    records = [[k, "Ok", 3, [0.1 * k], None] for k in replicates]
    return json.dumps({"version": 1, "columns": ["val_average_loss"], "records": records})


@pytest.fixture
def directory(tmp_path: Path) -> RunsDirectory:
    (tmp_path / "mine").mkdir()
    return RunsDirectory(tmp_path / "mine")


def test_results_are_read_from_the_messages_of_every_process(directory: RunsDirectory) -> None:
    path = directory.begin(facts(), Keepsakes())
    (path / message_file(0)).write_text(message(0, 1))
    (path / message_file(1)).write_text(message(2))
    records = directory.records()
    assert sorted(record.replicate for record in records) == [0, 1, 2]
    assert all(record.outcome is Outcome.OK for record in records)


def test_results_of_other_packages_are_not_paired(directory: RunsDirectory) -> None:
    for number, packages in enumerate(({"keras": "3.14"}, {"keras": "3.15"}, {})):
        run = facts(run=f"mine-{number}", point_key=str(number), packages=packages)
        (directory.begin(run, Keepsakes()) / message_file(0)).write_text(message(0))
    (mixed,) = mixture(directory.records())
    assert (mixed.kind, mixed.count) == (MixedKind.IMAGES, 2), "of what is not known nothing is said"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param('{"version":1,"records":[[0,"Ok"', id="cut off"),
        pytest.param('{"version":1,"error":{"reason":"InvalidFlags","message":"l2"}}', id="an error"),
        pytest.param(message(7), id="another process' replicate"),
    ],
)
def test_what_is_no_result_is_trained_again(directory: RunsDirectory, text: str) -> None:
    path = directory.begin(facts(), Keepsakes())
    (path / message_file(0)).write_text(text)
    assert len(directory.records()) == 0


@pytest.mark.parametrize(
    ("digest", "by_trainer", "taken"),
    [
        pytest.param("1f0c00000000", True, True, id="of the run's data"),
        pytest.param("9a3e00000000", True, False, id="of data that changed while it was trained"),
        pytest.param("9a3e00000000", False, True, id="of data that the trainer names otherwise than we do"),
        pytest.param("", True, True, id="of data that it does not name"),
    ],
)
def test_a_result_of_other_data_than_the_runs_is_none(
    directory: RunsDirectory, digest: str, by_trainer: bool, taken: bool
) -> None:
    data = DataFacts(digest="1f0c00000000", by_trainer=by_trainer, answers=True)
    path = directory.begin(facts(data=data), Keepsakes())
    named = {"dataDigest": digest} if digest else {}
    (path / message_file(0)).write_text(json.dumps(json.loads(message(0, 1)) | named))
    assert len(directory.records()) == (2 if taken else 0)


def test_a_run_of_an_earlier_version_is_read_and_one_of_a_later_version_too(directory: RunsDirectory) -> None:
    path = directory.begin(facts(), Keepsakes())
    (path / message_file(0)).write_text(message(0, 1))
    written = json.loads((path / "run.json").read_text())
    new = ("lost", "final", "keyVersion", "resampling", "rule", "data")
    old = {name: value for name, value in written.items() if name not in new}
    for content in (old, written | {"energy": {"joules": 3}, "data": {"digest": "ab", "version": 7}}):
        (path / "run.json").write_text(json.dumps(content))
        (read,) = directory.all_facts()
        assert read.point_key == "0123456789abcdef"
        assert len(directory.records()) == 2


def test_a_run_begun_anew_shows_nothing_of_the_attempt_before(directory: RunsDirectory) -> None:
    path = directory.begin(facts(), Keepsakes())
    for name in (message_file(0), message_file(1), output_file(0), history_file(1), "source/old.py"):
        (path / name).write_text("old")
    directory.begin(facts(), Keepsakes(source={"train.py": "new"}))
    assert sorted(p.name for p in path.iterdir()) == ["environment.json", "run.json", "source"]
    assert [p.name for p in (path / "source").iterdir()] == ["train.py"]


def test_a_run_file_that_cannot_be_read_is_named_and_not_passed_over(directory: RunsDirectory) -> None:
    path = directory.begin(facts(), Keepsakes())
    (path / "run.json").write_text("{}")
    with pytest.raises(RunsDirectoryError, match=r"run\.json: does not describe a run of this version of regsweep"):
        directory.records()


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-23T12:00:00", "10000-01-01T00:00:00Z"])
@pytest.mark.parametrize("field", ["startedAt", "endedAt"])
def test_a_process_with_a_time_that_is_none_is_named_as_damaged(
    directory: RunsDirectory, field: str, time: str
) -> None:
    path = directory.begin(facts(), Keepsakes())
    process = {"index": 0, "startedAt": "2026-11-23T12:00:00Z", field: time}
    (path / "run.json").write_text(json.dumps({**json.loads((path / "run.json").read_text()), "processes": [process]}))
    with pytest.raises(RunsDirectoryError, match=r"run\.json: does not describe a run"):
        directory.records()


def test_facts_survive_writing_and_reading(directory: RunsDirectory) -> None:
    directory.begin(facts(flags={"units": [8, 8], "name": "ä", "off": None}), Keepsakes())
    assert list(directory.all_facts()) == [facts(flags={"units": [8, 8], "name": "ä", "off": None})]


def test_only_one_works_in_a_directory(directory: RunsDirectory) -> None:
    with (
        directory.locked(),
        pytest.raises(RunsDirectoryError, match="another `regsweep run` uses it"),
        directory.locked(),
    ):
        pass
    with directory.locked():
        pass


def test_the_lock_of_a_file_system_without_flock_comes_with_a_sentence(
    directory: RunsDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)
    with directory.locked() as held:
        assert "a POSIX record lock is used instead" in held.note


def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UnwritableRunsError, match="Name another directory with --runs-dir"),
        RunsDirectory(tmp_path / "file" / "mine").locked(),
    ):
        pass


def test_the_last_words_are_the_last_lines(directory: RunsDirectory) -> None:
    path = directory.begin(facts(), Keepsakes())
    (path / output_file(0)).write_text("\n".join(f"line {n}" for n in range(1000)) + "\n\n")
    assert directory.last_words("mine-0123456789ab", 0) == "line 997\nline 998\nline 999"
    assert directory.last_words("mine-0123456789ab", 1) == ""


def test_a_file_is_written_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.json", "one")
    write_atomically(tmp_path / "a.json", "two")
    assert (tmp_path / "a.json").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_run_that_goes_on_from_a_checkpoint_keeps_the_epochs_before_it(directory: RunsDirectory) -> None:
    path = directory.begin(facts(), Keepsakes())
    for name in (message_file(0), history_file(0)):
        (path / name).write_text("old")
    directory.begin(facts(), Keepsakes(), resumes=True)
    assert not (path / message_file(0)).exists()
    assert (path / history_file(0)).read_text() == "old"
