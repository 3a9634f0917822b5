"""What is kept of Jobs and pods that are gone: as long as a record can still be taken from them."""

from __future__ import annotations

from regsweep.controller.caches.run_cache import RunCache
from regsweep.controller.passes.observation import Observation
from regsweep.core.collect import is_recorded
from regsweep.core.plan import Plan
from regsweep.core.results.records import Record, Records


def forget_tombstones(run_cache: RunCache, observation: Observation, planned: Plan, stored: Records) -> bool:
    """Drops what is gone and has nothing left to give; returns whether something is to be done for it: a Job was among it
    that was not trained to its end, or was none of the sweep's runs.

    stored: all records, with those that the plan's pass has stored.
    """
    if not run_cache.has_gone(observation.uid):
        return False
    needed = {*planned.awaiting, *(record.run for record in planned.store if _is_unstored(stored, record))}
    # News that came while the plan was carried out: a run may have ended, and its Job gone, with a record that no plan knows yet.
    planned_for = {run.uid: run for run in observation.observed.runs}
    runs = run_cache.runs_of(observation.object)
    needed.update(run.name for run in runs if planned_for.get(run.uid) is not run)
    dropped = run_cache.forget_gone(observation.uid, needed)
    return bool(dropped) and not dropped <= {run.uid for run in runs if is_recorded(run, stored)}


def _is_unstored(stored: Records, record: Record) -> bool:
    present = stored.get(*record.key)
    return present is None or (not present.has_result and present.attempt < record.attempt)
