"""One pass over a sweep: observe, plan, act, one status write. Level-triggered: a pass may be lost, repeated or cut off anywhere.

Order of a pass: Jobs are created while records are stored, then Jobs change, then the status is written, then events. A Job
is deleted only by a later pass, which has seen its records stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from regsweep.adapters.informer import Informer
from regsweep.adapters.kubeapi import (
    SWEEPS,
    KubeApi,
    KubeObject,
    is_deleting,
    name_of,
    namespace_of,
    uid_of,
    version_of,
)
from regsweep.api.conditions import Reason
from regsweep.api.objective import objective_status
from regsweep.api.status import SweepStatus
from regsweep.controller.acting import NAME_TAKEN_RETRY_SECONDS, Actor, all_tried
from regsweep.controller.analysis_queue import AnalysisQueue
from regsweep.controller.memory import Refusal, SweepMemory, View
from regsweep.controller.namespaces import namespace_is_going
from regsweep.controller.observing import Observing
from regsweep.controller.publishing import MAX_EVENTS, Events, prior_status, transitions, write_status
from regsweep.controller.run_cache import RunCache
from regsweep.controller.scraping import Scraping
from regsweep.controller.store import RecordStore
from regsweep.controller.templates import MISSING_BELIEVED_SECONDS
from regsweep.controller.workqueue import WorkQueue
from regsweep.core.collect import is_recorded
from regsweep.core.judging.analysis import prior_analysis
from regsweep.core.limits import Stop
from regsweep.core.plan import Plan, plan
from regsweep.core.results.records import Record, Records
from regsweep.core.runs import ObservedRun, PodPhase, RunRef, RunRequest
from regsweep.core.status import is_over, refused_status, sweep_status
from regsweep.core.world import Observed
from regsweep.errors import InvalidSweep, InvalidTemplate, NotFound, Refused
from regsweep.metrics import RECORDS_STORED, REFILL_SECONDS, Metrics

logger = logging.getLogger(__name__)

SHORTEST_WAKE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what is done, in seconds; see settings."""

    status: float
    store: float
    collect: float
    live: float
    refusal_retry: float


