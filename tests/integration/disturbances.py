"""What may happen to a sweep on a real API server, one kind at a time or all of them: for the tests and the bench that do it at random."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration.laboratory import Lab, Process, Way, operating
from regsweep.adapters.kubeapi import (
    JOBS,
    PODS,
    SWEEPS,
    KubeObject,
    controller_uid_of,
    is_deleting,
    name_of,
    uid_of,
)
from regsweep.api import constants as names
from regsweep.errors import ApiError, Conflict, NotFound
from support.faulty_proxy import Fault
from unit.controller.fake_cluster import stamp

ENDED = ("Succeeded", "Failed")
LEASE = {"lease_duration_seconds": 4, "lease_renew_deadline_seconds": 3, "lease_retry_seconds": 0.5}


class Keeper:
    """Keeps an operator running, as the kubelet does."""

    def __init__(self, lab: Lab, kubeconfig: Path, identity: str, settings: Mapping[str, float]) -> None:
        self._lab = lab
        self._kubeconfig = kubeconfig
        self._identity = identity
        self._settings = settings
        self.process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Returns at once."""
        self._task = asyncio.create_task(self._run(), name=self._identity)

    async def stop(self) -> None:
        """Ends it for good."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def kill(self, how: signal.Signals) -> None:
        """Sends a signal to it, and waits until it has ended; another one is started."""
        if self.process is not None and self.process.process.returncode is None:
            with suppress(ProcessLookupError, TimeoutError):
                await self.process.end(how)

    async def freeze(self, seconds: float) -> None:
        """It stands still for so long, and does not know it."""
        if self.process is not None and self.process.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(seconds)
                self.process.process.send_signal(signal.SIGCONT)

    async def _run(self) -> None:
        while True:
            way = Way(self._kubeconfig, waits=False)
            async with operating(self._lab, way, identity=self._identity, **LEASE, **self._settings) as process:
                self.process = process
                await process.process.wait()


@dataclass
class Scene:
    """A sweep in the midst of it."""

    lab: Lab
    keepers: list[Keeper]
    chance: random.Random
    altered: set[str] = field(default_factory=set)
    """UIDs of Jobs that a tenant has changed, whose pods go on until a person deletes them: their records would be nobody's."""

    async def some(self, kind: str) -> KubeObject | None:
        """Some Job of which no pod has ended, or some pod in flight; None: there is none.

        What goes with a record that nobody has read is trained again, and rightly so: it would hide what is trained twice by a fault.
        """
        if kind == "job":
            pods = await self.lab.all(PODS)
            ended = {pod["metadata"]["labels"]["job-name"] for pod in pods if pod["status"].get("phase") in ENDED}
            found = [job for job in await self.lab.all(JOBS) if name_of(job) not in ended]
        else:
            found = [pod for pod in await self.lab.all(PODS) if pod["status"].get("phase") in ("Pending", "Running")]
        found = [each for each in found if not is_deleting(each)]
        chosen = self.chance.choice(found) if found else None
        if chosen is not None:
            self.lab.story.append(f"it meets {name_of(chosen)}")
        return chosen

    async def edit(self, **spec: Any) -> None:
        """An edit of the sweep."""
        await self.lab.api.patch(SWEEPS, self.lab.namespace, "demo", {"spec": spec})


async def _kill(scene: Scene) -> bool:
    await scene.chance.choice(scene.keepers).kill(signal.SIGKILL)
    return True


async def _terminate(scene: Scene) -> bool:
    await scene.chance.choice(scene.keepers).kill(signal.SIGTERM)
    return True


async def _freeze(scene: Scene) -> bool:
    await scene.chance.choice(scene.keepers).freeze(6)
    return True


def _restart(component: str) -> Callable[[Scene], Awaitable[bool]]:
    async def restart(scene: Scene) -> bool:
        await asyncio.to_thread(scene.lab.cluster.restart, component)
        return True

    return restart


async def _delete_job(scene: Scene) -> bool:
    job = await scene.some("job")
    if job is not None:
        await _delete_with_pods(scene.lab, job)
    return job is not None


async def _delete_pod(scene: Scene) -> bool:
    pod = await scene.some("pod")
    if pod is not None:
        await scene.lab.api.delete(PODS, scene.lab.namespace, name_of(pod), uid=uid_of(pod))
    return pod is not None


