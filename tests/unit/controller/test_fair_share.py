"""Sweeps share an operator: one that has hundreds of Jobs to create keeps no other one waiting."""

from __future__ import annotations

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
