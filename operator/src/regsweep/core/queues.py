"""What runs wait for that others have stopped: a queue (Kueue) or a person; and how a sweep that is paused stops and resumes them.

Whoever stops a run lets it go on. So the operator marks what it stops for `spec.suspend`, in the same write, and resumes nothing
else; and where somebody resumes what it has stopped, it does not stop it again in the same pause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from regsweep.api.conditions import Reason
from regsweep.api.wording import plural
from regsweep.core.runs import ObservedRun, RunRef, Workload, Workloads, ref_of

MAX_NAMED: Final = 3
"""Jobs or Workloads that a sentence names."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """What is stopped and resumed, and the slots that are free after that."""

    suspend: tuple[RunRef, ...] = ()
    resume: tuple[RunRef, ...] = ()
    deactivate: tuple[Workload, ...] = ()
    activate: tuple[Workload, ...] = ()
    free: int = 0


def pauses(suspend: bool, free: int, active: Sequence[ObservedRun], workloads: Workloads) -> Pauses:
    """What a sweep stops while it is to be suspended, and resumes of that once it is not.

    free: slots, which may be negative. active: runs that need a pod. What a queue admits is stopped by its Workload alone, where
    that is known: Kueue resumes a Job that it has admitted at once.
    """
    if suspend:
        known = [each for each in _known(active, workloads) if not each.given_up]
        ours = [run for run in active if not (run.queue_managed or run.suspended or run.paused or run.uid in workloads)]
        stopped = tuple(workload for workload in known if workload.active and not workload.paused)
        return Pauses(tuple(map(ref_of, ours)), deactivate=stopped)
    # Any other run keeps the slots that it has.
    stoppable = [run for run in active if run.paused or run.uid in workloads]
    free += sum(run.slots - _slots_now(run, workloads) for run in stoppable)
    resume, activate = [], []
    for run in stoppable:
        workload = workloads.get(run.uid)
        deactivated = workload is not None and workload.paused
        more = replace(run, paused=False).slots - _slots_now(run, workloads)
        if not (run.paused or deactivated) or (more > 0 and free <= 0):
            continue
        free -= more
        if run.paused:
            resume.append(ref_of(run))
        if workload is not None and deactivated:
            activate.append(workload)
    return Pauses(resume=tuple(resume), activate=tuple(activate), free=free)


def _slots_now(run: ObservedRun, workloads: Workloads) -> int:
    """The run's slots; of one whose Workload the operator has deactivated, those of its pods that have not ended yet."""
    workload = workloads.get(run.uid)
    stopped = workload is not None and workload.paused and not workload.active
    return (replace(run, suspended=True, paused=True) if stopped else run).slots


def goes_on(runs: Iterable[ObservedRun], workloads: Workloads) -> str:
    """Why runs train though the sweep is to be suspended, as sentences; empty where none does."""
    training = [run for run in runs if not (run.suspended or run.deleting or run.needs_no_pod)]
    if not training:
        return ""
    activated = {uid for uid, workload in workloads.items() if workload.paused and workload.active}
    resumed = [run for run in training if run.paused or run.uid in activated]
    queued = [run for run in training if run.queue_managed and run.uid not in workloads]
    text = f"{_count(training, 'is', 'are')} still being trained."
    if resumed:
        text += f" Somebody has resumed {_named([run.name for run in resumed])}."
    if queued:
        text += (
            f" Kueue has admitted {_named([run.name for run in queued])}, and only its Workload stops it: let the operator do so by the "
            "chart's value kueue.enabled, or set spec.active of the Workload to false."
        )
    return text


def held_back(runs: Iterable[ObservedRun], workloads: Workloads | None) -> tuple[Reason, str] | None:
    """What runs wait for that others have stopped, and the reason that a person is most needed for; None: none waits.

    workloads: None where they cannot be read.
    """
    held = [run for run in runs if run.held and not run.deleting and not run.needs_no_pod]
    waits: dict[Reason, list[ObservedRun]] = {}
    for run in held:
        waits.setdefault(_reason_of(run, (workloads or {}).get(run.uid)), []).append(run)
    told = [(reason, _SENTENCES[reason](waits[reason], workloads)) for reason in _SENTENCES if reason in waits]
    return (told[0][0], " ".join(text for _, text in told)) if told else None