async def _alter_job(scene: Scene) -> bool:
    job = await scene.some("job")
    if job is not None:
        annotation, value = scene.chance.choice(
            [
                (names.REPLICATES_ANNOTATION, "999999999"),
                (names.POINT_KEY_ANNOTATION, "0" * 16),
                (names.ATTEMPT_ANNOTATION, None),
            ]
        )
        patch = {"metadata": {"annotations": {annotation: value}}}
        scene.altered.add(uid_of(job))
        await scene.lab.api.patch(JOBS, scene.lab.namespace, name_of(job), patch)
    return job is not None


async def _suspend_job(scene: Scene) -> bool:
    job = await scene.some("job")
    if job is not None:
        for suspend in (True, False):
            await scene.lab.api.patch(JOBS, scene.lab.namespace, name_of(job), {"spec": {"suspend": suspend}})
            await asyncio.sleep(scene.chance.uniform(0, 2))
    return job is not None


async def _pause(scene: Scene) -> bool:
    await scene.edit(suspend=True)
    await asyncio.sleep(scene.chance.uniform(0, 3))
    await scene.edit(suspend=False)
    return True


async def _parallelism(scene: Scene) -> bool:
    await scene.edit(parallelism=scene.chance.randint(0, 4))
    await asyncio.sleep(scene.chance.uniform(0, 2))
    await scene.edit(parallelism=4)
    return True


async def _end_by_node(scene: Scene, **status: Any) -> bool:
    pod = await scene.some("pod")
    if pod is None:
        return False
    pod["status"] = {**pod["status"], "phase": "Failed", **status}
    await scene.lab.api.replace(PODS, pod, subresource="status")
    return True


async def _refuse_pod(scene: Scene) -> bool:
    return await _end_by_node(scene, reason="UnexpectedAdmissionError", message="Allocate failed")


async def _evict(scene: Scene) -> bool:
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    return await _end_by_node(scene, conditions=[{**condition, "lastTransitionTime": stamp()}])


async def _fail(scene: Scene) -> bool:
    ended = {"exitCode": 1, "startedAt": stamp(), "finishedAt": stamp()}
    known = {"name": "trainer", "image": "t", "imageID": "", "ready": False, "restartCount": 0}
    return await _end_by_node(scene, startTime=stamp(), containerStatuses=[{**known, "state": {"terminated": ended}}])


DISTURBANCES: dict[str, Callable[[Scene], Awaitable[bool]]] = {
    "operator: SIGKILL": _kill,
    "operator: SIGTERM": _terminate,
    "operator: stands still for longer than its lease": _freeze,
    "API server: SIGKILL": _restart("kube-apiserver"),
    "etcd: SIGKILL": _restart("etcd"),
    "Job controller: SIGKILL": _restart("kube-controller-manager"),
    "tenant: deletes a Job in flight": _delete_job,
    "tenant: deletes a pod in flight": _delete_pod,
    "tenant: changes a Job's annotations": _alter_job,
    "tenant: suspends and resumes a Job": _suspend_job,
    "person: pauses and resumes the sweep": _pause,
    "person: changes parallelism": _parallelism,
    "node: refuses a pod": _refuse_pod,
    "node: a pod is evicted": _evict,
    "trainer: ends with exit code 1": _fail,
}
"""Each does its harm once, and returns whether there was anything to do it to."""
FAULTS = {f"wire: {fault.value}": fault for fault in Fault}
KINDS = [*DISTURBANCES, *FAULTS, "all of it"]


async def harm(scene: Scene, kind: str) -> bool:
    """Does it once; returns whether that was possible. What a busy API server refuses is not possible."""
    scene.lab.story.append(kind)
    try:
        return await DISTURBANCES[kind](scene)
    except (Conflict, NotFound):
        return False
    except ApiError:
        return True


async def let_go(scene: Scene) -> None:
    """A person deletes the Jobs that a tenant has changed, as the events ask for."""
    for job in await scene.lab.all(JOBS):
        if uid_of(job) in scene.altered:
            with suppress(ApiError):
                await _delete_with_pods(scene.lab, job)


async def _delete_with_pods(lab: Lab, job: KubeObject) -> None:
    """Deletes the Job, and its pods in place of the garbage collector, which may stand still for minutes after a restart."""
    await lab.api.delete(JOBS, lab.namespace, name_of(job), uid=uid_of(job))
    for pod in await lab.all(PODS):
        if controller_uid_of(pod) == uid_of(job):
            with suppress(NotFound):
                await lab.api.delete(PODS, lab.namespace, name_of(pod), uid=uid_of(pod))