class Reconciler:
    """Passes over sweeps. One sweep must not be in two passes at a time: the work queue sees to it."""

    def __init__(
        self,
        api: KubeApi,
        sweeps: Informer,
        children: RunCache,
        queue: WorkQueue,
        scraping: Scraping,
        analysing: AnalysisQueue,
        observing: Observing,
        actor: Actor,
        events: Events,
        metrics: Metrics,
        *,
        pace: Pace,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._api = api
        self._sweeps = sweeps
        self._children = children
        self._queue = queue
        self._scraping = scraping
        self._analysing = analysing
        self._actor = actor
        self._events = events
        self._observing = observing
        self._metrics = metrics
        self._pace = pace
        self._now = now
        self._clock = clock
        self._states: dict[str, SweepMemory] = {}

    def begin_term(self) -> None:
        """Forgets everything: in another's term anything may have happened."""
        self._states.clear()

    def pod_ended(self, sweep_uid: str) -> None:
        """Notes that a pod has ended, for the time that its slot takes to be filled again."""
        state = self._states.get(sweep_uid)
        if state is not None:
            state.freed_at.append(self._clock())

    async def reconcile(self, uid: str) -> None:
        """One pass over the sweep of this UID.

        Raises ApiError: the pass is to be repeated.
        """
        sweep = self._sweeps.get(uid)
        if sweep is None or is_deleting(sweep):
            self._forget(uid)
            return
        state = self._states.get(uid)
        if state is None:
            state = self._states[uid] = SweepMemory(RecordStore(self._api, namespace_of(sweep), uid))
        prior = prior_status(sweep)
        records = await state.store.records()
        runs = await self._observing.runs(sweep, state)
        if await namespace_is_going(self._api, sweep, state, runs):
            jobs = tuple(RunRef(run.name, run.uid) for run in runs if not run.deleting)
            await self._actor.change(namespace_of(sweep), Plan(delete=jobs))
            return
        started = bool(runs) or len(records) > 0
        try:
            accepted = self._observing.accept(sweep, prior, state, records, runs)
        except InvalidSweep as invalid:
            generation = sweep["metadata"]["generation"]
            status = refused_status(Reason.INVALID, invalid.problems, prior, generation, self._now())
            await self._publish(sweep, prior, status, state)
            return
        view = await self._observing.view(sweep, accepted)
        if not started and not await self._is_ready_to_start(view, prior, state):
            return
        observed = self._observe(view, state, prior, records, runs)
        await self._act(view, state, observed, prior)

    # Observing

    async def _is_ready_to_start(self, view: View, prior: SweepStatus, state: SweepMemory) -> bool:
        """Whether the first Job may be made: the sweep is there, by the API server's own word, and what is pinned is written.

        Otherwise a Job could be made for a sweep that a stale cache shows, or by an operator whose successor pins other
        defaults.
        """
        sweep, uid = view.object, uid_of(view.object)
        if not await self._confirm(view, state):
            return False
        if prior.resolved != view.accepted.sweep.resolved:
            observed = self._observe(view, state, prior, Records(), ())
            status = sweep_status(view.accepted.sweep, observed, Plan(), view.accepted.edits, prior, view.now)
            await self._publish(sweep, prior, status, state)
            state.status_of = _urgent(view, observed, None)
            self._queue.add(uid)  # what was written decides on from here
            return False
        return True

    async def _confirm(self, view: View, state: SweepMemory) -> bool:
        """Whether the sweep is there as the cache has it, by the API server's own word; asked once in a term."""
        if state.confirmed:
            return True
        sweep, uid = view.object, uid_of(view.object)
        try:
            live = await self._api.get(SWEEPS, namespace_of(sweep), name_of(sweep))
        except NotFound:
            live = None
        if live is None or uid_of(live) != uid or is_deleting(live):
            logger.info("%s/%s is gone", namespace_of(sweep), name_of(sweep))
            return False
        state.confirmed = True
        if version_of(live) > version_of(sweep):
            self._sweeps.upsert_from_write(live)
            self._queue.add(uid)
            return False
        return True

    def _observe(
        self, view: View, state: SweepMemory, prior: SweepStatus, records: Records, runs: tuple[ObservedRun, ...]
    ) -> Observed:
        refusal = state.refusal
        if refusal is not None:
            waited = self._clock() - refusal.at
            if refusal.fingerprint != view.fingerprint or waited >= self._pace.refusal_retry:
                refusal = None
        return Observed(
            records=records,
            runs=runs,
            scrapes=self._scraping.latest(uid_of(view.object)),
            analysis_result=self._analysing.latest(uid_of(view.object))
            or prior_analysis(prior.analysis, view.accepted.sweep),
            final=prior.final,
            refusal=refusal.words if refusal else None,
            template_missing=view.template_missing,
        )

    # Acting

    async def _act(self, view: View, state: SweepMemory, observed: Observed, prior: SweepStatus) -> None:
        uid, sweep = uid_of(view.object), view.accepted.sweep
        planned = plan(sweep, observed, view.now)
        if planned.create and not await self._confirm(view, state):
            return
        stored: tuple[Record, ...] = ()

        async def store_and_change() -> None:
            nonlocal stored
            stored = await self._store(view, state, observed, planned)
            await self._actor.change(sweep.namespace, planned)

        # A GPU does not wait for records to be written, nor do records for a Job that cannot be created.
        await all_tried(self._create(view, state, planned.create), store_and_change())
        for notice in planned.notices:
            state.notice(notice)
        if stored or planned.delete:
            self._queue.add(uid)
        self._forget_tombstones(view, observed, planned, await state.store.records())
        self._ask_prometheus(view, observed, planned)
        if planned.analyse is not None:
            self._analysing.ask(uid, planned.analyse)
        self._wake(view, state, planned)
        if not stored:
            await self._report(view, state, observed, planned, prior)

    async def _store(self, view: View, state: SweepMemory, observed: Observed, planned: Plan) -> tuple[Record, ...]:
        """Stores what is due, many records with one write; what is the last, or in danger, is due at once."""
        if not planned.store:
            state.unstored_since = None
            return ()
        if state.unstored_since is None:
            state.unstored_since = self._clock()
        wait = state.unstored_since + self._pace.store - self._clock()
        if wait > 0 and not self._must_store_now(observed, planned):
            self._queue.add(uid_of(view.object), wait)
            return ()
        targets = planned.progress.targets if planned.progress is not None else ()
        points = [target.point for target in targets]
        stored = await state.store.add(planned.store, view.accepted.sweep, points)
        state.unstored_since = None
        self._metrics.count(RECORDS_STORED, len(stored))
        return stored

    def _must_store_now(self, observed: Observed, planned: Plan) -> bool:
        """Whether nothing else is under way that would bring more records, the only copy may vanish with the operator, or these
        records decide the sweep: what its status says of the end rests on what is stored."""
        if planned.stop is not None:
            return True
        waiting = {record.run for record in planned.store}
        if any(run.name in waiting and (run.deleting or any(pod.gone for pod in run.pods)) for run in observed.runs):
            return True
        after = observed.records.plus(planned.store)
        busy = any(not run.deleting and not run.suspended and not is_recorded(run, after) for run in observed.runs)
        return not planned.create and not busy

    async def _create(self, view: View, state: SweepMemory, requests: tuple[RunRequest, ...]) -> None:
        """Creates Jobs. The first one of a template is tried out before, so that what is refused is refused once."""
        if not requests:
            state.freed_at.clear()
            return
        sweep = view.accepted.sweep
        objective = objective_status(sweep.spec.objective)
        try:
            jobs = [(r, self._actor.manifest(sweep, r, objective, view.template)) for r in requests]
            if state.taken_fingerprint != view.fingerprint:
                await self._actor.try_out(jobs[0][1])
                state.taken_fingerprint = view.fingerprint
            taken = await self._actor.create(sweep, jobs, state.notice)
        except (Refused, InvalidTemplate) as refused:
            logger.warning("%s/%s: %s", sweep.namespace, sweep.name, refused)
            state.refusal = Refusal(str(refused), view.fingerprint, self._clock())
            state.taken_fingerprint = None
            return
        state.refusal = None
        if taken:
            self._queue.add(sweep.uid, NAME_TAKEN_RETRY_SECONDS)
        created_at = self._clock()
        for _ in requests:
            if state.freed_at:
                self._metrics.observe(REFILL_SECONDS, created_at - state.freed_at.popleft())
        state.freed_at.clear()

    def _forget_tombstones(self, view: View, observed: Observed, planned: Plan, records: Records) -> None:
        """Drops what is gone and has nothing left to give."""
        uid = uid_of(view.object)
        needed = {*planned.awaiting, *(r.run for r in planned.store if _is_unstored(records, r))}
        # News that came while the plan was carried out: a run may have ended, and its Job gone, with a record that no plan knows yet.
        planned_for = {run.uid: run for run in observed.runs}
        needed.update(run.name for run in self._children.runs_of(view.object) if planned_for.get(run.uid) is not run)
        if self._children.forget_gone(uid, needed):
            self._queue.add(uid)  # what the Job covered may be wanted again

    def _ask_prometheus(self, view: View, observed: Observed, planned: Plan) -> None:
        """Asks about ended pods that are awaited at once, about running ones now and then."""
        awaiting = set(planned.awaiting)
        pods = [
            pod
            for run in observed.runs
            if not is_recorded(run, observed.records)
            for pod in run.pods
            if (pod.ended and run.name in awaiting) or (pod.phase is PodPhase.RUNNING and not pod.gone)
        ]
        if pods:
            uid, interval = uid_of(view.object), self._pace.collect if awaiting else self._pace.live
            name = observed.runs[0].name
            wait = self._scraping.ask(uid, namespace_of(view.object), name, pods, interval)
            if wait is not None:
                self._queue.add(uid, wait)

    def _wake(self, view: View, state: SweepMemory, planned: Plan) -> None:
        """Comes again when time alone makes a difference."""
        uid = uid_of(view.object)
        if planned.wake_at is not None:
            self._queue.add(uid, max((planned.wake_at - view.now).total_seconds(), SHORTEST_WAKE_SECONDS))
        if view.template_missing is not None:
            self._queue.add(uid, MISSING_BELIEVED_SECONDS)
        if state.refusal is not None:
            wait = state.refusal.at + self._pace.refusal_retry - self._clock()
            if wait > 0:  # else this very pass has tried again, or had nothing to try
                self._queue.add(uid, wait)

    # Reporting

    async def _report(
        self, view: View, state: SweepMemory, observed: Observed, planned: Plan, prior: SweepStatus
    ) -> None:
        """Computes and writes the status where it is due: after the pace's interval, and at once where people wait for it."""
        uid, sweep = uid_of(view.object), view.accepted.sweep
        observed = replace(
            observed,
            runs=self._children.runs_of(view.object),
            refusal=state.refusal.words if state.refusal else None,
        )
        urgent = _urgent(view, observed, planned.stop)
        if planned.analyse is not None and urgent == state.status_of:
            return  # the answer calls
        ended = not planned.store and not planned.create and not planned.awaiting and self._all_over(observed)
        wait = 0.0 if state.status_at is None else state.status_at + self._pace.status - self._clock()
        now_or_never = planned.freeze is not None or (ended and not is_over(prior.conditions))
        if wait > 0 and urgent == state.status_of and not now_or_never:
            self._queue.add(uid, wait)
            return
        status = sweep_status(sweep, observed, planned, view.accepted.edits, prior, view.now)
        await self._publish(view.object, prior, status, state)
        state.status_of = urgent
        if planned.freeze is not None:
            self._queue.add(uid)  # what was written decides on from here
        if is_over(status.conditions) and planned.is_empty and not planned.awaiting and self._all_over(observed):
            # Thousands of records of sweeps that are long over are not to be held: a change reads them again.
            state.store.forget()
            self._scraping.forget(uid)

    def _all_over(self, observed: Observed) -> bool:
        return all(run.deleting or is_recorded(run, observed.records) for run in observed.runs)

    async def _publish(self, sweep: KubeObject, prior: SweepStatus, status: SweepStatus, state: SweepMemory) -> None:
        """Writes the status where it changed, then the events that waited for it."""
        written = await write_status(self._api, sweep, status)
        state.status_at = self._clock()
        if written is not None:
            self._sweeps.upsert_from_write(written)
            for notice in transitions(prior.conditions, status.conditions):
                state.notice(notice)
        notices, state.notices = state.notices[:MAX_EVENTS], []
        await self._events.tell(sweep, notices)

    def _forget(self, uid: str) -> None:
        self._states.pop(uid, None)
        self._scraping.forget(uid)
        self._analysing.forget(uid)
        self._children.forget_sweep(uid)
        self._queue.forget(uid)


def _urgent(view: View, observed: Observed, stop: Stop | None) -> tuple[object, ...]:
    """What a status must not wait to say."""
    sweep = view.accepted.sweep
    return sweep.generation, sweep.retry, observed.refusal, observed.template_missing, stop


def _is_unstored(records: Records, record: Record) -> bool:
    stored = records.get(*record.key)
    return stored is None or (not stored.has_result and stored.attempt < record.attempt)
