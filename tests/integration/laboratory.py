"""A namespace on a real API server with its Job controller, an operator's process beside it, and hands that play the kubelet."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from cluster import Cluster
from cluster.ports import free_port
from regsweep.adapters.connection import load_connection
from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import (
    JOBS,
    PODS,
    RESULTS,
    SWEEPS,
    KubeObject,
    Resource,
    controller_uid_of,
    is_deleting,
    label_of,
    name_of,
    uid_of,
)
from regsweep.api import constants as names
from regsweep.errors import Conflict, NotFound
from support.training import message_of
from unit.controller.fake_cluster import INDEX, SPREAD, replicates_of, stamp

DEADLINE_SECONDS = 60.0


class Lab:
    """One namespace, its sweeps, and hands that play the kubelet."""

    def __init__(self, cluster: Cluster, api: KubeClient, namespace: str) -> None:
        self.cluster = cluster
        self.api = api
        self.namespace = namespace
        self.trainings: list[tuple[str, tuple[str, int]]] = []
        """UID of the Job, and point and replicate, each time that one was trained to its end."""
        self.seen: dict[str, str] = {}
        """UID to name of every Job that was ever seen."""
        self.story: list[str] = []
        """What was done to it, in this order: of a random one nobody knows otherwise why it went wrong."""
        self.most_slots = 0
        """The most slots that were ever seen to be held at a time."""

    @property
    def trained(self) -> list[tuple[str, int]]:
        """Point and replicate of each training."""
        return [trained for _, trained in self.trainings]

    async def all(self, resource: Resource) -> list[KubeObject]:
        page = await self.api.list_page(resource, self.namespace)
        return page.items

    async def apply(self, **spec: Any) -> KubeObject:
        flags = [{"name": "l2", "values": [0, 0.1]}, {"name": "dropout", "values": [0.1, 0.5]}]
        body = {"flags": flags, "replicates": 2, "parallelism": 2, "trainer": {"gpus": 0}, **spec}
        meta = {"name": "demo", "namespace": self.namespace}
        sweep = {"apiVersion": names.API_VERSION, "kind": names.SWEEP_KIND, "metadata": meta, "spec": body}
        return await self.api.create(SWEEPS, sweep)

    async def status(self) -> KubeObject:
        sweep = await self.api.get(SWEEPS, self.namespace, "demo")
        status: KubeObject = sweep.get("status") or {}
        return status

    async def condition(self, type_: str) -> KubeObject:
        return next((c for c in (await self.status()).get("conditions", ()) if c["type"] == type_), {})

    async def records(self) -> list[tuple[str, int]]:
        return [(r["point"], r["replicate"]) for s in await self.all(RESULTS) for r in s["records"]]

    async def train(self, most: int = 10**6, but: Set[str] = frozenset()) -> None:
        """Lets every pod that is there end well, `most` of them, and none of the Jobs with these UIDs.

        Nor any that is being deleted: no kubelet starts such a pod, and it may be gone before anybody reads what it left.
        """
        jobs = {uid_of(job): job for job in await self.all(JOBS)}
        self.seen |= {uid: name_of(job) for uid, job in jobs.items()}
        pods = await self.all(PODS)
        self._note_slots(pods)
        waiting = [
            p
            for p in pods
            if p["status"]["phase"] == "Pending" and controller_uid_of(p) in jobs.keys() - but and not is_deleting(p)
        ]
        for pod in waiting[:most]:
            job = jobs[controller_uid_of(pod)]
            replicates = replicates_of(job, pod)
            state = {
                "terminated": {
                    "exitCode": 0,
                    "startedAt": stamp(),
                    "finishedAt": stamp(),
                    "message": message_of(replicates, spread=SPREAD),
                }
            }
            container = {
                "name": "trainer",
                "image": "t",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": state,
            }
            pod["status"] = {
                **pod["status"],
                "phase": "Succeeded",
                "startTime": stamp(),
                "containerStatuses": [container],
            }
            try:
                await self.api.replace(PODS, pod, subresource="status")
            except (Conflict, NotFound):
                continue
            point = job["metadata"]["annotations"][names.POINT_KEY_ANNOTATION]
            self.trainings += [(uid_of(job), (point, k)) for k in replicates]
            self.story.append(f"{name_of(pod)} has trained {point} {list(replicates)}")

    def _note_slots(self, pods: Sequence[KubeObject]) -> None:
        """A second pod of one index is the Job controller's doing, and takes no slot by ours."""
        flying = [pod for pod in pods if pod["status"].get("phase") in ("Pending", "Running") and not is_deleting(pod)]
        slots = {(controller_uid_of(pod), label_of(pod, INDEX)) for pod in flying}
        if len(slots) > self.most_slots:
            self.most_slots = len(slots)
            self.story.append(f"{len(slots)} slots are held: {', '.join(map(name_of, flying))}")

    async def train_until(self, done: Callable[[KubeObject], object]) -> None:
        """Trains whatever there is until the status is as wanted."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not done(await self.status()):
                await self.train()
                await asyncio.sleep(0.05)


@asynccontextmanager
async def laboratory(cluster: Cluster) -> AsyncIterator[Lab]:
    """A fresh namespace."""
    namespace = f"lab-{uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", namespace)
    api = KubeClient((await load_connection(cluster.kubeconfig)).access, qps=500, burst=1000)
    yield Lab(cluster, api, namespace)
    await api.close()


@pytest.fixture
async def lab(with_crds: Cluster) -> AsyncIterator[Lab]:
    """A fresh namespace. A file that imports it has it."""
    async with laboratory(with_crds) as fresh:
        yield fresh


class Process:
    """A running operator."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages; (0, "") while it does not serve."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientError:
            return 0, ""

    async def end(self, how: signal.Signals) -> int:
        """Sends the signal and waits for the end; returns the exit code."""
        self.process.send_signal(how)
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.process.wait()


