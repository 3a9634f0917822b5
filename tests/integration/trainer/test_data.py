"""A file of one's own in a real process: what is wrong with it ends the run for good, what is odd is printed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

DEADLINE_SECONDS = 120.0


def train(folder: Path, content: bytes, name: str = "t.csv") -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """(the process, its termination message)"""
    (folder / name).write_bytes(content)
    flags = {"data_path": str(folder / name), "target": "y", "units": [4], "epochs": 1}
    log = folder / "termination-log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("REGSWEEP_", "JOB_"))},
        "REGSWEEP_FLAGS": json.dumps(flags),
        "REGSWEEP_METRICS_PORT": "0",
        "REGSWEEP_TERMINATION_LOG": str(log),
    }
    command = [sys.executable, "-m", "regsweep_trainer"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    return done, json.loads(log.read_bytes())


def rows(count: int, constant: str) -> bytes:
    lines = (f"{i + 5},{i * 37 % 101},{constant},{'no' if i * 3 % 5 % 2 else 'yes'}\n" for i in range(count))
    return ("time,a,b,y\n" + "".join(lines)).encode()


def test_bad_data_end_the_run_for_good(tmp_path: Path) -> None:
    done, message = train(tmp_path, b"\x1f\x8b\x08\0" + b"\xff" * 500, "t.csv.gz")
    assert done.returncode == 64
    assert message["error"]["reason"] == "BadData"
    assert message["error"]["message"].startswith(f"flag data_path: cannot read {tmp_path / 't.csv.gz'}: the gzip ")
    assert "Traceback" not in done.stderr


def test_what_is_odd_but_not_wrong_is_printed(tmp_path: Path) -> None:
    done, message = train(tmp_path, rows(60, constant="7"))
    assert done.returncode == 0, done.stderr
    assert len(message["records"]) == 1
    notes = [line for line in done.stdout.splitlines() if line.startswith("note: ")]
    assert len(notes) == 2
    assert "column 'time'" in notes[0]
    assert notes[1].startswith("note: replicate 0: 1 of 3 columns do not vary over the training rows")
    assert notes[1].endswith("column 'b'")
