"""The real Prometheus Operator picks the chart's monitors and rules up, and a Prometheus by its configuration has what ours asks for.

There is no node: the pods are objects whose address is this machine's, where a server exposes what a trainer and an operator would.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.request import urlopen

import pytest
import yaml

from cluster import Cluster, binaries, toolchain
from cluster.api import wait_until
from cluster.controlplane import Keys
from regsweep.adapters.prometheus import Prometheus
from regsweep.core.results.queries import TargetLabels, final_values_query, parse_answer
from regsweep.core.runs import ObservedPod, PodPhase
from support.helm import Helm
from support.prometheus import free_port, running_prometheus

pytestmark = pytest.mark.long

RELEASE, TEAM, MONITORING = "regsweep-po", "team-po", "monitoring-po"
RUN: Final = "s-0123456789ab"
DEADLINE: Final = 60.0
VALUES = (
    "podMonitors.trainers.enabled=true",
    "podMonitors.operator.enabled=true",
    "podMonitors.labels.release=kps",
    "podMonitors.trainers.interval=1s",
    "podMonitors.operator.interval=1s",
    "prometheusRule.enabled=true",
    "prometheusRule.labels.release=kps",
    "prometheusRule.alertLabels.team=ml",
)
SERVICE_MONITOR = (
    "serviceMonitor.enabled=true",
    "serviceMonitor.labels.release=kps",
    "metrics.tls.secretName=tls",
    "metrics.tls.ca.secretName=tls",
    "metrics.tokenSecret.name=login",
)
EXPOSED: Final = f"""\
regsweep_trainer_metric{{sweep="s",run="{RUN}",replicate="0",metric="average_loss",split="val"}} 0.25
regsweep_trainer_epoch{{sweep="s",run="{RUN}",replicate="0"}} 7
regsweep_trainer_complete{{sweep="s",run="{RUN}",replicate="0"}} 1
regsweep_operator_sweep_runs{{namespace="{TEAM}",sweep="s",state="running"}} 1
"""


class _Exposing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = EXPOSED.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of the server that stands for the pods."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Exposing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


def pod(name: str, namespace: str, labels: dict[str, str], port: int) -> dict[str, Any]:
    container = {"name": "main", "image": "none", "ports": [{"name": "metrics", "containerPort": port}]}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def prometheus_object(name: str, **spec: Any) -> dict[str, Any]:
    """A Prometheus that selects as kube-prometheus-stack's does."""
    selected = {"matchLabels": {"release": "kps"}}
    selectors = {
        f"{kind}{part}": value
        for kind in ("podMonitor", "serviceMonitor", "rule")
        for part, value in (("Selector", selected), ("NamespaceSelector", {}))
    }
    metadata = {"name": name, "namespace": MONITORING}
    kind = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus"}
    return {**kind, "metadata": metadata, "spec": {"version": "v3.5.0", **selectors, **spec}}


