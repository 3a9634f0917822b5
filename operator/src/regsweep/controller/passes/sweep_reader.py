"""Reads what a pass rests on: the sweep's records and runs, its spec with what is pinned, its template, and the last answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from regsweep.adapters.kubeapi import PODS, KubeApi, KubeObject, Resource, namespace_of, uid_of
from regsweep.adapters.listing import list_all
from regsweep.api import constants as names
from regsweep.api.canonical import digest
from regsweep.api.constants import CONTAINER_MESSAGE_BYTES
from regsweep.api.status import SweepStatus
from regsweep.controller.clocks import Clocks
from regsweep.controller.passes.acceptance import Rules
from regsweep.controller.passes.claiming import Claims
from regsweep.controller.passes.memory import SweepMemory
from regsweep.controller.passes.namespaces import is_terminating
from regsweep.controller.passes.observation import (
    Accepted,
    InvalidSpec,
    NotOurs,
    Observation,
    Template,
    TerminatingNamespace,
)
from regsweep.controller.passes.parts import Caches, Queues
from regsweep.controller.passes.pod_refusals import pod_refusals
from regsweep.controller.passes.workloads import read_workloads
from regsweep.controller.writers.status_writer import prior_status
from regsweep.core.accept import Past
from regsweep.core.claims import Standing
from regsweep.core.collect import is_recorded
from regsweep.core.judging.analysis import prior_analysis
from regsweep.core.kubernetes.podtemplate import template_room
from regsweep.core.refusals import Refusal
from regsweep.core.results.records import Records
from regsweep.core.runs import ObservedRun, RunRef, Workloads
from regsweep.core.scripts import ScriptFiles, script_files
from regsweep.core.sweep import Sweep
from regsweep.core.timestamps import known_moment
from regsweep.core.world import Observed, Usage
from regsweep.errors import InvalidSweep, InvalidTemplate

FINGERPRINT_LENGTH: Final = 16


class SweepReader:
    """Reads for passes."""

    def __init__(
        self,
        api: KubeApi,
        caches: Caches,
        queues: Queues,
        rules: Rules,
        claims: Claims,
        clocks: Clocks,
        *,
        workloads: Resource | None = None,
    ) -> None:
        """workloads: Kueue's; None: they are not read."""
        self._api = api
        self._caches = caches
        self._queues = queues
        self._rules = rules
        self._claims = claims
        self._clocks = clocks
        self._workloads = workloads

    async def observe(
        self, sweep: KubeObject, memory: SweepMemory
    ) -> Observation | InvalidSpec | TerminatingNamespace | NotOurs:
        """The sweep at this moment. Raises ApiError where something has to be asked of the API server, and it does not answer."""
        prior = _prior_of(sweep, memory)
        standing = await self._claims.standing(sweep, prior.managed_by)
        if standing in (Standing.CLAIMED, Standing.NAMED):
            return NotOurs(prior.managed_by if standing is Standing.CLAIMED else None)
        prior = prior.model_copy(update={"managed_by": self._claims.own})
        records = await memory.records.all()
        runs = await self._runs(sweep, records, memory.searched_jobs)
        altered = self._caches.runs.altered_of(sweep)
        if await is_terminating(self._api, sweep, runs, memory.namespace):
            jobs = [RunRef(run.name, run.uid) for run in runs if not run.deleting]
            return TerminatingNamespace((*jobs, *(RunRef(job.name, job.uid) for job in altered)))
        past = Past(prior.resolved, prior.objective, records, runs, prior.refinement)
        config_map, script = await self._script(sweep)
        is_new = memory.acceptance.is_new(sweep)
        accept = partial(memory.acceptance.accept, sweep, past, self._rules, script)
        try:  # a new one beside the event loop, on which other sweeps and the lease go on
            accepted = await asyncio.to_thread(accept) if is_new else accept()
        except InvalidSweep as invalid:
            return InvalidSpec(prior, invalid.problems, look_again=script is not None)
        if is_new:
            runs = await self._runs(sweep, records, memory.searched_jobs)
        template = await self._template(accepted, config_map, memory)
        refusals = await self._pod_refusals(sweep, runs, template.fingerprint, memory)
        uid, admission, now = uid_of(sweep), memory.admission, self._clocks.monotonic()
        room, asked = memory.asking.look(runs, refusals, now)
        observed = Observed(
            records=records,
            runs=runs,
            altered=altered,
            orphaned_pods=self._caches.runs.orphans_of(sweep),
            workloads=await self._read_workloads(sweep, runs, memory),
            scrapes=self._queues.prometheus.latest(uid),
            analysis_result=self._queues.analyses.latest(uid) or prior_analysis(prior.analysis, accepted.sweep),
            final=prior.final,
            usage=_usage(prior, accepted.sweep),
            refusal=admission.refusal_of(template.fingerprint, now) if admission else None,
            others_wait=self._queues.room.is_asked(namespace_of(sweep), uid),
            refused_pods=refusals,
            room=room,
            asked=asked,
            cautious=memory.pod_refusals.careful_about == template.fingerprint,
            template=template.fingerprint,
            message_bytes=template.message_bytes,
            template_missing=template.missing,
        )
        return Observation(sweep, prior, standing is Standing.OURS, accepted, template, observed, self._clocks.now())

    async def _read_workloads(
        self, sweep: KubeObject, runs: Sequence[ObservedRun], memory: SweepMemory
    ) -> Workloads | None:
        """What Kueue says of the runs; None: it is not asked, or does not answer."""
        if self._workloads is None:
            return None
        return await read_workloads(self._api, self._workloads, sweep, runs, memory.workloads, self._clocks.monotonic())

    async def _pod_refusals(
        self, sweep: KubeObject, runs: Sequence[ObservedRun], fingerprint: str, memory: SweepMemory
    ) -> dict[str, Refusal]:
        """Why pods of the runs do not come; that some of this template's do not is remembered."""
        now, podless = self._clocks.monotonic(), [run for run in runs if run.wants_pod]
        refusals = await pod_refusals(self._api, sweep, podless, memory.pod_refusals, now)
        if any(run.name in refusals and run.template == fingerprint for run in podless):
            memory.pod_refusals.careful_about = fingerprint
        return refusals

    async def _runs(
        self, sweep: KubeObject, records: Records, searched: set[tuple[str, str]]
    ) -> tuple[ObservedRun, ...]:
        """The sweep's runs, the first created first.

        The pods of a Job that has ended are asked for live where the cache does not have their end: the two watches may be apart, and
        without the end of its pods a Job looks as if its record were lost. `searched` names the Jobs for which that was done.
        Raises ApiError.
        """
        while True:
            runs = self._caches.runs.runs_of(sweep)
            lacking = [run for run in runs if _may_lack_pods(run) and not is_recorded(run, records)]
            unsearched = {run.name: key for run in lacking if (key := self._version_of(run)) not in searched}
            if not unsearched:
                return runs
            for name, key in unsearched.items():  # others' news may come meanwhile: they are looked at again
                await self._search_pods(name, namespace_of(sweep))
                searched.add(key)

    def _version_of(self, run: ObservedRun) -> tuple[str, str]:
        """UID and resourceVersion of the run's Job."""
        job = self._caches.runs.jobs.get(run.uid)
        return run.uid, job["metadata"]["resourceVersion"] if job else ""

    async def _search_pods(self, run_name: str, namespace: str) -> None:
        """Takes the pods that the run has by the API server's own word into the cache."""
        async for pod in list_all(self._api, PODS, namespace, label_selector=f"{names.RUN_LABEL}={run_name}"):
            self._caches.runs.pods.upsert_from_write(pod)

    async def _script(self, sweep: KubeObject) -> tuple[KubeObject | None, ScriptFiles | None]:
        """The ConfigMap with the sweep's script, and what it holds; None and None: the sweep has none. Raises ApiError."""
        name = _script_name(sweep)
        if not name:
            return None, None
        config_map = await self._caches.scripts.get(namespace_of(sweep), name)
        return config_map, script_files(name, config_map)

    async def _template(self, accepted: Accepted, script: KubeObject | None, memory: SweepMemory) -> Template:
        """What the sweep's Jobs are made from.

        Raises ApiError.
        """
        reference, template = accepted.sweep.spec.template_ref, None
        if reference is not None:
            template = await self._caches.templates.get(accepted.sweep.namespace, reference.name)
        basis = (accepted, template, script)
        if memory.template is None or any(a is not b for a, b in zip(memory.template[0], basis, strict=True)):
            memory.template = (basis, self._made_from(accepted, template, script))
        return memory.template[1]

    def _made_from(self, accepted: Accepted, template: KubeObject | None, script: KubeObject | None) -> Template:
        spec, resolved = accepted.sweep.spec, accepted.sweep.resolved
        missing = spec.template_ref.name if spec.template_ref is not None and template is None else None
        made_from = [
            template["template"] if template else None,
            spec.template,
            resolved.image,
            resolved.args,
            resolved.script.digest if resolved.script is not None else None,
            resolved.gpus,
            resolved.gpu_resource,
            spec.run_timeout_seconds,
            asdict(self._rules.jobs),
        ]
        try:
            room = template_room(accepted.sweep, template["template"] if template else None, self._rules.jobs)
        except InvalidTemplate:  # said where the first Job is made of it
            room = CONTAINER_MESSAGE_BYTES
        return Template(template, missing, script, room, digest(made_from, FINGERPRINT_LENGTH))


