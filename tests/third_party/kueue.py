"""The real Kueue beside an API server without nodes: its manager as a process, its CRDs, and its webhooks by a URL of this host."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster import Cluster, binaries
from cluster.pki import Authority
from cluster.ports import free_port
from third_party.serving import wait_serving

MODULE = "sigs.k8s.io/kueue"
GROUPS = ("batch", "kueue.x-k8s.io")
"""API groups whose webhooks are configured: those of other kinds of jobs have no CRDs here."""
KINDS = ("ResourceFlavor", "ClusterQueue", "LocalQueue", "WorkloadPriorityClass")


@dataclass(frozen=True, slots=True)
class Kueue:
    """A running Kueue."""

    cluster: Cluster
    log: Path

    def queue(self, namespace: str, cpus: int) -> None:
        """A LocalQueue `training` in the namespace with a quota of its own, where a higher priority preempts; and the classes
        `low` and `high`."""
        api = {"apiVersion": "kueue.x-k8s.io/v1beta2"}
        self._apply(
            {**api, "kind": "ResourceFlavor", "metadata": {"name": "default"}},
            {**api, "kind": "WorkloadPriorityClass", "metadata": {"name": "low"}, "value": 1, "description": "low"},
            {**api, "kind": "WorkloadPriorityClass", "metadata": {"name": "high"}, "value": 100, "description": "high"},
            {**api, "kind": "ClusterQueue", "metadata": {"name": namespace}, "spec": _cluster_queue(cpus)},
            {
                **api,
                "kind": "LocalQueue",
                "metadata": {"name": "training", "namespace": namespace},
                "spec": {"clusterQueue": namespace},
            },
        )

    def stop_policy(self, queue: str, policy: str) -> None:
        """What a ClusterQueue does with what it has admitted: None, Hold or HoldAndDrain."""
        patch = json.dumps({"spec": {"stopPolicy": policy}})
        self.cluster.kubectl("patch", "clusterqueue", queue, "--type", "merge", "-p", patch)

    def _apply(self, *objects: dict[str, Any]) -> None:
        self.cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(objects))


@contextmanager
def kueue_in(cluster: Cluster, folder: Path, *, manages_all: bool) -> Iterator[Kueue]:
    """Kueue in the cluster, until the end.

    Args:
        folder: For its configuration, keys and log.
        manages_all: Its `manageJobsWithoutQueueName`, which is off where nobody sets it.
    """
    binaries.ensure((binaries.KUEUE,))
    sources = binaries.module_folder(binaries.KUEUE, MODULE)
    cluster.kubectl("apply", "--server-side", "-f", sources / "config/components/crd/bases")
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *_crds(sources))
    port, log = free_port(), folder / "kueue.log"
    authority = Authority(folder / "pki")
    pair = authority.issue("webhook", "kueue", hosts=["127.0.0.1"])
    # It reads a pair for its metrics from /etc/kueue/metrics/certs even where these are off: it is given an /etc of its own.
    keys = folder / "etc" / "kueue" / "metrics" / "certs"
    keys.mkdir(parents=True)
    (keys / "tls.crt").write_bytes(pair.certificate.read_bytes())
    (keys / "tls.key").write_bytes(pair.key.read_bytes())
    configuration = folder / "kueue.yaml"
    configuration.write_text(yaml.safe_dump(_configuration(port, keys, manages_all=manages_all)))
    manager = f"exec {binaries.program(binaries.KUEUE)} --config={configuration} --zap-log-level=2"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["unshare", "--mount", "--map-root-user", "sh", "-c", f"mount --bind {folder}/etc /etc && {manager}"],
            env={"PATH": os.environ["PATH"], "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(folder)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    hooks = _webhooks(sources, port, authority.pair.certificate.read_bytes())
    try:
        wait_serving(process, port, log)
        cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(hooks))
        yield Kueue(cluster, log)
    finally:
        for hook in hooks:
            cluster.kubectl("delete", hook["kind"], hook["metadata"]["name"], "--ignore-not-found")
        process.kill()
        process.wait()


def _configuration(port: int, keys: Path, *, manages_all: bool) -> dict[str, Any]:
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": "0"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": "127.0.0.1", "port": port, "certDir": str(keys)},
        "internalCertManagement": {"enable": False},
        "leaderElection": {"leaderElect": False},
        "manageJobsWithoutQueueName": manages_all,
        "managedJobsNamespaceSelector": {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "kueue-system"]}
            ]
        },
        "integrations": {"frameworks": ["batch/job"]},
        "featureGates": {"VisibilityOnDemand": False},  # it wants an authority for aggregated APIs, which there is not
    }


def _webhooks(sources: Path, port: int, authority: bytes) -> list[dict[str, Any]]:
    """Its webhook configurations, of the kinds that are there, by a URL in place of a service."""
    found = []
    for hooks in yaml.safe_load_all((sources / "config/components/webhook/manifests.yaml").read_text()):
        hooks["metadata"]["name"] = f"kueue-{hooks['metadata']['name']}"
        hooks["webhooks"] = [each for each in hooks["webhooks"] if _concerns(each)]
        for each in hooks["webhooks"]:
            url = f"https://127.0.0.1:{port}{each['clientConfig']['service']['path']}"
            each["clientConfig"] = {"url": url, "caBundle": base64.b64encode(authority).decode()}
        found.append(hooks)
    return found


def _concerns(webhook: dict[str, Any]) -> bool:
    return all(group in GROUPS for rule in webhook["rules"] for group in rule["apiGroups"])


def _crds(sources: Path) -> list[str]:
    documents = [yaml.safe_load(path.read_text()) for path in (sources / "config/components/crd/bases").glob("*.yaml")]
    return [f"crd/{document['metadata']['name']}" for document in documents]


def _cluster_queue(cpus: int) -> dict[str, Any]:
    quota = {"name": "cpu", "nominalQuota": cpus}
    group = {"coveredResources": ["cpu"], "flavors": [{"name": "default", "resources": [quota]}]}
    preemption = {"withinClusterQueue": "LowerPriority"}
    return {"namespaceSelector": {}, "resourceGroups": [group], "preemption": preemption}
