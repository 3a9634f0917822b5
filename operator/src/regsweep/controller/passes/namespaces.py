"""Namespaces on their way out: their Jobs have to be deleted, or they would stay Terminating for ever.

Kubernetes 1.34 and later deletes a namespace's pods first, and all else once they are gone. A pod of a Job with a back-off per index
keeps its finalizer until another pod takes its place, and no other is taken in that namespace. With the Job gone, so is the finalizer.
Whether a namespace is terminating is asked only when a pod is taken away that we did not take: a dry run needs no right on namespaces.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from regsweep.adapters.kubeapi import EVENTS, KubeApi, KubeObject, name_of, namespace_of, uid_of
from regsweep.core.runs import ObservedRun
from regsweep.errors import ApiError, NamespaceTerminating

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class NamespaceMemory:
    """What is known of a sweep's namespace."""

    terminating: bool = False
    """The API server takes nothing new in it: it is being deleted."""
    pods_asked_about: set[str] = field(default_factory=set)
    """UIDs of pods that somebody took away, and after which it was asked whether their namespace is terminating."""


async def is_terminating(api: KubeApi, sweep: KubeObject, runs: Iterable[ObservedRun], memory: NamespaceMemory) -> bool:
    """Whether the sweep's namespace is being deleted, as far as is known.

    Raises nothing where the API server does not answer: it is asked again when another pod is taken away.
    """
    if not memory.terminating:
        taken = {pod.uid for run in runs if not (run.deleting or run.suspended) for pod in run.pods if pod.deleting}
        if taken <= memory.pods_asked_about:
            return False
        memory.pods_asked_about |= taken
        memory.terminating = await _refuses_objects(api, sweep)
        if memory.terminating:
            logger.info("namespace %s is being deleted: so are the Jobs of %s", namespace_of(sweep), name_of(sweep))
    return memory.terminating


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
            "%s/%s: cannot determine whether its namespace is terminating: %s",
            namespace_of(sweep),
            name_of(sweep),
            error,
        )
    return False
