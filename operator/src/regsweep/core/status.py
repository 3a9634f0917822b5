"""The status of a sweep, whole, from what is observed. The operator writes it; the local runner prints it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from regsweep.api.analysis import Analysis
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.objective import objective_status, ranked_rule
from regsweep.api.run_status import AvoidedNode, FailedRun, RunningRun
from regsweep.api.spec import Objective
from regsweep.api.status import (
    MAX_LISTED,
    MAX_RESULTS,
    Condition,
    DataStatus,
    Estimate,
    RankedResult,
    ReferenceResult,
    RunCounts,
    SweepState,
    SweepStatus,
)
from regsweep.api.wording import cut, plural
from regsweep.core.collect import is_recorded
from regsweep.core.conditions import ConditionUpdate, condition_updates, conditions
from regsweep.core.figures import rough
from regsweep.core.final import final_status, outer_status, refinement_status
from regsweep.core.grid import label
from regsweep.core.judging.analysis import AnalysisResult, rank, reference_rows
from regsweep.core.judging.stats import ranking as stats
from regsweep.core.kept import Kept
from regsweep.core.limits import first_failure
from regsweep.core.moves import is_at_rest
from regsweep.core.plan import Plan
from regsweep.core.progress import Progress, progress_of
from regsweep.core.references import references_beside
from regsweep.core.results.records import Record, Records
from regsweep.core.results.scrapes import Sample
from regsweep.core.rounding import in_six_digits, rounded
from regsweep.core.runs import ObservedRun, PodPhase
from regsweep.core.standings import PointState, Target
from regsweep.core.sweep import Point, Sweep
from regsweep.core.timestamps import timestamp
from regsweep.core.world import Observed
from regsweep.errors import Problem

FINAL_MARK = " (final evaluation)"
MAX_PROBLEM = 1024
"""Characters of one problem, or of one failure, in a status."""


def sweep_status(
    sweep: Sweep,
    observed: Observed,
    planned: Plan,
    edits: Sequence[Problem],
    prior: SweepStatus,
    now: datetime,
    kept: Kept | None = None,
) -> SweepStatus:
    """The status of an accepted sweep. `edits`: changes of what is pinned, which are not followed. `kept`: as for `plan`.

    It is about what is stored: what the plan is about to store does not count yet.
    """
    kept = kept or Kept()
    progress = _progress(sweep, observed, planned, kept)
    counts = _counts(sweep, observed, progress)
    ranked = rank(sweep, observed.records, observed.analysis_result, kept=kept.ranking, most=MAX_RESULTS)
    frozen = observed.final or planned.freeze
    final = final_status(sweep, frozen, progress, observed.records) if frozen is not None else None
    results = ranked_results(sweep, observed.records, ranked.rows[:MAX_RESULTS])
    best = results[0] if ranked.best else None
    updates = condition_updates(sweep, observed, progress, counts, planned, final, ranked.mixed, edits, now)
    updated = conditions(updates, prior.conditions, sweep.generation, now)
    return SweepStatus(
        observed_generation=sweep.generation,
        state=_state(updated, counts),
        progress=f"{counts.succeeded + counts.failed}/{counts.total}",
        runs=counts,
        conditions=updated,
        managed_by=prior.managed_by,
        resolved=sweep.resolved,
        data=_data(sweep, observed, kept),
        objective=ranked.objective,
        best=best,
        best_label=best.label if best else None,
        best_objective=f"{best.objective.mean:.4g}" if best and best.objective else None,
        results=results,
        references=reference_results(sweep, observed.records),
        analysis=_analysis(sweep, progress, observed.analysis_result),
        refinement=refinement_status(sweep, planned.refine or sweep.refinement, observed.records),
        outer=outer_status(progress),
        final=final,
        running=_running(sweep, observed, progress.targets),
        failures=_failures(sweep, observed.records, progress),
        avoided_nodes=_avoided_nodes(observed.runs),
        gpu_seconds=(gpu_seconds := _gpu_seconds(observed, planned, prior)),
        gpu_hours=rough(gpu_seconds / 3600) if gpu_seconds is not None else None,
        start_time=prior.start_time or timestamp(now),
        completion_time=(prior.completion_time or timestamp(now)) if is_over(updated) else None,
    )


def _progress(sweep: Sweep, observed: Observed, planned: Plan, kept: Kept) -> Progress:
    """The progress by what is stored."""
    if planned.progress is not None and not planned.store and planned.refine is None:
        return planned.progress
    return progress_of(sweep, observed.records, observed.analysis_result, observed.final, kept.progress)


def refused_status(
    reason: Reason, problems: Sequence[Problem], prior: SweepStatus, generation: int, now: datetime
) -> SweepStatus:
    """The status of a sweep whose spec breaks rules: Accepted=False; all that was reached before stays."""
    text = "\n".join(cut(str(problem), MAX_PROBLEM) for problem in problems[:MAX_LISTED])
    if len(problems) > MAX_LISTED:
        text += f"\n{plural(len(problems) - MAX_LISTED, 'more problem')}: `regsweep validate` shows all."
    accepted = ConditionUpdate(ConditionType.ACCEPTED, False, reason, text)
    progressing = ConditionUpdate(ConditionType.PROGRESSING, False, Reason.NOT_ACCEPTED, "See the condition Accepted.")
    updated = conditions((accepted, progressing), prior.conditions, generation, now)
    updated += [c for c in prior.conditions if c.type not in _OF_A_REFUSAL]
    return prior.model_copy(
        update={"observed_generation": generation, "state": SweepState.INVALID, "conditions": updated, "running": []}
    )


_OF_A_REFUSAL: Final = (ConditionType.ACCEPTED, ConditionType.PROGRESSING, ConditionType.STALLED)


def is_over(updated: Iterable[Condition]) -> bool:
    """Whether the sweep is Complete or Failed by its conditions."""
    ends = (ConditionType.COMPLETE, ConditionType.FAILED)
    return any(c.type in ends and c.status is ConditionStatus.TRUE for c in updated)


def _data(sweep: Sweep, observed: Observed, kept: Kept) -> DataStatus | None:
    """The data that the results rest on; None while no result names them."""
    keys = kept.progress.wanted(sweep, observed.analysis_result, observed.final).keys
    digest = kept.progress.pinned_digest(keys, observed.records, sweep.data_digest)
    return DataStatus(digest=digest, revision=sweep.resolved.data_revision) if digest else None


def _analysis(sweep: Sweep, progress: Progress, analysis_result: AnalysisResult | None) -> Analysis | None:
    """The analysis, where it is of the present records; that of a race's last look is kept until the next."""
    if analysis_result is None:
        return None
    of, now = analysis_result.analysis.rests_on, progress.rests_on
    of_the_grid = bool(now) and (now == of or now.startswith(f"{of}-"))
    return analysis_result.analysis.shortened(MAX_RESULTS) if of_the_grid or sweep.spec.racing is not None else None


