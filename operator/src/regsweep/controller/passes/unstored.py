"""What a pass makes of it that the API server does not take its results: it goes on with all that loses none of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from regsweep.controller.passes.memory import OwnersRefused, SweepMemory
from regsweep.controller.writers.concurrency import or_failure
from regsweep.core.plan import Plan
from regsweep.core.sweep import Sweep
from regsweep.core.world import Observed
from regsweep.errors import ApiError, Refused


async def set_owners(sweep: Sweep, memory: SweepMemory, now: float, retry_seconds: float) -> ApiError | None:
    """Has stored results deleted with the sweep, or outlive it, as its spec wants; returns why that did not succeed.

    now: by the monotonic clock. retry_seconds: how long a refusal is believed.
    """
    refused = memory.owners_refused
    if refused is not None and now < refused.retry_at:
        return refused.failure
    _, failure = await or_failure(partial(memory.records.set_owners, sweep), None)
    memory.owners_refused = OwnersRefused(failure, now + retry_seconds) if isinstance(failure, Refused) else None
    return failure


def sparing(planned: Plan, observed: Observed) -> Plan:
    """The plan without what would stop pods that have the only copies of records which could not be stored."""
    names = {record.run for record in planned.store}
    workloads = observed.workloads or {}
    uids = {workloads[run.uid].uid for run in observed.runs if run.name in names and run.uid in workloads}
    return replace(
        planned,
        delete=tuple(ref for ref in planned.delete if ref.name not in names),
        suspend=tuple(ref for ref in planned.suspend if ref.name not in names),
        deactivate=tuple(workload for workload in planned.deactivate if workload.uid not in uids),
        scale=tuple((ref, pods) for ref, pods in planned.scale if pods or ref.name not in names),
    )
