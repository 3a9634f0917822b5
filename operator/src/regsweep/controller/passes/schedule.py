"""When a sweep is looked at again although nothing new is heard of it: because time alone makes a difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from regsweep.controller.caches.template_cache import MISSING_BELIEVED_SECONDS
from regsweep.controller.passes.memory import SweepMemory
from regsweep.controller.passes.observation import Observation
from regsweep.core.plan import Plan

SHORTEST_WAKE_SECONDS: Final = 0.05
REST: Final = 50
"""A sweep's slots are not filled while its status is written or records are stored: it is not done again for so many times as long."""
LONGEST_REST_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often what is done, in seconds; see settings."""

    status: float
    store: float
    collect: float
    live: float
    refusal_retry: float


def paced(interval: float, took: float) -> float:
    """Seconds between two writes that are made now and then: the interval, or longer while the API server, or the wait for a turn, is slow.

    took: how long the last one took.
    """
    return max(interval, min(took * REST, LONGEST_REST_SECONDS))


def wake_ups(observation: Observation, planned: Plan, memory: SweepMemory, now: float) -> Iterator[float]:
    """In how many seconds to come again. now: by the monotonic clock."""
    if planned.wake_at is not None:
        yield max((planned.wake_at - observation.now).total_seconds(), SHORTEST_WAKE_SECONDS)
    if observation.template.missing is not None:
        yield MISSING_BELIEVED_SECONDS
    retry = memory.admission.retry_in(now) if memory.admission is not None else None
    if retry is not None:
        yield retry
    for look in (memory.pod_refusals.look_in(now), memory.asking.look_in(now), memory.workloads.look_in(now)):
        if look is not None:
            yield max(look, SHORTEST_WAKE_SECONDS)
