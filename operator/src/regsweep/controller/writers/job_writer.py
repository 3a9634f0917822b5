"""Writes to Jobs: creates, deletes, suspends, resumes and widens them, each answer straight into the cache; and to their Workloads."""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from pydantic import JsonValue

from regsweep.adapters.kubeapi import JOBS, KubeApi, KubeObject, Resource, is_deleting
from regsweep.adapters.throttle import unhurried
from regsweep.api.constants import ASKED_ANNOTATION, SUSPENDED_ANNOTATION
from regsweep.api.objective import objective_status
from regsweep.controller.caches.run_cache import RunCache
from regsweep.controller.writers.concurrency import run_all
from regsweep.core.kubernetes.jobs import job_manifest, same_job
from regsweep.core.kubernetes.podtemplate import JobDefaults
from regsweep.core.plan import Plan
from regsweep.core.runs import RunRef, RunRequest, Workload
from regsweep.core.sweep import Sweep
from regsweep.errors import AlreadyExists, Conflict, NotFound
from regsweep.metrics import RUNS_CREATED, RUNS_MOVED, Metrics

logger = logging.getLogger(__name__)

AT_ONCE: Final = 16
"""Writes of one sweep that are under way at the same time."""
REMOVED_AT_ONCE: Final = 4
"""The same of deletes that nothing waits for."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A Job to be created."""

    request: RunRequest
    manifest: KubeObject


class Creation(Enum):
    """What a create came to."""

    CREATED = "created"
    """The Job is there and is this run's, by this create or by an earlier one."""
    NAME_LEAVING = "name leaving"
    """The name is still taken by a Job that is being deleted."""
    NAME_TAKEN = "name taken"
    """The name is taken by another's Job, which stays."""


