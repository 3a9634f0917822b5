"""The decision about a sweep: from the desired and the observed state to the actions.

`plan` is level-triggered: it knows nothing of what happened before but what is observed. The same observation gives the
same plan, and an observation in which the plan was carried out gives an empty one. Operator and local runner both call it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby, islice

from regsweep.api.status import FinalStatus, RefinementStatus
from regsweep.core.budget import Exhaustion, exhausted_at, within_budget
from regsweep.core.collect import Collected, is_recorded, is_settled
from regsweep.core.data import pinned_digest, with_refused_data, with_same_data
from regsweep.core.final import freeze, refine
from regsweep.core.gputime import believed, unrecorded_seconds
from regsweep.core.identity import run_name
from regsweep.core.judging.analysis import AnalysisRequest
from regsweep.core.kept import Kept
from regsweep.core.kubernetes.room import observed_room, replicates_in
from regsweep.core.limits import Stop, stop_reason
from regsweep.core.notices import Notice, notices
from regsweep.core.progress import Progress, Stage, analysis_request, progress_of
from regsweep.core.queues import pauses
from regsweep.core.results.records import Record, Records, Source
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.retention import deletions, has_to_rest, outdated_at, outlived_at
from regsweep.core.runs import ObservedRun, RunRef, RunRequest, Workload, ref_of, replicates_of
from regsweep.core.standings import Target, is_done
from regsweep.core.sweep import Point, Sweep
from regsweep.core.troubles import told_at
from regsweep.core.waiting import asked_again, most_created
from regsweep.core.world import Observed

DEFAULT_LINGER_SECONDS = 30
"""How long a finished trainer waits for its last scrape if a Prometheus is configured and the spec does not set it."""
UNSCRAPED_RUNS = 5
"""After so many consecutive runs without a scrape, new Jobs no longer linger."""
PROBE_EVERY = 20
"""One run in so many still lingers, to detect whether scrapes work again."""


@dataclass(frozen=True, slots=True, order=True)
class Try:
    """Which try of a replicate a run is: a later one is greater."""

    attempt: int
    """Number of retries that a person requested."""
    lost: int = 0
    """Number of lost records since."""
    moved: int = 0
    """Number of moves to another run since."""
    avoids: tuple[str, ...] = ()
    """Nodes that are kept away from."""
    gpu_seconds: float = 0.0
    """That were spent on each of its replicates before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The actions: store before delete, suspend, resume and scale; create independently of them."""

    store: tuple[Record, ...] = ()
    delete: tuple[RunRef, ...] = ()
    suspend: tuple[RunRef, ...] = ()
    resume: tuple[RunRef, ...] = ()
    deactivate: tuple[Workload, ...] = ()
    """Workloads that are stopped, where a queue admits the runs."""
    activate: tuple[Workload, ...] = ()
    scale: tuple[tuple[RunRef, int], ...] = ()
    """Runs whose Job parallelism becomes the number given: it rises, or a run is put at rest with 0."""
    ask_again: tuple[RunRef, ...] = ()
    """Runs whose pods were refused, and which Job controllers are to ask for at once."""
    create: tuple[RunRequest, ...] = ()
    awaiting: tuple[str, ...] = ()
    """Names of runs whose ended pods' values are still expected from Prometheus."""
    progress: Progress | None = None
    """Progress of the sweep once `store` is stored; None: not computed."""
    analyse: AnalysisRequest | None = None
    """The analysis to request, of records that are all stored; None: no request."""
    freeze: FinalStatus | None = None
    """Picks of the final evaluation, to be stored before its first training."""
    refine: RefinementStatus | None = None
    """What refinement has chosen with its next step, to be stored before it is trained."""
    exhausted: Exhaustion | None = None
    """Why the budget keeps the next run from being started; None: it does not, or no run waits."""
    stop: Stop | None = None
    """Why no more runs are started; None: they are."""
    notices: tuple[Notice, ...] = ()
    wake_at: datetime | None = None
    """When the same observation would give another plan; None: never."""

    @property
    def writes_first(self) -> bool:
        """Whether the status has to be written before the next step."""
        to_stop = self.exhausted is not None and self.exhausted.overdrawn and not self.exhausted.stops
        return self.freeze is not None or self.refine is not None or to_stop

    @property
    def rests(self) -> bool:
        """Whether a run is put at rest: slots are free once it is."""
        return any(pods == 0 for _, pods in self.scale)

    @property
    def changes(self) -> bool:
        """Whether runs are changed that are there."""
        stops_or_goes_on = self.suspend or self.resume or self.deactivate or self.activate
        return bool(self.delete or stops_or_goes_on or self.scale or self.ask_again)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.store or self.changes or self.create or self.freeze or self.refine)