_STATES: Final = {
    ConditionType.FAILED: SweepState.FAILED,
    ConditionType.COMPLETE: SweepState.COMPLETE,
    ConditionType.SUSPENDED: SweepState.SUSPENDED,
}
"""Conditions that are states while they hold, the one that goes before the others first."""


def _state(updated: Iterable[Condition], counts: RunCounts) -> SweepState:
    holds = {c.type for c in updated if c.status is ConditionStatus.TRUE}
    for condition, state in _STATES.items():
        if condition in holds:
            return state
    has_started = counts.running or counts.succeeded or counts.failed
    return SweepState.RUNNING if has_started else SweepState.PENDING


def _counts(sweep: Sweep, observed: Observed, progress: Progress) -> RunCounts:
    in_hand = {run.point_key for run in observed.runs if _is_in_hand(run) and not is_recorded(run, observed.records)}
    ended = Counter(progress.states)
    running = diverged = 0
    for point, state in zip(sweep.points, progress.states, strict=True):
        if state is PointState.OPEN:
            running += point.key in in_hand
        elif state is PointState.SUCCEEDED:
            diverged += point.key in progress.diverged
    return RunCounts(
        total=len(sweep.points),
        running=running,
        pending=ended[PointState.OPEN] - running,
        succeeded=ended[PointState.SUCCEEDED],
        failed=ended[PointState.FAILED],
        diverged=diverged,
    )


