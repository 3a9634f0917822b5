"""The operator's process against a real API server, etcd and the controller-manager. There is no kubelet: the test plays it.

Covered: a whole sweep; SIGKILL and SIGTERM in its midst; deletion in its midst; templates that are missing or that the server
refuses; health and metrics. That real pods train is for the end-to-end tests.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import kopf
import pytest

from cluster import Cluster
from regsweep.adapters.connection import load_connection
from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import (
    JOBS,
    LEASES,
    POD_TEMPLATES,
    PODS,
    RESULTS,
    SWEEPS,
    KubeObject,
    Resource,
    controller_uid_of,
    name_of,
    uid_of,
)
from regsweep.api import constants as names
from regsweep.controller.process.handlers import quiet_settings, registry_of
from regsweep.errors import ApiError, Conflict, NotFound
from support.training import message_of
from unit.controller.fake_cluster import SPREAD, replicates_of, stamp

DEADLINE_SECONDS = 60.0


class Lab:
    """One namespace, its sweeps, and hands that play the kubelet."""

    def __init__(self, cluster: Cluster, api: KubeClient, namespace: str) -> None:
        self.cluster = cluster
        self.api = api
        self.namespace = namespace
        self.trained: list[tuple[str, int]] = []
        self.seen: dict[str, str] = {}
        """UID to name of every Job that was ever seen."""

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

    async def train(self, most: int = 10**6) -> None:
        """Lets every pod that is there end well, `most` of them."""
        jobs = {uid_of(job): job for job in await self.all(JOBS)}
        self.seen |= {uid: name_of(job) for uid, job in jobs.items()}
        waiting = [
            p for p in await self.all(PODS) if p["status"]["phase"] == "Pending" and controller_uid_of(p) in jobs
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
            self.trained += [(point, k) for k in replicates]

    async def train_until(self, done: Callable[[KubeObject], object]) -> None:
        """Trains whatever there is until the status is as wanted."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not done(await self.status()):
                await self.train()
                await asyncio.sleep(0.05)


@pytest.fixture
async def lab(with_crds: Cluster) -> AsyncIterator[Lab]:
    """A fresh namespace."""
    namespace = f"lab-{uuid4().hex[:8]}"
    with_crds.kubectl("create", "namespace", namespace)
    api = KubeClient((await load_connection(with_crds.kubeconfig)).configuration, qps=500, burst=1000)
    yield Lab(with_crds, api, namespace)
    await api.close()


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


@asynccontextmanager
async def operating(lab: Lab, **settings: object) -> AsyncIterator[Process]:
    """An operator's process for the lab's namespace, ready to act; killed at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
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
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "regsweep.cli.main",
        "operator",
        env={**os.environ, **environment, "KUBECONFIG": str(lab.cluster.kubeconfig)},
    )
    running = Process(process, port)
    try:
        await eventually(lambda: _is_leading(running))
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _is_leading(operator: Process) -> bool:
    status, _ = await operator.get("/readyz")
    return status == 200 and "regsweep_operator_leader 1.0" in (await operator.get("/metrics"))[1]


async def eventually(holds: Callable[[], Any]) -> None:
    """Waits until the coroutine that `holds` makes returns something true."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await holds():  # noqa: ASYNC110 (a server signals nothing)
            await asyncio.sleep(0.05)


def is_complete(status: KubeObject) -> bool:
    return status.get("state") == "Complete"


async def test_a_sweep_completes_with_every_record_stored_once(lab: Lab) -> None:
    async with operating(lab) as operator:
        await lab.apply()
        await lab.train_until(is_complete)
        _, metrics = await operator.get("/metrics")
    status = await lab.status()
    assert status["progress"] == "4/4"
    assert [r["rank"] for r in status["results"]] == [1, 2, 3, 4]
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert Counter(lab.seen.values()).most_common(1)[0][1] == 1
    assert f'regsweep_operator_sweep_runs{{namespace="{lab.namespace}",state="succeeded",sweep="demo"}} 4.0' in metrics
    events = lab.cluster.kubectl("-n", lab.namespace, "get", "events", "-o", "name")
    assert "demo." in events


