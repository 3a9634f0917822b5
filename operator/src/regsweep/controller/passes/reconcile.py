"""One pass over a sweep: observe, plan, act, one status write. Level-triggered: a pass may be lost, repeated or cut off anywhere.

Order of a pass: Jobs are created while records are stored, then Jobs change, then the status is written, then events. A Job
is deleted only by a later pass, which has seen its records stored; one that holds nothing any more is deleted beside the passes. When
a slot becomes free while records or a status are written, the pass ends, and a later one takes what became of them.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import Final

from regsweep.adapters.kubeapi import KubeApi, KubeObject, is_deleting, namespace_of, uid_of, version_of
from regsweep.api.conditions import Reason
from regsweep.controller.clocks import Clocks
from regsweep.controller.passes import pod_refusals
from regsweep.controller.passes.admission import Admission, retry_after
from regsweep.controller.passes.claiming import Claims
from regsweep.controller.passes.confirmation import read_live_sweep
from regsweep.controller.passes.expiry import expire
from regsweep.controller.passes.memory import SweepMemory
from regsweep.controller.passes.observation import InvalidSpec, NotOurs, Observation, TerminatingNamespace
from regsweep.controller.passes.outcome import Outcome, name_notices, reason_of, refusal_notices, split_deletions
from regsweep.controller.passes.parts import Caches, Queues, Writers
from regsweep.controller.passes.schedule import Intervals, paced, wake_ups
from regsweep.controller.passes.status_pace import LastStatus, is_idle, seconds_until_status, urgent_of
from regsweep.controller.passes.store_pace import seconds_until_store
from regsweep.controller.passes.sweep_reader import SweepReader
from regsweep.controller.passes.tombstones import forget_tombstones
from regsweep.controller.passes.unstored import set_owners, sparing
from regsweep.controller.queues.prometheus_queue import pods_to_ask_about
from regsweep.controller.queues.removal_queue import LOT
from regsweep.controller.writers.concurrency import or_failure, run_both
from regsweep.controller.writers.job_writer import Creation
from regsweep.controller.writers.record_store import RecordStore
from regsweep.core.kept import Kept
from regsweep.core.plan import Plan, plan
from regsweep.core.refusals import refused_job
from regsweep.core.results.records import Record
from regsweep.core.runs import RunRequest
from regsweep.core.status import is_over, refused_status, sweep_status
from regsweep.core.sweep import Point
from regsweep.core.waiting import all_have_pods, told_refusal
from regsweep.errors import ApiError, InvalidTemplate, Refused
from regsweep.metrics import GPU_SECONDS, RECORDS_REFUSED, RECORDS_STORED, REFILL_SECONDS, REFUSED_RECORDS, Metrics

logger = logging.getLogger(__name__)

CREATES_PER_PASS: Final = 50
"""Jobs that one pass creates: then the sweep's own news have their turn, and other sweeps'."""
NAME_RETRY_SECONDS: Final = 5.0
"""After so long a Job is tried again whose name another Job has."""
SCRIPT_RETRY_SECONDS: Final = 5.0
"""After so long a ConfigMap is looked for again that a script is expected in."""


class Reconciler:
    """Passes over sweeps. One sweep must not be in two passes at a time: the work queue sees to it."""

    def __init__(
        self,
        api: KubeApi,
        caches: Caches,
        queues: Queues,
        reader: SweepReader,
        claims: Claims,
        writers: Writers,
        metrics: Metrics,
        intervals: Intervals,
        clocks: Clocks,
    ) -> None:
        self._api = api
        self._caches = caches
        self._queues = queues
        self._reader = reader
        self._claims = claims
        self._writers = writers
        self._metrics = metrics
        self._intervals = intervals
        self._clocks = clocks
        self._memories: dict[str, SweepMemory] = {}

    def give_up(self) -> None:
        """Gives up what is under way beside the passes, and forgets everything: in another's term anything may happen."""
        for memory in self._memories.values():
            memory.give_up()
        self._memories.clear()

    def note_pod_end(self, sweep_uid: str) -> None:
        """Notes that a pod has ended, for the time that its slot takes to be filled again."""
        memory = self._memories.get(sweep_uid)
        if memory is not None:
            now = self._clocks.monotonic()
            memory.freed_slots.free(now)
            memory.slot_freed.set()
            if memory.admission is not None:
                memory.admission = memory.admission.after_room(now)

    async def reconcile(self, uid: str) -> None:
        """One pass over the sweep of this UID.

        Raises ApiError: the pass is to be repeated.
        """
        sweep = self._caches.sweeps.get(uid)
        if sweep is None or is_deleting(sweep):
            self._forget(uid)
            return
        memory = self._memory_of(sweep)
        memory.slot_freed.clear()
        observation = await self._reader.observe(sweep, memory)
        if isinstance(observation, Observation):
            await self._follow(sweep, observation, memory)
        elif isinstance(observation, NotOurs):
            await self._leave(sweep, observation, memory)
        elif isinstance(observation, TerminatingNamespace):
            await self._writers.jobs.change(namespace_of(sweep), Plan(delete=observation.jobs))
        else:
            await self._refuse(sweep, observation, memory)

    async def _follow(self, sweep: KubeObject, observation: Observation, memory: SweepMemory) -> None:
        """Carries out what is planned for a sweep that is accepted."""
        if not observation.started and not await self._is_confirmed(sweep, memory):
            return
        if not observation.started and not observation.pinned:
            await self._pin(observation, memory)
            return
        if not observation.claimed:
            await self._claim(observation, memory)
            return
        planned = plan(observation.sweep, observation.observed, observation.now, memory.kept)
        if planned.create and not await self._is_confirmed(sweep, memory):
            return
        outcome = await self._act(observation, planned, memory)
        await self._follow_up(observation, planned, outcome, memory)
        # Else the next pass reports, which has seen them stored.
        if not (outcome.stored or memory.storing.is_under_way):
            await self._report(observation, planned, memory)
        if failure := outcome.failure or outcome.not_stored:
            raise failure  # only now: a write that is refused again and again must not keep the status from being written
        await expire(observation, planned, memory, self._writers, self._queues.sweeps, self._intervals)

    # Before the first Job

    async def _leave(self, sweep: KubeObject, found: NotOurs, memory: SweepMemory) -> None:
        """Leaves the sweep to another operator; says so where that is not what the sweep asks for, and comes again."""
        uid = uid_of(sweep)
        memory.give_up()
        memory.records.forget()
        memory.prior = None
        self._queues.forget(uid)
        if found.claim is not None:
            memory.notices.add([self._claims.notice(found.claim)])
            await self._writers.status.tell(sweep, memory.notices)
            self._queues.sweeps.add(uid, self._claims.retry_seconds)

    async def _claim(self, observation: Observation, memory: SweepMemory) -> None:
        """Writes our claim of a sweep that was begun without one, or by an operator that is gone."""
        await self._writers.status.write(observation.object, observation.prior, observation.prior, memory.notices)
        memory.confirmed = False
        self._queues.sweeps.add(observation.uid)  # the next pass decides on what was written

    async def _refuse(self, sweep: KubeObject, invalid: InvalidSpec, memory: SweepMemory) -> None:
        """Says in the status which rules the spec breaks."""
        generation = sweep["metadata"]["generation"]
        status = refused_status(Reason.INVALID, invalid.problems, invalid.prior, generation, self._clocks.now())
        await self._writers.status.write(sweep, invalid.prior, status, memory.notices)
        memory.last_status = LastStatus(self._clocks.monotonic(), urgent=None)
        if invalid.look_again:
            self._queues.sweeps.add(uid_of(sweep), SCRIPT_RETRY_SECONDS)

    async def _is_confirmed(self, sweep: KubeObject, memory: SweepMemory) -> bool:
        """Whether the sweep is as the cache has it, by the API server's own word; asked once in a term."""
        if memory.confirmed:
            return True
        live = await read_live_sweep(self._api, sweep)
        if live is None:
            return False
        memory.confirmed = True
        if version_of(live) > version_of(sweep):
            self._caches.sweeps.upsert_from_write(live)
            self._queues.sweeps.add(uid_of(sweep))
            return False
        return True

    async def _pin(self, observation: Observation, memory: SweepMemory) -> None:
        """Writes down what is pinned before the first Job, which a successor with other defaults must not pin anew."""
        await self._write_status(observation, Plan(), memory)
        self._queues.sweeps.add(observation.uid)  # the next pass decides on what was written

    # Acting

    async def _act(self, observation: Observation, planned: Plan, memory: SweepMemory) -> Outcome:
        """Carries the plan out. A GPU does not wait for records to be written, nor do records for a Job that is refused."""
        due = self._due_records(observation, planned, memory)
        ended, pressing = split_deletions(observation.observed, planned.delete)
        if ended:
            remove = partial(self._writers.jobs.remove, observation.sweep.namespace, ended[:LOT])
            self._queues.removals.start(observation.uid, remove)
        none_created: dict[str, Creation] = {}
        (creations, not_created), (stored, not_stored, not_changed) = await run_both(
            or_failure(partial(self._create, observation, planned.create, memory), none_created),
            self._store_and_change(observation, replace(planned, delete=pressing), due, memory),
        )
        return Outcome(creations, stored, pressing, not_changed or not_created, not_stored)

    def _due_records(self, observation: Observation, planned: Plan, memory: SweepMemory) -> tuple[Record, ...]:
        """The plan's records, unless they wait for more of their kind, or others are being stored."""
        if memory.storing.is_under_way:
            return ()
        if not planned.store:
            memory.unstored_since = None
            return ()
        now = self._clocks.monotonic()
        if memory.unstored_since is None:
            memory.unstored_since = now
        interval = paced(self._intervals.store, memory.storing_took)
        wait = seconds_until_store(observation.observed, planned, now - memory.unstored_since, interval)
        if wait > 0:
            self._queues.sweeps.add(observation.uid, wait)
            return ()
        return planned.store

    async def _create(
        self, observation: Observation, requests: tuple[RunRequest, ...], memory: SweepMemory
    ) -> dict[str, Creation]:
        """Creates Jobs. The first one of a template is tried out before, so that what is refused is refused once."""
        sweep, template = observation.sweep, observation.template
        if not requests:
            memory.freed_slots.fill(0, self._clocks.monotonic())
            if all_have_pods(observation.observed):
                memory.pod_refusals.careful_about = ""
            return {}
        requests, left = requests[:CREATES_PER_PASS], requests[CREATES_PER_PASS:]
        try:
            if not memory.script_copied:
                await self._writers.scripts.ensure(sweep, template.script)
                memory.script_copied = True
            jobs = self._writers.jobs.jobs_of(sweep, requests, template.object, template.fingerprint)
            if memory.admission is None or not memory.admission.admits(template.fingerprint):
                await self._writers.jobs.try_out(jobs[0])
                memory.admission = Admission(template.fingerprint)
            creations = await self._writers.jobs.create(sweep, jobs)
        except (Refused, InvalidTemplate) as refused:
            logger.warning("%s/%s: %s", sweep.namespace, sweep.name, refused)
            refusal = refused_job(reason_of(refused), str(refused))
            retry_at = self._clocks.monotonic() + retry_after(refusal, self._intervals.refusal_retry)
            memory.admission = Admission(template.fingerprint, refusal, retry_at)
            return {}
        if left:
            self._queues.sweeps.add(observation.uid)
        for waited in memory.freed_slots.fill(len(requests), self._clocks.monotonic()):
            self._metrics.observe(REFILL_SECONDS, waited)
        return {request.name: creation for request, creation in zip(requests, creations, strict=True)}

    async def _store_and_change(
        self, observation: Observation, planned: Plan, due: tuple[Record, ...], memory: SweepMemory
    ) -> tuple[tuple[Record, ...], ApiError | None, ApiError | None]:
        """Stores records, then changes Jobs; returns what was stored, why results were not written, and why Jobs were not changed.

        Where no Job is to be changed, it returns when a slot becomes free; what is stored by then a later pass learns.
        """
        now, not_owned = self._clocks.monotonic(), None
        if not memory.storing.is_under_way:
            not_owned = await set_owners(observation.sweep, memory, now, self._intervals.refusal_retry)
        if due:
            targets = planned.progress.targets if planned.progress is not None else ()
            memory.storing.start(self._store(due, observation, [target.point for target in targets], memory))
        whole, call = planned.changes or planned.stop is not None, partial(self._queues.sweeps.add, observation.uid)
        storing = partial(memory.storing.outcome, memory.slot_freed, call, whole=whole)
        stored, not_stored = await or_failure(storing, None)
        if not_stored is not None:
            planned, memory.unstored_since = sparing(planned, observation.observed), now
        change = partial(self._writers.jobs.change, observation.sweep.namespace, planned)
        _, not_changed = await or_failure(change, None)
        memory.asking.note_asked([run.name for run in planned.ask_again], self._clocks.monotonic())
        return stored or (), not_stored or not_owned, not_changed

    async def _store(
        self, due: tuple[Record, ...], observation: Observation, points: list[Point], memory: SweepMemory
    ) -> tuple[Record, ...]:
        """Stores records; returns those that were not stored before."""
        began = self._clocks.monotonic()
        stored = await memory.records.add(due, observation.sweep, points)
        memory.unstored_since, memory.storing_took = None, self._clocks.monotonic() - began
        self._metrics.count(RECORDS_STORED, len(stored))
        gpu_seconds = sum(record.gpu_seconds or 0.0 for record in stored)
        self._metrics.count(GPU_SECONDS, gpu_seconds, namespace=observation.sweep.namespace)
        for record in stored:
            if record.reason in REFUSED_RECORDS:
                self._metrics.count(RECORDS_REFUSED, reason=record.reason.value)
        return stored

    async def _follow_up(self, observation: Observation, planned: Plan, outcome: Outcome, memory: SweepMemory) -> None:
        """What acting leaves to be done: notices kept, tombstones dropped, questions asked, and the next pass called for."""
        uid, add = observation.uid, self._queues.sweeps.add
        refusals = refusal_notices(outcome, self._queues.removals.failure(uid))
        memory.notices.add([*name_notices(outcome), *refusals, *planned.notices])
        if planned.deactivate or planned.activate:
            memory.workloads.forget()
        if planned.delete and memory.admission is not None:
            memory.admission = memory.admission.after_room(self._clocks.monotonic())
        # The next pass sees stored records, slots that are free, and Jobs whose runs go on in others.
        if outcome.stored or outcome.deleted or planned.rests or any(request.moved for request in planned.create):
            add(uid)
        if any(creation is not Creation.CREATED for creation in outcome.creations.values()):
            add(uid, NAME_RETRY_SECONDS)
        if outcome.creations:
            add(uid, pod_refusals.PODLESS_SECONDS)  # no news comes of pods that do not
        if forget_tombstones(self._caches.runs, observation, planned, await memory.records.all()):
            add(uid)  # what the Job covered may be wanted again
        refusal = told_refusal(replace(observation.observed, refusal=memory.refusal))
        if refusal is not None and refusal.counts_objects and not observation.sweep.spec.suspend:
            namespace = observation.sweep.namespace
            self._queues.room.make(namespace, uid, self._caches.sweeps_with_jobs(namespace))
        self._ask_prometheus(observation, planned)
        if planned.analyse is not None:
            self._queues.analyses.ask(uid, planned.analyse)
        for seconds in wake_ups(observation, planned, memory, self._clocks.monotonic()):
            add(uid, seconds)

    def _ask_prometheus(self, observation: Observation, planned: Plan) -> None:
        """Asks about ended pods that are awaited at once, about running ones now and then."""
        if not self._queues.prometheus.is_configured:
            return
        pods = pods_to_ask_about(observation.observed, planned.awaiting)
        if not pods:
            return
        interval = self._intervals.collect if planned.awaiting else self._intervals.live
        run_name = observation.observed.runs[0].name
        wait = self._queues.prometheus.ask(observation.uid, observation.sweep.namespace, run_name, pods, interval)
        if wait is not None:
            self._queues.sweeps.add(observation.uid, wait)

    # Reporting

    async def _report(self, observation: Observation, planned: Plan, memory: SweepMemory) -> None:
        """Writes the status where it is due, as the world is once the plan was carried out. No slot waits for that."""
        call = partial(self._queues.sweeps.add, observation.uid)
        reporting = memory.reporting
        if reporting.is_under_way and await reporting.outcome(memory.slot_freed, call, whole=False) is None:
            return
        after = replace(observation, observed=replace(observation.observed, refusal=memory.refusal))
        last, now = memory.last_status, self._clocks.monotonic()
        interval = paced(self._intervals.status, last.took if last is not None else 0.0)
        wait = seconds_until_status(after, planned, last, now, interval)
        if wait is None:
            return
        if wait > 0:
            self._queues.sweeps.add(observation.uid, wait)
            return
        runs = self._caches.runs.runs_of(observation.object)
        after = replace(after, observed=replace(after.observed, runs=runs))
        reporting.start(self._write_status(after, planned, memory))
        over = await reporting.outcome(memory.slot_freed, call, whole=planned.writes_first)
        if planned.writes_first:
            self._queues.sweeps.add(observation.uid)  # the next pass decides on what was written
        if over and planned.is_empty and not planned.awaiting and is_idle(after.observed):
            # Thousands of records of sweeps that are long over are not to be held: a change reads them again.
            memory.records.forget()
            memory.prior, memory.kept = None, Kept()
            self._queues.prometheus.forget(observation.uid)

    async def _write_status(self, observation: Observation, planned: Plan, memory: SweepMemory) -> bool:
        """Writes the status; returns whether the sweep is over by it."""
        status = sweep_status(
            observation.sweep,
            observation.observed,
            planned,
            observation.accepted.edits,
            observation.prior,
            observation.now,
            memory.kept,
        )
        began = self._clocks.monotonic()
        await self._writers.status.write(observation.object, observation.prior, status, memory.notices)
        now = self._clocks.monotonic()
        memory.last_status = LastStatus(now, urgent_of(observation, planned), took=now - began)
        return is_over(status.conditions)

    # Memory

    def _memory_of(self, sweep: KubeObject) -> SweepMemory:
        uid = uid_of(sweep)
        memory = self._memories.get(uid)
        if memory is None:
            memory = self._memories[uid] = SweepMemory(RecordStore(self._api, namespace_of(sweep), uid))
        return memory

    def _forget(self, uid: str) -> None:
        if (memory := self._memories.pop(uid, None)) is not None:
            memory.give_up()
        self._queues.forget(uid)
        self._caches.runs.forget_sweep(uid)
        self._queues.sweeps.forget(uid)
