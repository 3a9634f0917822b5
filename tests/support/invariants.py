"""What holds of a sweep whatever was done to it: looked up in what the API server has stored, once the sweep has come to rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from regsweep.adapters.kubeapi import KubeObject, controller_uid_of, is_deleting, name_of, namespace_of, uid_of
from regsweep.adapters.object_cache import ObjectCache
from regsweep.api.status import SweepStatus
from regsweep.api.validation import parse_sweep
from regsweep.controller.caches.run_cache import RunCache
from regsweep.controller.caches.trimming import sweep_uid_of, trim_job, trim_pod
from regsweep.controller.writers.status_writer import prior_status
from regsweep.core.accept import Defaults, Identity, Past, accept
from regsweep.core.judging.analysis import AnalysisResult, analyse_records
from regsweep.core.plan import Plan, plan
from regsweep.core.results.records import Records
from regsweep.core.results.segments import load
from regsweep.core.status import sweep_status
from regsweep.core.sweep import Sweep
from regsweep.core.timestamps import parse_timestamp
from regsweep.core.world import Observed, Usage
from regsweep.errors import Problem

OVER = ("Complete", "Failed")
LOOKS = 20
"""Analyses that one sweep may need: a race has a look at each number of replicates."""
OF_THE_MOMENT = frozenset({"MetricsAvailable"})
"""Conditions that say what an operator's process has met."""


@dataclass(frozen=True)
class Left:
    """All that is stored of one sweep."""

    sweep: KubeObject
    jobs: Sequence[KubeObject]
    pods: Sequence[KubeObject]
    segments: Sequence[KubeObject]

    @property
    def status(self) -> KubeObject:
        """The sweep's status; empty where it has none."""
        status: KubeObject = self.sweep.get("status") or {}
        return status

    @property
    def is_over(self) -> bool:
        """Whether the sweep is Complete or Failed, and has followed the last edit."""
        followed = self.status.get("observedGeneration") == self.sweep["metadata"]["generation"]
        return followed and self.status.get("state") in OVER

    def records(self) -> list[KubeObject]:
        """All stored records, in the order of storing."""
        ordered = sorted(self.segments, key=lambda segment: int(segment["sequence"]))
        return [record for segment in ordered for record in segment["records"]]


def broken(left: Left, now: datetime | None = None) -> list[str]:
    """What does not hold of a sweep that is over, as sentences; empty: all is well. now: None: the time of day."""
    if not left.is_over:
        return [f"it is not over: {summary(left)}"]
    found = [*_unended(left), *_repeated(left), *_orphans(left)]
    return [*found, *_differences(left, now or datetime.now(UTC))]


def summary(left: Left) -> str:
    """How far it is, for messages."""
    conditions = (f"{c['type']}={c['status']} {c['reason']}" for c in left.status.get("conditions", ()))
    return f"{left.status.get('state')} {left.status.get('progress')}, {', '.join(conditions)}, {len(left.jobs)} Jobs"


def _reason(left: Left, type_: str) -> str:
    """Why the condition is true; empty where it is not."""
    holds = (c for c in left.status["conditions"] if c["type"] == type_ and c["status"] == "True")
    return next((str(c["reason"]) for c in holds), "")


def _unended(left: Left) -> Iterator[str]:
    """Every combination ends with a result or a reason, unless a budget or failures end the sweep before."""
    runs = left.status["runs"]
    ended = runs["succeeded"] + runs["failed"]
    if ended != runs["total"] and _reason(left, "Complete") != "BudgetExhausted" and not _reason(left, "Failed"):
        yield f"{ended} of {runs['total']} combinations have ended, and it is over"
    if runs["failed"] and not left.status.get("failures"):
        yield "runs have failed without a reason"


def _repeated(left: Left) -> Iterator[str]:
    """A replicate has one result, and one failure at most of each attempt."""
    stored = Counter((r["point"], r["replicate"], r.get("attempt", 0), _has_result(r)) for r in left.records())
    results: Counter[tuple[str, int]] = Counter()
    for (point, replicate, _, has_result), number in stored.items():
        results[(point, replicate)] += number if has_result else 0
    yield from (f"{each} has {number} records of one attempt" for each, number in stored.items() if number > 1)
    yield from (f"{each} has {number} results" for each, number in results.items() if number > 1)


