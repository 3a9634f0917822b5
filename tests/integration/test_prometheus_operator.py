"""The real Prometheus Operator picks the chart's monitors and rules up, and a Prometheus by its configuration has what ours asks for.

There is no node: the pods are objects whose address is this machine's, where a server exposes what a trainer and an operator would.
tests/e2e/cluster/test_from_nothing.py has real ones, and the ServiceMonitor, whose Service takes no address of the loopback.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
import yaml

from cluster import Cluster, binaries
from cluster.api import wait_until
from cluster.controlplane import Keys
from regsweep.adapters.prometheus import Prometheus
from regsweep.core.results.queries import TargetLabels, final_values_query, parse_answer
from regsweep.core.runs import ObservedPod, PodPhase
from support.helm import Helm, Manifest
from support.prometheus_operator import (
    DEADLINE,
    configuration,
    install_kinds,
    prometheus_by,
    prometheus_object,
    prometheus_operator,
    rules,
    told,
)

pytestmark = pytest.mark.long

RELEASE, TEAM, MONITORING = "regsweep-po", "team-po", "monitoring-po"
RUN: Final = "s-0123456789ab"
POD_JOBS = (f"podMonitor/{RELEASE}/regsweep-trainers/0", f"podMonitor/{RELEASE}/regsweep-operator/0")
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
EXPOSED: Final = {
    "trainer": f"""\
regsweep_trainer_metric{{sweep="s",run="{RUN}",replicate="0",metric="average_loss",split="val"}} 0.25
regsweep_trainer_epoch{{sweep="s",run="{RUN}",replicate="0"}} 7
regsweep_trainer_complete{{sweep="s",run="{RUN}",replicate="0"}} 1
""",
    "operator": f"""\
regsweep_operator_sweep_runs{{namespace="{TEAM}",sweep="s",state="running"}} 1
""",
}
"""What a pod of each kind has at /metrics."""


def exposing(text: str) -> type[BaseHTTPRequestHandler]:
    """What answers every request with the text."""

    class Exposing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Exposing


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Of the servers that stand for the pods, by what they expose."""
    with ExitStack() as stack:
        found = {}
        for kind, text in EXPOSED.items():
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), exposing(text)))
            Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            found[kind] = int(server.server_address[1])
        yield found


def pod(name: str, namespace: str, labels: dict[str, str], port: int) -> dict[str, Any]:
    container = {"name": "main", "image": "none", "ports": [{"name": "metrics", "containerPort": port}]}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


