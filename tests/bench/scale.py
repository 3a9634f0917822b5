"""``make bench-scale``: sweeps of a hundred to ten thousand combinations on an API server whose node is KWOK.

Exit status 1 when a goal is missed, 2 when nothing could be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import scale_costs, scale_page, scale_trials
from bench.errors import BenchError
from bench.scale_cluster import playground
from bench.scale_page import Measured, Pair
from cluster import Cluster
from cluster.errors import ClusterError
from cluster.report import say, step

FAIR_SECONDS = 600.0
TAKEN_OVER = 200
"""Combinations of the sweep whose leaders change."""


@dataclass(slots=True)
class Load:
    """Of the machine while it is measured: what else runs on it costs time."""

    started: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        minutes = (time.monotonic() - self.started) / 60
        system = f"Linux {platform.release()}; CPython {platform.python_version()}"
        load = f"load average over 15 minutes at the end {os.getloadavg()[2]:.1f}"
        return f"{os.cpu_count()} cores; {system}; {load}; {minutes:.0f} minutes; {datetime.datetime.now(datetime.UTC):%Y-%m-%d}"


def main(arguments: Sequence[str]) -> int:
    """Exit status."""
    options = _parser().parse_args(arguments)
    load = Load()
    costs = scale_costs.table(options.sizes)
    try:
        with playground() as cluster:
            measured = asyncio.run(_measure(cluster, options.sizes))
    except (BenchError, ClusterError) as error:
        say(f"error: {error}")
        return 2
    page = scale_page.page(measured, costs, str(load))
    print(page)
    if options.output is not None:
        options.output.write_text(page)
    return 0 if all(kept for kept in scale_page.verdicts(measured)) else 1


async def _measure(cluster: Cluster, sizes: Sequence[int]) -> Measured:
    pairs = []
    for size in sizes:
        with step(f"{size:,} Jobs by the floor"):
            floor = await scale_trials.floor(cluster, size)
        with step(f"{size:,} combinations by the operator"):
            pairs.append(Pair(floor, await scale_trials.sweeps(cluster, size)))
    with step("a hundred sweeps"):
        many = await scale_trials.sweeps(cluster, scale_trials.SMALL, 100, idle=True)
    with step("small sweeps beside five large ones"):
        beside = await scale_trials.beside_large_ones(cluster, max(sizes), FAIR_SECONDS)
    with step("start over finished Jobs"):
        started, peak = await scale_trials.restart(cluster, max(sizes))
    with step("take-overs"):
        taken_over = await scale_trials.take_overs(cluster, min(TAKEN_OVER, max(sizes)))
    return Measured(tuple(pairs), many, tuple(beside), max(sizes), started, peak, taken_over)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default=scale_costs.SIZES, help="combinations, with commas between")
    parser.add_argument("--output", type=Path, help="write the figures as a Markdown page")
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(","))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
