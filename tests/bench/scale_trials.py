"""Trials of large sweeps: as many Jobs by a floor that does nothing else, and by the operator."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bench.errors import BenchError
from bench.scale_cluster import NODE
from bench.scale_operator import Account, RunningOperator, operator
from bench.scale_watch import Watched, watching
from bench.scale_world import REPLICATES
from bench.timeline import quantile
from cluster import Cluster
from regsweep.adapters.connection import load_connection
from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import JOBS, RESULTS, SWEEPS, KubeObject, uid_of
from regsweep.adapters.listing import list_all
from regsweep.api.constants import SWEEP_NAME_LABEL, SWEEP_UID_LABEL
from regsweep.api.objective import objective_status
from regsweep.api.validation import parse_sweep
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.identity import run_name
from regsweep.core.kubernetes.jobs import job_manifest
from regsweep.core.runs import RunRequest

IN_FLIGHT = 100
SMALL = 20
"""Combinations of each of a hundred sweeps."""
FINISHED_SWEEPS = 20
"""Beside the one over whose Jobs an operator is started."""
IDLE_SECONDS = 30.0
LONGEST_SECONDS = 1500.0
LONGEST_TAKE_OVER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Trial:
    """Of one namespace. Times in seconds."""

    runs: int
    wall: float
    """From the first Job to the last pod's end."""
    refills: list[float]
    events: int

    def refill(self, share: float) -> float:
        """That quantile of the refills."""
        return quantile(self.refills, share)


@dataclass(frozen=True, slots=True)
class SweepTrial(Trial):
    """Of the operator also what it cost, from its start on."""

    account: Account
    status_bytes: int
    """Of the largest status."""
    told: float
    """From the last pod's end to Complete."""
    idle_requests: float = math.nan
    """A second, once all is over."""
    idle_cpu: float = math.nan
    """Share of a core, once all is over."""


@dataclass(frozen=True, slots=True)
class TakeOvers:
    """Of one sweep, whose leader is stopped in mid-sweep, and its successor killed. Times in seconds."""

    stopped: float
    """From SIGTERM to another's lead."""
    crashed: float
    """From SIGKILL to another's lead."""
    runs: int
    created: int
    """Jobs: one for each run where nothing is lost and nothing doubled."""


async def floor(cluster: Cluster, combinations: int) -> Trial:
    """Creates the Jobs, a new one whenever a pod ends."""
    async with _namespace(cluster) as (api, namespace), watching(api, namespace) as watched:
        jobs = _jobs(combinations, namespace)
        creating: set[asyncio.Task[Any]] = set()

        def create_next() -> None:
            job = next(jobs, None)
            if job is not None:
                task = asyncio.create_task(api.create(JOBS, job))
                creating.add(task)
                task.add_done_callback(creating.discard)

        watched.on_end = create_next
        slots = _slots(combinations)
        for _ in range(slots):
            create_next()
        await _until(watched, lambda: len(watched.ended.get("large", ())) == combinations)
        return _trial(watched, ["large"], combinations, slots, Trial)


