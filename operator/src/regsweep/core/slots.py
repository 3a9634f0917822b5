"""How many pods a run has, and may have without our doing: its slots of `spec.parallelism`.

A pod takes its slot for as long as it may hold a GPU: until all of its containers have ended, not only the trainer. A run that a
queue or a person has suspended keeps its slots: these may let it go on at any moment.
"""

from __future__ import annotations

from regsweep.api.constants import EXIT_INDEX_FINAL, EXIT_INVALID_FLAGS
from regsweep.core.runs import ObservedRun


def slots_of(run: ObservedRun) -> int:
    """Pods of the run that hold a GPU, and those that it may start at any moment."""
    holding = sum(pod.holds_node for pod in run.pods)
    paused = run.suspended and not run.held
    if paused or run.deleting or _is_over(run):
        return holding
    return max(min(run.parallelism, open_indexes(run)), holding)


def needs_no_pod(run: ObservedRun) -> bool:
    """Whether no pod of the run will train any more. It does not wait for the Job controller's word."""
    return _is_over(run) or open_indexes(run) == 0


def _is_over(run: ObservedRun) -> bool:
    """By the Job controller's word."""
    return run.succeeded or run.failed_reason is not None


def open_indexes(run: ObservedRun) -> int:
    """Indexes that have a pod in flight or will need one, those in back-off included."""
    if any(pod.exit_code == EXIT_INVALID_FLAGS for pod in run.pods):
        return _pods_in_flight(run)
    done = run.succeeded_indexes | run.failed_indexes
    done |= {pod.index for pod in run.pods if pod.ended and pod.exit_code in (0, EXIT_INDEX_FINAL)}
    return run.completions - len(done)


def _pods_in_flight(run: ObservedRun) -> int:
    return sum(pod.in_flight for pod in run.pods)


def lacks_pod(run: ObservedRun) -> bool:
    """Whether the run should have a pod by now, and never had one."""
    return not run.pods and not run.succeeded_indexes and not run.failed_indexes and wants_pod(run)


def wants_pod(run: ObservedRun) -> bool:
    """Whether the run should have more pods than it has, now or after a back-off."""
    if run.suspended or run.deleting or _is_over(run):
        return False
    return min(run.parallelism, open_indexes(run)) > sum(pod.holds_node for pod in run.pods)
