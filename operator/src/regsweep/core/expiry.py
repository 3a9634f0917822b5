"""When time alone makes a difference to a finished sweep: it is deleted, or its Jobs are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from regsweep.api.spec import SweepSpec
from regsweep.api.status import SweepStatus
from regsweep.core.status import is_over
from regsweep.core.timestamps import known_moment, later


def expires_at(spec: SweepSpec, stored: SweepStatus, generation: int) -> datetime | None:
    """When the sweep is to be deleted; None: it is kept, or it has not finished.

    stored: the status as the API server has it; it must say of just this generation that the sweep is over.
    """
    if stored.observed_generation != generation or not is_over(stored.conditions):
        return None
    return _expires_at(spec.ttl_seconds_after_finished, stored.completion_time)


def time_limit(
    completed: str | None, ttl_seconds: int | None, jobs_ended: Iterable[datetime], max_age_seconds: int | None
) -> datetime | None:
    """When a sweep at rest is to be deleted, or the first of its Jobs, whichever is earlier; None: never.

    completed: `status.completionTime`. jobs_ended: when its Jobs that are kept have ended.
    """
    expiry = _expires_at(ttl_seconds, completed)
    limits = [expiry] if expiry is not None else []
    if max_age_seconds is not None:
        limits += [later(ended, max_age_seconds) for ended in jobs_ended]
    return min(limits, default=None)


def _expires_at(ttl_seconds: int | None, completed: str | None) -> datetime | None:
    at = known_moment(completed)
    return None if ttl_seconds is None or at is None else later(at, ttl_seconds)
