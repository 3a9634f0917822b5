"""Operators as the chart runs them: with its environment, as its service account, several at a time, replaced one after the other."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from cluster import Cluster, binaries
from integration.laboratory import Lab, Process, eventually, is_complete
from regsweep.adapters.connection import load_connection
from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import LEASES, PODS
from support.helm import CHART, Helm


class Release:
    """A release of the chart, whose operators the test starts in the place of a kubelet."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.folder = folder
        self.kubeconfig = self._kubeconfig()
        self.environment = self._environment()

    def _kubeconfig(self) -> Path:
        config = yaml.safe_load(self.cluster.kubeconfig.read_text())
        token = self.cluster.kubectl("-n", self.namespace, "create", "token", "regsweep").strip()
        for user in config["users"]:
            user["user"] = {"token": token}
        path = self.folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def _environment(self) -> dict[str, str]:
        found = self.cluster.kubectl("-n", self.namespace, "get", "deployment", "regsweep", "-o", "json")
        (container,) = json.loads(found)["spec"]["template"]["spec"]["containers"]
        return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}

    @asynccontextmanager
    async def operator(self, pod: str) -> AsyncIterator[Process]:
        """A pod of the Deployment, from the moment when it is ready."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        of_the_pod = {"POD_NAME": pod, "REGSWEEP_IDENTITY": pod, "POD_NAMESPACE": self.namespace}
        replaced = {"REGSWEEP_HTTP_PORT": str(port), "KUBECONFIG": str(self.kubeconfig)}
        with (self.folder / f"{pod}.log").open("w") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "regsweep.cli.main",
                "operator",
                env={**os.environ, **self.environment, **of_the_pod, **replaced},
                stderr=log,
            )
        running = Process(process, port)
        try:
            await eventually(lambda: _is_ready(running))
            yield running
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def log(self) -> str:
        """What all operators said."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


async def _is_ready(operator: Process) -> bool:
    return (await operator.get("/readyz"))[0] == 200


async def _leads(operator: Process) -> bool:
    return "regsweep_operator_leader 1.0" in (await operator.get("/metrics"))[1]


@pytest.fixture
async def lab(with_crds: Cluster) -> AsyncIterator[Lab]:
    """A fresh namespace of a user's."""
    namespace = f"lab-{uuid4().hex[:8]}"
    with_crds.kubectl("create", "namespace", namespace)
    api = KubeClient((await load_connection(with_crds.kubeconfig)).configuration, qps=500, burst=1000)
    yield Lab(with_crds, api, namespace)
    await api.close()


@pytest.fixture(params=["all namespaces", "listed namespaces"])
def release(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Release:
    """The chart, installed by its defaults but for the namespaces."""
    binaries.ensure((binaries.HELM,))
    namespace = f"{lab.namespace}-system"
    options = ["--create-namespace", "--set", "crds.enabled=false", "--namespace", namespace]
    if request.param == "listed namespaces":
        options += ["--set", f"watchNamespaces={{{lab.namespace}}}"]
    Helm(binaries.program(binaries.HELM), lab.cluster.kubeconfig).run("install", "regsweep", str(CHART), *options)
    return Release(lab.cluster, namespace, tmp_path)


FRESH_CRD = ("storage is (re)initializing", "no matches for kind")
"""What a server answers whose CRDs are seconds old; the pass is repeated."""


def complaints(log: str, namespace: str) -> list[str]:
    """Warnings and errors, but for those about sweeps that other tests have left behind elsewhere."""
    lines = [line for line in log.splitlines() if re.search(r" (WARNING|ERROR) ", line)]
    ours = [line for line in lines if f"sweep {namespace}/" in line or ": sweep " not in line]
    return [line for line in ours if not any(words in line for words in FRESH_CRD)]


async def test_a_rolling_update_in_mid_sweep_loses_and_repeats_nothing(lab: Lab, release: Release) -> None:
    async with AsyncExitStack() as pods:
        old = [await pods.enter_async_context(release.operator(f"old-{number}")) for number in range(2)]
        await eventually(lambda: _one_leads(old))
        await lab.apply()
        await eventually(lambda: lab.all(PODS))
        await lab.train(most=1)

        # As the Deployment does it: one more, and when that is ready an old one goes; the leader first.
        for number in range(2):
            new = await pods.enter_async_context(release.operator(f"new-{number}"))
            leaving = [operator for operator in old if await _leads(operator)][0]  # noqa: RUF015 (asynchronous)
            old.remove(leaving)
            assert await leaving.end(signal.SIGTERM) == 0
            old.append(new)
            await eventually(lambda: _one_leads(old))
            await lab.train(most=1)
        await lab.train_until(is_complete)
        metrics = [(await operator.get("/metrics"))[1] for operator in old]

    assert len(lab.trained) == 8
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert max(Counter(lab.seen.values()).values()) == 1
    lease = await lab.api.get(LEASES, release.namespace, "regsweep-operator")
    assert lease["spec"]["leaseTransitions"] >= 2
    assert not [text for text in metrics if re.search(r'requests_total\{code="(401|403)"', text)]
    assert complaints(release.log(), lab.namespace) == []


async def _one_leads(operators: list[Process]) -> bool:
    return sum([await _leads(operator) for operator in operators]) == 1


@pytest.mark.parametrize("release", ["all namespaces"], indirect=True)
@pytest.mark.parametrize(
    ("group", "resource", "verb"),
    [
        pytest.param("batch", "jobs", "create", id="no run starts"),
        pytest.param("regsweep.dev", "sweepresults", "create", id="no record is stored"),
        pytest.param("regsweep.dev", "regularizationsweeps/status", "update", id="nothing is told"),
    ],
)
async def test_without_one_of_its_rights_something_fails_and_its_metrics_say_what(
    lab: Lab, release: Release, group: str, resource: str, verb: str
) -> None:
    """Each right of the role is there for something: see also docs/security.md."""
    take_away(lab, f"regsweep.{release.namespace}", group, resource, verb)
    missing = rf'requests_total\{{code="403",resource="{resource}",verb="{verb}"\}} [1-9]'
    async with release.operator("only") as operator:
        await lab.apply()

        async def is_refused() -> bool:
            await lab.train(most=1)
            return re.search(missing, (await operator.get("/metrics"))[1]) is not None

        await eventually(is_refused)
    assert not is_complete(await lab.status())


def take_away(lab: Lab, role: str, group: str, resource: str, verb: str) -> None:
    """Takes one right out of a ClusterRole."""
    found = json.loads(lab.cluster.kubectl("get", "clusterrole", role, "-o", "json"))
    for rule in found["rules"]:
        if group in rule["apiGroups"] and resource in rule["resources"]:
            rule["verbs"].remove(verb)
    found["rules"] = [rule for rule in found["rules"] if rule["verbs"]]
    lab.cluster.kubectl("replace", "-f", "-", input=json.dumps(found))