@pytest.fixture(scope="module")
def cluster(control_plane: Cluster, port: int) -> Cluster:
    """An API server with the Prometheus Operator's kinds, the chart's objects of them, and two pods."""
    apply = ("apply", "--server-side", "--force-conflicts", "-f")
    module = toolchain.go(), "list", "-m", "-f", "{{.Dir}}", binaries.PROMETHEUS_OPERATOR_MODULE
    done = subprocess.run(module, cwd=binaries.PROMETHEUS_OPERATOR.module, check=True, capture_output=True, text=True)
    crds = Path(done.stdout.strip()) / "example" / "prometheus-operator-crd"
    control_plane.kubectl(*apply, crds)
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
    for namespace in (RELEASE, TEAM, MONITORING):
        control_plane.kubectl("create", "namespace", namespace)
        control_plane.kubectl("-n", namespace, "create", "serviceaccount", "ready-when-default-is")
        wait_until("accounts", lambda n=namespace: has_account(control_plane, n), DEADLINE)  # type: ignore[misc]
    binaries.ensure((binaries.HELM,))
    helm = Helm(binaries.program(binaries.HELM))
    options = [option for value in VALUES for option in ("--set", value)]
    objects = [m for m in helm.template(*options, namespace=RELEASE) if m["apiVersion"].startswith("monitoring.")]
    assert {m["kind"] for m in objects} == {"PodMonitor", "PrometheusRule"}
    operator_labels = next(m for m in objects if m["metadata"]["name"].endswith("-operator"))["spec"]["selector"]
    pods = [
        pod(f"{RUN}-0-abcde", TEAM, {"regsweep.dev/sweep-uid": "u"}, port),
        pod("regsweep-0", RELEASE, operator_labels["matchLabels"], port),
    ]
    instances = [prometheus_object("kps"), prometheus_object("enforcing", enforcedNamespaceLabel="namespace")]
    for each in (*objects, *pods, *instances):
        # Strict: a field that the Prometheus Operator does not know is an error.
        control_plane.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", input=json.dumps(each))
    for each in pods:
        place, name = each["metadata"]["namespace"], each["metadata"]["name"]
        status = {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}
        patch = ("patch", "pod", name, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
        control_plane.kubectl("-n", place, *patch)
    return control_plane


def has_account(cluster: Cluster, namespace: str) -> bool:
    return "default" in cluster.kubectl("-n", namespace, "get", "serviceaccounts", "-o", "name")


@pytest.fixture(scope="module")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Prometheus Operator at work; its log."""
    binaries.ensure((binaries.PROMETHEUS_OPERATOR,))
    keys, log = Keys(cluster.state), tmp_path_factory.mktemp("prometheus-operator") / "log"
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


def configuration(cluster: Cluster, log: Path, name: str, *jobs: str) -> dict[str, Any]:
    """What the operator makes of that Prometheus, once it has these jobs."""
    found: dict[str, Any] = {}

    def has_jobs() -> bool:
        text = cluster.kubectl(
            "-n", MONITORING, "get", "secret", f"prometheus-{name}", "--ignore-not-found", "-o", "json"
        )
        if not text.strip():
            return False
        whole = gzip.decompress(base64.b64decode(json.loads(text)["data"]["prometheus.yaml.gz"]))
        found.clear()
        # In a pod the configuration reloader puts its shard in.
        found.update(yaml.safe_load(whole.decode().replace("$(SHARD)", "0")))
        return set(jobs) <= {job["job_name"] for job in found.get("scrape_configs") or []}

    wait_until(f"jobs of {name}", has_jobs, DEADLINE, log.read_text)
    return found


def rules(cluster: Cluster, log: Path, name: str) -> list[str]:
    """Contents of the rule files."""
    found: list[str] = []

    def has_rules() -> bool:
        options = ("-l", f"prometheus-name={name}", "-o", "json")
        items = json.loads(cluster.kubectl("-n", MONITORING, "get", "configmaps", *options))["items"]
        found[:] = [text for item in items for text in (item.get("data") or {}).values()]
        return bool(found)

    wait_until(f"rules of {name}", has_rules, DEADLINE, log.read_text)
    return found


POD_JOBS = (f"podMonitor/{RELEASE}/regsweep-trainers/0", f"podMonitor/{RELEASE}/regsweep-operator/0")


@contextmanager
def prometheus_by(cluster: Cluster, log: Path, name: str, folder: Path) -> Iterator[str]:
    """The address of a Prometheus that runs by the operator's configuration; from outside it needs a kubeconfig."""
    config = configuration(cluster, log, name, *POD_JOBS)
    for job in config["scrape_configs"]:
        for discovery in job["kubernetes_sd_configs"]:
            discovery["kubeconfig_file"] = str(cluster.kubeconfig)
    for index, text in enumerate(rules(cluster, log, name)):
        (folder / f"rules-{index}.yaml").write_text(text)
    config["rule_files"] = [str(folder / "rules-*.yaml")]
    config["global"]["evaluation_interval"] = "1s"
    with running_prometheus(folder, {}, config=config) as port:
        yield f"http://127.0.0.1:{port}"


def training_pod() -> ObservedPod:
    began = datetime.now(UTC) - timedelta(minutes=1)
    return ObservedPod(f"{RUN}-0-abcde", "pod-uid", 0, PodPhase.RUNNING, began, started_at=began)


@pytest.mark.parametrize(
    ("name", "labels", "sweeps_namespace"),
    [
        pytest.param("kps", TargetLabels(), TEAM, id="as kube-prometheus-stack selects"),
        pytest.param(
            "enforcing",
            TargetLabels(enforced_namespace=RELEASE),
            RELEASE,
            id="which enforces the monitor's namespace on every series",
        ),
    ],
)
async def test_what_the_operator_makes_of_the_monitors_answers_our_query(
    cluster: Cluster, operator: Path, tmp_path: Path, name: str, labels: TargetLabels, sweeps_namespace: str
) -> None:
    query = final_values_query(TEAM, RUN, [training_pod()], datetime.now(UTC), labels)
    assert query is not None
    with prometheus_by(cluster, operator, name, tmp_path) as url:
        client = Prometheus(url)
        try:
            sample = await first(client, url, query, labels)
            runs = json.loads(await client.query("namespace_sweep_state:regsweep_operator_sweep_runs:max", 100_000))
        finally:
            await client.close()
    assert sample.complete and sample.epoch == 7 and sample.metrics == {"val_average_loss": 0.25}
    (recorded,) = runs["data"]["result"]
    assert recorded["metric"]["namespace"] == sweeps_namespace


async def first(client: Prometheus, url: str, query: str, labels: TargetLabels) -> Any:
    """The pod's sample, once it was scraped and the rules were evaluated after it."""
    end = datetime.now(UTC) + timedelta(seconds=DEADLINE)
    while datetime.now(UTC) < end:
        found = parse_answer(await client.query(query, 1_000_000), labels)
        recorded = await client.query("count(namespace_sweep_state:regsweep_operator_sweep_runs:max)", 100_000)
        if (key := (f"{RUN}-0-abcde", 0)) in found and b'"value"' in recorded:
            return found[key]
    raise AssertionError(f"no sample of {query} within {DEADLINE:g} s; {await asyncio.to_thread(targets, url)}")


def targets(url: str) -> str:
    """What that Prometheus found to scrape, for the message of a failure."""
    with urlopen(f"{url}/api/v1/targets") as response:
        return str(response.read().decode())


def test_rules_and_limits_arrive_as_the_values_say(cluster: Cluster, operator: Path) -> None:
    jobs = {job["job_name"]: job for job in configuration(cluster, operator, "kps", *POD_JOBS)["scrape_configs"]}
    trainers, own = (jobs[name] for name in POD_JOBS)
    assert (trainers["sample_limit"], trainers["honor_labels"]) == (5000, False)
    assert (own["sample_limit"], own["honor_labels"]) == (100_000, True)
    alerts = [
        rule
        for text in rules(cluster, operator, "kps")
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert {rule["labels"]["team"] for rule in alerts} == {"ml"}
    assert "RegsweepSweepStuck" in {rule["alert"] for rule in alerts}


def test_a_service_monitor_scrapes_by_tls_with_the_token_of_the_secret(cluster: Cluster, operator: Path) -> None:
    for name, source in (
        ("tls", f"--from-file={Keys(cluster.state).authority}"),
        ("login", "--from-literal=token=word"),
    ):
        cluster.kubectl("-n", RELEASE, "create", "secret", "generic", name, source)
    helm = Helm(binaries.program(binaries.HELM))
    options = [option for value in SERVICE_MONITOR for option in ("--set", value)]
    (monitor,) = (m for m in helm.template(*options, namespace=RELEASE) if m["kind"] == "ServiceMonitor")
    cluster.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", input=json.dumps(monitor))
    name = f"serviceMonitor/{RELEASE}/regsweep-operator/0"
    jobs = configuration(cluster, operator, "kps", name)["scrape_configs"]
    (job,) = (job for job in jobs if job["job_name"] == name)
    assert job["scheme"] == "https"
    assert job["tls_config"]["server_name"] == f"regsweep-metrics.{RELEASE}.svc"
    assert job["authorization"]["credentials"] == "word"
