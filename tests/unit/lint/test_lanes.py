"""`make test` in two lanes: no test is left out, a failure of either lane fails the whole, and Ctrl-C ends both in good order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from lanes import CHECKOUT, folders, rest_of, summary

TESTS = Path(__file__).parents[2]
CALM = "print('calm')"
WAITS = """
import signal, sys
try:
    print('waiting', flush=True)
    signal.pause()
except KeyboardInterrupt:
    print('taken down')
    sys.exit(2)
"""


@contextmanager
def started(
    lanes: Mapping[str, str], *, encoding: str = "utf-8", out: int | IO[bytes] = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Lane -> Python code; in a session of its own, as a terminal has it, with this encoding. Nothing of it outlives the test."""
    commands = {name: [sys.executable, "-c", code] for name, code in lanes.items()}
    code = f"import sys, lanes; sys.exit(lanes.run({commands!r}))"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(TESTS), "PYTHONIOENCODING": encoding},
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("folders", "rest"),
    [
        pytest.param(["b", "c"], ["a"], id="whole folders are left out"),
        pytest.param(["b/x"], ["a", "b", "--ignore=b/x", "c"], id="a part of one is passed over"),
        pytest.param(["c/", "a/y/z"], ["a", "b", "--ignore=a/y/z"], id="both"),
        pytest.param(["b", "b/x"], ["a", "c"], id="a part of what is left out needs no word"),
        pytest.param(["bb"], ["a", "b", "c"], id="a name that only begins alike is another folder"),
    ],
)
def test_the_rest_is_all_but_the_folders_that_are_named(folders: list[str], rest: list[str]) -> None:
    assert sorted(rest_of(folders, ["a", "b", "c"])) == sorted(rest)


def test_the_lanes_of_make_test_take_each_test_file_once() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    (named,) = [line.partition(":=")[2].split() for line in makefile.splitlines() if line.startswith("LANE :=")]
    files = {str(path.relative_to(CHECKOUT)) for each in folders() for path in (CHECKOUT / each).rglob("test_*.py")}
    rest = rest_of(named, folders())
    passed_over = tuple(f"{word.removeprefix('--ignore=')}/" for word in rest if word.startswith("--"))
    below = tuple(f"{word}/" for word in rest if not word.startswith("--"))
    in_rest = {file for file in files if file.startswith(below) and not file.startswith(passed_over)}
    in_named = {file for file in files if file.startswith(tuple(f"{each}/" for each in named))}
    assert all(any(file.startswith(f"{each}/") for file in files) for each in named), "each folder is there"
    assert in_rest | in_named == files
    assert not in_rest & in_named


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        pytest.param(
            b"a\n== short test summary info ==\nSKIPPED x\n1 passed\n", b"SKIPPED x\n1 passed\n", id="skipped"
        ),
        pytest.param(b"dots\n= 3 passed in 1s =\n", b"= 3 passed in 1s =\n", id="nothing to tell"),
        pytest.param(b"", b"", id="it printed nothing"),
    ],
)
def test_the_summary_is_the_end_of_what_pytest_prints(printed: bytes, shown: bytes) -> None:
    assert b"".join(summary(printed.splitlines(keepends=True))) == shown


@pytest.mark.parametrize(
    ("lanes", "code"),
    [
        pytest.param({"one": CALM, "two": CALM}, 0, id="both succeed"),
        pytest.param({"one": "exit(1)", "two": CALM}, 1, id="the first fails"),
        pytest.param({"one": CALM, "two": "exit(5)"}, 1, id="the second fails"),
        pytest.param({"one": "import os; os.abort()", "two": CALM}, 1, id="one crashes"),
    ],
)
def test_it_succeeds_where_both_lanes_do_and_each_is_run_to_its_end(lanes: dict[str, str], code: int) -> None:
    with started(lanes) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    for name, program in lanes.items():
        assert (f"{name} | calm\n" in out) == (program == CALM)
        assert f"\nlane {name}: exit code " in out


def test_what_a_lane_prints_comes_out_as_it_is_whatever_the_terminal_can_show() -> None:
    raw = "import sys; sys.stdout.buffer.write(bytes([0xe9, 0xff, 10]))"
    with started({"one": raw, "two": CALM}, encoding="ascii") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "one | \udce9\udcff\n" in out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this machine has no /dev/full")
def test_output_that_cannot_be_written_ends_it() -> None:
    with Path("/dev/full").open("wb") as full, started({"one": WAITS, "two": WAITS}, out=full) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "No space left on device" in err


@pytest.mark.parametrize(
    ("number", "to_all"),
    [pytest.param(signal.SIGINT, True, id="Ctrl-C in a terminal"), pytest.param(signal.SIGTERM, False, id="SIGTERM")],
)
def test_an_interruption_ends_both_lanes_and_waits_for_what_they_take_down(
    number: signal.Signals, to_all: bool
) -> None:
    with started({"one": WAITS, "two": WAITS}) as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(2)]
        assert sorted(first) == ["one | waiting\n", "two | waiting\n"]
        (os.killpg if to_all else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert {"one | taken down", "two | taken down"} <= set(out.splitlines())
