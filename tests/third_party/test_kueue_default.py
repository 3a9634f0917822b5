"""Sweeps beside the real Kueue as it comes, which leaves alone the Jobs that name no queue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from integration.laboratory import Lab, eventually, is_complete, laboratory, operating, says
from regsweep.adapters.kubeapi import JOBS
from third_party.kueue import Kueue
from third_party.test_kueue import CPU, FOUR, READS, WORKLOADS, count_jobs, edit, patches, suspended_is, template


@pytest.fixture
async def lab(kueue_by_default: Kueue) -> AsyncIterator[Lab]:
    """A fresh namespace with a queue that has quota for one pod."""
    async with laboratory(kueue_by_default.cluster) as fresh:
        kueue_by_default.queue(fresh.namespace, cpus=1)
        yield fresh


async def test_a_sweep_that_names_a_queue_waits_for_its_quota(lab: Lab) -> None:
    async with operating(lab, **READS) as operator:
        await lab.apply(**FOUR, template=template())
        await eventually(lambda: says(lab, "Queued", "insufficient unused quota"))
        assert await count_jobs(lab, suspended=False, count=1)
        await lab.train_until(is_complete)
        assert await patches(operator) == {}
    assert len(lab.trained) == 4


async def test_a_sweep_that_names_none_trains_at_once_and_is_paused_by_its_jobs(lab: Lab) -> None:
    async with operating(lab, **READS) as operator:
        await lab.apply(**FOUR, template=CPU)
        await eventually(partial(count_jobs, lab, suspended=False, count=2))
        await edit(lab, suspend=True)
        await eventually(partial(suspended_is, lab, "True"))
        await eventually(partial(count_jobs, lab, suspended=True, count=2))
        await edit(lab, suspend=False)
        await eventually(partial(count_jobs, lab, suspended=False, count=2))
        assert not await lab.all(WORKLOADS)
        assert await patches(operator) == {"jobs": 4}
        await lab.train_until(is_complete)
        assert len(await lab.all(JOBS)) == 4
    assert len(lab.trained) == 4
