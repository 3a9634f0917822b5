"""The conditions of a sweep: what is observed and, where something is wrong, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from regsweep.api.analysis import RaceReason
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.findings import Mixture
from regsweep.api.status import Condition, FinalStatus, RunCounts
from regsweep.api.wording import cut, plural
from regsweep.core.budget import Exhaustion
from regsweep.core.data import is_unguarded
from regsweep.core.judging.words.notes import mixture_sentence
from regsweep.core.limits import Stop
from regsweep.core.plan import Plan, nobody_scrapes
from regsweep.core.progress import Progress, Stage
from regsweep.core.queues import goes_on, held_back
from regsweep.core.references import references_beside
from regsweep.core.refusals import remedy_for
from regsweep.core.results.records import Source
from regsweep.core.results.scrapes import MetricsState
from regsweep.core.standings import PointState
from regsweep.core.sweep import Sweep, point_keys
from regsweep.core.timestamps import timestamp
from regsweep.core.troubles import Trouble, trouble_of
from regsweep.core.waiting import told_refusal
from regsweep.core.world import Observed
from regsweep.errors import Problem

MAX_WARNINGS = 5
"""Warnings in the message of Accepted."""
MAX_MESSAGE = 16_384
"""Characters of a condition's message: parts of it come from trainers, webhooks and Prometheus."""
NO_ROOM = "For now spec.budget has no room for another run."
ANALYSING = "All runs have ended; their records are being analysed."


@dataclass(frozen=True, slots=True)
class ConditionUpdate:
    """What a condition is now; `None` as status: not known, an earlier condition is kept."""

    type: ConditionType
    status: bool | None
    reason: Reason
    message: str


def condition_updates(
    sweep: Sweep,
    observed: Observed,
    progress: Progress,
    counts: RunCounts,
    planned: Plan,
    final: FinalStatus | None,
    mixed: Sequence[Mixture],
    edits: Sequence[Problem],
    now: datetime,
) -> Iterator[ConditionUpdate]:
    """The conditions of an accepted sweep. `mixed`: as the ranking found it; `edits`: changes of pinned fields."""
    stop, exhausted = planned.stop, _spent(planned)
    yield _accepted(sweep, observed, edits)
    if exhausted is not None:
        text = "The budget has no room for another run."
        yield ConditionUpdate(ConditionType.PROGRESSING, False, Reason.FINISHED, text)
    else:
        update = _progressing(sweep, observed, progress, counts, stop, final, trouble_of(observed.runs, now))
        yield update if planned.exhausted is None else replace(update, message=f"{update.message} {NO_ROOM}")
    yield _suspended(sweep, observed)
    yield _metrics_available(observed)
    yield _replicates_paired(mixed, _is_unguarded(sweep, observed, progress))
    yield from _ended(progress, counts, stop, exhausted, final)


def _spent(planned: Plan) -> Exhaustion | None:
    """Why the sweep is over although runs are left; None: it is not, by its budget."""
    exhausted = planned.exhausted
    return (
        exhausted if exhausted is not None and exhausted.over and not planned.store and planned.stop is None else None
    )


def _is_unguarded(sweep: Sweep, observed: Observed, progress: Progress) -> bool:
    """Whether there are results, and none of them names its data. The outer folds' count after their picks are frozen, too."""
    if sweep.outer and observed.final is not None:
        return is_unguarded(point_keys(sweep, observed.final), observed.records)
    return progress.has_result and not progress.data


def conditions(
    updates: Iterable[ConditionUpdate], prior: Sequence[Condition], generation: int, now: datetime
) -> list[Condition]:
    """The updates as conditions; the time of transition is kept while the status does not change."""
    before = {condition.type: condition for condition in prior}
    result = []
    for update in updates:
        old = before.get(update.type)
        if update.status is None and old is not None:
            result.append(old)
            continue
        status = ConditionStatus.UNKNOWN if update.status is None else ConditionStatus(str(update.status))
        changed_at = old.last_transition_time if old and old.status is status else timestamp(now)
        result.append(
            Condition(
                type=update.type,
                status=status,
                reason=update.reason.value,
                message=cut(update.message, MAX_MESSAGE),
                last_transition_time=changed_at,
                observed_generation=generation,
            )
        )
    return [*result, *_stalled(result, before.get(ConditionType.STALLED))]


