"""How many training pods a run has in flight, and may have without our doing: its slots of `spec.parallelism`."""

from __future__ import annotations

from regsweep.api.constants import EXIT_INDEX_FINAL, EXIT_INVALID_FLAGS
from regsweep.core.runs import ObservedRun


def slots_of(run: ObservedRun) -> int:
    """Training pods that the run has in flight or may start at any moment."""
    if run.suspended or run.deleting or needs_no_pod(run):
        return _pods_in_flight(run)
    return min(run.parallelism, open_indexes(run))


def needs_no_pod(run: ObservedRun) -> bool:
    """Whether no pod of the run is or will be in flight. It does not wait for the Job controller's word."""
    return run.succeeded or run.failed_reason is not None or open_indexes(run) == 0


def open_indexes(run: ObservedRun) -> int:
    """Indexes that have a pod in flight or will need one, those in back-off included."""
    if any(pod.exit_code == EXIT_INVALID_FLAGS for pod in run.pods):
        return _pods_in_flight(run)
    done = run.succeeded_indexes | run.failed_indexes
    done |= {pod.index for pod in run.pods if pod.ended and pod.exit_code in (0, EXIT_INDEX_FINAL)}
    return run.completions - len(done)


def _pods_in_flight(run: ObservedRun) -> int:
    return sum(not pod.ended and not pod.gone for pod in run.pods)
