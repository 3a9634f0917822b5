"""What `regsweep run` prints and keeps: text as it was written, and the table also where a file or a stream fails."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from integration.local.sweeps import DEADLINE_SECONDS, FAKE_TRAINER, Workplace

TRAINER = (sys.executable, str(FAKE_TRAINER))


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    flags = [{"name": "l2", "values": [0, 0.01]}]
    return Workplace(tmp_path, {"flags": flags, "replicates": 3, "parallelism": 2, "trainer": {"gpus": 0}})


def by_shell(place: Workplace, redirection: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Runs the sweep with its streams redirected as a shell does it."""
    line = f"{shlex.join(place.command())} {redirection}"
    environment = {**os.environ, **variables}
    return subprocess.run(["bash", "-c", line], env=environment, capture_output=True, timeout=DEADLINE_SECONDS)


def rows_of(table: str) -> list[str]:
    """The lines of the ranking, from rank and tie on."""
    lines = iter(table.splitlines())
    next(line for line in lines if line.split()[:1] == ["#"])
    return [line.removeprefix("  ") for line in iter(lambda: next(lines), "")]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        pytest.param(
            [["/data/a.csv"], ["/a.csv", "/b.csv"]], {"[/data/a.csv]", "[/a.csv, /b.csv]"}, id="paths in brackets"
        ),
        pytest.param([["relu", "tanh"], ["relu"]], {"[relu, tanh]", "[relu]"}, id="words in brackets"),
        pytest.param(["a:b:c", "x:key:y", "m:o:n"], {"a:b:c", "x:key:y", "m:o:n"}, id="emoji codes"),
        pytest.param(["[/x]", "[b]y[/b]"], {'"[/x]"', '"[b]y[/b]"'}, id="markup"),
    ],
)
def test_values_are_shown_as_they_were_written_from_the_first_line_to_the_last(
    place: Workplace, values: list[object], labels: set[str]
) -> None:
    place.spec["flags"] = [{"name": "rule", "values": values}]
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert {row[8:].split("   ")[0] for row in rows_of(done.stdout)} == labels
    best = next(line for line in reversed(done.stderr.splitlines()) if " best " in line)
    assert best.partition("rule=")[2] in labels


def test_a_runs_directory_is_named_as_it_is(place: Workplace) -> None:
    directory = place.path / "d:o:d" / "[x]"
    done = place.run("--runs-dir", str(directory))
    assert f"in {directory}/mine\n" in done.stderr


@pytest.mark.parametrize(
    ("encoding", "value", "sign"),
    [
        pytest.param("ascii", "\\xe9", "+/-", id="ascii"),
        pytest.param("latin-1", "é", "±", id="latin-1"),
        pytest.param("utf-8", "é", "±", id="utf-8"),
    ],
)
def test_the_table_comes_in_what_the_stream_can_show(place: Workplace, encoding: str, value: str, sign: str) -> None:
    place.spec["flags"] = [{"name": "rule", "values": ["é", "e"]}]
    done = by_shell(place, "", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout.decode(encoding))
    assert {row.split()[2] for row in rows} == {value, "e"}
    assert {row.split()[4] for row in rows} == {sign}
    assert json.loads((place.runs / "results.json").read_text(encoding="utf-8"))["results"][0]["flags"]["rule"] in "ée"


def test_names_of_files_that_are_no_utf8_are_shown_with_escapes(place: Workplace) -> None:
    place.path /= "x\udce9y"
    place.path.mkdir()
    trainer = place.path / "trainer.py"
    trainer.write_text(FAKE_TRAINER.read_text())
    line = shlex.join(place.command(trainer=(sys.executable, str(trainer))))
    done = subprocess.run(os.fsencode(line), shell=True, capture_output=True, timeout=DEADLINE_SECONDS)
    assert done.returncode == 0, done.stderr
    assert rb"x\udce9y/runs/mine" in done.stderr
    facts = json.loads(next(iter(place.runs.glob("*/run.json"))).read_text())
    assert facts["command"][1].endswith("x\\udce9y/trainer.py")


def test_a_failure_in_a_directory_that_is_no_utf8_is_reported_and_kept(place: Workplace) -> None:
    place.path /= "x\udce9y"
    place.path.mkdir()
    line = shlex.join(place.command(trainer=("false",)))
    done = subprocess.run(os.fsencode(line), shell=True, capture_output=True, timeout=DEADLINE_SECONDS)
    assert done.returncode == 1
    assert rb"x\udce9y/runs/mine" in done.stdout
    kept = json.loads((place.runs / "results.json").read_text(encoding="utf-8"))
    assert "x\\udce9y/runs/mine" in kept["failures"][0]["message"]


def test_what_a_trainer_says_last_reaches_no_terminal_raw(place: Workplace) -> None:
    script = "import sys; sys.exit('\\x1b[31mred [/x] :bug:\\x1b[0m\\nand\\r over')"
    line = shlex.join(place.command(trainer=(sys.executable, "-c", script)))
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "Its message: \\x1b[31mred [/x] :bug:\\x1b[0m and" in " ".join(done.stdout.split())


def test_a_file_of_results_that_cannot_be_written_costs_a_sentence_and_no_table(place: Workplace) -> None:
    whole = place.run()
    (place.runs / "results.json").unlink()
    (place.runs / "results.json").mkdir()
    done = place.run()
    assert done.returncode == 1
    assert done.stdout == whole.stdout
    path = place.runs / "results.json"
    assert [line for line in done.stderr.splitlines() if "cannot" in line] == [
        f"regsweep: {path} cannot be written: Is a directory. The results are still printed; "
        "once it can be written, the same command writes it without training again."
    ]
    assert (place.runs / "results.csv").is_file(), "the other file is written"


def test_a_full_disk_costs_no_table(place: Workplace) -> None:
    whole = place.run()
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 0; {shlex.join(place.command())} | cat"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.stdout == whole.stdout
    assert done.stderr.count("cannot be written: File too large. The results are still printed") == 3
    assert "Traceback" not in done.stderr


def test_a_disk_that_fills_up_while_training_ends_it_with_what_to_do_and_it_goes_on_from_there(
    place: Workplace,
) -> None:
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 0; {shlex.join(place.command())} | cat"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("regsweep: ")]
    assert len(said) == 1
    assert "File too large. Training was stopped. Make room there, then start the same command again" in said[0]
    assert place.run().returncode == 0


@pytest.mark.parametrize(
    ("redirection", "code"),
    [
        pytest.param("> /dev/full", 1, id="standard output on a full disk"),
        pytest.param(">&-", 1, id="standard output closed"),
        pytest.param("| true; exit ${PIPESTATUS[0]}", 141, id="the reader has gone"),
        pytest.param("2> /dev/full", 0, id="standard error on a full disk"),
        pytest.param("2>&-", 0, id="standard error closed"),
        pytest.param("2> >(true)", 0, id="nobody reads how far it is"),
        pytest.param("<&-", 0, id="standard input closed"),
        pytest.param("<&- >&- 2>&-", 1, id="everything closed"),
    ],
)
def test_no_stream_ends_the_training(place: Workplace, redirection: str, code: int) -> None:
    done = by_shell(place, redirection)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    rows = list(csv.DictReader(io.StringIO((place.runs / "results.csv").read_text())))
    assert [row["replicates"] for row in rows] == ["3", "3"]


def test_an_empty_trainer_command_is_refused_and_trains_nothing(place: Workplace) -> None:
    done = place.run("--trainer-command", "")
    assert done.returncode == 2
    assert "--trainer-command: is empty" in done.stderr
    assert not place.runs.exists()