def _stalled(updated: Iterable[Condition], old: Condition | None) -> Iterator[Condition]:
    """That a person has to act, where it is so. Absent else: kstatus takes its presence alone for trouble."""
    waits = {ConditionType.ACCEPTED: ConditionStatus.FALSE, ConditionType.FAILED: ConditionStatus.TRUE}
    for each in updated:
        if waits.get(each.type) is each.status:
            since = old.last_transition_time if old is not None else each.last_transition_time
            fields = {"type": ConditionType.STALLED, "status": ConditionStatus.TRUE, "last_transition_time": since}
            yield each.model_copy(update=fields)
            return


def _accepted(sweep: Sweep, observed: Observed, edits: Sequence[Problem]) -> ConditionUpdate:
    accepted = ConditionType.ACCEPTED
    if edits:
        return ConditionUpdate(accepted, False, Reason.IMMUTABLE, " ".join(str(edit) for edit in edits))
    if observed.template_missing is not None:
        return ConditionUpdate(
            accepted,
            False,
            Reason.TEMPLATE_NOT_FOUND,
            f"spec.templateRef.name: PodTemplate {observed.template_missing} does not exist in namespace {sweep.namespace}. "
            "Create it; the sweep then continues.",
        )
    if observed.refusal is not None and observed.refusal.reason in _OF_THE_JOB:
        text = f"The API server refused the training Job: {observed.refusal.words}"
        return ConditionUpdate(accepted, False, observed.refusal.reason, text)
    trainings = len(sweep.points) * sweep.most_replicates
    most = "at most " if sweep.spec.racing else ""
    beside = len(list(references_beside(sweep)))
    references = f", and {plural(beside, 'reference')}" if beside else ""
    folds = sweep.spec.outer_folds
    outer = f", and {plural(trainings * folds, 'training')} in {folds} outer folds" if folds else ""
    refinement = sweep.spec.refinement
    if refinement is not None and sweep.refinement is None:
        outer = f", and at most {plural(refinement.max_runs, 'run')} by refinement"
    text = f"{plural(len(sweep.points), 'run')}, {most}{plural(trainings, 'training')}{references}{outer}.{_warnings(sweep.warnings)}"
    return ConditionUpdate(accepted, True, Reason.VALID, text)


def _warnings(warnings: Sequence[Problem]) -> str:
    """The first warnings, each as a sentence; there may be a thousand, and a message is bounded."""
    texts = [f" Warning: {warning}" for warning in warnings[:MAX_WARNINGS]]
    if len(warnings) > MAX_WARNINGS:
        texts.append(f" {len(warnings) - MAX_WARNINGS} more warnings: `regsweep validate` shows all.")
    return "".join(texts)


def _progressing(
    sweep: Sweep,
    observed: Observed,
    progress: Progress,
    counts: RunCounts,
    stop: Stop | None,
    final: FinalStatus | None,
    trouble: Trouble | None,
) -> ConditionUpdate:
    progressing = ConditionType.PROGRESSING
    if progress.stage is Stage.DECIDED or (stop and not counts.running):
        return ConditionUpdate(progressing, False, Reason.FINISHED, "No run is left to train.")
    if sweep.spec.suspend:
        training = goes_on(observed.runs, observed.workloads or {})
        text = training or "The sweep is suspended."
        text = f"{text} Set spec.suspend to false to continue."
        return ConditionUpdate(progressing, bool(training), Reason.SUSPENDED_BY_SPEC, text)
    if (refused := _refused(observed)) is not None:
        return ConditionUpdate(progressing, bool(counts.running), *refused)
    if progress.stage is Stage.ANALYSING:
        return ConditionUpdate(progressing, True, Reason.ANALYSING, ANALYSING)
    if trouble is not None:
        return ConditionUpdate(progressing, bool(counts.running), *trouble)
    evaluating = progress.stage in (Stage.FREEZING, Stage.EVALUATING)
    beside = _beside_the_grid(progress)
    trains = f"{counts.running} running, {counts.pending} pending."
    trains = beside or trains
    if evaluating:
        trains = f"The final evaluation trains the picks with new seeds: {_final_count(final)}."
    if sweep.spec.parallelism == 0:
        text = f"spec.parallelism is 0, so no new run is started. {trains}"
        return ConditionUpdate(progressing, bool(counts.running), Reason.DRAINING, text)
    return _training(observed, counts.running > 0 or bool(beside), evaluating, trains)


_OF_THE_JOB = frozenset({Reason.TEMPLATE_REFUSED, Reason.NOT_PERMITTED})
"""Refusals that concern the spec or the installation, and not what there is room for."""


