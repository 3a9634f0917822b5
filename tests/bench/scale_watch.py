"""What the API server says of a namespace's Jobs and pods, and when: the clock of the trials."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.timeline import has_ended
from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import JOBS, PODS, SWEEPS, KubeObject, Resource, WatchType, uid_of
from regsweep.api.constants import SWEEP_NAME_LABEL
from regsweep.errors import Unavailable

WATCH_SECONDS = 3600.0


@dataclass
class Watched:
    """Times are seconds of the monotonic clock, in their order."""

    created: dict[str, list[float]] = field(default_factory=dict)
    """Sweep to when its Jobs came."""
    ended: dict[str, list[float]] = field(default_factory=dict)
    """Sweep to when its pods' ends came."""
    events: int = 0
    """Of Jobs, pods and sweeps: as many as the operator has."""
    over: dict[str, float] = field(default_factory=dict)
    """Sweep to when it was Complete or Failed."""
    on_end: Callable[[], None] = lambda: None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _seen: set[str] = field(default_factory=set)

    def refills(self, sweep: str, slots: int) -> list[float]:
        """From each pod's end to the Job that takes its slot: the k-th end frees the slot of creation number slots + k."""
        ended, created = self.ended.get(sweep, []), self.created.get(sweep, [])
        return [new - end for end, new in zip(ended, created[slots:], strict=False)]

    def take(self, resource: Resource, kind: WatchType, obj: KubeObject, at: float) -> None:
        """Takes one event."""
        self.events += 1
        name = (obj["metadata"].get("labels") or {}).get(SWEEP_NAME_LABEL, "")
        if resource is SWEEPS:
            if (obj.get("status") or {}).get("state") in ("Complete", "Failed"):
                self.over.setdefault(obj["metadata"]["name"], at)
        elif resource is JOBS and kind is WatchType.ADDED:
            self.created.setdefault(name, []).append(at)
        elif resource is PODS and uid_of(obj) not in self._seen and has_ended(obj):
            self._seen.add(uid_of(obj))
            self.ended.setdefault(name, []).append(at)
            self.on_end()
        self.changed.set()


@asynccontextmanager
async def watching(api: KubeClient, namespace: str) -> AsyncIterator[Watched]:
    """Watches from now on: nothing that happens within is missed."""
    watched = Watched()
    # Listed before anything is done: what a watch misses at the start would put every later refill off by as many.
    since = [(each, (await api.list_page(each, namespace, limit=1)).resource_version) for each in (JOBS, PODS, SWEEPS)]
    tasks = [asyncio.create_task(_watch(api, namespace, each, version, watched)) for each, version in since]
    try:
        yield watched
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(api: KubeClient, namespace: str, resource: Resource, since: str, watched: Watched) -> None:
    """Goes on where a watch has ended: the API server ends those whose readers are slow."""
    while True:
        events = api.watch(resource, namespace, resource_version=since, timeout_seconds=WATCH_SECONDS)
        with contextlib.suppress(Unavailable):
            async for event in events:
                since = event.object["metadata"]["resourceVersion"]
                if event.type is not WatchType.BOOKMARK:
                    watched.take(resource, event.type, event.object, time.monotonic())
