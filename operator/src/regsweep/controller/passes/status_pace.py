"""When a status is due: at an interval, and at once where people wait for it."""

from __future__ import annotations

from dataclasses import dataclass

from regsweep.api.conditions import Reason
from regsweep.controller.passes.observation import Observation
from regsweep.core.collect import is_recorded
from regsweep.core.limits import Stop
from regsweep.core.plan import Plan
from regsweep.core.status import is_over
from regsweep.core.waiting import told_refusal
from regsweep.core.world import Observed


@dataclass(frozen=True, slots=True)
class Urgent:
    """What a status must not wait to say: that an edit was seen, and why nothing is started."""

    generation: int
    retry: int
    refusal: Reason | None
    template_missing: str | None
    stop: Stop | None
    overdrawn: bool
    """What was used has to be written before runs are stopped for it."""


@dataclass(frozen=True, slots=True)
class LastStatus:
    """The status that was computed last."""

    at: float
    """When, by the monotonic clock."""
    urgent: Urgent | None
    """None: it was not of an accepted sweep."""
    took: float = 0.0
    """Seconds that its writing took."""


def urgent_of(observation: Observation, planned: Plan) -> Urgent:
    """What is urgent now."""
    sweep, observed = observation.sweep, observation.observed
    overdrawn = planned.exhausted is not None and planned.exhausted.overdrawn
    told = told_refusal(observed)
    refusal = told.reason if told is not None else None  # its words may name how much of a quota is used
    return Urgent(sweep.generation, sweep.retry, refusal, observed.template_missing, planned.stop, overdrawn)


def seconds_until_status(
    observation: Observation, planned: Plan, last: LastStatus | None, now: float, interval_seconds: float
) -> float | None:
    """How long the status may wait; 0: it is due. None: the analysis that is being made will call for it.

    observation: as it is once the plan was carried out. now: by the monotonic clock.
    """
    if last is None or last.urgent != urgent_of(observation, planned):
        return 0.0
    if planned.analyse is not None:
        return None
    if planned.freeze is not None or planned.refine is not None or _has_just_ended(observation, planned):
        return 0.0
    return max(0.0, last.at + interval_seconds - now)


def is_idle(observed: Observed) -> bool:
    """Whether all that is to be taken from the runs is stored."""
    return all(run.deleting or is_recorded(run, observed.records) for run in observed.runs)


def _has_just_ended(observation: Observation, planned: Plan) -> bool:
    """Whether nothing is under way any more, and the last status does not say so."""
    under_way = planned.store or planned.create or planned.awaiting or not is_idle(observation.observed)
    return not under_way and not is_over(observation.prior.conditions)
