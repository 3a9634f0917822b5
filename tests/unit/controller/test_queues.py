"""Kueue and the operator on the same Jobs, in memory: neither undoes what the other has done, and few writes and questions are made."""

from __future__ import annotations

from collections import Counter

import pytest

from regsweep.adapters.kubeapi import JOBS, KubeObject, Resource, name_of
from regsweep.adapters.memory import Write
from regsweep.controller.passes.workloads import ASK_SECONDS, UNREADABLE_SECONDS
from regsweep.errors import ApiError, NotPermitted, Unavailable, UnknownResource
from regsweep.settings import Settings
from support.kueue import PREEMPTED, WAITS, WORKLOADS, KueueByHand
from unit.controller.fake_cluster import NAMESPACE, settings
from unit.controller.test_reconcile import SETTINGS, Stand

READS = settings(status_interval_seconds=0, store_interval_seconds=2, refusal_retry_seconds=60, kueue_version="v1beta2")
QUEUE = {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "training"}}}


class Queue(Stand):
    """A stand whose Jobs Kueue takes when they are created, and which counts the questions about Workloads."""

    def __init__(self, settings: Settings = READS, queue: str = "training") -> None:
        super().__init__(settings)
        self.kueue = KueueByHand(self.cluster.api, queue)
        self.questions = 0
        self.error: ApiError | None = None
        self.cluster.api.before_write = self._webhook
        self.cluster.api.before_read = self._read

    async def begin(self, **spec: object) -> list[KubeObject]:
        """Passes up to the first Jobs, which Kueue takes."""
        await self.start(**spec)
        for job in self.cluster.jobs():
            await self.kueue.take(job)
        return self.cluster.jobs()

    async def quiet(self, passes: int = 5, seconds: float = 60) -> Counter[str]:
        """Passes, a minute apart; returns what they have written of Jobs and Workloads."""
        written: Counter[str] = Counter()
        for _ in range(passes):
            self.seconds += seconds
            written += (await self.make_pass())[0]
        return Counter({what: count for what, count in written.items() if what.split()[1] in ("jobs", "workloads")})

    def says(self, type_: str = "Progressing") -> tuple[str, str, str]:
        condition = self.cluster.condition(type_)
        return condition["status"], condition["reason"], condition["message"]

    def _webhook(self, write: Write) -> None:
        if (write.verb, write.resource) == ("create", "jobs") and write.object is not None:
            write.object["spec"]["suspend"] = True

    def _read(self, verb: str, resource: Resource) -> None:
        if resource.plural == WORKLOADS.plural and verb == "list":
            self.questions += 1
            if self.error is not None:
                raise self.error


async def test_a_queued_job_is_left_alone_and_kueues_words_are_told() -> None:
    stand = Queue()
    await stand.begin(template=QUEUE)
    assert await stand.quiet() == {}
    status, reason, text = stand.says()
    assert (status, reason) == ("False", "Queued")
    assert text.startswith(f"2 runs wait for a queue to admit them (training). Kueue says: {WAITS}.")


async def test_kueue_may_manage_jobs_without_a_queues_name() -> None:
    stand = Queue(queue="")
    await stand.begin()
    assert await stand.quiet() == {}
    assert "No queue is named: add label kueue.x-k8s.io/queue-name to the pod template." in stand.says()[2]


async def test_where_workloads_are_not_read_nothing_is_asked_and_nothing_is_undone() -> None:
    stand = Queue(SETTINGS)
    await stand.begin()
    assert await stand.quiet() == {}
    assert (stand.says()[1], stand.questions) == ("JobsSuspended", 0)


async def test_what_trains_asks_nothing_of_kueue() -> None:
    stand = Queue()
    for job in await stand.begin(template=QUEUE):
        await stand.kueue.admit(job)
    await stand.cluster.start_pods()
    await stand.make_pass()
    asked = stand.questions
    assert await stand.quiet() == {}
    assert stand.questions == asked


async def test_a_preempted_run_is_told_of_in_kueues_words_and_goes_on_when_it_is_admitted_again() -> None:
    stand = Queue()
    first, second = await stand.begin(template=QUEUE)
    for job in (first, second):
        await stand.kueue.admit(job)
    await stand.kueue.evict(first)
    assert await stand.quiet() == {}
    await stand.kueue.evict(second)
    await stand.quiet()
    assert stand.says()[1] == "Requeued"
    assert f"Kueue says: {PREEMPTED}." in stand.says()[2]
    await stand.kueue.admit(first)
    await stand.cluster.start_pods()
    assert await stand.quiet() == {}
    assert stand.says()[:2] == ("True", "RunsTraining")


