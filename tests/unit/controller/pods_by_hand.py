"""The kubelet: what becomes of pods."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from regsweep.adapters.kubeapi import PODS, KubeObject, is_deleting, name_of, namespace_of
from regsweep.adapters.memory import MemoryApi
from regsweep.api import constants as names
from regsweep.core.timestamps import timestamp
from regsweep.errors import NotFound
from support.pods import SPREAD, exit_code_of, loss_of, replicates_in, trained_by
from support.training import message_of
from support.virtual_time import VirtualTime
from unit.controller.jobs_by_hand import tried

NODES = 4


class Kubelet:
    """Of all nodes. trained: how often each replicate was trained to its end."""

    def __init__(self, api: MemoryApi, time: VirtualTime, trained: Counter[tuple[str, int]]) -> None:
        self._api = api
        self._time = time
        self._trained = trained

    async def start(self, pod: KubeObject) -> KubeObject | None:
        """Its containers start on some node; returns the pod that runs. None: it is on its way out, and never ran."""
        if is_deleting(pod):
            await self._write_status(pod, {"phase": "Failed", "startTime": self._stamp()})
            return None
        avoided = json.dumps(pod["spec"].get("affinity") or {})
        nodes = [f"n{k}" for k in range(NODES) if f'"n{k}"' not in avoided] or ["n0"]
        live = await self._api.get(PODS, namespace_of(pod), name_of(pod))
        live["spec"]["nodeName"] = nodes[int(name_of(pod)[-5:]) % len(nodes)]
        await self._api.replace(PODS, live)
        running = {"running": {"startedAt": self._stamp()}}
        statuses = [{"name": c["name"], "state": running} for c in pod["spec"]["containers"]]
        return await self._write_status(
            pod, {"phase": "Running", "startTime": self._stamp(), "containerStatuses": statuses}
        )

    async def finish(self, pod: KubeObject, exit_code: int = 0, brought: int | None = None, **status: Any) -> None:
        """Its trainer ends. brought: replicates that its message has; None: all of them, if it ends well, else none. status: of a
        pod that ends as a whole."""
        replicates = replicates_in(pod)
        done = replicates[: brought if brought is not None else len(replicates) if exit_code == 0 else 0]
        self._trained.update(each for each in trained_by(pod) if each[1] in done)
        message = message_of(done, loss_of(pod), spread=SPREAD) if done else ""
        stamp = self._stamp()
        ended = {"exitCode": exit_code, "startedAt": stamp, "finishedAt": stamp, "message": message}
        beside = [c["name"] for c in pod["spec"]["containers"] if c["name"] != names.TRAINER_CONTAINER]
        state = {"terminated": {**ended, "message": ""}} if status else {"running": {"startedAt": stamp}}
        statuses = [
            {"name": names.TRAINER_CONTAINER, "state": {"terminated": ended}},
            *({"name": name, "state": state} for name in beside),
        ]
        phase = "Running" if beside else "Failed" if exit_code else "Succeeded"
        await self._write_status(pod, {"phase": phase, "containerStatuses": statuses, **status})

    async def end_sidecars(self, pod: KubeObject, exit_code: int = 0) -> None:
        """The other containers of a pod end whose training has ended."""
        ended = {"exitCode": exit_code, "startedAt": self._stamp(), "finishedAt": self._stamp()}
        statuses = [
            c if "terminated" in c["state"] else {"name": c["name"], "state": {"terminated": ended}}
            for c in pod["status"]["containerStatuses"]
        ]
        phase = "Failed" if exit_code or exit_code_of(pod) else "Succeeded"
        await self._write_status(pod, {"phase": phase, "containerStatuses": statuses})

    async def stop(self, pod: KubeObject) -> None:
        """SIGTERM to what still runs of a pod that somebody has deleted: training that has not ended brings nothing."""
        if exit_code_of(pod) is not None:
            await self.end_sidecars(pod)
        else:
            await self.finish(pod, 143, phase="Failed")

    async def lose(self, pod: KubeObject, reason: str, *, brought: int = 0, disrupted: bool = False) -> None:
        """Its node, or Kubernetes, ends it. disrupted: Kubernetes meant it."""
        status: dict[str, Any] = {"phase": "Failed", "reason": reason, "message": "the node says so"}
        if disrupted:
            condition = {"type": "DisruptionTarget", "status": "True", "reason": reason}
            status["conditions"] = [{**condition, "lastTransitionTime": self._stamp()}]
        await self.finish(pod, 137, brought, **status)

    async def _write_status(self, pod: KubeObject, status: dict[str, Any]) -> KubeObject | None:
        try:
            live = await self._api.get(PODS, namespace_of(pod), name_of(pod))
        except NotFound:
            return None
        live["status"] = {**live["status"], **status}
        await tried(self._api.replace(PODS, live, subresource="status"))
        return live

    def _stamp(self) -> str:
        return timestamp(self._time.now())
