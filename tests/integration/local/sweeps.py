"""Starting `regsweep run` as a user does, with a trainer that trains nothing."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from regsweep.api.constants import API_VERSION, SWEEP_KIND

FAKE_TRAINER = Path(__file__).with_name("fake_trainer.py")
DEADLINE_SECONDS = 60.0


@dataclass
class Workplace:
    """A directory with a manifest and its runs."""

    path: Path
    spec: dict[str, object] = field(default_factory=dict)

    @property
    def runs(self) -> Path:
        return self.path / "runs" / "mine"

    def command(self, *options: str, trainer: Sequence[str] | None = (sys.executable, str(FAKE_TRAINER))) -> list[str]:
        """The command line for the spec as it stands."""
        manifest = self.path / "sweep.yaml"
        sweep = {"apiVersion": API_VERSION, "kind": SWEEP_KIND, "metadata": {"name": "mine"}, "spec": self.spec}
        manifest.write_text(json.dumps(sweep))
        own = [] if trainer is None else ["--trainer-command", shlex.join(trainer)]
        runs = ["--runs-dir", str(self.path / "runs")]
        return [sys.executable, "-m", "regsweep.cli", "run", str(manifest), *runs, *own, *options]

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs the sweep to its end."""
        return subprocess.run(self.command(*options), capture_output=True, text=True, timeout=DEADLINE_SECONDS)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Starts it in a session of its own, as a terminal would."""
        return subprocess.Popen(
            self.command(*options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def facts(self) -> dict[str, dict[str, JsonValue]]:
        """`run.json` of every run, by the value of its flags."""
        found = [json.loads(path.read_text()) for path in sorted(self.runs.glob("*/run.json"))]
        return {json.dumps(facts["flags"]): facts for facts in found}

    def started_at(self) -> Mapping[str, float]:
        """When each run's directory was last begun: a run that is trained anew has another time."""
        return {path.parent.name: path.stat().st_mtime_ns for path in self.runs.glob("*/output.log")}


def alive(pattern: str) -> list[int]:
    """Processes whose command line holds the text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # gone meanwhile
            continue
        if pattern in line and path.parent.name != str(os.getpid()):
            found.append(int(path.parent.name))
    return found