def _refused(observed: Observed) -> tuple[Reason, str] | None:
    """Why nothing new is started; None where nothing is refused."""
    refusal = told_refusal(observed)
    if observed.template_missing is not None or (refusal is not None and refusal.reason in _OF_THE_JOB):
        return Reason.NOT_ACCEPTED, "See the condition Accepted."
    if refusal is None:
        return None
    if refusal.reason is Reason.QUOTA_EXCEEDED:
        text = (
            f"A quota of the namespace is used up. The API server says: {refusal.words}. Runs start when something that counts "
            "against it ends, at the latest a minute later. To have more at once, raise the quota; else lower spec.parallelism."
        )
    else:
        text = (
            f"The API server refuses the pods of training Jobs: {refusal.words}. {remedy_for(refusal)} One Job waits, and its pod is "
            "asked for again every minute; when the template changes a new Job is tried at once."
        )
    return refusal.reason, text


def _training(observed: Observed, is_training: bool, evaluating: bool, trains: str) -> ConditionUpdate:
    """What is trained, where nothing keeps runs from being started."""
    progressing = ConditionType.PROGRESSING
    held = held_back(observed.runs, observed.workloads)
    if held is not None and not is_training:
        return ConditionUpdate(progressing, False, held[0], f"{held[1]} {trains}")
    if held is not None:
        trains = f"{trains} {held[1]}"
    if evaluating:
        return ConditionUpdate(progressing, True, Reason.FINAL_EVALUATION, trains)
    if is_training:
        return ConditionUpdate(progressing, True, Reason.RUNS_TRAINING, trains)
    return ConditionUpdate(progressing, True, Reason.RUNS_STARTING, trains)


def _suspended(sweep: Sweep, observed: Observed) -> ConditionUpdate:
    if not sweep.spec.suspend:
        return ConditionUpdate(ConditionType.SUSPENDED, False, Reason.NOT_SUSPENDED, "")
    if training := goes_on(observed.runs, observed.workloads or {}):
        return ConditionUpdate(ConditionType.SUSPENDED, False, Reason.SUSPENDING, training)
    paused = sum(run.suspended for run in observed.runs)
    text = f"{plural(paused, 'run')} suspended. Suspended runs resume from their last checkpoint; without checkpoints they start again."
    return ConditionUpdate(ConditionType.SUSPENDED, True, Reason.SUSPENDED_BY_SPEC, text)


def _metrics_available(observed: Observed) -> ConditionUpdate:
    available, scrapes = ConditionType.METRICS_AVAILABLE, observed.scrapes
    if scrapes.state is MetricsState.NOT_CONFIGURED:
        text = "The operator has no Prometheus (REGSWEEP_PROMETHEUS_URL is not set). Values come from the runs' own records."
        return ConditionUpdate(available, False, Reason.NOT_CONFIGURED, text)
    if scrapes.state is MetricsState.FAILED:
        since = f" Queries fail since {timestamp(scrapes.failing_since)}." if scrapes.failing_since else ""
        text = f"{scrapes.error}.{since} Runs continue; final values come from the runs' own records."
        return ConditionUpdate(available, False, Reason.QUERY_FAILED, text)
    if nobody_scrapes(observed.records):
        text = (
            "Prometheus answers, but has no samples of the last five runs. Check that it scrapes pods with the annotation "
            "prometheus.io/scrape, or that a PodMonitor selects them; that a default-deny NetworkPolicy lets it in at port 9090 "
            "of the training pods; that a mesh with strict mTLS exempts that port (Istio: the pod's annotation "
            'traffic.sidecar.istio.io/excludeInboundPorts: "9090"); and that the operator asks the right tenant by the right '
            "namespace label. Values come from the runs' own records."
        )
        return ConditionUpdate(available, False, Reason.NOT_SCRAPED, text)
    if scrapes.samples or any(record.source is Source.PROMETHEUS for record in observed.records.latest_first()):
        return ConditionUpdate(available, True, Reason.SCRAPED, "Prometheus answers and scrapes the trainers.")
    return ConditionUpdate(available, None, Reason.NOTHING_TO_SCRAPE_YET, "No trainer has been scraped yet.")


def _replicates_paired(mixed: Sequence[Mixture], unguarded: bool) -> ConditionUpdate:
    note = mixture_sentence(mixed)
    if note is None:
        text = "The trainer reports no digest of its data, so a change of the data would not be noticed."
        return ConditionUpdate(ConditionType.REPLICATES_PAIRED, True, Reason.ALL_ALIKE, text if unguarded else "")
    remedy = (
        "For paired replicates, let spec.template or spec.templateRef select one kind of node, and create a new sweep."
    )
    return ConditionUpdate(ConditionType.REPLICATES_PAIRED, False, Reason.MIXED, f"{note} {remedy}")


