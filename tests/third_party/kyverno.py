"""The real Kyverno beside an API server without nodes: its admission controller as a process, and its webhooks by a URL of this host."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cluster import Cluster, binaries
from cluster.ports import free_port
from third_party.serving import wait_serving

MODULE = "github.com/kyverno/kyverno"
NAMESPACE = "kyverno"
SECRET = f"{NAMESPACE}-svc.{NAMESPACE}.svc.kyverno-tls"
"""What its Secrets are called in its own chart, without their kinds."""
ENVIRONMENT = {
    "KYVERNO_NAMESPACE": NAMESPACE,
    "KYVERNO_SERVICEACCOUNT_NAME": "kyverno",
    "KYVERNO_DEPLOYMENT": "kyverno",
    "KYVERNO_POD_NAME": "kyverno",
    "INIT_CONFIG": "kyverno",
    "METRICS_CONFIG": "kyverno-metrics",
}


@dataclass(slots=True)
class Kyverno:
    """A running Kyverno, which may be stopped and started again."""

    cluster: Cluster
    log: Path
    port: int
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts it, and waits until its webhooks answer."""
        arguments = [
            f"--kubeconfig={self.cluster.kubeconfig}",
            f"--serverIP=127.0.0.1:{self.port}",
            "--webhookServerHost=127.0.0.1",
            f"--webhookServerPort={self.port}",
            f"--caSecretName={SECRET}-ca",
            f"--tlsSecretName={SECRET}-pair",
            "--disableMetrics=true",
            "--controllerRuntimeMetricsAddress=0",
            "--admissionReports=false",
            "--enableReporting=",
            "--autoMemLimitEnabled=false",
            "--leaderElectionRetryPeriod=1s",
        ]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [binaries.program(binaries.KYVERNO), *arguments],
                env={"PATH": os.environ["PATH"], "HOME": str(self.log.parent), **ENVIRONMENT},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_serving(self._process, self.port, self.log)

    def stop(self) -> None:
        """Kills it. Its webhooks stay configured."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def enforce(self, policy: dict[str, Any]) -> None:
        """Applies a ClusterPolicy, and waits until Kyverno has it."""
        name = policy["metadata"]["name"]
        self.cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(policy))
        self.cluster.kubectl("wait", "--for=condition=Ready", "--timeout=60s", f"clusterpolicy/{name}")

    def withdraw(self, name: str) -> None:
        """Deletes a ClusterPolicy."""
        self.cluster.kubectl("delete", "clusterpolicy", name)


@contextmanager
def kyverno_in(cluster: Cluster, folder: Path) -> Iterator[Kyverno]:
    """Kyverno in the cluster, until the end. folder: for its log."""
    binaries.ensure((binaries.KYVERNO,))
    crds = binaries.module_folder(binaries.KYVERNO, MODULE) / "config" / "crds"
    cluster.kubectl("apply", "--server-side", "--recursive", "-f", crds)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *_names(crds))
    cluster.kubectl("create", "namespace", NAMESPACE)
    for name in (ENVIRONMENT["INIT_CONFIG"], ENVIRONMENT["METRICS_CONFIG"]):
        cluster.kubectl("-n", NAMESPACE, "create", "configmap", name)
    kyverno = Kyverno(cluster, folder / "kyverno.log", free_port())
    try:
        kyverno.start()
        yield kyverno
    finally:
        kyverno.stop()
        for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
            cluster.kubectl("delete", kind, "-l", "webhook.kyverno.io/managed-by=kyverno")


def _names(crds: Path) -> list[str]:
    documents = [yaml.safe_load(path.read_text()) for path in crds.rglob("*.yaml")]
    return [f"crd/{document['metadata']['name']}" for document in documents]
