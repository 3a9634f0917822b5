"""A minute of the soak: sweeps on a real API server while things go wrong at random, from a fixed seed. An hour of it: `make soak`."""

from __future__ import annotations

from bench.soak import soak, table
from cluster import Cluster

SEED = 11
MINUTES = 1.0
KINDS = ["all of it"]
"""Each kind by itself has tests of its own, and its rows in the long soak."""


async def test_a_minute_of_everything_at_random_loses_nothing_and_leaves_nothing_stuck(with_crds: Cluster) -> None:
    tallies = await soak(with_crds, MINUTES, SEED, KINDS)
    assert all(tally.is_good for tally in tallies.values()), f"{table(tallies)}\n{tallies}"
