"""Writes to Jobs: what each create comes to, that one failure stops no other write, and that the cache sees them at once."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.adapters.kubeapi import JOBS, KubeObject, name_of, uid_of
from regsweep.adapters.memory import MemoryApi, Write
from regsweep.adapters.object_cache import ObjectCache
from regsweep.api.constants import SUSPENDED_ANNOTATION
from regsweep.controller.caches.run_cache import RunCache
from regsweep.controller.caches.trimming import sweep_uid_of, trim_job
from regsweep.controller.writers.job_writer import Creation, JobWriter, NewJob
from regsweep.core.kubernetes.podtemplate import JobDefaults
from regsweep.core.plan import Plan, plan
from regsweep.core.results.records import Records
from regsweep.core.runs import RunRef
from regsweep.core.world import Observed
from regsweep.errors import Refused, Unavailable
from regsweep.metrics import RUNS_CREATED, Metrics
from unit.core.simulation import START, sweep_of

SWEEP = sweep_of({"l2": [0, 0.1, 0.2]}, parallelism=3)


class Stand:
    """A writer with an API in memory, and the three Jobs that a plan wants."""

    def __init__(self) -> None:
        self.api = MemoryApi()
        self.metrics = Metrics()
        jobs = ObjectCache(group_by=sweep_uid_of, trim=trim_job, keep_tombstones=True)
        self.cache = RunCache(jobs, ObjectCache(group_by=sweep_uid_of))
        self.writer = JobWriter(self.api, self.cache, JobDefaults(), self.metrics)
        requests = plan(SWEEP, Observed(Records()), START).create
        self.jobs = self.writer.jobs_of(SWEEP, requests, None)

    async def create(self, *jobs: NewJob) -> list[Creation]:
        return await self.writer.create(SWEEP, jobs)

    async def created(self) -> list[RunRef]:
        """The three Jobs, created."""
        await self.create(*self.jobs)
        return [RunRef(name_of(job), uid_of(job)) for job in self.api.objects(JOBS)]

    def spec(self, run: RunRef) -> KubeObject:
        """The Job's spec as the cache has it."""
        job = self.cache.jobs.get(run.uid)
        assert job is not None
        spec: KubeObject = job["spec"]
        return spec


@pytest.fixture
def stand() -> Stand:
    return Stand()


def foreign(job: NewJob, **metadata: Any) -> KubeObject:
    """Another's Job of that name."""
    meta = {"name": job.request.name, "namespace": SWEEP.namespace, **metadata}
    return {"metadata": meta, "spec": {}}


async def test_a_job_that_is_created_is_in_the_cache_at_once(stand: Stand) -> None:
    assert await stand.create(*stand.jobs) == [Creation.CREATED] * 3
    assert len(stand.cache.jobs) == 3
    assert stand.metrics.value(RUNS_CREATED) == 3


async def test_a_job_that_an_earlier_create_has_made_is_as_good_as_created(stand: Stand) -> None:
    await stand.api.create(JOBS, stand.jobs[0].manifest)
    assert await stand.create(stand.jobs[0]) == [Creation.CREATED]
    assert len(stand.cache.jobs) == 1
    assert stand.metrics.value(RUNS_CREATED) == 0


async def test_the_name_of_anothers_job_is_taken_and_the_job_is_left_out_of_the_cache(stand: Stand) -> None:
    await stand.api.create(JOBS, foreign(stand.jobs[1]))
    assert await stand.create(*stand.jobs) == [Creation.CREATED, Creation.NAME_TAKEN, Creation.CREATED]
    assert len(stand.cache.jobs) == 2


async def test_the_name_of_a_job_that_is_being_deleted_is_about_to_be_free(stand: Stand) -> None:
    made = await stand.api.create(JOBS, foreign(stand.jobs[0], finalizers=["x/y"]))
    await stand.api.delete(JOBS, SWEEP.namespace, name_of(made), uid=uid_of(made))
    assert await stand.create(stand.jobs[0]) == [Creation.NAME_LEAVING]


async def test_the_name_of_a_job_that_goes_in_between_is_about_to_be_free(stand: Stand) -> None:
    made = await stand.api.create(JOBS, foreign(stand.jobs[0]))

    def go(verb: str, resource: object) -> None:
        if verb == "get":
            stand.api.before_read = None
            stand.api._remove(JOBS, made)

    stand.api.before_read = go
    assert await stand.create(stand.jobs[0]) == [Creation.NAME_LEAVING]


