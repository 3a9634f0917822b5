"""The real Prometheus Operator on a cluster, and Prometheuses that run by what it makes of monitors and rules.

It is a process of this machine, and so are they: the cluster needs no pod of them, only their objects.
"""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import yaml

from cluster import Cluster, binaries
from cluster.api import wait_until
from cluster.controlplane import Keys
from cluster.ports import free_port
from support.prometheus import running_prometheus

DEADLINE: Final = 60.0


def install_kinds(cluster: Cluster) -> None:
    """Its CRDs."""
    binaries.ensure((binaries.PROMETHEUS_OPERATOR,))
    sources = binaries.module_folder(binaries.PROMETHEUS_OPERATOR, binaries.PROMETHEUS_OPERATOR_MODULE)
    crds = sources / "example" / "prometheus-operator-crd"
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", crds)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")


def prometheus_object(name: str, namespace: str, release: str, **spec: Any) -> dict[str, Any]:
    """A Prometheus that selects as kube-prometheus-stack's does, in a release of this name."""
    selected = {"matchLabels": {"release": release}}
    selectors = {
        f"{kind}{part}": value
        for kind in ("podMonitor", "serviceMonitor", "rule")
        for part, value in (("Selector", selected), ("NamespaceSelector", {}))
    }
    metadata = {"name": name, "namespace": namespace}
    kind = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus"}
    return {**kind, "metadata": metadata, "spec": {"version": "v3.5.0", **selectors, **spec}}


@contextmanager
def prometheus_operator(cluster: Cluster, folder: Path) -> Iterator[Path]:
    """The Prometheus Operator at work; its log, in this folder."""
    binaries.ensure((binaries.PROMETHEUS_OPERATOR,))
    keys, log = Keys(cluster.state), folder / "log"
    command = [
        str(binaries.program(binaries.PROMETHEUS_OPERATOR)),
        f"-apiserver={cluster.api_url}",
        f"-ca-file={keys.authority}",
        f"-cert-file={keys.pair('admin').certificate}",
        f"-key-file={keys.pair('admin').key}",
        f"-web.listen-address=127.0.0.1:{free_port()}",
    ]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            yield log
        finally:
            process.terminate()


def configuration(cluster: Cluster, log: Path, namespace: str, name: str, jobs: Sequence[str]) -> dict[str, Any]:
    """What the operator makes of that Prometheus, once it has these jobs."""
    found: dict[str, Any] = {}

    def has_jobs() -> bool:
        options = ("--ignore-not-found", "-o", "json")
        text = cluster.kubectl("-n", namespace, "get", "secret", f"prometheus-{name}", *options)
        if not text.strip():
            return False
        whole = gzip.decompress(base64.b64decode(json.loads(text)["data"]["prometheus.yaml.gz"]))
        found.clear()
        # In a pod the configuration reloader puts its shard in.
        found.update(yaml.safe_load(whole.decode().replace("$(SHARD)", "0")))
        return set(jobs) <= {job["job_name"] for job in found.get("scrape_configs") or []}

    wait_until(f"jobs of {name}", has_jobs, DEADLINE, log.read_text)
    return found


def rules(cluster: Cluster, log: Path, namespace: str, name: str) -> list[str]:
    """Contents of its rule files, once there are any."""
    found: list[str] = []

    def has_rules() -> bool:
        options = ("-l", f"prometheus-name={name}", "-o", "json")
        items = json.loads(cluster.kubectl("-n", namespace, "get", "configmaps", *options))["items"]
        found[:] = [text for item in items for text in (item.get("data") or {}).values()]
        return bool(found)

    wait_until(f"rules of {name}", has_rules, DEADLINE, log.read_text)
    return found


@contextmanager
def prometheus_by(
    cluster: Cluster, config: dict[str, Any], folder: Path, rule_files: Sequence[str] = ()
) -> Iterator[str]:
    """The address of a Prometheus that runs by this configuration; from outside of the cluster it needs a kubeconfig."""
    for job in config["scrape_configs"]:
        for discovery in job["kubernetes_sd_configs"]:
            discovery["kubeconfig_file"] = str(cluster.kubeconfig)
    for index, text in enumerate(rule_files):
        (folder / f"rules-{index}.yaml").write_text(text)
    config["rule_files"] = [str(folder / "rules-*.yaml")]
    config["global"]["evaluation_interval"] = "1s"
    with running_prometheus(folder, {}, config=config) as port:
        yield f"http://127.0.0.1:{port}"


def told(url: str) -> str:
    """What that Prometheus found to scrape, and what it says of its rules, for the message of a failure."""
    said = []
    for page in ("targets?state=active", "rules?type=record"):
        with urlopen(f"{url}/api/v1/{page}") as response:
            said.append(response.read().decode())
    return "\n".join(said)
