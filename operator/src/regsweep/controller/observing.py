"""What a pass rests on: the sweep's runs, its spec with what is pinned, and the template that its Jobs are made from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from regsweep.adapters.kubeapi import PODS, KubeApi, KubeObject, name_of, namespace_of, uid_of
from regsweep.api import constants as names
from regsweep.api.canonical import digest
from regsweep.api.objective import objective_status
from regsweep.api.status import SweepStatus
from regsweep.api.validation import parse_sweep
from regsweep.controller.memory import Accepted, SweepMemory, View
from regsweep.controller.run_cache import RunCache
from regsweep.controller.templates import Templates
from regsweep.core.accept import Defaults, Identity, Past, accept
from regsweep.core.collect import is_recorded
from regsweep.core.results.records import Records
from regsweep.core.runs import ObservedRun
from regsweep.settings import variable_of

FINGERPRINT_LENGTH: Final = 16


class Observing:
    """Reads the world for passes; it writes nothing."""

    def __init__(
        self,
        api: KubeApi,
        children: RunCache,
        templates: Templates,
        defaults: Defaults,
        *,
        max_combinations: int,
        now: Callable[[], datetime],
    ) -> None:
        self._api = api
        self._children = children
        self._templates = templates
        self._defaults = defaults
        self._max_combinations = max_combinations
        self._now = now

    async def runs(self, sweep: KubeObject, state: SweepMemory) -> tuple[ObservedRun, ...]:
        """The sweep's runs, the first created first.

        The pods of a Job that has ended are asked for live where the cache has none: the two watches may be apart, and a Job
        without its pods looks as if its record were lost.
        """
        runs = self._children.runs_of(sweep)
        found = False
        for run in runs:
            ended = run.succeeded or run.failed_reason is not None or run.succeeded_indexes
            if not ended or run.pods or run.deleting:
                continue
            job = self._children.jobs.get(run.uid)
            seen = (run.uid, job["metadata"]["resourceVersion"] if job else "")
            if seen in state.looked_for_pods or is_recorded(run, await state.store.records()):
                continue
            state.looked_for_pods.add(seen)
            selector = f"{names.RUN_LABEL}={run.name}"
            page = await self._api.list_page(PODS, namespace_of(sweep), label_selector=selector)
            for pod in page.items:
                self._children.pods.upsert_from_write(pod)
            found = found or bool(page.items)
        return self._children.runs_of(sweep) if found else runs

    def accept(
        self,
        sweep: KubeObject,
        prior: SweepStatus,
        state: SweepMemory,
        records: Records,
        runs: tuple[ObservedRun, ...],
    ) -> Accepted:
        """The accepted sweep; worked out anew only when what it rests on has changed.

        Raises InvalidSweep.
        """
        past = Past(prior.resolved, prior.objective, records, runs)
        generation = int(sweep["metadata"]["generation"])
        if state.spec_of is None or state.spec_of[0] != generation:
            how_to_raise = f"raise the operator's {variable_of('max_combinations')}"
            state.spec_of = (generation, parse_sweep(sweep, self._max_combinations, how_to_raise=how_to_raise))
        retry = _retry_of(sweep)
        # What was trained decides only whether an edited objective can be followed.
        edited = objective_status(state.spec_of[1].objective) != prior.objective
        trained = (len(records), frozenset(run.uid for run in runs)) if edited else None
        rests_on = (generation, retry, prior.resolved, prior.objective, past.started, trained)
        if state.accepted_of is None or state.accepted_of[0] != rests_on:
            identity = Identity(name_of(sweep), namespace_of(sweep), uid_of(sweep), generation, retry)
            accepted, edits = accept(identity, state.spec_of[1], self._defaults, past)
            state.accepted_of = (rests_on, Accepted(accepted, edits))
        return state.accepted_of[1]

    async def view(self, sweep: KubeObject, accepted: Accepted) -> View:
        """The sweep with its template, at this moment."""
        spec, resolved = accepted.sweep.spec, accepted.sweep.resolved
        template, missing = None, None
        if spec.template_ref is not None:
            template = await self._templates.get(accepted.sweep.namespace, spec.template_ref.name)
            missing = spec.template_ref.name if template is None else None
        made_from = [
            template["template"] if template else None,
            spec.template,
            resolved.image,
            resolved.gpus,
            resolved.gpu_resource,
            spec.run_timeout_seconds,
        ]
        return View(sweep, accepted, template, missing, digest(made_from, FINGERPRINT_LENGTH), self._now())


def _retry_of(sweep: KubeObject) -> int:
    """The retry annotation as a number; 0 where it is absent or none."""
    text = (sweep["metadata"].get("annotations") or {}).get(names.RETRY_ANNOTATION, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