def _reason_of(run: ObservedRun, workload: Workload | None) -> Reason:
    if workload is None:
        return Reason.QUEUED if run.queue_managed else Reason.JOBS_SUSPENDED
    if workload.given_up:
        return Reason.WORKLOAD_FINISHED
    if not workload.active:
        return Reason.WORKLOAD_DEACTIVATED
    return Reason.REQUEUED if workload.evicted else Reason.QUEUED


def _deactivated(runs: Sequence[ObservedRun], workloads: Workloads | None) -> str:
    known = _known(runs, workloads)
    names = _named([workload.name for workload in known])
    if all(workload.paused for workload in known):
        return f"{_count(runs, 'waits', 'wait')} for a free slot, to be given back to Kueue (Workload {names})."
    return (
        f"{_count(runs, 'is', 'are')} held back: Workload {names} is deactivated, and not by the operator.{_words(known)} To let it be "
        f'admitted again: `kubectl patch workload {known[0].name} --type merge -p \'{{"spec":{{"active":true}}}}\'`.'
    )


def _given_up(runs: Sequence[ObservedRun], workloads: Workloads | None) -> str:
    known = _known(runs, workloads)
    return (
        f"{_count(runs, 'is', 'are')} held back: Kueue has given up Workload {_named([workload.name for workload in known])}."
        f"{_words(known)} To have the run made again, correct that and delete its Job: `kubectl delete job {runs[0].name}`."
    )


def _suspended(runs: Sequence[ObservedRun], workloads: Workloads | None) -> str:
    name = runs[0].name
    text = (
        f"{_count(runs, 'is', 'are')} held back: somebody has suspended Job {_named([run.name for run in runs])}; the operator "
        f"has not. {_count_of(runs, 'It keeps its slot', 'They keep their slots')} of spec.parallelism until somebody resumes the Job: "
        f'`kubectl patch job {name} --type merge -p \'{{"spec":{{"suspend":false}}}}\'`.'
    )
    if workloads is None:
        text += " Where it is Kueue, name a queue in the pod template (label kueue.x-k8s.io/queue-name) instead."
    return text


def _requeued(runs: Sequence[ObservedRun], workloads: Workloads | None) -> str:
    text = (
        f"{_count(runs, 'was', 'were')} stopped by Kueue and {_count_of(runs, 'waits', 'wait')} to be admitted again."
    )
    return text + _words(_known(runs, workloads))


def _queued(runs: Sequence[ObservedRun], workloads: Workloads | None) -> str:
    known = _known(runs, workloads)
    queues = sorted({workload.queue for workload in known if workload.queue})
    text = f"{_count(runs, 'waits', 'wait')} for a queue to admit {_count_of(runs, 'it', 'them')}"
    text += f" ({_named(queues)})." if queues else "."
    if any(not workload.queue for workload in known):
        text += " No queue is named: add label kueue.x-k8s.io/queue-name to the pod template."
    if workloads is None:
        text += " `kubectl get workloads` says what for; with the chart's value kueue.enabled it stands here."
    return text + _words(known)


_SENTENCES: Final = {
    Reason.WORKLOAD_FINISHED: _given_up,
    Reason.WORKLOAD_DEACTIVATED: _deactivated,
    Reason.JOBS_SUSPENDED: _suspended,
    Reason.REQUEUED: _requeued,
    Reason.QUEUED: _queued,
}
"""What others have stopped, the reason that a person is most needed for first."""


def _words(workloads: Iterable[Workload]) -> str:
    """Kueue's words on the first that has any, as a sentence."""
    words = next((workload.words for workload in workloads if workload.words), "").rstrip(". ")
    return f" Kueue says: {words}." if words else ""


def _known(runs: Iterable[ObservedRun], workloads: Workloads | None) -> list[Workload]:
    return [workloads[run.uid] for run in runs if run.uid in workloads] if workloads is not None else []


def _count(runs: Sequence[ObservedRun], one: str, several: str) -> str:
    return f"{plural(len(runs), 'run')} {_count_of(runs, one, several)}"


def _count_of(runs: Sequence[ObservedRun], one: str, several: str) -> str:
    return one if len(runs) == 1 else several


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMED]) + (" and others" if len(names) > MAX_NAMED else "")
