"""`kill -9` of `regsweep run` and of its runs' processes at random moments: `python -m bench.kills [KILLS [SEED]]`.

A sweep of a script is started again and again, and something of it is killed, until so many kills have been made; a sweep that is
complete is compared with an undisturbed one, and the next begins in a fresh folder. Nothing may be lost (a result that was there stays),
nothing trained twice (a replicate that has a result does not begin again), and the table is the undisturbed one's.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from integration.local.sweeps import Workplace, alive

DEADLINE_SECONDS = 120.0
SCRIPT = """
import time
import scipy
import regsweep_kit as kit
flags = kit.flags(l2=0.1)
for replicate in kit.replicates():
    with open(__file__ + ".ledger", "a") as ledger:  # no parameter: a file that one names is taken for data
        ledger.write(f"{flags.l2} {replicate.number}\\n")
    rows = replicate.rows(60)
    for epoch in range(1, 4):
        time.sleep(0.05)
        loss = abs(flags.l2 - 0.01) + 0.001 * (replicate.seed % 7) + 1 / epoch
        replicate.report(epoch, train={"average_loss": loss}, val={"average_loss": loss}, stop={"average_loss": loss})
"""
VALUES, REPLICATES = (0, 0.001, 0.01, 0.1), 3
Replicates = set[tuple[float, int]]
"""(l2, number)"""


@dataclass
class Outcome:
    """What the kills came to."""

    kills: Counter[str] = field(default_factory=Counter)
    """By what was killed: `regsweep run`, or one of the processes of its runs."""
    starts: int = 0
    sweeps: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    other_tables: int = 0

    @property
    def is_good(self) -> bool:
        return not self.lost and not self.twice and not self.other_tables

    def __str__(self) -> str:
        killed = ", ".join(f"{count} of {what}" for what, count in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({killed}) in {self.starts} starts of {self.sweeps} sweeps: "
            f"{len(self.lost)} results lost, {len(self.twice)} trained twice, {self.other_tables} tables differ"
        )


class Sweep:
    """One sweep, from its first start to its end."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._ledger = folder, folder / "train.py.ledger"
        (folder / "train.py").write_text(SCRIPT)
        flags = [{"name": "l2", "values": VALUES}]
        self._place = Workplace(
            folder, {"flags": flags, "replicates": REPLICATES, "parallelism": 2, "trainer": {"gpus": 0}}
        )

    def start(self) -> subprocess.Popen[str]:
        line = self._place.command("--output", "csv", trainer=(sys.executable, str(self._folder / "train.py")))
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self._folder)

    def processes(self) -> list[int]:
        """All that works for it."""
        return alive(str(self._folder))

    def begun(self) -> list[tuple[float, int]]:
        """Trainings that have begun, in their order."""
        lines = self._ledger.read_text().splitlines() if self._ledger.exists() else []
        return [(float(l2), int(number)) for l2, number in (line.split() for line in lines)]

    def results(self) -> Replicates:
        """Trainings whose result is on the disk."""
        found: Replicates = set()
        for path in self._place.runs.glob("*/message.json"):
            flags = json.loads(path.with_name("run.json").read_text())["flags"]
            text = path.read_text()
            records = json.loads(text).get("records", []) if text else []
            found |= {(float(flags["l2"]), record[0]) for record in records if record[1] == "Ok"}
        return found


def undisturbed(folder: Path) -> str:
    """The table of the sweep where nothing is killed."""
    sweep = Sweep(folder)
    out, _ = sweep.start().communicate(timeout=DEADLINE_SECONDS)
    return out


def killed(folder: Path, kills: int, seed: int) -> Outcome:
    """Kills so often; every sweep that was begun is completed in the end."""
    chance, outcome = random.Random(seed), Outcome()
    table = undisturbed(folder / "undisturbed")
    while outcome.kills.total() < kills:
        outcome.sweeps += 1
        sweep = Sweep(folder / str(outcome.sweeps))
        while (out := _disturbed(sweep, kills, chance, outcome)) is None:
            pass
        outcome.other_tables += out != table
    return outcome


def _disturbed(sweep: Sweep, kills: int, chance: random.Random, outcome: Outcome) -> str | None:
    """One start, in which at most one thing is killed; the table, None where the sweep is not complete."""
    before, begun = sweep.results(), len(sweep.begun())
    outcome.starts += 1
    process = sweep.start()
    if outcome.kills.total() < kills:
        _kill(sweep, process, chance, outcome)
    out, _ = process.communicate(timeout=DEADLINE_SECONDS)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while sweep.processes():
        if time.monotonic() > deadline:
            raise AssertionError(f"processes are left: {sweep.processes()}")
        time.sleep(0.02)
    outcome.lost += [f"{sweep}: {each}" for each in before - sweep.results()]
    outcome.twice += [f"{sweep}: {each}" for each in sweep.begun()[begun:] if each in before]
    is_complete = process.returncode == 0 and len(sweep.results()) == len(VALUES) * REPLICATES
    return out if is_complete else None


def _kill(sweep: Sweep, process: subprocess.Popen[str], chance: random.Random, outcome: Outcome) -> None:
    """Kills the command, or one of the processes of its runs, at some moment between its start and its usual end."""
    moment, of_command = chance.uniform(0, 1), chance.random() < 0.4
    others: list[int] = []
    while not others and process.poll() is None:
        others = [pid for pid in sweep.processes() if pid != process.pid]
    began = time.monotonic()
    while time.monotonic() - began < moment and process.poll() is None:
        time.sleep(0.01)
    others = [pid for pid in sweep.processes() if pid != process.pid]
    if process.poll() is not None or not (of_command or others):
        return
    victim = process.pid if of_command else chance.choice(sorted(others))
    try:
        subprocess.run(["kill", "-9", str(victim)], check=True, stderr=subprocess.DEVNULL)
    except subprocess.CalledProcessError:  # it has just ended
        return
    outcome.kills["regsweep run" if of_command else "a run's processes"] += 1


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="regsweep-kills-") as folder:
        outcome = killed(Path(folder), kills, seed)
    print(outcome)
    print("\n".join([*outcome.lost, *outcome.twice]))
    sys.exit(0 if outcome.is_good else 1)


if __name__ == "__main__":
    main()
