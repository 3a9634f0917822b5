"""A release of the chart on an API server without nodes: its operators run as processes, as its service account and by its environment."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from cluster import Cluster, binaries
from cluster.ports import free_port
from integration.laboratory import Process, eventually
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
        port = free_port()
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


def released(cluster: Cluster, namespace: str, folder: Path, *values: str) -> Release:
    """The chart, installed with these values. folder: for kubeconfig and logs."""
    binaries.ensure((binaries.HELM,))
    options = ["--create-namespace", "--namespace", namespace]
    options += [option for value in ("crds.enabled=false", *values) for option in ("--set", value)]
    Helm(binaries.program(binaries.HELM), cluster.kubeconfig).run("install", "regsweep", str(CHART), *options)
    return Release(cluster, namespace, folder)


def take_away(cluster: Cluster, role: str, group: str, resource: str, verb: str) -> None:
    """Takes one right out of a ClusterRole."""
    found = json.loads(cluster.kubectl("get", "clusterrole", role, "-o", "json"))
    for rule in found["rules"]:
        if group in rule["apiGroups"] and resource in rule["resources"]:
            rule["verbs"].remove(verb)
    found["rules"] = [rule for rule in found["rules"] if rule["verbs"]]
    cluster.kubectl("replace", "-f", "-", input=json.dumps(found))
