"""Runs that wait for pods which the API server refuses to their Jobs.

Such a Job is kept: its controller asks for the pod again by itself, more and more seldom up to once a minute, and a Job that is made
anew gets no further. Where a pod of the sweep has ended there may be room in a quota: then the Job controller is to ask at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from regsweep.api.conditions import Reason
from regsweep.core.refusals import Refusal
from regsweep.core.runs import ObservedRun, RunRef, ref_of
from regsweep.core.world import Observed

MOST_WAITING: Final = 20
"""Jobs without pods that are kept in a quota that is used up. The Job controller asks for each once a minute, out of 20 requests a
second that it has for the whole cluster."""


def told_refusal(observed: Observed) -> Refusal | None:
    """What a person is told of: the refusal of a Job, else that of a pod by what Jobs are made from now."""
    refusals = (refusal for run, refusal in _refused(observed) if not _is_outdated(run, observed))
    return observed.refusal or next(refusals, None)


def needless(observed: Observed) -> set[str]:
    """Names of runs to delete: they never had a pod, and were made from another template, or enough others wait already.

    One of those whose pods break a rule is enough: it shows when they are taken.
    """
    podless = [(run, refusal) for run, refusal in _refused(observed) if run.lacks_pod]
    outdated = {run.name for run, _ in podless if _is_outdated(run, observed)}
    others = [(run, refusal) for run, refusal in podless if run.name not in outdated]
    in_quota = [run.name for run, refusal in others if refusal.reason is Reason.QUOTA_EXCEEDED]
    broken = [run.name for run, refusal in others if refusal.reason is not Reason.QUOTA_EXCEEDED]
    return {*outdated, *in_quota[MOST_WAITING:], *broken[1:]}


def asked_again(observed: Observed, leaving: Collection[str]) -> tuple[RunRef, ...]:
    """Runs whose pods are to be asked for at once: as many as there may be room for, the oldest first, and those once more that were
    asked for in vain: what has ended may still have counted. leaving: names of runs that are deleted."""
    waiting = [run for run, _ in _refused(observed) if run.name not in leaving]
    in_vain = [run for run in waiting if observed.asked.get(run.name)]
    others = [run for run in waiting if run.name not in observed.asked]
    return tuple(map(ref_of, [*in_vain, *others[: observed.room]]))


def most_created(observed: Observed, free: int) -> int:
    """How many of the free slots are filled now. After pods were refused as many may wait as are in flight, for these may end together:
    so a quota that was raised is found out by doubling. Where Jobs are refused, pods break a rule, or the template is missing, none."""
    if observed.refusal or observed.template_missing:
        return 0
    if free <= 0 or not observed.cautious:
        return max(free, 0)
    if any(refusal.reason is not Reason.QUOTA_EXCEEDED for _, refusal in _refused(observed)):
        return 0
    waiting = sum(run.lacks_pod or run.name in observed.refused_pods for run in observed.runs)
    in_flight = sum(pod.in_flight for run in observed.runs for pod in run.pods)
    return max(0, min(free, max(1, min(in_flight, MOST_WAITING)) - waiting))


def all_have_pods(observed: Observed) -> bool:
    """Whether every run has had its pod: none is refused, none lacks it, and none is leaving, in whose place another one may come."""
    return not observed.refused_pods and not any(run.lacks_pod or run.deleting for run in observed.runs)


def _refused(observed: Observed) -> Iterator[tuple[ObservedRun, Refusal]]:
    """The runs whose pods are refused, the first created first, with the refusal."""
    for run in observed.runs if observed.refused_pods else ():
        if run.name in observed.refused_pods and not run.deleting:
            yield run, observed.refused_pods[run.name]


def _is_outdated(run: ObservedRun, observed: Observed) -> bool:
    """Whether a new Job in its place would be made from something else. One that has had a pod goes on as it is."""
    return run.lacks_pod and run.template != observed.template
