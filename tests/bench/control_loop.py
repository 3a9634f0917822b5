"""``make bench-control-loop``: the operator against a shell loop of kubectl, on a trainer that only sleeps.

Exit status 1 when a goal is missed, 2 when nothing could be measured.
"""

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench import goals, trials
from bench.errors import BenchError
from bench.goals import Measured
from bench.trials import SweepTrial, Trial
from cluster import images
from cluster.errors import ClusterError
from cluster.instance import Cluster, Profile
from cluster.report import say, step

INSTANCE = "bench"
_SECONDS = 1.0
_IMAGES = (images.SLEEP_TRAINER, images.OPERATOR)


def main(arguments: Sequence[str]) -> int:
    """Exit status."""
    options = _parser().parse_args(arguments)
    try:
        cluster = Cluster.up(Profile.NODE, INSTANCE)
        try:
            measured = _measure(cluster, options.rounds)
            machine = _machine(cluster)
        finally:
            if not options.keep:
                cluster.down()
    except (BenchError, ClusterError) as error:
        say(f"error: {error}")
        return 2
    lines = goals.figures(measured)
    print(goals.table(lines))
    print(f"\nReplacement Jobs:\n{goals.refill_parts(measured.sweeps)}")
    print(f"\nWall times:\n{goals.walls(measured)}\n\nWrites of one sweep:\n{goals.writes(measured.sweeps)}")
    if options.output is not None:
        options.output.write_text(goals.page(measured, machine))
    missed = [line.name for line in lines if line.is_kept is False]
    if missed:
        say(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


def _measure(cluster: Cluster, rounds: int) -> Measured:
    references = cluster.load(_IMAGES)
    with step("the operator is installed"):
        trials.set_up(cluster, references)
    image = references[images.SLEEP_TRAINER.name]
    # What happens only once (caches that fill, byte code) belongs to neither side.
    with step("warming up"):
        trials.floor(cluster, image, 0)
        trials.sweep(cluster, image, 0)
    floors: list[Trial] = []
    sweeps: list[SweepTrial] = []
    at_once: list[SweepTrial] = []
    for number in range(1, rounds + 1):
        with step(f"round {number} of {rounds}"):
            floors.append(trials.floor(cluster, image, _SECONDS))
            sweeps.append(trials.sweep(cluster, image, _SECONDS))
            at_once.append(trials.sweep(cluster, image, 0))
        say(f"  wall: loop {floors[-1].wall:.1f} s, operator {sweeps[-1].wall:.1f} s; at 0 s {at_once[-1].wall:.1f} s")
    return Measured(floors, sweeps, at_once)


def _machine(cluster: Cluster) -> list[str]:
    """In words, for whoever compares the figures with others."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), platform.machine())
    load = os.getloadavg()
    kubernetes = cluster.kubectl("version", "--output=yaml").partition("serverVersion:")[2]
    server = next(line.split()[1] for line in kubernetes.splitlines() if "gitVersion" in line)
    return [
        f"{os.cpu_count()} cores ({model})",
        f"Linux {platform.release().split('-')[0]}",
        f"Kubernetes {server}",
        f"regsweep {version('regsweep')}, kopf {version('kopf')}",
        f"load average over 15 minutes at the end {load[2]:.1f}",
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.control_loop", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="floor and operator, in turns (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="write the figures as a Markdown page")
    parser.add_argument("--keep", action="store_true", help="leave the cluster up")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
