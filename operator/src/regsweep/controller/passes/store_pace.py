"""When records are stored: many with one write, but at once what fills one, is the last, in danger, or decisive."""

from __future__ import annotations

from regsweep.api.sweep_result import MAX_RECORDS
from regsweep.controller.passes.unstored import sparing
from regsweep.core.collect import is_recorded
from regsweep.core.plan import Plan
from regsweep.core.world import Observed


def seconds_until_store(observed: Observed, planned: Plan, waited_seconds: float, interval_seconds: float) -> float:
    """How long the records of a plan may wait, which have done so for `waited_seconds`; 0: they are due."""
    # What a status says of a stop rests on what is stored.
    decides = planned.stop is not None
    if decides or len(planned.store) >= MAX_RECORDS or _is_endangered(observed, planned) or _is_last(observed, planned):
        return 0.0
    return max(0.0, interval_seconds - waited_seconds)


def _is_endangered(observed: Observed, planned: Plan) -> bool:
    """Whether the only copy of a record may vanish with the operator: its Job or pod is gone, or about to be stopped."""
    if planned.changes and sparing(planned, observed) != planned:
        return True
    waiting = {record.run for record in planned.store}
    return any(run.name in waiting and (run.deleting or any(pod.gone for pod in run.pods)) for run in observed.runs)


def _is_last(observed: Observed, planned: Plan) -> bool:
    """Whether nothing is under way that would bring more records."""
    waiting = {record.run for record in planned.store}
    going = [run for run in observed.runs if not (run.deleting or run.suspended)]
    if planned.create or any(run.name not in waiting and not is_recorded(run, observed.records) for run in going):
        return False
    after = observed.records.plus(planned.store)  # a copy, which few passes need
    return all(is_recorded(run, after) for run in going)
