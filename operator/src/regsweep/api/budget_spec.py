"""The parts of the spec that bound what a sweep uses, and what is kept of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from regsweep.api.model import ApiModel

LONGEST_SECONDS: Final = 315_360_000
"""Ten years."""
MOST_GPU_SECONDS: Final = 10**12
MOST_RUNS: Final = 10**9

Seconds = Annotated[int, Field(ge=0, le=LONGEST_SECONDS)]


class OnExhausted(StrEnum):
    """What becomes of runs that are under way when a budget is used up."""

    FINISH = "Finish"
    STOP = "Stop"


class ResultsPolicy(StrEnum):
    """What becomes of a sweep's results when it is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


class Budget(ApiModel):
    """How much a sweep may use. A run that would use more is not started; when nothing else is left, the sweep is Complete with
    reason `BudgetExhausted`, and its ranking says what is missing. Raising the budget continues it."""

    max_runs: Annotated[int | None, Field(ge=0, le=MOST_RUNS)] = None
    """Maximum number of runs, as `status.runs` counts them, and those of references, outer folds and final picks: a combination
    counts once, however many replicates or retries it takes."""
    max_elapsed_seconds: Annotated[int | None, Field(ge=0, le=LONGEST_SECONDS)] = None
    """Maximum time since `status.startTime`, time that the sweep waits or is suspended included. `regsweep run` counts from when it
    was started."""
    max_gpu_seconds: Annotated[int | None, Field(ge=0, le=MOST_GPU_SECONDS)] = None
    """Maximum number of GPU-seconds: the time of each pod from its start to its end, times `trainer.gpus`. Until the first run has
    ended nobody knows what one takes, so that it runs alone. `regsweep run` counts what trainers report, which is 0 without a GPU."""
    on_exhausted: OnExhausted = OnExhausted.FINISH
    """`Finish`: runs that are under way end as usual. `Stop`: they are suspended as soon as the time or the GPU-seconds are used up,
    as by `spec.suspend`; those of a queue whose Workloads the operator may not pause are deleted. `regsweep run` lets processes end."""


class Retention(ApiModel):
    """What is kept of a sweep: finished Jobs for their logs, and results when the sweep is deleted."""

    succeeded_jobs: Annotated[int, Field(ge=0, le=10_000)] = 10
    """Number of succeeded Jobs to keep, the latest first."""
    failed_jobs: Annotated[int, Field(ge=0, le=10_000)] = 10
    """Number of failed Jobs to keep, the latest first."""
    max_age_seconds: Seconds | None = None
    """Time after its end for which a finished Job is kept at most. Absent: no limit."""
    results: ResultsPolicy = ResultsPolicy.DELETE
    """`Delete`: SweepResults are deleted with the sweep. `Retain`: they stay; `kubectl get sweepresults` lists them."""
