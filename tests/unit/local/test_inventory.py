"""Runs found in a runs directory, by any name that people give them; nothing is changed by looking."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regsweep.local.inventory import (
    MOST_CONSOLE_BYTES,
    RunState,
    UnknownRunError,
    chosen,
    console,
    inventory,
    is_locked,
    only,
    read_run,
    traceback_in,
)
from regsweep.local.locks import held_lock
from support.kept_runs import keep_run

OK = (0.1, 0.2, 0.9, 0.8)
CRASH = """\
reading
Traceback (most recent call last):
  File "train.py", line 1, in <module>
    main()
ValueError: no such column
after
"""


def test_runs_of_all_sweeps_come_in_the_order_in_which_they_were_begun(tmp_path: Path) -> None:
    keep_run(tmp_path, {"l2": 0.1}, OK, sweep="b", started="2026-11-25T10:00:02Z")
    keep_run(tmp_path, {"l2": 0.1}, OK, sweep="a", started="2026-11-25T10:00:01Z")
    keep_run(tmp_path, {"l2": 0.2}, OK, sweep="b", started="2026-11-25T10:00:00Z")
    found = inventory(tmp_path)
    assert [(run.facts.sweep, run.facts.flags) for run in found.runs] == [
        ("b", {"l2": 0.2}),
        ("a", {"l2": 0.1}),
        ("b", {"l2": 0.1}),
    ]
    assert found.damaged == ()


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_where_there_is_no_directory_there_are_no_runs(tmp_path: Path, what: str) -> None:
    if what == "a file":
        (tmp_path / "runs").write_text("")
    assert inventory(tmp_path / "runs").runs == ()


@pytest.mark.parametrize("content", ["", "{", '{"sweep": 3}', "null"])
def test_a_folder_that_cannot_be_read_is_named_and_hides_no_other(tmp_path: Path, content: str) -> None:
    good = keep_run(tmp_path, {"l2": 0.1}, OK)
    bad = keep_run(tmp_path, {"l2": 0.2}, OK)
    (bad / "run.json").write_text(content)
    found = inventory(tmp_path)
    assert [run.path for run in found.runs] == [good]
    assert len(found.damaged) == 1
    assert found.damaged[0].startswith(f"{bad / 'run.json'}: does not describe a run")


def test_what_a_later_version_adds_is_not_looked_at(tmp_path: Path) -> None:
    folder = keep_run(tmp_path, {"l2": 0.1}, OK)
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "color": "red"}))
    assert read_run(folder).state is RunState.COMPLETED


@pytest.mark.parametrize(
    ("ended", "code", "locked", "results", "state"),
    [
        ("2026-11-25T10:01:00Z", 0, False, True, RunState.COMPLETED),
        ("2026-11-25T10:01:00Z", 0, False, False, RunState.FAILED),
        ("2026-11-25T10:01:00Z", 1, False, False, RunState.FAILED),
        ("2026-11-25T10:01:00Z", 137, True, False, RunState.FAILED),
        ("2026-11-25T10:01:00Z", 143, False, False, RunState.INTERRUPTED),
        (None, None, False, False, RunState.INTERRUPTED),
        (None, None, True, False, RunState.RUNNING),
    ],
)
def test_a_runs_state_is_what_its_results_its_exit_codes_and_the_lock_say(
    tmp_path: Path, ended: str | None, code: int | None, locked: bool, results: bool, state: RunState
) -> None:
    folder = keep_run(tmp_path, {"l2": 0.1}, *([OK] if results else []), ended=ended, exit_code=code)
    if locked:
        with held_lock(folder.parent):
            assert read_run(folder).state is state
    else:
        assert read_run(folder).state is state


def test_looking_at_the_lock_takes_it_from_nobody(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    with held_lock(tmp_path):
        assert is_locked(tmp_path)
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


@pytest.mark.parametrize(
    ("message", "console_text", "code", "error"),
    [
        ('{"version":1,"error":{"reason":"BadData","message":"no such file"}}', "x", 64, "no such file"),
        ("", "first\ncannot read the data\n", 1, "cannot read the data"),
        ("", "", 1, "exit code 1"),
        ("{not json", "x", 0, "does not follow the training contract"),
        ("", "x", 0, "the trainer ended without a result of every replicate"),
    ],
)
def test_a_failed_run_says_why(tmp_path: Path, message: str, console_text: str, code: int, error: str) -> None:
    folder = keep_run(tmp_path, {"l2": 0.1}, exit_code=code, console=console_text)
    (folder / "message.json").write_text(message)
    run = read_run(folder)
    assert run.state is RunState.FAILED
    assert error in run.error


def test_a_run_is_meant_by_its_name_its_beginning_its_end_its_folder_and_its_sweep(tmp_path: Path) -> None:
    folder = keep_run(tmp_path, {"l2": 0.1}, OK)
    other = keep_run(tmp_path, {"l2": 0.1}, OK, sweep="other")
    runs = inventory(tmp_path).runs
    for name in (
        folder.name,
        folder.name[:8],
        folder.name[-6:],
        str(folder),
        f"{folder}/",
        f"mine/{folder.name}",
        "mine",
    ):
        assert [run.path for run in chosen(runs, [name])] == [folder], name
    assert [run.path for run in chosen(runs, [folder.name, "mine", "other"])] == [folder, other], "each comes once"


def test_a_sweeps_name_means_all_of_its_runs_or_the_latest_where_one_is_asked_for(tmp_path: Path) -> None:
    first = keep_run(tmp_path, {"l2": 0.1}, OK, started="2026-11-25T10:00:00Z")
    second = keep_run(tmp_path, {"l2": 0.2}, OK, started="2026-11-25T10:00:01Z")
    runs = inventory(tmp_path).runs
    assert [run.path for run in chosen(runs, ["mine"])] == [first, second]
    assert only(runs, "mine").path == second


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "no run and no sweep of this name. `regsweep ls` lists all runs"),
        ("min", "is the beginning of 2 runs"),
        ("", "no run and no sweep"),
        ("/etc/passwd", "no run and no sweep"),
    ],
)
def test_a_name_that_means_nothing_or_several_is_refused(tmp_path: Path, name: str, said: str) -> None:
    keep_run(tmp_path, {"l2": 0.1}, OK)
    keep_run(tmp_path, {"l2": 0.2}, OK)
    with pytest.raises(UnknownRunError) as caught:
        only(inventory(tmp_path).runs, name)
    assert said in str(caught.value)


def test_a_console_without_end_is_shown_from_where_it_is_whole(tmp_path: Path) -> None:
    folder = keep_run(tmp_path, {"l2": 0.1}, OK, console="0123456789\n" * (MOST_CONSOLE_BYTES // 5))
    text = console(read_run(folder))
    first, second = text.split("\n")[:2]
    assert first.startswith("[the first 1,")
    assert second == "0123456789"
    assert len(text) < MOST_CONSOLE_BYTES + 100


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("all well", ""),
        (CRASH, CRASH.removeprefix("reading\n").removesuffix("\nafter\n")),
        (
            f"{CRASH}{CRASH.replace('no such column', 'later')}",
            CRASH.removeprefix("reading\n").removesuffix("\nafter\n").replace("no such column", "later"),
        ),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
    ],
)
def test_the_last_traceback_of_a_console_is_found_whole(text: str, found: str) -> None:
    assert traceback_in(text) == found
