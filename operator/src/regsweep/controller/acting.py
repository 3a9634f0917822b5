"""Carrying out a plan: deletes, suspends, scales and creates, each answer straight into the cache."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final

from pydantic import JsonValue

from regsweep.adapters.kubeapi import JOBS, KubeApi, KubeObject, is_deleting
from regsweep.api.conditions import Reason
from regsweep.api.status import ObjectiveStatus
from regsweep.controller.run_cache import RunCache
from regsweep.core.kubernetes.jobs import job_manifest, same_job
from regsweep.core.kubernetes.podtemplate import JobDefaults
from regsweep.core.plan import Notice, Plan
from regsweep.core.runs import RunRef, RunRequest
from regsweep.core.sweep import Sweep
from regsweep.errors import AlreadyExists, Conflict, NotFound
from regsweep.metrics import RUNS_CREATED, Metrics

logger = logging.getLogger(__name__)

AT_ONCE: Final = 16
"""Writes of one sweep that are under way at the same time."""
NAME_TAKEN_RETRY_SECONDS: Final = 5.0


class Actor:
    """Writes to the Jobs of sweeps."""

    def __init__(self, api: KubeApi, children: RunCache, defaults: JobDefaults, metrics: Metrics) -> None:
        self._api = api
        self._children = children
        self._defaults = defaults
        self._metrics = metrics

    async def change(self, namespace: str, plan: Plan) -> None:
        """Deletes, suspends, resumes and widens what the plan says.

        Raises the first ApiError, after all has been tried.
        """
        writes: list[Coroutine[Any, Any, None]] = [self._delete(namespace, run) for run in plan.delete]
        writes += [self._patch(namespace, run, {"suspend": True}) for run in plan.suspend]
        writes += [self._patch(namespace, run, {"suspend": False}) for run in plan.resume]
        writes += [self._patch(namespace, run, {"parallelism": pods}) for run, pods in plan.scale]
        await _all(writes)

    def manifest(
        self, sweep: Sweep, request: RunRequest, objective: ObjectiveStatus, template: KubeObject | None
    ) -> KubeObject:
        """The Job of a run.

        Raises InvalidTemplate.
        """
        shared: Mapping[str, JsonValue] | None = template["template"] if template else None
        return job_manifest(sweep, request, objective, shared, self._defaults)

    async def try_out(self, job: KubeObject) -> None:
        """Asks the API server whether it would take the Job.

        Raises Refused with its words.
        """
        try:
            await self._api.create(JOBS, job, dry_run=True)
        except AlreadyExists:
            return

    async def create(
        self, sweep: Sweep, jobs: Iterable[tuple[RunRequest, KubeObject]], tell: Callable[[Notice], None]
    ) -> bool:
        """Creates the Jobs; returns whether a name is still taken by another Job, so that the run must be tried later.

        Raises the first ApiError, after all has been tried.
        """
        taken: list[str] = []
        await _all([self._create(sweep, request, job, tell, taken) for request, job in jobs])
        return bool(taken)

    async def _create(
        self, sweep: Sweep, request: RunRequest, job: KubeObject, tell: Callable[[Notice], None], taken: list[str]
    ) -> None:
        try:
            created = await self._api.create(JOBS, job)
        except AlreadyExists:
            try:
                created = await self._api.get(JOBS, sweep.namespace, request.name)
            except NotFound:  # deleted in between
                taken.append(request.name)
                return
            if not same_job(created, sweep, request):
                taken.append(request.name)
                if not is_deleting(created):
                    text = (
                        f"Job {request.name} is there already and is not this sweep's. Delete it, and the run starts."
                    )
                    tell(Notice(Reason.NAME_TAKEN, text, warning=True))
                return
        else:
            self._metrics.count(RUNS_CREATED)
        self._children.jobs.upsert_from_write(created)

    async def _delete(self, namespace: str, run: RunRef) -> None:
        try:
            remaining = await self._api.delete(JOBS, namespace, run.name, uid=run.uid)
        except (NotFound, Conflict):  # gone, or the name belongs to another Job by now: this one is gone too
            remaining = None
        if remaining is None:
            self._children.job_deleted(run.uid)
        else:
            self._children.jobs.upsert_from_write(remaining)

    async def _patch(self, namespace: str, run: RunRef, spec: Mapping[str, JsonValue]) -> None:
        try:
            patched = await self._api.patch(JOBS, namespace, run.name, {"metadata": {"uid": run.uid}, "spec": spec})
        except (NotFound, Conflict):  # the watch will tell
            logger.info("%s/%s: went away before it could be changed", namespace, run.name)
            return
        self._children.jobs.upsert_from_write(patched)


async def _all(writes: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Carries all of them out, some at a time, and raises the first failure when all have been tried."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(write: Coroutine[Any, Any, None]) -> None:
        async with slots:
            await write

    await all_tried(*(one(write) for write in writes))


async def all_tried(*work: Coroutine[Any, Any, None]) -> None:
    """Does all of it side by side, and raises the first failure when all has been tried."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
