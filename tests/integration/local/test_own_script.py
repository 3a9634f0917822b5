"""A script of one's own under `regsweep run`: ranked, and whatever is wrong with it has a clear reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from integration.local.sweeps import DEADLINE_SECONDS, Workplace, alive

SCRIPT = """
import sys, os, time
import regsweep_kit as kit
flags = kit.flags(l2=0.1, epochs=2, data=kit.file(None, "a table"))
for replicate in kit.replicates():
    rows = replicate.rows(60)
    for epoch in range(1, flags.epochs + 1):
        loss = abs(flags.l2 - 0.01) + 0.001 * (replicate.seed % 7) + 1 / epoch
        {inner}
        replicate.report(epoch, train={{"average_loss": loss}}, val={{"average_loss": loss}}, stop={{"average_loss": loss}})
"""


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(
        tmp_path, {"flags": [{"name": "l2", "values": [0, 0.01]}], "replicates": 2, "trainer": {"gpus": 0}}
    )


def run(place: Workplace, inner: str = "pass", *, text: str | None = None) -> tuple[int, str, str]:
    """(exit code, standard output, standard error)."""
    script = place.path / "train.py"
    script.write_text(SCRIPT.format(inner=inner) if text is None else text)
    command = place.command("--output", "json", trainer=(sys.executable, str(script)))
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, cwd=place.path)
    return done.returncode, done.stdout, done.stderr


def test_a_script_is_ranked_and_not_trained_twice(place: Workplace) -> None:
    code, out, err = run(place)
    assert code == 0, err
    assert [row["flags"]["l2"] for row in json.loads(out)["results"]] == [0.01, 0]
    before = place.started_at()
    code, _, err = run(place)
    assert (code, place.started_at()) == (0, before)
    assert "all done already" in err
    code, _, err = run(place, "loss += 1")
    assert code == 0
    assert place.started_at() != before, "another script is another trainer"


def test_a_script_whose_data_have_changed_trains_again(place: Workplace) -> None:
    place.spec["trainer"] = {"gpus": 0, "parameters": {"data": "table.csv"}}
    (place.path / "table.csv").write_text("a,b")
    run(place)
    before = place.started_at()
    (place.path / "table.csv").write_text("a,c")
    code, _, err = run(place)
    assert code == 0, err
    assert "the data" in err
    assert len(place.started_at()) == 2 * len(before)


@pytest.mark.parametrize(
    ("inner", "reason", "message"),
    [
        pytest.param(
            "sys.exit(0)", "TrainerFailed", "ended before replicate 0 was finished", id="it calls sys.exit(0)"
        ),
        pytest.param("continue", "NothingReported", "without reporting an epoch", id="it never reports"),
        pytest.param("os._exit(0)", "NoRecord", "wrote no termination message", id="it ends behind Python's back"),
        pytest.param("raise ValueError('broken')", "TrainerFailed", "ValueError: broken", id="it fails"),
        pytest.param(
            "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31)); b'x' * (1 << 32)",
            "TrainerFailed",
            "MemoryError",
            id="it takes more memory than it may",
        ),
        pytest.param("loss = 'x'", "InvalidContract", "want a number", id="it reports a text"),
        pytest.param(
            "if os.fork(): os._exit(0)", "NoRecord", "wrote no termination message", id="it goes on in a forked process"
        ),
    ],
)
def test_what_is_wrong_with_a_script_is_said(place: Workplace, inner: str, reason: str, message: str) -> None:
    code, out, err = run(place, inner)
    assert code == 1, err
    assert reason in out
    assert message in out


def test_a_flag_that_the_script_does_not_have_is_said_with_the_nearest(place: Workplace) -> None:
    place.spec["flags"] = [{"name": "l_2", "values": [0, 0.1]}]
    code, out, _ = run(place)
    assert code == 1
    assert "InvalidFlags" in out
    assert "did you mean l2?" in out


def test_a_script_that_reports_no_number_has_diverged(place: Workplace) -> None:
    code, out, err = run(place, "loss = float('nan') if flags.l2 else loss")
    assert code == 0, err
    results = {row["flags"]["l2"]: row for row in json.loads(out)["results"]}
    assert results[0.01]["diverged"] == 2
    assert results[0]["rank"] == 1


def test_a_script_may_print_100_megabytes(place: Workplace) -> None:
    place.spec["flags"] = [{"name": "l2", "values": [0.01]}]
    code, out, err = run(place, "sys.stdout.write('x' * 25_000_000 + chr(10))")
    assert code == 0, err
    assert json.loads(out)["results"][0]["flags"]["l2"] == 0.01


def test_a_script_that_leaves_processes_behind_leaves_none(place: Workplace) -> None:
    code, _, err = run(place, "import subprocess; subprocess.Popen(['sleep', '98765'])")
    assert code == 0, err
    assert alive("sleep 98765") == []