def _beside_the_grid(progress: Progress) -> str:
    """What is still trained though every combination has ended, as a sentence; empty while one has not, or nothing is."""
    if PointState.OPEN in progress.ended:
        return ""
    parts = [
        f"{what}: {sum(state is not PointState.OPEN for state in states)} of {len(states)} have ended"
        for what, states in (("references", progress.references_ended), ("runs in outer folds", progress.outer_ended))
        if PointState.OPEN in states
    ]
    return f"All runs of the grid have ended; {'; '.join(parts)}." if parts else ""


def _final_count(final: FinalStatus | None) -> str:
    if final is None:
        return "the picks are being recorded"
    return f"{final.ended} of {final.replicates * len(final.picks)} trainings have ended"


def _ended(
    progress: Progress,
    counts: RunCounts,
    stop: Stop | None,
    exhausted: Exhaustion | None,
    final: FinalStatus | None,
) -> Iterator[ConditionUpdate]:
    complete, failed = ConditionType.COMPLETE, ConditionType.FAILED
    ended = counts.succeeded + counts.failed
    if stop is not None:
        yield ConditionUpdate(
            complete, False, stop.reason, f"{ended} of {counts.total} runs ended before the sweep was stopped."
        )
        yield ConditionUpdate(failed, True, stop.reason, stop.message)
        return
    yield ConditionUpdate(failed, False, Reason.WITHIN_LIMIT, "")
    if exhausted is not None:
        text = f"{exhausted.message} {_missing(progress, counts, final)}"
        yield ConditionUpdate(complete, True, Reason.BUDGET_EXHAUSTED, text)
        return
    if progress.stage is not Stage.DECIDED:
        yield ConditionUpdate(complete, False, *_remaining(progress, counts, final))
        return
    yield ConditionUpdate(complete, True, Reason.ALL_RUNS_ENDED, _all_ended(progress, counts, final))


def _all_ended(progress: Progress, counts: RunCounts, final: FinalStatus | None) -> str:
    """What a complete sweep came to."""
    text = f"{plural(counts.succeeded, 'run')} succeeded"
    if counts.diverged:
        text += f" ({counts.diverged} with diverged replicates)"
    if counts.failed:
        text += f"; {counts.failed} failed, within spec.maxFailedRuns: see status.failures"
    if (lost := sum(state is PointState.FAILED for state in progress.references_ended)) > 0:
        text += f"; {plural(lost, 'reference')} failed: see status.failures"
    if (lost := sum(state is PointState.FAILED for state in progress.outer_ended)) > 0:
        text += f"; {plural(lost, 'run')} in outer folds failed: see status.failures"
    if final is not None and not final.picks:
        text += "; no combination can be called best, so there was no final evaluation"
    elif final is not None and final.failed:
        text += f"; {plural(final.failed, 'training')} of the final evaluation failed: see status.failures"
    if final is not None and final.stale:
        text += "; the final evaluation is of the sweep before it was changed"
    return f"{text}."


def _missing(progress: Progress, counts: RunCounts, final: FinalStatus | None) -> str:
    """What an exhausted budget leaves out, as a sentence."""
    if progress.stage is Stage.EVALUATING:
        return f"Missing is the final evaluation: {_final_count(final)}."
    beside = _beside_the_grid(progress)
    if beside:
        return beside
    ended = counts.succeeded + counts.failed
    return f"The ranking is of {ended} of {counts.total} runs; {counts.total - ended} are missing or lack replicates."


def _remaining(progress: Progress, counts: RunCounts, final: FinalStatus | None) -> tuple[Reason, str]:
    """What a sweep that has not ended waits for."""
    if progress.stage is Stage.ANALYSING:
        return Reason.ANALYSING, ANALYSING
    if progress.stage in (Stage.FREEZING, Stage.EVALUATING):
        return Reason.FINAL_EVALUATION, f"Final evaluation: {_final_count(final)}."
    if beside := _beside_the_grid(progress):
        return Reason.RUNS_REMAIN, beside
    race = progress.analysis_result.analysis.race if progress.analysis_result is not None else None
    if race is not None and race.reason is RaceReason.RACING:
        text = f"{race.racing} of {counts.total} combinations are still in the race. The next look is at {race.replicates} replicates."
        return Reason.RACING, text
    return Reason.RUNS_REMAIN, f"{counts.succeeded + counts.failed} of {counts.total} runs have ended."
