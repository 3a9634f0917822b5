"""When a finished sweep is deleted."""

from __future__ import annotations

from datetime import datetime

from regsweep.api.spec import SweepSpec
from regsweep.api.status import SweepStatus
from regsweep.core.status import is_over
from regsweep.core.timestamps import known_moment, later


def expires_at(spec: SweepSpec, stored: SweepStatus, generation: int) -> datetime | None:
    """When the sweep is to be deleted; None: it is kept, or it has not finished.

    stored: the status as the API server has it; it must say of just this generation that the sweep is over.
    """
    seconds = spec.ttl_seconds_after_finished
    completed = known_moment(stored.completion_time)
    if seconds is None or completed is None:
        return None
    if stored.observed_generation != generation or not is_over(stored.conditions):
        return None
    return later(completed, seconds)