@dataclass(frozen=True)
class Way:
    """How a process of the operator is started."""

    kubeconfig: Path | None = None
    """Its way to the API server; None: the straight one."""
    source: Path | None = None
    """The folder of another version of the operator; None: this."""
    waits: bool = True
    """Whether until it leads."""


STRAIGHT = Way()


@asynccontextmanager
async def operating(lab: Lab, way: Way = STRAIGHT, /, **settings: object) -> AsyncIterator[Process]:
    """An operator's process for the lab's namespace, ready to act; killed at the end."""
    port = free_port()
    chosen = {
        "namespaces": f'["{lab.namespace}"]',
        "lease_namespace": lab.namespace,
        "identity": "operator-under-test",
        "http_port": port,
        "trainer_image": "trainer:1",
        "status_interval_seconds": 1,
        "store_interval_seconds": 0.5,
        **settings,
    }
    environment = {f"REGSWEEP_{name.upper()}": str(value) for name, value in chosen.items()}
    environment["KUBECONFIG"] = str(way.kubeconfig or lab.cluster.kubeconfig)
    if way.source is not None:
        environment["PYTHONPATH"] = str(way.source)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "regsweep.cli.main",
        "operator",
        env={**os.environ, **environment},
    )
    running = Process(process, port)
    try:
        if way.waits:
            await eventually(lambda: _is_leading(running))
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _is_leading(operator: Process) -> bool:
    status, _ = await operator.get("/readyz")
    return status == 200 and "regsweep_operator_leader 1.0" in (await operator.get("/metrics"))[1]


async def eventually(holds: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> None:
    """Waits until the coroutine that `holds` makes returns something true."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 (a server signals nothing)
            await asyncio.sleep(0.05)


async def says(lab: Lab, reason: str, words: str = "", type_: str = "Progressing") -> bool:
    """Whether the condition of the lab's sweep has this reason, and these words in its message."""
    condition = await lab.condition(type_)
    return condition.get("reason") == reason and words in condition["message"]


def is_complete(status: KubeObject) -> bool:
    """Whether the sweep is Complete."""
    return status.get("state") == "Complete"