def _is_in_hand(run: ObservedRun) -> bool:
    """Whether a pod of the run trains or has ended; what waits to be made again elsewhere is in nobody's hand."""
    if run.suspended and not any(pod.holds_node for pod in run.pods):
        return False
    return not is_at_rest(run) and any(
        pod.phase is not PodPhase.PENDING and not (pod.gone and not pod.ended) for pod in run.pods
    )


def _gpu_seconds(observed: Observed, planned: Plan, prior: SweepStatus) -> float | None:
    """What has ended has used, with what is under way where that is stopped for it; None where it is nothing."""
    known = [observed.records.costs.gpu_seconds, prior.gpu_seconds or 0.0]
    if planned.exhausted is not None and planned.exhausted.overdrawn:
        known.append(planned.exhausted.gpu_seconds)
    return round(max(known), 1) or None


def ranked_results(sweep: Sweep, records: Records, rows: Iterable[stats.RankedCombination]) -> list[RankedResult]:
    """Rows of the ranking that have ended in some replicate, as the status shows them, in six significant digits."""
    shown = [row for row in rows if row.replicates or row.failed]
    ids = {row.combination.id for row in shown}
    keys = {point.combination.id: point.key for point in sweep.points if point.combination.id in ids}
    return [ranked_result(row, records.of(keys[row.combination.id])) for row in shown]


def ranked_result(row: stats.RankedCombination, records: Mapping[int, Record]) -> RankedResult:
    """A row of the ranking as the status shows it. records: of its combination, by replicate."""
    gpu_seconds = [record.gpu_seconds for record in records.values() if record.gpu_seconds is not None]
    result = RankedResult(
        rank=row.rank,
        combination=row.combination.id,
        flags=row.combination.flags,
        label=label(row.combination.flags),
        objective=_estimate(row.objective),
        adjusted_mean=_adjusted(row),
        train_loss=row.train_loss,
        val_loss=row.val_loss,
        overfit_gap=_estimate(row.overfit_gap),
        replicates=row.replicates,
        diverged=row.diverged,
        failed=row.failed,
        violated=[constraint.metric for constraint in row.violated] or None,
        dropped=row.dropped or None,
        gpu_seconds=sum(gpu_seconds) if any(gpu_seconds) else None,
        source=row.source,
    )
    return in_six_digits(result)


def _adjusted(row: stats.RankedCombination) -> float | None:
    """The adjusted mean, where it differs from the plain one in what is shown."""
    if row.objective is None or row.adjusted_mean is None:
        return None
    return None if rounded(row.adjusted_mean) == rounded(row.objective.mean) else row.adjusted_mean


def reference_results(sweep: Sweep, records: Records) -> list[ReferenceResult]:
    """What the references have come to, in the order of the spec and in six significant digits."""
    rows = reference_rows(sweep, records)
    return [
        in_six_digits(
            ReferenceResult(
                name=reference.name,
                flags=reference.flags,
                objective=_estimate(row.objective),
                train_loss=row.train_loss,
                val_loss=row.val_loss,
                overfit_gap=_estimate(row.overfit_gap),
                replicates=row.replicates,
                diverged=row.diverged,
                failed=row.failed,
                source=row.source,
            )
        )
        for reference, row in zip(sweep.references, rows, strict=True)
    ]


def _estimate(estimate: stats.Estimate | None) -> Estimate | None:
    return None if estimate is None else Estimate(mean=estimate.mean, standard_error=estimate.standard_error)