async def test_trying_out_leaves_nothing_and_says_what_the_server_says(stand: Stand) -> None:
    await stand.writer.try_out(stand.jobs[0])
    assert stand.api.objects(JOBS) == []
    await stand.api.create(JOBS, stand.jobs[0].manifest)
    await stand.writer.try_out(stand.jobs[0])

    def refuse(_: Write) -> None:
        raise Refused("nodeSelector: not allowed", 422)

    stand.api.before_write = refuse
    with pytest.raises(Refused, match="nodeSelector"):
        await stand.writer.try_out(stand.jobs[1])


async def test_jobs_are_deleted_suspended_resumed_and_widened_and_the_cache_sees_it(stand: Stand) -> None:
    deleted, suspended, widened = await stand.created()
    await stand.writer.change(SWEEP.namespace, Plan(delete=(deleted,), suspend=(suspended,), scale=((widened, 4),)))
    assert stand.cache.jobs.get(deleted.uid) is None
    assert deleted.uid not in stand.cache.jobs, "a Job that we deleted ourselves leaves no tombstone"
    assert stand.spec(suspended)["suspend"] is True
    assert stand.spec(widened)["parallelism"] == 4
    await stand.writer.change(SWEEP.namespace, Plan(resume=(suspended,)))
    assert stand.spec(suspended)["suspend"] is False
    assert len(stand.api.objects(JOBS)) == 2


async def test_a_suspension_is_marked_in_the_same_write_and_the_mark_goes_with_it(stand: Stand) -> None:
    suspended = (await stand.created())[0]
    assert _mark(stand, suspended) == "false"
    for changes, mark in ((Plan(suspend=(suspended,)), "true"), (Plan(resume=(suspended,)), "false")):
        before = len(stand.api.writes)
        await stand.writer.change(SWEEP.namespace, changes)
        assert (len(stand.api.writes) - before, _mark(stand, suspended)) == (1, mark)


async def test_a_job_that_somebody_has_suspended_in_between_is_neither_marked_nor_resumed(stand: Stand) -> None:
    run = (await stand.created())[0]
    await stand.api.patch(JOBS, SWEEP.namespace, run.name, {"spec": {"suspend": True}})
    for changes in (Plan(suspend=(run,)), Plan(resume=(run,))):
        await stand.writer.change(SWEEP.namespace, changes)
        (live,) = [job for job in stand.api.objects(JOBS) if uid_of(job) == run.uid]
        assert live["metadata"]["annotations"][SUSPENDED_ANNOTATION] == "false"
        assert live["spec"]["suspend"] is True


def _mark(stand: Stand, run: RunRef) -> str:
    (live,) = [job for job in stand.api.objects(JOBS) if uid_of(job) == run.uid]
    return str(live["metadata"]["annotations"][SUSPENDED_ANNOTATION])


async def test_a_job_that_stays_for_a_while_after_its_delete_is_seen_to_be_deleting(stand: Stand) -> None:
    made = await stand.api.create(JOBS, stand.jobs[0].manifest)
    await stand.api.patch(JOBS, SWEEP.namespace, name_of(made), {"metadata": {"finalizers": ["x/y"]}})
    await stand.writer.change(SWEEP.namespace, Plan(delete=(RunRef(name_of(made), uid_of(made)),)))
    job = stand.cache.jobs.get(uid_of(made))
    assert job is not None
    assert "deletionTimestamp" in job["metadata"]


async def test_another_job_of_a_deleted_ones_name_is_not_touched(stand: Stand) -> None:
    run = (await stand.created())[0]
    stale = RunRef(run.name, "uid-of-an-earlier-one")
    before = stand.api.objects(JOBS)
    await stand.writer.change(SWEEP.namespace, Plan(delete=(stale,), suspend=(stale,), scale=((stale, 9),)))
    assert stand.api.objects(JOBS) == before


async def test_a_write_that_fails_stops_no_other_and_is_raised_in_the_end(stand: Stand) -> None:
    runs = await stand.created()

    def fail(write: Write) -> None:
        if write.name == runs[0].name:
            raise Unavailable("etcdserver: request timed out")

    stand.api.before_write = fail
    with pytest.raises(Unavailable, match="etcdserver"):
        await stand.writer.change(SWEEP.namespace, Plan(delete=tuple(runs)))
    assert [name_of(job) for job in stand.api.objects(JOBS)] == [runs[0].name]
