"""The end of a sweep that has been finished for as long as its spec says."""

from __future__ import annotations

from regsweep.api.conditions import Reason
from regsweep.controller.passes.memory import SweepMemory
from regsweep.controller.passes.observation import Observation
from regsweep.controller.passes.parts import Writers
from regsweep.controller.passes.schedule import Intervals
from regsweep.controller.passes.status_pace import is_idle
from regsweep.controller.queues.workqueue import WorkQueue
from regsweep.core.expiry import expires_at
from regsweep.core.notices import Notice
from regsweep.core.plan import Plan
from regsweep.errors import Refused


async def expire(
    observation: Observation,
    planned: Plan,
    memory: SweepMemory,
    writers: Writers,
    queue: WorkQueue,
    intervals: Intervals,
) -> None:
    """Deletes the sweep if its time has come, just as it was observed; comes again when it will have come.

    Nothing must be left to do: an edit or a retry since then goes first.

    Raises ApiError.
    """
    at = expires_at(observation.sweep.spec, observation.prior, observation.sweep.generation)
    busy = not planned.is_empty or planned.awaiting or planned.analyse is not None or not is_idle(observation.observed)
    if at is None or busy:
        return
    left = (at - observation.now).total_seconds()
    if left > 0:
        queue.add(observation.uid, left)
        return
    try:
        await writers.sweeps.delete(observation.object)
    except Refused as refused:
        text = f"The API server refused to delete the sweep, as spec.ttlSecondsAfterFinished asks: {refused}"
        memory.notices.add([Notice(Reason.WRITE_REFUSED, text, warning=True)])
        await writers.status.tell(observation.object, memory.notices)
        queue.add(observation.uid, intervals.refusal_retry)