def plan(sweep: Sweep, observed: Observed, now: datetime, kept: Kept | None = None) -> Plan:
    """Decides the actions for a sweep. `kept`: from earlier decisions about it; it makes a difference to the time alone.

    Never more than `spec.parallelism` training pods are in flight because of it, and a (point, replicate) that has a result or
    is being trained is never given to a second run.
    """
    kept = kept or Kept()
    observed = replace(observed, runs=tuple(believed(run, observed.usage) for run in observed.runs))
    collected, pinned = _collected(sweep, observed, now, kept)
    store = tuple(record for c in collected.values() for record in c.records)
    records = observed.records.plus(store)
    progress = progress_of(sweep, records, observed.analysis_result, observed.final, kept.progress)
    stop = stop_reason(sweep, records, progress, pinned)

    coverage = _coverage(observed, records, collected, now)
    waiting = _requests(sweep, progress.open, observed, records, coverage, pinned)
    waiting, exhausted = within_budget(sweep, observed, records, progress, collected, waiting, now)
    stops = exhausted is not None and exhausted.stops
    delete = tuple(deletions(sweep, observed, collected, coverage.trained, now, stops=stops))
    leaving = {ref.name for ref in delete}
    staying = [run for run in observed.runs if run.name not in leaving]
    active = [run for run in staying if not (run.deleting or run.needs_no_pod or is_recorded(run, records))]
    pausing = sweep.spec.suspend or stops
    resting = {r.name: r for r in staying if has_to_rest(r, observed, collected[r.name], now, pausing=pausing)}
    stoppable = [run for run in active if pausing or run.name not in resting]
    paused = pauses(pausing, sweep.spec.parallelism - _occupied(observed), stoppable, observed.workloads or {})
    going = [run for run in active if collected[run.name].move is None]
    create, scale = _fill(waiting, going, 0 if stop else most_created(observed, paused.free))
    decided = not store and stop is None
    analyse = decided and progress.stage is Stage.ANALYSING
    return Plan(
        store=store,
        delete=delete,
        suspend=paused.suspend,
        resume=paused.resume,
        deactivate=paused.deactivate,
        activate=paused.activate,
        scale=(*((ref_of(run), 0) for run in resting.values()), *scale),
        ask_again=asked_again(observed, leaving),
        create=create,
        awaiting=tuple(name for name, c in collected.items() if c.awaiting),
        progress=progress,
        analyse=analysis_request(sweep, records, progress, observed.final) if analyse else None,
        freeze=freeze(sweep, progress, records) if decided and progress.stage is Stage.FREEZING else None,
        refine=refine(sweep, progress, records) if decided and progress.stage is Stage.REFINING else None,
        exhausted=exhausted,
        stop=stop,
        notices=tuple(notices(observed, collected, create, resting, now)),
        wake_at=min(_deadlines(sweep, observed, collected, now), default=None),
    )


def _occupied(observed: Observed) -> int:
    """Slots that are taken, by whatever pods."""
    others = sum(job.pods_in_flight for job in observed.altered) + observed.orphaned_pods
    return sum(run.slots for run in observed.runs) + others


def _deadlines(
    sweep: Sweep, observed: Observed, collected: Mapping[str, Collected], now: datetime
) -> Iterator[datetime]:
    """When time alone will make a difference."""
    yield from (each.look_again_at for each in collected.values() if each.look_again_at)
    yield from outlived_at(observed.runs, now)
    yield from told_at(observed.runs, now)
    yield from outdated_at(sweep, observed, now)
    yield from exhausted_at(sweep, observed, now)


def _collected(sweep: Sweep, observed: Observed, now: datetime, kept: Kept) -> tuple[dict[str, Collected], str]:
    """What can be taken from each run, with failures in place of results of other data; and the digest of the data that all rests on."""
    collected = kept.collection.collect(sweep, observed, now)
    keys = kept.progress.wanted(sweep, observed.analysis_result, observed.final).keys
    pinned = kept.progress.pinned_digest(keys, observed.records, sweep.data_digest)
    for run in observed.runs:
        if taken := collected[run.name].records:
            records = with_same_data(with_refused_data(taken, run), keys, pinned)
            pinned = pinned or pinned_digest(keys, records)
            collected[run.name] = replace(collected[run.name], records=records)
    return collected, pinned


def _requests(
    sweep: Sweep,
    targets: Iterable[Target],
    observed: Observed,
    records: Records,
    coverage: _Coverage,
    data_digest: str,
) -> Iterator[RunRequest]:
    """Runs to create that do not exist yet, in the order of the targets."""
    linger = _Linger(sweep, observed.scrapes, records)
    room = min(observed.message_bytes, observed_room(observed.runs))
    fitting = min(sweep.replicates_per_pod, replicates_in(room))
    first = Try(sweep.first_attempt)
    for target in targets:
        point = target.point
        stored = records.of(point.key)
        missing = [
            (k, max(first, coverage.following.get((point.key, k), first)))
            for k in range(target.replicates)
            if not (coverage.has(point.key, k) or is_done(stored.get(k), sweep))
        ]
        for first_replicate, count, each in _stretches(missing):
            yield RunRequest(
                name=run_name(sweep.name, sweep.uid, point.key, first_replicate, each.attempt, each.lost, each.moved),
                point=point,
                first_replicate=first_replicate,
                replicates=count,
                # Half as many after each loss: it may have been a message that was cut.
                replicates_per_pod=max(1, min(count, fitting >> each.lost)),
                message_bytes=room,
                attempt=each.attempt,
                lost=each.lost,
                moved=each.moved,
                avoids=each.avoids,
                gpu_seconds=round(each.gpu_seconds * count, 1),
                linger_seconds=linger.seconds(point),
                data_digest=data_digest,
            )