def _running(sweep: Sweep, observed: Observed, targets: Iterable[Target]) -> list[RunningRun]:
    keys = {run.point_key for run in observed.runs}
    points = {target.point.key: target.point for target in targets if target.point.key in keys}
    names = _names_beside(sweep)
    listed = []
    for run in observed.runs:
        pod = next((p for p in run.pods if p.phase is PodPhase.RUNNING and not p.gone), None)
        if pod is None or run.point_key not in points:
            continue
        seen = [k for k in run.replicates_of(pod.index) if (pod.name, k) in observed.scrapes.samples]
        replicate = seen[-1] if seen else None
        sample = observed.scrapes.samples[(pod.name, replicate)] if replicate is not None else None
        point = points[run.point_key]
        listed.append(_running_run(run, point, names.get(point.key), replicate, sample, sweep.spec.objective))
        if len(listed) == MAX_LISTED:
            break
    return listed


def _running_run(
    run: ObservedRun,
    point: Point,
    reference: str | None,
    replicate: int | None,
    sample: Sample | None,
    objective: Objective,
) -> RunningRun:
    listed = RunningRun(
        run=run.name,
        combination=point.combination.id,
        label=_label(point, reference),
        final=_is_final(point),
        reference=reference,
    )
    if sample is None:
        return listed
    value = sample.metrics.get(objective.metric)
    if (rule := ranked_rule(objective_status(objective))) is not None:
        best = sample.best_val if objective.metric.startswith("val_") else sample.best_train
        value = best if run.rule in (None, rule) else None
    return listed.model_copy(
        update={
            "replicate": replicate,
            "epoch": sample.epoch,
            "epochs": sample.epochs,
            "objective": rounded(value),
        }
    )


def _names_beside(sweep: Sweep) -> dict[str, str]:
    """Names of the references that are no combination, by their points' keys."""
    return {reference.point.key: reference.name for reference in references_beside(sweep)}


def _label(point: Point, reference: str | None) -> str:
    """The flags as people write them, the outer fold and whether it is the final evaluation; or the reference that it is."""
    if reference is not None:
        return f"reference {reference}"
    outer = point.outer
    fold = f" (outer fold {outer.fold + 1} of {outer.folds})" if outer is not None else ""
    return f"{label(point.combination.flags)}{fold}{FINAL_MARK if point.final else ''}"


def _is_final(point: Point) -> bool | None:
    """True of what only the final evaluation is trained for, outer folds included."""
    return point.final or point.outer is not None or None


def _avoided_nodes(runs: Iterable[ObservedRun]) -> list[AvoidedNode] | None:
    """The nodes that most Jobs are kept away from; None: none is kept away from any."""
    counted = Counter(node for run in runs if not run.deleting for node in run.avoids)
    listed = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:MAX_LISTED]
    return [AvoidedNode(node=node, runs=number) for node, number in listed] or None


def _failures(sweep: Sweep, records: Records, progress: Progress) -> list[FailedRun]:
    names = _names_beside(sweep)
    beside = [
        (target, state)
        for target, state in zip(progress.references, progress.references_ended, strict=True)
        if target.point.key in names
    ]
    targets = [
        *((target, PointState.FAILED) for target in progress.failed),
        *beside,
        *zip(progress.outer, progress.outer_ended, strict=True),
        *zip(progress.final, progress.final_ended, strict=True),
    ]
    failed = {target.point.key: target.point for target, state in targets if state is PointState.FAILED}
    listed = []
    for point in list(failed.values())[:MAX_LISTED]:
        record = first_failure(point, records)
        listed.append(
            FailedRun(
                run=record.run,
                combination=point.combination.id,
                label=_label(point, names.get(point.key)),
                final=_is_final(point),
                reference=names.get(point.key),
                reason=(record.reason or Reason.TRAINER_FAILED).value,
                message=cut(record.message, MAX_PROBLEM),
            )
        )
    return listed
