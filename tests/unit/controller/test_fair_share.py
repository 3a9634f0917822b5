"""Sweeps share an operator: one that has hundreds of Jobs to create keeps no other one waiting."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from regsweep.api.validation import parse_sweep
from unit.controller.fake_cluster import FakeCluster, operating, sweep_object, until

COMBINATIONS = 400


async def test_a_small_sweep_does_not_wait_until_a_large_one_has_all_its_jobs() -> None:
    cluster = FakeCluster()
    large = [{"name": "l2", "range": {"from": 0, "to": 1, "points": COMBINATIONS}}]
    async with operating(cluster, workers=1):
        for number in range(2):
            await cluster.apply(sweep_object(f"large-{number}", flags=large, parallelism=1000, replicates=1))
        await cluster.apply(sweep_object("small"))
        await until(lambda: any(name.startswith("small-") for name in cluster.created))
        before = len(cluster.created)
        await until(lambda: len(cluster.created) == 2 * COMBINATIONS + 2)
    assert before < COMBINATIONS, "it has its turn while the large ones go on"
    assert len(set(cluster.created)) == len(cluster.created)


@pytest.mark.parametrize("valid", [True, False])
async def test_a_large_grid_is_taken_in_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch, valid: bool) -> None:
    cluster, threads = FakeCluster(), set()

    def noting(*arguments: Any, **named: Any) -> Any:
        threads.add(threading.get_ident())
        return parse_sweep(*arguments, **named)

    monkeypatch.setattr("regsweep.controller.passes.acceptance.parse_sweep", noting)
    async with operating(cluster):
        await cluster.apply(sweep_object(replicates=2 if valid else 0))
        await until(lambda: cluster.status().get("state") == ("Pending" if valid else "Invalid"))
    assert threads
    assert threading.get_ident() not in threads
