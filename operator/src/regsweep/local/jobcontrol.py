"""The part that the Job controller has in a cluster: what has become of a run once one of its processes has ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from regsweep.api.constants import EXIT_INVALID_FLAGS
from regsweep.core.runs import ObservedPod, ObservedRun


def with_end(run: ObservedRun, pod: ObservedPod, at: datetime) -> ObservedRun:
    """The run as the Job controller would report it after this pod's end, without any retry (backoffLimitPerIndex 0)."""
    run = replace(run, pods=tuple(pod if each.index == pod.index else each for each in run.pods))
    if pod.exit_code == 0:
        run = replace(run, succeeded_indexes=run.succeeded_indexes | {pod.index})
    elif pod.exit_code == EXIT_INVALID_FLAGS:
        return replace(run, failed_reason="PodFailurePolicy", ended_at=at)
    else:
        run = replace(run, failed_indexes=run.failed_indexes | {pod.index})
    if len(run.succeeded_indexes) == run.completions:
        return replace(run, succeeded=True, ended_at=at)
    if len(run.succeeded_indexes) + len(run.failed_indexes) == run.completions:
        return replace(run, failed_reason="FailedIndexes", ended_at=at)
    return run