async def sweeps(cluster: Cluster, combinations: int, count: int = 1, *, idle: bool = False) -> SweepTrial:
    """The operator with so many sweeps at once, of together 100 runs in flight."""
    async with (
        _namespace(cluster) as (api, namespace),
        operator(cluster, namespace) as running,
        watching(api, namespace) as watched,
    ):
        names = [f"large-{number}" if count > 1 else "large" for number in range(count)]
        slots = max(1, IN_FLIGHT // count) if count > 1 else _slots(combinations)
        await asyncio.gather(*(api.create(SWEEPS, _sweep(name, namespace, combinations, slots)) for name in names))
        await _until(watched, lambda: len(watched.over) == count)
        account = await running.account()
        status_bytes = max([len(json.dumps((await api.get(SWEEPS, namespace, n))["status"])) for n in names[:3]])
        trial = _trial(watched, names, combinations * count, slots, Trial)
        told = max(watched.over.values()) - max(times[-1] for times in watched.ended.values())
        resting = await _idle(running) if idle else (math.nan, math.nan)
        return SweepTrial(trial.runs, trial.wall, trial.refills, trial.events, account, status_bytes, told, *resting)


async def beside_large_ones(cluster: Cluster, combinations: int, seconds: float) -> list[float]:
    """Refills of small sweeps, one after the other, beside five large ones for so long."""
    async with (
        _namespace(cluster) as (api, namespace),
        operator(cluster, namespace),
        watching(api, namespace) as watched,
    ):
        for number in range(5):
            await api.create(SWEEPS, _sweep(f"large-{number}", namespace, combinations, IN_FLIGHT // 5))
        await _until(watched, lambda: sum(map(len, watched.created.values())) >= IN_FLIGHT)
        deadline, number, refills = time.monotonic() + seconds, 0, []
        while time.monotonic() < deadline:
            name = f"small-{number}"
            number += 1
            await api.create(SWEEPS, _sweep(name, namespace, SMALL, 4))
            await _until(watched, lambda: name in watched.over)  # noqa: B023  # waited for at once
            refills += watched.refills(name, 4)
        return refills


async def restart(cluster: Cluster, combinations: int) -> tuple[float, int]:
    """Starts an operator over a sweep with so many finished Jobs, of which a value was exchanged, and over twenty other
    finished sweeps of that size: seconds from its start to its first new Job, and what was most resident then, in bytes."""
    async with _namespace(cluster) as (api, namespace):
        async with operator(cluster, namespace), watching(api, namespace) as watched:
            sweep = _sweep("large", namespace, combinations, IN_FLIGHT)
            sweep["spec"]["retention"] = {"succeededJobs": 10_000}
            await api.create(SWEEPS, sweep)
            await _until(watched, lambda: "large" in watched.over)
        for number in range(FINISHED_SWEEPS):
            await _copy(api, namespace, f"kept-{number}")
        others = [*_values(combinations)[:-1], 9]  # as many as before: a sweep has at most 10,000 combinations
        spec = {"flags": [sweep["spec"]["flags"][0], {"name": "dropout", "values": others}]}
        await api.patch(SWEEPS, namespace, "large", {"spec": spec})
        async with watching(api, namespace) as watched, operator(cluster, namespace) as running:
            await _until(watched, lambda: bool(watched.created))
            return watched.created["large"][0] - running.started, (await running.account()).peak


async def _copy(api: KubeClient, namespace: str, name: str) -> None:
    """Another finished sweep with the status and the records of the large one."""
    large = await api.get(SWEEPS, namespace, "large")
    meta = {"name": name, "namespace": namespace}
    made = await api.create(SWEEPS, {**large, "metadata": meta, "status": None})
    await api.replace(SWEEPS, {**made, "status": large["status"]}, subresource="status")
    segments = list_all(api, RESULTS, namespace, label_selector=f"{SWEEP_UID_LABEL}={uid_of(large)}", limit=20)
    async for segment in segments:
        label = {SWEEP_UID_LABEL: uid_of(made), SWEEP_NAME_LABEL: name}
        copied = {"name": f"{name}-{segment['sequence']}", "namespace": namespace, "labels": label}
        await api.create(RESULTS, {**segment, "metadata": copied, "sweepName": name})


async def take_overs(cluster: Cluster, combinations: int) -> TakeOvers:
    """A sweep whose leader is stopped in good order, and whose next one is killed, each with another one ready."""
    async with (
        _namespace(cluster) as (api, namespace),
        operator(cluster, namespace) as first,
        watching(api, namespace) as watched,
    ):
        await api.create(SWEEPS, _sweep("large", namespace, combinations, IN_FLIGHT // 5))
        await _until(watched, lambda: len(watched.ended.get("large", ())) >= combinations // 5)
        async with operator(cluster, namespace, standby=True) as second:
            stopped = await _take_over(first, signal.SIGTERM, second)
            async with operator(cluster, namespace, standby=True) as third:
                crashed = await _take_over(second, signal.SIGKILL, third)
                await _until(watched, lambda: "large" in watched.over)
        return TakeOvers(stopped, crashed, combinations, len(watched.created["large"]))


async def _take_over(leader: RunningOperator, sent: signal.Signals, successor: RunningOperator) -> float:
    """Seconds from the signal until the successor leads."""
    began = time.monotonic()
    os.kill(leader.pid, sent)
    while not await successor.leads():
        if time.monotonic() > began + LONGEST_TAKE_OVER_SECONDS:
            raise BenchError(f"nobody leads {LONGEST_TAKE_OVER_SECONDS:g} s after {sent.name}")
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def _idle(running: Any) -> tuple[float, float]:
    """Requests a second and share of a core while nothing happens."""
    before = await running.account()
    await asyncio.sleep(IDLE_SECONDS)
    after = await running.account()
    return (after.requests - before.requests) / IDLE_SECONDS, (after.cpu - before.cpu) / IDLE_SECONDS


def _trial(watched: Watched, names: list[str], runs: int, slots: int, kind: type[Trial]) -> Trial:
    first = min(times[0] for times in watched.created.values())
    last = max(times[-1] for times in watched.ended.values())
    refills = [each for name in names for each in watched.refills(name, slots)]
    return kind(runs, last - first, refills, watched.events)


async def _until(watched: Watched, done: Callable[[], bool]) -> None:
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            while not done():
                watched.changed.clear()
                await watched.changed.wait()
    except TimeoutError:
        ended = sum(map(len, watched.ended.values()))
        raise BenchError(f"it does not end within {LONGEST_SECONDS:g} s: {ended} pods have ended") from None


@asynccontextmanager
async def _namespace(cluster: Cluster) -> AsyncIterator[tuple[KubeClient, str]]:
    """A namespace and a client. What is in it is left to the cluster's end, but for its sweeps."""
    namespace = f"scale-{uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", namespace)
    api = KubeClient((await load_connection(cluster.kubeconfig)).access, qps=1000, burst=2000)
    try:
        yield api, namespace
    finally:
        await api.close()
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def _slots(combinations: int) -> int:
    """Runs in flight: a small sweep has fewer, so that slots are refilled at all."""
    return min(IN_FLIGHT, max(1, combinations // 5))


def _values(combinations: int) -> list[float]:
    return [number / 1000 for number in range(max(1, combinations // _rows(combinations)))]


def _rows(combinations: int) -> int:
    return int(10 ** ((len(str(combinations)) - 1) // 2))


def _sweep(name: str, namespace: str, combinations: int, parallelism: int) -> dict[str, Any]:
    rows = [number / 1000 for number in range(_rows(combinations))]
    return {
        "apiVersion": SWEEPS.api_version,
        "kind": SWEEPS.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "flags": [{"name": "l2", "values": rows}, {"name": "dropout", "values": _values(combinations)}],
            "replicates": REPLICATES,
            "parallelism": parallelism,
            "trainer": {"gpus": 0},
            "metrics": {"lingerSeconds": 0},
            "template": {"spec": {"nodeName": NODE}},
        },
    }


def _jobs(combinations: int, namespace: str) -> Iterator[KubeObject]:
    """The Jobs that the operator would create, without an owner."""
    obj = _sweep("large", namespace, combinations, IN_FLIGHT)
    sweep = accept(
        Identity("large", namespace, str(uuid4()), 1),
        parse_sweep(obj),
        Defaults("trainer:1", "nvidia.com/gpu", "0.1.0"),
    )[0]
    objective = objective_status(sweep.spec.objective)
    for point in sweep.points:
        name = run_name(sweep.name, sweep.uid, point.key, 0, 0, 0, 0)
        job: dict[str, Any] = dict(
            job_manifest(sweep, RunRequest(name, point, 0, REPLICATES, REPLICATES, 0, 0), objective)
        )
        del job["metadata"]["ownerReferences"]
        yield job