async def test_killed_in_mid_sweep_the_next_one_loses_and_repeats_nothing(lab: Lab) -> None:
    async with operating(lab) as operator:
        await lab.apply()
        await eventually(lambda: lab.all(PODS))
        await lab.train(most=1)
        await operator.end(signal.SIGKILL)
    await lab.train()
    async with operating(lab):
        await lab.train_until(is_complete)
    assert len(lab.trained) == 8
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert max(Counter(lab.seen.values()).values()) == 1


async def test_sigterm_ends_it_quickly_and_frees_the_lease(lab: Lab) -> None:
    async with operating(lab) as operator:
        await lab.apply()
        await eventually(lambda: lab.all(JOBS))
        assert await operator.end(signal.SIGTERM) == 0
    lease = await lab.api.get(LEASES, lab.namespace, "regsweep-operator")
    assert not lease["spec"].get("holderIdentity")


async def test_a_sweep_deleted_in_its_midst_takes_everything_along(lab: Lab) -> None:
    async with operating(lab):
        sweep = await lab.apply()
        await eventually(lambda: lab.all(PODS))
        await lab.train(most=1)
        await eventually(lambda: lab.all(RESULTS))
        await lab.api.delete(SWEEPS, lab.namespace, "demo", uid=uid_of(sweep))
        await eventually(lambda: _nothing_left(lab))


async def _nothing_left(lab: Lab) -> bool:
    return not (await lab.all(JOBS) or await lab.all(PODS) or await lab.all(RESULTS))


async def test_kopf_tells_of_a_sweep_and_writes_nothing_to_it(lab: Lab) -> None:
    heard: list[str] = []
    registry = registry_of(lab.api.configuration, heard.append)
    stop, ready = asyncio.Event(), asyncio.Event()
    listening = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=quiet_settings(),
            standalone=True,
            namespaces=[lab.namespace],
            stop_flag=stop,
            ready_flag=ready,
        )
    )
    await ready.wait()
    sweep = await lab.apply()

    async def is_reported() -> bool:
        return uid_of(sweep) in heard

    await eventually(is_reported)
    stop.set()
    await listening
    assert await lab.api.get(SWEEPS, lab.namespace, "demo") == sweep


async def test_a_template_that_the_server_refuses_is_reported_with_its_message(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply(template={"spec": {"nodeSelector": {"not a key!": "x"}}})
        await eventually(lambda: _accepted_says(lab, "TemplateRefused", "not a key!"))
        assert not await lab.all(JOBS)
        await lab.api.patch(SWEEPS, lab.namespace, "demo", {"spec": {"template": {"spec": {"nodeSelector": None}}}})
        await eventually(lambda: lab.all(JOBS))


async def test_a_missing_template_is_waited_for(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply(templateRef={"name": "cpu"})
        await eventually(lambda: _accepted_says(lab, "TemplateNotFound", "cpu"))
        spec = {"nodeSelector": {"pool": "cpu"}, "containers": [{"name": "trainer", "image": "placeholder"}]}
        meta = {"name": "cpu", "namespace": lab.namespace}
        kind = {"apiVersion": "v1", "kind": "PodTemplate"}
        await lab.api.create(POD_TEMPLATES, {**kind, "metadata": meta, "template": {"spec": spec}})
        await eventually(lambda: lab.all(JOBS))
    (job, *_) = await lab.all(JOBS)
    assert job["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "cpu"}


async def _accepted_says(lab: Lab, reason: str, words: str) -> bool:
    condition = await lab.condition("Accepted")
    return condition.get("reason") == reason and words in condition["message"]


async def test_a_lost_api_server_is_waited_for(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply()
        await eventually(lambda: lab.all(PODS))
        lab.cluster.restart("kube-apiserver")
        await eventually(lambda: _answers(lab))
        await lab.train_until(is_complete)
    assert sorted(await lab.records()) == sorted(lab.trained)


async def _answers(lab: Lab) -> bool:
    try:
        await lab.status()
    except ApiError:
        return False
    return True