async def test_a_pause_stops_and_resumes_admitted_jobs_by_one_write_to_each_workload() -> None:
    stand = Queue()
    first, second = await stand.begin(template=QUEUE)
    await stand.kueue.admit(first)
    await stand.make_pass()
    await stand.cluster.edit(suspend=True)
    assert await stand.quiet() == {"patch workloads": 2}
    assert stand.says("Suspended")[:2] == ("False", "Suspending"), "Kueue has not stopped it yet"
    for job in (first, second):
        assert (await stand.kueue.workload(job))["metadata"]["annotations"] == {"regsweep.dev/suspended": "true"}
    await stand.kueue.evict(first, "Deactivated", "The workload is deactivated")
    assert await stand.quiet() == {}
    assert stand.says("Suspended")[0] == "True"
    await stand.cluster.edit(suspend=False)
    assert await stand.quiet() == {"patch workloads": 2}
    assert [(await stand.kueue.workload(job))["spec"]["active"] for job in (first, second)] == [True, True]


async def test_passes_in_quick_succession_write_once() -> None:
    stand = Queue()
    await stand.begin(template=QUEUE)
    for suspend in (True, False):
        await stand.cluster.edit(suspend=suspend)
        assert await stand.quiet(seconds=0.1) == {"patch workloads": 2}


async def test_what_a_person_has_deactivated_stays_so_over_a_pause() -> None:
    stand = Queue()
    first, second = await stand.begin(template=QUEUE)
    await stand.kueue.activate(first, False)
    assert await stand.quiet() == {}
    assert stand.says()[1] == "WorkloadDeactivated"
    for suspend in (True, False):
        await stand.cluster.edit(suspend=suspend)
        assert await stand.quiet() == {"patch workloads": 1}
    assert [(await stand.kueue.workload(job))["spec"]["active"] for job in (first, second)] == [False, True]


async def test_a_workload_that_a_person_activates_in_a_pause_trains_until_the_next_pause() -> None:
    stand = Queue()
    first, _ = await stand.begin(template=QUEUE)
    await stand.cluster.edit(suspend=True)
    await stand.quiet()
    await stand.kueue.activate(first, True)
    await stand.kueue.admit(first)
    await stand.cluster.start_pods()
    assert await stand.quiet() == {}
    assert f"Somebody has resumed {name_of(first)}." in stand.says("Suspended")[2]
    await stand.cluster.edit(suspend=False)
    assert await stand.quiet() == {"patch workloads": 2}
    await stand.cluster.edit(suspend=True)
    assert await stand.quiet() == {"patch workloads": 2}


@pytest.mark.parametrize(
    ("error", "questions"),
    [
        pytest.param(UnknownResource("no matches", 404), 2, id="Kueue is not installed"),
        pytest.param(NotPermitted("forbidden", 403), 2, id="it may not be read"),
        pytest.param(Unavailable("overloaded", 503), 10, id="the API server is away"),
    ],
)
async def test_a_kueue_that_does_not_answer_is_asked_now_and_then(error: ApiError, questions: int) -> None:
    stand = Queue()
    stand.error = error
    await stand.begin(template=QUEUE)
    before = stand.questions
    assert await stand.quiet(10) == {}
    assert 0 < stand.questions - before <= questions, f"{UNREADABLE_SECONDS:g} s in between"
    assert stand.says()[1] == "Queued"


async def test_kueues_words_are_asked_for_every_ten_seconds_while_nothing_changes() -> None:
    stand = Queue()
    await stand.begin(template=QUEUE)
    await stand.quiet(2)
    before = stand.questions
    for _ in range(100):
        stand.seconds += 0.5
        _, delays = await stand.make_pass()
        assert 0 < max(delays) <= ASK_SECONDS, "the next look is called for"
    assert stand.questions - before == 50 / ASK_SECONDS


async def test_a_person_suspends_and_resumes_a_job() -> None:
    stand = Stand(settings(status_interval_seconds=0))
    await stand.start()
    first, second = stand.cluster.jobs()
    await stand.cluster.api.patch(JOBS, NAMESPACE, name_of(first), {"spec": {"suspend": True}})
    for suspend in (None, True, False):
        if suspend is not None:
            await stand.cluster.edit(suspend=suspend)
        written = [await stand.make_pass() for _ in range(4)]
        assert sum(writes["patch jobs"] for writes, _ in written) == (0 if suspend is None else 1), "the other Job"
    first, second = stand.cluster.jobs()
    assert (first["spec"]["suspend"], second["spec"]["suspend"]) == (True, False)
    assert f"somebody has suspended Job {name_of(first)}" in stand.cluster.condition("Progressing")["message"]