@pytest.fixture(scope="module")
def cluster(control_plane: Cluster, ports: dict[str, int]) -> Cluster:
    """An API server with the Prometheus Operator's kinds, the chart's objects of them, and two pods."""
    install_kinds(control_plane)
    for namespace in (RELEASE, TEAM, MONITORING):
        control_plane.kubectl("create", "namespace", namespace)
        control_plane.kubectl("-n", namespace, "create", "serviceaccount", "ready-when-default-is")
        wait_until("accounts", lambda n=namespace: has_account(control_plane, n), DEADLINE)  # type: ignore[misc]
    objects = [m for m in rendered(VALUES) if m["apiVersion"].startswith("monitoring.")]
    assert {m["kind"] for m in objects} == {"PodMonitor", "PrometheusRule"}
    operator_labels = next(m for m in objects if m["metadata"]["name"].endswith("-operator"))["spec"]["selector"]
    pods = [
        pod(f"{RUN}-0-abcde", TEAM, {"regsweep.dev/sweep-uid": "u"}, ports["trainer"]),
        pod("regsweep-0", RELEASE, operator_labels["matchLabels"], ports["operator"]),
    ]
    instances = [
        prometheus_object("kps", MONITORING, "kps"),
        prometheus_object("enforcing", MONITORING, "kps", enforcedNamespaceLabel="namespace"),
    ]
    for each in (*objects, *pods, *instances):
        # Strict: a field that the Prometheus Operator does not know is an error.
        control_plane.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", input=json.dumps(each))
    for each in pods:
        place, name = each["metadata"]["namespace"], each["metadata"]["name"]
        status = {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}
        patch = ("patch", "pod", name, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
        control_plane.kubectl("-n", place, *patch)
    return control_plane


def rendered(values: Sequence[str]) -> list[Manifest]:
    """The chart's objects under these values."""
    binaries.ensure((binaries.HELM,))
    options = [option for value in values for option in ("--set", value)]
    return Helm(binaries.program(binaries.HELM)).template(*options, namespace=RELEASE)


def has_account(cluster: Cluster, namespace: str) -> bool:
    return "default" in cluster.kubectl("-n", namespace, "get", "serviceaccounts", "-o", "name")


@pytest.fixture(scope="module")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Prometheus Operator at work; its log."""
    with prometheus_operator(cluster, tmp_path_factory.mktemp("prometheus-operator")) as log:
        yield log


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
    config = configuration(cluster, operator, MONITORING, name, POD_JOBS)
    with prometheus_by(cluster, config, tmp_path, rules(cluster, operator, MONITORING, name)) as url:
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
    seen = f"{query}: {found}; recorded: {recorded!r}"
    raise AssertionError(f"not within {DEADLINE:g} s: {seen}\n{await asyncio.to_thread(told, url)}")


def test_rules_and_limits_arrive_as_the_values_say(cluster: Cluster, operator: Path) -> None:
    jobs = {
        job["job_name"]: job for job in configuration(cluster, operator, MONITORING, "kps", POD_JOBS)["scrape_configs"]
    }
    trainers, own = (jobs[name] for name in POD_JOBS)
    assert (trainers["sample_limit"], trainers["honor_labels"]) == (5000, False)
    assert (own["sample_limit"], own["honor_labels"]) == (100_000, True)
    alerts = [
        rule
        for text in rules(cluster, operator, MONITORING, "kps")
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
    (monitor,) = (m for m in rendered(SERVICE_MONITOR) if m["kind"] == "ServiceMonitor")
    cluster.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", input=json.dumps(monitor))
    name = f"serviceMonitor/{RELEASE}/regsweep-operator/0"
    jobs = configuration(cluster, operator, MONITORING, "kps", [name])["scrape_configs"]
    (job,) = (job for job in jobs if job["job_name"] == name)
    assert job["scheme"] == "https"
    assert job["tls_config"]["server_name"] == f"regsweep-metrics.{RELEASE}.svc"
    assert job["authorization"]["credentials"] == "word"


def test_a_prometheus_that_looks_in_its_own_namespace_alone_finds_what_stands_there(
    cluster: Cluster, operator: Path
) -> None:
    """And by it the pods of the others: the release's operators, and trainers everywhere."""
    values = (
        *VALUES,
        "podMonitors.labels.release=own",
        "prometheusRule.labels.release=own",
        f"podMonitors.namespace={MONITORING}",
        f"prometheusRule.namespace={MONITORING}",
    )
    own = prometheus_object("own", MONITORING, "own")
    own["spec"] = {key: value for key, value in own["spec"].items() if not key.endswith("NamespaceSelector")}
    objects = [m for m in rendered(values) if m["apiVersion"].startswith("monitoring.")]
    for each in (*objects, own):
        cluster.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", input=json.dumps(each))
    names = [f"podMonitor/{MONITORING}/regsweep-{kind}/0" for kind in ("trainers", "operator")]
    jobs = {
        job["job_name"]: job for job in configuration(cluster, operator, MONITORING, "own", names)["scrape_configs"]
    }
    trainers, own_pods = (
        (jobs[name]["kubernetes_sd_configs"][0].get("namespaces") or {}).get("names") for name in names
    )
    assert (trainers, own_pods) == (None, [RELEASE])
    assert any("RegsweepSweepStuck" in text for text in rules(cluster, operator, MONITORING, "own"))