def _prior_of(sweep: KubeObject, memory: SweepMemory) -> SweepStatus:
    """The sweep's status, read again only when the sweep is another one.

    Raises UnreadableStatus.
    """
    if memory.prior is None or memory.prior[0] is not sweep:
        memory.prior = (sweep, prior_status(sweep))
    return memory.prior[1]


def _usage(prior: SweepStatus, sweep: Sweep) -> Usage:
    """What the sweep has used, as far as its status says."""
    return Usage(known_moment(prior.start_time), sweep.resolved.gpus, prior.gpu_seconds or 0.0)


def _script_name(sweep: KubeObject) -> str:
    """Name of the ConfigMap with the script; empty where there is none, or the spec is not one."""
    found: Any = sweep.get("spec")
    for field in ("trainer", "script", "configMapRef", "name"):
        found = found.get(field) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _may_lack_pods(run: ObservedRun) -> bool:
    """Whether the run, or an index of it, has ended, and the cache does not have the end of a pod that it must have had."""
    if run.deleting or not (run.is_over or run.succeeded_indexes):
        return False
    trained = {pod.index for pod in run.pods if pod.trained}
    if run.succeeded:
        return not trained.issuperset(range(run.completions))
    if run.failed_reason is not None:
        return not run.pods or any(pod.in_flight for pod in run.pods)
    return not run.succeeded_indexes <= trained
