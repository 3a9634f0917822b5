"""Single passes, by hand and by a clock that goes when told to: what each does, writes, and when it calls for the next one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regsweep.adapters.kubeapi import JOBS, PODS, RESULTS, SWEEPS, KubeObject, Resource, name_of, uid_of
from regsweep.adapters.memory import Write
from regsweep.controller.clocks import Clocks
from regsweep.controller.passes.parts import Queues
from regsweep.controller.process.assembly import build_caches, build_claims, build_reconciler
from regsweep.controller.queues.analysis_queue import AnalysisQueue
from regsweep.controller.queues.prometheus_queue import PrometheusQueue
from regsweep.controller.queues.removal_queue import RemovalQueue
from regsweep.controller.queues.room_requests import RoomRequests
from regsweep.controller.queues.workqueue import WorkQueue
from regsweep.core.results.queries import TargetLabels
from regsweep.errors import Refused, Unavailable
from regsweep.metrics import REFILL_SECONDS, Metrics
from regsweep.settings import Settings
from unit.controller.fake_cluster import NAMESPACE, FakeCluster, analyse_here, settings, stamp, sweep_object

STATUS, RECORDS = "regularizationsweeps/status", "sweepresults"
ONE_COMBINATION = [{"name": "l2", "values": [0]}]
SETTINGS = settings(status_interval_seconds=5, store_interval_seconds=2, refusal_retry_seconds=60)


class RecordingQueue(WorkQueue):
    """A work queue that keeps the delays that it was given."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: 0.0)
        self.delays: list[float] = []

    def add(self, key: str, delay_seconds: float = 0.0) -> None:
        self.delays.append(delay_seconds)