class JobWriter:
    """Writes to the Jobs of sweeps."""

    def __init__(
        self,
        api: KubeApi,
        run_cache: RunCache,
        defaults: JobDefaults,
        metrics: Metrics,
        *,
        workloads: Resource | None = None,
    ) -> None:
        """workloads: Kueue's; None: no plan knows of any."""
        self._api = api
        self._workloads = workloads
        self._run_cache = run_cache
        self._defaults = defaults
        self._metrics = metrics

    def jobs_of(
        self, sweep: Sweep, requests: Sequence[RunRequest], template: KubeObject | None, fingerprint: str = ""
    ) -> list[NewJob]:
        """The Jobs of runs. template: the PodTemplate that the sweep refers to; None: it refers to none. fingerprint: see `job_manifest`.

        Raises InvalidTemplate.
        """
        objective = objective_status(sweep.spec.objective)
        shared: Mapping[str, JsonValue] | None = template["template"] if template else None
        return [
            NewJob(request, job_manifest(sweep, request, objective, shared, self._defaults, fingerprint))
            for request in requests
        ]

    async def try_out(self, job: NewJob) -> None:
        """Asks the API server whether it would take the Job.

        Raises Refused with its words.
        """
        try:
            await self._api.create(JOBS, job.manifest, dry_run=True)
        except AlreadyExists:
            return

    async def create(self, sweep: Sweep, jobs: Sequence[NewJob]) -> list[Creation]:
        """Creates the Jobs; returns what each create came to.

        Raises the first ApiError, after all has been tried.
        """
        return await run_all([self._create(sweep, job) for job in jobs], at_once=AT_ONCE)

    async def change(self, namespace: str, plan: Plan) -> None:
        """Deletes, suspends, resumes and widens the Jobs that the plan names, has pods asked for again, and stops and resumes Workloads.

        Raises the first ApiError, after all has been tried.
        """
        writes: list[Coroutine[Any, Any, None]] = [self._delete(namespace, run) for run in plan.delete]
        writes += [self._suspend(namespace, run, True) for run in plan.suspend]
        writes += [self._suspend(namespace, run, False) for run in plan.resume]
        if self._workloads is not None:
            writes += [self._activate(self._workloads, namespace, each, False) for each in plan.deactivate]
            writes += [self._activate(self._workloads, namespace, each, True) for each in plan.activate]
        writes += [self._patch(namespace, run, {"spec": {"parallelism": pods}}) for run, pods in plan.scale]
        writes += [self._ask_again(namespace, run) for run in plan.ask_again]
        await run_all(writes, at_once=AT_ONCE)

    async def remove(self, namespace: str, runs: Sequence[RunRef]) -> None:
        """Deletes Jobs that hold nothing any more, behind all other requests.

        Raises the first ApiError, after all has been tried.
        """
        with unhurried():
            await run_all([self._delete(namespace, run) for run in runs], at_once=REMOVED_AT_ONCE)

    async def _create(self, sweep: Sweep, job: NewJob) -> Creation:
        try:
            created = await self._api.create(JOBS, job.manifest)
        except AlreadyExists:
            try:
                created = await self._api.get(JOBS, sweep.namespace, job.request.name)
            except NotFound:  # deleted in between
                return Creation.NAME_LEAVING
            if not same_job(created, sweep, job.request):
                return Creation.NAME_LEAVING if is_deleting(created) else Creation.NAME_TAKEN
        else:
            self._metrics.count(RUNS_CREATED)
            if job.request.moved:
                self._metrics.count(RUNS_MOVED)
        self._run_cache.jobs.upsert_from_write(created)
        return Creation.CREATED

    async def _delete(self, namespace: str, run: RunRef) -> None:
        try:
            remaining = await self._api.delete(JOBS, namespace, run.name, uid=run.uid)
        except (NotFound, Conflict):  # gone, or the name belongs to another Job by now: this one is gone too
            remaining = None
        if remaining is None:
            self._run_cache.job_deleted(run.uid)
        else:
            self._run_cache.jobs.upsert_from_write(remaining)

    async def _suspend(self, namespace: str, run: RunRef, suspend: bool) -> None:
        """Suspends or resumes the Job as it was seen: what somebody has changed since is decided on anew."""
        seen = self._run_cache.jobs.get(run.uid)
        version = {"resourceVersion": seen["metadata"]["resourceVersion"]} if seen is not None else {}
        metadata = {**version, **_mark(suspend)}
        await self._patch(namespace, run, {"metadata": metadata, "spec": {"suspend": suspend}})

    async def _ask_again(self, namespace: str, run: RunRef) -> None:
        """Changes the Job so that its controller looks at it a second later, whatever it has put off."""
        seen = self._run_cache.jobs.get(run.uid)
        version = seen["metadata"]["resourceVersion"] if seen is not None else "unknown"
        await self._patch(namespace, run, {"metadata": {"annotations": {ASKED_ANNOTATION: version}}})

    async def _activate(self, resource: Resource, namespace: str, workload: Workload, active: bool) -> None:
        """The same for a Workload."""
        metadata = {"uid": workload.uid, "resourceVersion": workload.version, **_mark(not active)}
        patch: KubeObject = {"metadata": metadata, "spec": {"active": active}}
        try:
            await self._api.patch(resource, namespace, workload.name, patch)
        except (NotFound, Conflict):  # the next pass reads it again
            logger.info("%s/%s: was changed before it could be stopped or resumed", namespace, workload.name)

    async def _patch(self, namespace: str, run: RunRef, patch: KubeObject) -> None:
        try:
            metadata = {"uid": run.uid, **patch.get("metadata", {})}
            patched = await self._api.patch(JOBS, namespace, run.name, {**patch, "metadata": metadata})
        except (NotFound, Conflict):  # the watch brings the news
            logger.info("%s/%s: was changed or deleted before it could be changed", namespace, run.name)
            return
        self._run_cache.jobs.upsert_from_write(patched)


def _mark(stopped: bool) -> dict[str, JsonValue]:
    """What says whether the operator has stopped the object: it resumes nothing else."""
    return {"annotations": {SUSPENDED_ANNOTATION: "true" if stopped else "false"}}