Replicate = tuple[str, int]
"""A point's key, and the number of a replicate."""


@dataclass(slots=True)
class _Coverage:
    """Which replicates are in hand, and which try of the others comes next."""

    trained: dict[str, set[int]] = field(default_factory=dict)
    """By the point's key: a run trains them, or they are being collected from it."""
    waiting: set[Replicate] = field(default_factory=set)
    """They go on in another run, but not yet."""
    following: dict[Replicate, Try] = field(default_factory=dict)
    """The next try of those that were lost or are moved."""

    def has(self, point_key: str, replicate: int) -> bool:
        """Whether it is in hand."""
        return replicate in self.trained.get(point_key, ()) or (point_key, replicate) in self.waiting


def _coverage(observed: Observed, records: Records, collected: Mapping[str, Collected], now: datetime) -> _Coverage:
    """What the runs have in hand."""
    coverage = _Coverage()
    for run in observed.runs:
        each = collected[run.name]
        stored, trained = records.of(run.point_key), coverage.trained.setdefault(run.point_key, set())
        if not (stored or each.lost or each.moved):
            trained.update(replicates_of(run))
            continue
        spent = _spent_in_vain(run, each, records, observed.usage.pod_gpus, now)
        lost = Try(run.attempt, run.lost + 1, run.moved, run.avoids, spent)
        moved = Try(run.attempt, run.lost, each.move.moved, each.move.avoids, spent) if each.move is not None else None
        for k in replicates_of(run):
            key = (run.point_key, k)
            if k in each.lost:
                coverage.following[key] = max(coverage.following.get(key, lost), lost)
            elif moved is not None and each.move is not None and k in each.moved:
                coverage.following[key] = max(coverage.following.get(key, moved), moved)
                if each.move.at > now:
                    coverage.waiting.add(key)
            elif not is_settled(stored.get(k), run):
                trained.add(k)
    return coverage


def _spent_in_vain(run: ObservedRun, collected: Collected, records: Records, gpus: int | None, now: datetime) -> float:
    """GPU-seconds that the run has spent on each of the replicates that it leaves to another run."""
    left = len({*collected.lost, *collected.moved})
    return unrecorded_seconds(run, records.of(run.point_key), gpus, now) / left if left and gpus else 0.0


def _stretches(missing: Iterable[tuple[int, Try]]) -> Iterator[tuple[int, int, Try]]:
    """(Replicate, try) pairs joined into (first replicate, count, try) where replicates follow each other."""
    for (_, each), group in groupby(enumerate(missing), lambda item: (item[1][0] - item[0], item[1][1])):
        replicates = [k for _, (k, _) in group]
        yield replicates[0], len(replicates), each


def _fill(
    waiting: Iterator[RunRequest], active: Sequence[ObservedRun], free: int
) -> tuple[tuple[RunRequest, ...], tuple[tuple[RunRef, int], ...]]:
    """Fills the free slots: one new run each; what is left then widens runs that have more indexes than pods."""
    if not free:
        return (), ()
    create = list(islice(waiting, free))
    free -= len(create)
    for i, request in enumerate(create):
        more = min(free, -(-request.replicates // request.replicates_per_pod) - 1)
        create[i] = replace(request, parallelism=1 + more)
        free -= more
    scale = []
    for run in active if free else ():
        more = min(free, run.open_indexes - run.parallelism) if _may_be_widened(run) else 0
        if more > 0:
            scale.append((ref_of(run), run.parallelism + more))
            free -= more
    return tuple(create), tuple(scale)


def _may_be_widened(run: ObservedRun) -> bool:
    """Whether its Job may be given more pods. A queue puts one out of turn for that: only one at rest has no turn to lose."""
    return run.parallelism == 0 if run.queue_managed else not run.suspended


class _Linger:
    """How long new runs wait for their last scrape."""

    def __init__(self, sweep: Sweep, scrapes: Scrapes, records: Records) -> None:
        asked = sweep.spec.metrics.linger_seconds
        unconfigured = scrapes.state is MetricsState.NOT_CONFIGURED
        self._seconds = asked if asked is not None else 0 if unconfigured else DEFAULT_LINGER_SECONDS
        self._unscraped = not unconfigured and nobody_scrapes(records)

    def seconds(self, point: Point) -> int:
        return 0 if self._unscraped and point.combination.index % PROBE_EVERY else self._seconds


def nobody_scrapes(records: Records) -> bool:
    """Whether the last five points with a result were all taken from their own records."""
    latest = islice((r for r in records.latest_first() if r.has_result), 200)
    by_point = [source for source, _ in islice(groupby(latest, lambda r: (r.point_key, r.source)), UNSCRAPED_RUNS)]
    return len(by_point) == UNSCRAPED_RUNS and all(source is Source.RECORD for _, source in by_point)