class Stand:
    """A reconciler whose passes are made by hand, in a cluster in memory, with one sweep."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.cluster = FakeCluster()
        self.seconds = 1000.0
        self.metrics = Metrics()
        self.work = RecordingQueue()
        self.ahead = timedelta()
        """How far the wall clock is ahead."""
        clocks = Clocks(now=lambda: datetime.now(UTC) + self.ahead, monotonic=lambda: self.seconds)
        self.caches = build_caches(self.cluster.api, clocks)
        labels = TargetLabels("namespace", "pod")
        prometheus = PrometheusQueue(None, labels, on_answer=lambda _: None, metrics=self.metrics, clocks=clocks)
        analyses = AnalysisQueue(analyse_here, on_answer=lambda _: None, metrics=self.metrics)
        removals = RemovalQueue(on_end=lambda *_: None, clock=lambda: self.seconds)
        room = RoomRequests(on_request=lambda _: None, clock=lambda: self.seconds)
        queues = Queues(self.work, prometheus, analyses, removals, room)
        api = self.cluster.api
        self.reconciler = build_reconciler(
            api, settings, self.caches, queues, build_claims(api, settings, clocks), "operator", self.metrics, clocks
        )
        self.uid = ""

    async def apply(self, **spec: Any) -> None:
        self.uid = uid_of(await self.cluster.apply(sweep_object(**spec)))

    def sync(self) -> None:
        """The caches hear of all that has happened."""
        api, runs = self.cluster.api, self.caches.runs
        for resource, cache in ((SWEEPS, self.caches.sweeps), (JOBS, runs.jobs), (PODS, runs.pods)):
            objects = api.objects(resource)
            for obj in objects:
                cache.upsert(obj)
            cache.delete_unlisted(None, {uid_of(obj) for obj in objects}, 10**9)

    async def make_pass(self) -> tuple[Counter[str], list[float]]:
        """One pass; returns its writes (`verb resource`, a dry run as such) and the delays of the passes it calls for."""
        self.sync()
        self.work.delays.clear()
        before = len(self.cluster.api.writes)
        await self.reconciler.reconcile(self.uid)
        writes = self.cluster.api.writes[before:]
        return Counter(f"{'try' if w.dry_run else w.verb} {w.resource}" for w in writes), sorted(self.work.delays)

    async def start(self, **spec: Any) -> list[KubeObject]:
        """Applies the sweep and makes passes up to its first Jobs; returns their pods."""
        await self.apply(**spec)
        await self.make_pass()
        await self.make_pass()
        return await self.cluster.start_pods()


@pytest.fixture
def stand() -> Stand:
    return Stand()


async def test_the_first_pass_writes_down_what_is_pinned_and_calls_for_the_next(stand: Stand) -> None:
    await stand.apply()
    assert await stand.make_pass() == ({f"update {STATUS}": 1, "create events": 1}, [0.0])
    assert stand.cluster.status()["resolved"]["image"] == "trainer:1"


async def test_the_second_pass_tries_a_job_out_and_creates_as_many_as_there_are_slots(stand: Stand) -> None:
    await stand.apply()
    await stand.make_pass()
    writes, delays = await stand.make_pass()
    assert writes == {"try jobs": 1, "create jobs": 2}
    assert delays == [3.0, 5.0], "for pods that do not come, and for the status, which waits for its interval"


async def test_a_template_is_tried_out_once(stand: Stand) -> None:
    for pod in await stand.start():
        await stand.cluster.succeed(pod)
    writes, _ = await stand.make_pass()
    assert (writes["try jobs"], writes["create jobs"]) == (0, 2)


async def test_a_sweep_that_was_edited_since_the_cache_saw_it_is_looked_at_again_before_anything_is_written(
    stand: Stand,
) -> None:
    await stand.apply()
    stand.sync()
    await stand.cluster.edit(parallelism=1)
    stand.work.delays.clear()
    before = len(stand.cluster.api.writes)
    await stand.reconciler.reconcile(stand.uid)
    assert len(stand.cluster.api.writes) == before
    assert stand.work.delays == [0.0]
    await stand.reconciler.reconcile(stand.uid)
    await stand.reconciler.reconcile(stand.uid)
    assert len(stand.cluster.jobs()) == 1, "the answer itself brought the edit into the cache"


async def test_a_refused_job_is_reported_at_once_and_tried_again_when_its_time_has_come(stand: Stand) -> None:
    def refuse(write: Write) -> None:
        if write.resource == "jobs":
            raise Refused("exceeded quota", 403)

    await stand.apply()
    await stand.make_pass()
    stand.cluster.api.before_write = refuse
    writes, delays = await stand.make_pass()
    assert (writes["try jobs"], writes["create jobs"], writes[f"update {STATUS}"]) == (1, 0, 1)
    assert delays == [60.0]
    assert "exceeded quota" in stand.cluster.condition("Accepted")["message"]
    stand.seconds += 59
    assert await stand.make_pass() == ({}, [1.0])
    stand.seconds += 1
    assert (await stand.make_pass())[0] == {"try jobs": 1}
    stand.cluster.api.before_write = None
    stand.seconds += 60
    writes, _ = await stand.make_pass()
    assert writes == {"try jobs": 1, "create jobs": 2, f"update {STATUS}": 1}
    assert stand.cluster.condition("Accepted")["status"] == "True"


async def test_a_job_whose_creation_got_no_answer_is_not_tried_out_again(stand: Stand) -> None:
    def fail(write: Write) -> None:
        if write.resource == "jobs" and not write.dry_run:
            raise Unavailable("etcdserver: request timed out")

    await stand.apply()
    await stand.make_pass()
    stand.cluster.api.before_write = fail
    with pytest.raises(Unavailable):
        await stand.make_pass()
    stand.cluster.api.before_write = None
    writes, _ = await stand.make_pass()
    assert writes == {"create jobs": 2}


async def test_a_name_that_is_taken_is_reported_and_tried_again_in_five_seconds(stand: Stand) -> None:
    for pod in await stand.start(flags=ONE_COMBINATION):
        (job,) = stand.cluster.jobs()
        await stand.cluster.api.delete(PODS, NAMESPACE, name_of(pod), uid=uid_of(pod))
        await stand.cluster.api.delete(JOBS, NAMESPACE, name_of(job), uid=uid_of(job))
        await stand.cluster.api.create(JOBS, {**job, "metadata": {"name": name_of(job), "namespace": NAMESPACE}})
    await stand.make_pass()
    stand.seconds += 5
    _, delays = await stand.make_pass()
    assert 5.0 in delays
    (event,) = stand.cluster.events("NameTaken")
    assert name_of(job) in event["message"]


async def test_a_job_that_is_gone_without_a_record_is_wanted_again_at_once(stand: Stand) -> None:
    await stand.start(flags=ONE_COMBINATION)
    (job,) = stand.cluster.jobs()
    await stand.make_pass()
    await stand.cluster.api.delete(JOBS, NAMESPACE, name_of(job), uid=uid_of(job))
    _, delays = await stand.make_pass()
    assert delays[0] == 0.0
    await stand.make_pass()
    assert stand.cluster.created == [name_of(job)] * 2


async def test_a_record_waits_for_more_of_its_kind_and_is_then_stored_before_any_status_tells_of_it(
    stand: Stand,
) -> None:
    first, _ = await stand.start()
    await stand.cluster.succeed(first)
    writes, delays = await stand.make_pass()
    assert (writes[f"create {RECORDS}"], delays[0]) == (0, 2.0)
    stand.seconds += 1.5
    _, delays = await stand.make_pass()
    assert delays[0] == 0.5
    stand.seconds += 0.5
    writes, delays = await stand.make_pass()
    assert (writes[f"create {RECORDS}"], writes[f"update {STATUS}"], delays[0]) == (1, 0, 0.0)
    stand.seconds += 5
    writes, _ = await stand.make_pass()
    assert writes[f"update {STATUS}"] == 1
    assert stand.cluster.status()["runs"]["succeeded"] == 1


async def test_a_record_that_comes_right_after_others_were_stored_waits_as_long_as_they_did(stand: Stand) -> None:
    first, second = await stand.start()
    await stand.cluster.succeed(first)
    await stand.make_pass()
    stand.seconds += 2
    assert (await stand.make_pass())[0][f"create {RECORDS}"] == 1
    await stand.cluster.succeed(second)
    stand.seconds += 1
    writes, delays = await stand.make_pass()
    assert (writes[f"update {RECORDS}"], delays[0]) == (0, 2.0)


async def test_a_pass_that_stores_leaves_a_status_that_is_due_to_the_next(stand: Stand) -> None:
    first, _ = await stand.start()
    await stand.make_pass()
    await stand.cluster.succeed(first)
    await stand.make_pass()
    stand.seconds += 60
    assert f"update {STATUS}" not in (await stand.make_pass())[0]
    assert f"update {STATUS}" in (await stand.make_pass())[0]


async def test_a_status_tells_of_what_its_pass_has_done(stand: Stand) -> None:
    await stand.start()
    await stand.make_pass()
    await stand.cluster.edit(suspend=True)
    writes, _ = await stand.make_pass()
    assert (writes["patch jobs"], writes[f"update {STATUS}"]) == (2, 1)
    assert stand.cluster.condition("Suspended")["message"].startswith("2 runs suspended.")


async def test_how_long_a_slot_was_empty_is_measured(stand: Stand) -> None:
    (pod,) = await stand.start(parallelism=1)
    await stand.cluster.succeed(pod)
    stand.reconciler.note_pod_end(stand.uid)
    stand.seconds += 0.25
    await stand.make_pass()
    assert stand.metrics.registry.get_sample_value(f"{REFILL_SECONDS.name}_sum") == 0.25
    assert stand.metrics.registry.get_sample_value(f"{REFILL_SECONDS.name}_count") == 1


async def test_the_pods_of_an_ended_job_are_asked_for_once_where_the_cache_has_none(stand: Stand) -> None:
    reads: Counter[str] = Counter()

    def count(verb: str, resource: Resource) -> None:
        reads[f"{verb} {resource.plural}"] += 1

    (pod,) = await stand.start(flags=ONE_COMBINATION)
    await stand.cluster.succeed(pod)
    await stand.cluster.finish_jobs()
    await stand.cluster.api.delete(PODS, NAMESPACE, name_of(pod), uid=uid_of(pod))
    stand.cluster.api.before_read = count
    for _ in range(3):
        await stand.make_pass()
    assert reads["list pods"] == 1
    assert len(stand.cluster.created) == 2, "its record is lost: it is trained once more"


async def test_whether_the_namespace_is_terminating_is_asked_once_for_a_pod_that_is_taken_away(stand: Stand) -> None:
    pod, _ = await stand.start()
    live = await stand.cluster.api.get(PODS, NAMESPACE, name_of(pod))
    live["metadata"] |= {"deletionTimestamp": stamp(), "finalizers": ["batch.kubernetes.io/job-tracking"]}
    await stand.cluster.api.replace(PODS, live)
    asked = [(await stand.make_pass())[0]["try events"] for _ in range(3)]
    assert asked == [1, 0, 0]


async def test_a_sweep_that_is_over_holds_no_records(stand: Stand) -> None:
    reads: Counter[str] = Counter()

    def count(verb: str, resource: Resource) -> None:
        reads[resource.plural] += verb == "list"

    await stand.start(parallelism=4)
    for pod in await stand.cluster.start_pods() or stand.cluster.running():
        await stand.cluster.succeed(pod)
    await stand.cluster.finish_jobs()
    for _ in range(4):
        stand.seconds += 60
        await stand.make_pass()
    assert stand.cluster.is_over()
    stand.cluster.api.before_read = count
    await stand.make_pass()
    assert reads[RESULTS.plural] == 1, "a change reads them again"


async def test_a_sweep_is_confirmed_once_in_a_term(stand: Stand) -> None:
    gets = 0

    def count(verb: str, resource: Resource) -> None:
        nonlocal gets
        gets += (verb, resource) == ("get", SWEEPS)

    stand.cluster.api.before_read = count
    for pod in await stand.start():
        await stand.cluster.succeed(pod)
    await stand.make_pass()
    assert len(stand.cluster.jobs()) == 4
    assert gets == 1


async def test_nothing_of_an_earlier_term_counts(stand: Stand) -> None:
    reads: Counter[str] = Counter()

    def count(verb: str, resource: Resource) -> None:
        reads[f"{verb} {resource.plural}"] += 1

    for pod in await stand.start(parallelism=1):
        await stand.cluster.succeed(pod)
    stand.reconciler.give_up()
    stand.cluster.api.before_read = count
    writes, _ = await stand.make_pass()
    assert reads[f"list {RESULTS.plural}"] == 1
    assert reads[f"get {SWEEPS.plural}"] == 1, "the sweep is there by the API server's own word"
    assert writes["try jobs"] == 1


async def test_a_sweep_that_is_gone_is_forgotten(stand: Stand) -> None:
    await stand.start()
    await stand.cluster.api.delete(SWEEPS, NAMESPACE, "demo", uid=stand.uid)
    assert await stand.make_pass() == ({}, [])
    assert len(stand.caches.runs.jobs) == 0
    assert len(stand.caches.runs.pods) == 0
