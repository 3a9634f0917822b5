"""Streams that are closed, full, or left by their reader: one sentence or none, and an exit code that says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MANIFEST = """\
apiVersion: regsweep.dev/v1alpha1
kind: RegularizationSweep
metadata: {name: mine}
spec:
  flags:
  - {name: rule, values: ["é ± …", relu]}
  - {name: l2, range: {from: 0, to: 1, points: 1000}}
  replicates: 4
"""
FULL = "standard output cannot be written: No space left on device. Send it to a terminal, a pipe or a file with room."
CLOSED = "standard output cannot be written: it is closed. Send it to a terminal, a pipe or a file with room."
COMMANDS = [
    pytest.param("plan sweep.yaml", id="a table"),
    pytest.param("plan sweep.yaml -o json", id="JSON"),
    pytest.param("plan sweep.yaml -o csv", id="CSV"),
    pytest.param("version", id="the version"),
    pytest.param("plan --help", id="the help"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "sweep.yaml").write_text(MANIFEST)
    return tmp_path


def shell(place: Path, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the line by a shell; `regsweep` in it is this interpreter's."""
    script = f'regsweep() {{ "{sys.executable}" -m regsweep.cli "$@"; }}\nset -o pipefail\n{line}'
    environment = {**os.environ, **variables}
    return subprocess.run(
        ["bash", "-c", script],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=60,
    )


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("to", "said"), [("> /dev/full", FULL), (">&-", CLOSED)])
def test_output_that_cannot_be_written_is_one_sentence(place: Path, command: str, to: str, said: str) -> None:
    done = shell(place, f"regsweep {command} {to}")
    assert done.stderr == f"regsweep: {said}\n"
    assert done.returncode == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_gone_is_no_error_to_speak_of(place: Path, command: str) -> None:
    done = shell(place, f"regsweep {command} | true; echo ${{PIPESTATUS[0]}}")
    assert done.stderr == ""
    assert done.stdout in ("141\n", "0\n"), "0: all was written before the reader went"


def test_head_gets_its_lines(place: Path) -> None:
    more = MANIFEST.replace("replicates", "- {name: units, values: [1, 2, 3, 4, 5]}\n  replicates")
    (place / "sweep.yaml").write_text(more)
    done = shell(place, "regsweep plan sweep.yaml --rows 0 | head -1; echo ${PIPESTATUS[0]}")
    assert done.stdout == "mine: 10,000 runs x 4 replicates = 40,000 trainings\n141\n"
    assert done.stderr == ""


@pytest.mark.parametrize("to", ["2>&-", "2> /dev/full"])
def test_what_is_wrong_with_standard_error_changes_nothing(place: Path, to: str) -> None:
    assert shell(place, f"regsweep validate sweep.yaml {to}").stdout.startswith("sweep.yaml is valid")
    done = shell(place, f"regsweep validate absent.yaml {to}")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_with_all_streams_closed_the_exit_code_tells(place: Path) -> None:
    assert shell(place, "regsweep validate sweep.yaml <&- >&- 2>&-").returncode == 1
    assert shell(place, "regsweep validate absent.yaml <&- >&- 2>&-").returncode == 2


def test_a_closed_standard_input_is_an_empty_one(place: Path) -> None:
    done = shell(place, "regsweep validate - <&-")
    assert done.returncode == 2
    assert done.stderr.startswith("regsweep: standard input: is empty")


@pytest.mark.parametrize(
    ("variables", "rule"),
    [
        pytest.param({"PYTHONIOENCODING": "ascii"}, "\\xe9 \\xb1 \\u2026", id="ascii"),
        pytest.param({"PYTHONIOENCODING": "latin-1"}, "\udce9 \udcb1 \\u2026", id="latin-1"),
        pytest.param({"PYTHONIOENCODING": "ascii:replace"}, "\\xe9 \\xb1 \\u2026", id="ascii that would replace"),
        pytest.param(
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "\\xe9 \\xb1 \\u2026", id="the C locale"
        ),
        pytest.param({"LC_ALL": "C"}, "é ± …", id="the C locale as Python has it by default"),
        pytest.param({"PYTHONIOENCODING": "utf-8"}, "é ± …", id="utf-8"),
    ],
)
def test_a_plan_comes_in_what_the_stream_can_show(place: Path, variables: dict[str, str], rule: str) -> None:
    done = shell(place, "regsweep plan sweep.yaml --rows 1", **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == f"   1  rule={rule}, l2=0"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_csv_is_utf8_and_json_and_yaml_are_ascii_where_the_stream_is_not_utf8(place: Path, encoding: str) -> None:
    for output, text in (("csv", "é ± …"), ("json", '"\\u00e9 \\u00b1 \\u2026"'), ("yaml", '"\\xE9 \\xB1 \\u2026"')):
        done = shell(place, f"regsweep plan sweep.yaml -o {output}", PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, "")
        assert text in done.stdout
