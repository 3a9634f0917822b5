"""Namespaces on their way out: their Jobs have to be deleted, or they would stay Terminating for ever.

Kubernetes 1.34 and later deletes a namespace's pods first, and all else once they are gone. A pod of a Job with a back-off per index
keeps its finalizer until another pod takes its place, and no other is taken in that namespace. With the Job gone, so is the finalizer.
Whether a namespace is going is asked only when a pod is taken away that we did not take: a dry run needs no right on namespaces.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from regsweep.adapters.kubeapi import EVENTS, KubeApi, KubeObject, name_of, namespace_of, uid_of
from regsweep.controller.memory import SweepMemory
from regsweep.core.runs import ObservedRun
from regsweep.errors import ApiError, NamespaceTerminating

logger = logging.getLogger(__name__)


async def namespace_is_going(api: KubeApi, sweep: KubeObject, state: SweepMemory, runs: Iterable[ObservedRun]) -> bool:
    """Whether the sweep's namespace is being deleted, as far as is known."""
    if not state.namespace_is_going:
        taken = {pod.uid for run in runs if not (run.deleting or run.suspended) for pod in run.pods if pod.deleting}
        if taken <= state.pods_asked_about:
            return False
        state.pods_asked_about |= taken
        state.namespace_is_going = await _refuses_objects(api, sweep)
        if state.namespace_is_going:
            logger.info("namespace %s is being deleted: so are the Jobs of %s", namespace_of(sweep), name_of(sweep))
    return state.namespace_is_going


async def _refuses_objects(api: KubeApi, sweep: KubeObject) -> bool:
    """Whether the API server refuses new objects there. Any other refusal says nothing."""
    metadata = {"name": f"{uid_of(sweep)}.probe", "namespace": namespace_of(sweep)}
    involved = {"kind": sweep.get("kind", ""), "name": name_of(sweep), "namespace": namespace_of(sweep)}
    event = {"metadata": metadata, "involvedObject": involved, "reason": "Probe", "type": "Normal"}
    try:
        await api.create(EVENTS, {"apiVersion": EVENTS.api_version, "kind": EVENTS.kind, **event}, dry_run=True)
    except NamespaceTerminating:
        return True
    except ApiError as error:
        logger.warning(
            "%s/%s: cannot tell whether its namespace is going: %s", namespace_of(sweep), name_of(sweep), error
        )
    return False