def _has_result(record: KubeObject) -> bool:
    return record["outcome"] in ("Ok", "Diverged")


def _orphans(left: Left) -> Iterator[str]:
    """No pod is in flight, and no Job would start another one."""
    jobs = {uid_of(job) for job in left.jobs}
    for pod in left.pods:
        if pod["status"].get("phase") not in ("Succeeded", "Failed"):
            what = "of a Job that is gone " if controller_uid_of(pod) not in jobs else ""
            yield f"pod {name_of(pod)} {what}is {pod['status'].get('phase')}, and the sweep is over"
    for job in left.jobs:
        if not starts_nothing(job):
            yield f"Job {name_of(job)} has not ended, and the sweep is over"


def starts_nothing(job: KubeObject) -> bool:
    """Whether the Job has ended, or is held."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    ended = any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)
    return ended or is_deleting(job) or bool(job["spec"].get("suspend")) or job["spec"]["parallelism"] == 0


def _differences(left: Left, now: datetime) -> Iterator[str]:
    """The status is what a look at the stored records gives, field by field."""
    stored, computed = _comparable(left.status), _comparable(recomputed(left, now).to_json())
    for field in sorted({*stored, *computed}):
        if stored.get(field) != computed.get(field):
            yield f"status.{field} is {stored.get(field)!r}, and by the records {computed.get(field)!r}"


def _comparable(status: Mapping[str, Any]) -> dict[str, Any]:
    """Without times, and without what only one process knows."""
    fields = {
        name: value for name, value in status.items() if name not in ("startTime", "completionTime", "conditions")
    }
    for condition in status.get("conditions", ()):
        if condition["type"] not in OF_THE_MOMENT:
            said = {name: value for name, value in condition.items() if name != "lastTransitionTime"}
            fields[f"condition {condition['type']}"] = said
    return fields


def recomputed(left: Left, now: datetime) -> SweepStatus:
    """The status from what is stored alone: of the old one counts what is pinned, frozen, chosen and used by then."""
    prior = prior_status(left.sweep)
    records = load(left.segments)
    sweep, edits = _accepted(left, prior, records)
    observed, planned = _judged(left, sweep, prior, records, now)
    kept = SweepStatus(
        managed_by=prior.managed_by,
        gpu_seconds=prior.gpu_seconds,
        start_time=prior.start_time,
        completion_time=prior.completion_time,
    )
    return sweep_status(sweep, observed, planned, edits, kept, now)


def _accepted(left: Left, prior: SweepStatus, records: Records) -> tuple[Sweep, Sequence[Problem]]:
    metadata = left.sweep["metadata"]
    retry = int((metadata.get("annotations") or {}).get("regsweep.dev/retry", "0"))
    identity = Identity(
        name_of(left.sweep), namespace_of(left.sweep), uid_of(left.sweep), int(metadata["generation"]), retry
    )
    past = Past(prior.resolved, prior.objective, records, (), prior.refinement)
    assert prior.resolved is not None
    defaults = Defaults(prior.resolved.image, prior.resolved.gpu_resource, prior.resolved.operator_version)
    return accept(identity, parse_sweep(left.sweep), defaults, past)


def _judged(left: Left, sweep: Sweep, prior: SweepStatus, records: Records, now: datetime) -> tuple[Observed, Plan]:
    """What is observed with the analyses that it asks for, and what is planned then."""
    run_cache = RunCache(_cache(left.jobs, trim_job), _cache(left.pods, trim_pod), now=lambda: now)
    start = parse_timestamp(prior.start_time) if prior.start_time else None
    analysis_result: AnalysisResult | None = None
    for _ in range(LOOKS):
        observed = Observed(
            records=records,
            runs=run_cache.runs_of(left.sweep),
            altered=run_cache.altered_of(left.sweep),
            analysis_result=analysis_result,
            final=prior.final,
            usage=Usage(start, sweep.resolved.gpus, prior.gpu_seconds or 0.0),
        )
        planned = plan(sweep, observed, now)
        if planned.analyse is None:
            return observed, planned
        analysis_result = analyse_records(planned.analyse)
    raise AssertionError("it is never judged to its end")


def _cache(objects: Iterable[KubeObject], trim: Any) -> ObjectCache:
    cache = ObjectCache(group_by=sweep_uid_of, trim=trim)
    for obj in objects:
        cache.upsert(obj)
    return cache
