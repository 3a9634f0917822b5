"""The operator's smaller parts: what is kept of Jobs and pods, settings, health, metrics, events, logging."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client import generate_latest

from cluster.ports import free_port
from regsweep.adapters.fieldmask import FieldMask, Fields
from regsweep.adapters.kubeapi import SWEEPS, uid_of
from regsweep.api import constants as names
from regsweep.api.objective import EpochRule
from regsweep.api.spec import Goal
from regsweep.controller.caches.trimming import JOB_FIELDS, POD_FIELDS, trim_job, trim_pod
from regsweep.controller.process.assembly import identity_of
from regsweep.controller.process.guard import Guard
from regsweep.controller.process.health import HealthServer
from regsweep.controller.process.logs import set_up_logging
from regsweep.controller.process.operator import Operator
from regsweep.controller.writers.status_writer import prior_status
from regsweep.core.identity import run_name
from regsweep.core.kubernetes.observe import observed_pod, observed_run
from regsweep.core.runs import ObservedRun
from regsweep.metrics import RECORDS_REFUSED, RECORDS_STORED, Metrics
from regsweep.settings import Settings
from unit.controller.fake_cluster import FakeCluster, operating, settings, sweep_object, until

STAMP = "2026-11-23T10:00:00Z"
OWNER = {"apiVersion": "batch/v1", "kind": "Job", "name": "run", "uid": "job-uid", "controller": True}


def job(**status: Any) -> dict[str, Any]:
    annotations = {
        names.POINT_KEY_ANNOTATION: "abc",
        names.FIRST_REPLICATE_ANNOTATION: "0",
        names.REPLICATES_ANNOTATION: "4",
        names.REPLICATES_PER_POD_ANNOTATION: "2",
        names.ATTEMPT_ANNOTATION: "0",
        names.LOST_ANNOTATION: "1",
        names.MOVED_ANNOTATION: "2",
        names.AVOIDED_NODES_ANNOTATION: "n1,n2",
        names.FLAGS_ANNOTATION: "{}",
    }
    name = run_name("run", "s", "abc", 0, 0, lost=1, moved=2)
    meta = {"name": name, "namespace": "lab", "uid": "job-uid", "resourceVersion": "5", "creationTimestamp": STAMP}
    labels = {names.SWEEP_UID_LABEL: "s", "app": "x"}
    variables = {
        "REGSWEEP_FIRST_REPLICATE": "0",
        "REGSWEEP_LAST_REPLICATE": "3",
        "REGSWEEP_REPLICATES": "2",
        "REGSWEEP_OBJECTIVE": '{"metric": "val_auc", "goal": "Maximize", "epoch": "Best"}',
        "REGSWEEP_FLAGS": "{}",
    }
    trainer = {"name": "trainer", "env": [{"name": n, "value": v} for n, v in variables.items()]}
    queued = {"labels": {names.QUEUE_POD_SET_LABEL: "main"}, "creationTimestamp": None}
    template = {"metadata": queued, "spec": {"containers": [trainer]}}
    spec = {"parallelism": 2, "suspend": False, "completions": 2, "template": template}
    owner = {"apiVersion": names.API_VERSION, "kind": names.SWEEP_KIND, "name": "run", "uid": "s", "controller": True}
    extra = {"labels": labels, "annotations": annotations, "managedFields": [{}], "ownerReferences": [owner]}
    return {"metadata": {**meta, **extra}, "spec": spec, "status": status}


def pod(**status: Any) -> dict[str, Any]:
    meta = {"name": "run-1-x", "namespace": "lab", "uid": "u", "resourceVersion": "5", "creationTimestamp": STAMP}
    extra: dict[str, Any] = {"labels": {names.SWEEP_UID_LABEL: "s"}, "annotations": {}, "ownerReferences": [OWNER]}
    extra |= {"deletionTimestamp": STAMP, "deletionGracePeriodSeconds": 30}
    limits = {"limits": {"memory": "1Gi", "cpu": "2"}}
    containers = [{"name": "trainer", "image": "t", "resources": limits}, {"name": "sidecar", "image": "s"}]
    inits = [{"name": "fetch"}, {"name": "proxy", "restartPolicy": "Always"}]
    beside = {"resources": {"limits": {"memory": "4Gi"}}, "ephemeralContainers": [{"name": "debug", "image": "d"}]}
    spec = {"nodeName": "n1", "containers": containers, "initContainers": inits, **beside}
    return {"metadata": {**meta, **extra}, "spec": spec, "status": status}


def masked(obj: dict[str, Any], fields: Fields) -> Any:
    """The object as a list and as a watch event bring it."""
    mask = FieldMask(fields)
    (listed,) = mask.page(json.dumps({"metadata": {}, "items": [obj]}).encode())["items"]
    assert listed == mask.event(json.dumps({"type": "ADDED", "object": obj}).encode())["object"]
    assert len(json.dumps(listed)) < len(json.dumps(obj))
    return listed


def container(**state: Any) -> list[dict[str, Any]]:
    side = {"name": "sidecar", "state": {"running": {}}}
    return [side, {"name": "trainer", "image": "t", "imageID": "x", "state": state}]


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({}, id="a new Job"),
        pytest.param(
            {
                "completionTime": STAMP,
                "completedIndexes": "0-1",
                "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": STAMP}],
            },
            id="a complete one",
        ),
        pytest.param(
            {
                "failedIndexes": "1",
                "conditions": [
                    {
                        "type": "Failed",
                        "status": "True",
                        "reason": "PodFailurePolicy",
                        "message": "m",
                        "lastTransitionTime": STAMP,
                    }
                ],
            },
            id="a failed one",
        ),
    ],
)
def test_nothing_that_is_read_of_a_job_is_trimmed_away(status: dict[str, Any]) -> None:
    whole = job(**status)
    run = observed_run(trim_job(whole))
    assert isinstance(run, ObservedRun)
    assert run == observed_run(whole)
    assert (run.lost, run.moved, run.avoids, run.rule) == (1, 2, ("n1", "n2"), EpochRule("val_auc", Goal.MAXIMIZE))
    assert "managedFields" not in trim_job(whole)["metadata"]
    assert trim_job(whole)["spec"]["template"] == {"metadata": {"labels": {names.QUEUE_POD_SET_LABEL: "main"}}}
    assert trim_job(masked(whole, JOB_FIELDS)) == trim_job(whole)


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"phase": "Pending"}, id="a new pod"),
        pytest.param(
            {
                "phase": "Pending",
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}
                ],
            },
            id="one that no node takes",
        ),
        pytest.param(
            {
                "phase": "Pending",
                "containerStatuses": container(waiting={"reason": "ImagePullBackOff", "message": "m"}),
            },
            id="one that cannot pull its image",
        ),
        pytest.param(
            {
                "phase": "Pending",
                "containerStatuses": container(waiting={"reason": "PodInitializing"}),
                "initContainerStatuses": [{"name": "i", "state": {"waiting": {"reason": "ErrImagePull"}}}],
            },
            id="one whose init container cannot",
        ),
        pytest.param({"phase": "Running", "containerStatuses": container(running={"startedAt": STAMP})}, id="running"),
        pytest.param(
            {
                "phase": "Succeeded",
                "containerStatuses": container(
                    terminated={"exitCode": 0, "message": "{}", "startedAt": STAMP, "finishedAt": STAMP}
                ),
            },
            id="succeeded",
        ),
        pytest.param(
            {
                "phase": "Running",
                "containerStatuses": container(
                    terminated={"exitCode": 0, "message": "{}", "startedAt": STAMP, "finishedAt": STAMP}
                ),
                "initContainerStatuses": [
                    {"name": "fetch", "state": {"terminated": {"exitCode": 0}}},
                    {"name": "proxy", "state": {"running": {"startedAt": STAMP}}},
                ],
            },
            id="one whose sidecars go on",
        ),
        pytest.param({"phase": "Failed", "reason": "OutOfcpu", "message": "no room"}, id="one that its node refused"),
        pytest.param(
            {
                "phase": "Failed",
                "reason": "Evicted",
                "startTime": STAMP,
                "conditions": [
                    {
                        "type": "DisruptionTarget",
                        "status": "True",
                        "reason": "TerminationByKubelet",
                        "lastTransitionTime": STAMP,
                    }
                ],
                "containerStatuses": container(
                    terminated={"exitCode": 137, "reason": "OOMKilled", "startedAt": STAMP, "finishedAt": STAMP}
                ),
            },
            id="evicted",
        ),
    ],
)
def test_nothing_that_is_read_of_a_pod_is_trimmed_away(status: dict[str, Any]) -> None:
    whole = pod(**status)
    assert observed_pod(trim_pod(whole)) == observed_pod(whole)
    assert trim_pod(trim_pod(whole)) == trim_pod(whole)
    assert trim_pod(masked(whole, POD_FIELDS)) == trim_pod(whole)


def test_within_a_pod_the_operator_is_known_by_the_pods_name() -> None:
    assert identity_of(Settings(POD_NAME="regsweep-0")) == "regsweep-0"


def test_outside_a_pod_no_two_operators_have_one_identity() -> None:
    outside = Settings(identity="", pod_name="")
    assert identity_of(outside) != identity_of(outside)


async def test_health_and_metrics_are_served_and_a_deleted_sweep_leaves_nothing(cluster: FakeCluster) -> None:
    metrics = Metrics()
    async with operating(cluster, metrics=metrics) as operator:
        server = HealthServer(operator.health, metrics, "127.0.0.1", 0, Guard())
        base = f"http://127.0.0.1:{await server.start()}"
        sweep = await cluster.apply(sweep_object())
        await cluster.train_everything(cluster.is_over)
        async with ClientSession() as session:
            for path in ("/livez", "/readyz"):
                async with session.get(base + path) as answer:
                    assert (answer.status, await answer.text()) == (200, "ok\n")
            async with session.get(base + "/metrics") as answer:
                text = await answer.text()
        assert 'regsweep_operator_sweep_runs{namespace="lab",state="succeeded",sweep="demo"} 4.0' in text
        assert 'regsweep_operator_sweeps{state="Complete"} 1.0' in text
        assert 'regsweep_operator_sweep_state{namespace="lab",state="Complete",sweep="demo"} 1.0' in text
        assert "regsweep_operator_jobs_created_total 4.0" in text
        assert "regsweep_operator_records_stored_total 8.0" in text
        assert "regsweep_operator_leader 1.0" in text
        await cluster.api.delete(SWEEPS, "lab", "demo", uid=uid_of(sweep))
        await until(lambda: len(operator.caches.sweeps) == 0)
        assert 'sweep="demo"' not in generate_latest(metrics.registry).decode()
        await server.stop()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_it_is_served_on_every_address_of_the_pod_whatever_family_the_cluster_has(
    cluster: FakeCluster, address: str
) -> None:
    """By the default, which the chart sets too: a kubelet of an IPv6 cluster probes there, and Prometheus scrapes."""
    port = free_port()
    async with operating(cluster) as operator:
        server = HealthServer(operator.health, Metrics(), Settings().http_host, port, Guard())
        await server.start()
        async with ClientSession() as session, session.get(f"http://{bracketed(address)}:{port}/livez") as answer:
            assert answer.status == 200
        await server.stop()


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


async def test_what_a_trainer_left_and_is_not_taken_is_counted_by_its_reason(cluster: FakeCluster) -> None:
    """Once for each replicate, when it is stored: two runs of two replicates, one whose pod left nothing and one that left nonsense."""
    metrics = Metrics()
    async with operating(cluster, metrics=metrics):
        await cluster.apply(sweep_object(maxFailedRuns=4))
        await until(lambda: len(cluster.jobs()) == 2)
        first, second, *_ = await cluster.start_pods()
        await cluster.succeed(first, "")
        await cluster.succeed(second, "nonsense")
        await until(lambda: metrics.value(RECORDS_STORED) == 4)
    counted = {reason: metrics.value(RECORDS_REFUSED, reason=reason) for reason in RECORDS_REFUSED.known}
    assert counted == {"InvalidRecord": 2, "NoRecord": 2, "DataChanged": 0}


async def test_an_operator_whose_caches_are_not_complete_is_not_ready(cluster: FakeCluster) -> None:
    operator = Operator(cluster.api, settings(), Metrics())
    (check,) = operator.health.ready
    assert check.reason() == "not yet listed: regularizationsweeps, jobs, pods"


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def test_of_a_status_by_a_later_operator_what_is_pinned_is_kept() -> None:
    resolved = {
        "image": "t:1",
        "parameters": {},
        "gpus": 1,
        "gpuResource": "nvidia.com/gpu",
        "seed": 0,
        "operatorVersion": "9",
    }
    later = {
        "resolved": {**resolved, "pinOfTheFuture": "ab", "keyVersion": 3},
        "fieldOfTheFuture": 1,
        "bestLabel": "l2=0",
    }
    prior = prior_status({**sweep_object(), "status": later})
    assert prior.resolved is not None
    assert (prior.resolved.image, prior.resolved.key_version, prior.best_label) == ("t:1", 3, "l2=0")
    prior = prior_status({**sweep_object(), "status": {**later, "conditions": "of another kind"}})
    assert prior.resolved is not None
    assert (prior.resolved.image, prior.best_label) == ("t:1", "l2=0"), "what was pinned decides on all keys"


def test_a_log_line_is_one_line_and_json_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        set_up_logging("info", "json")
        logging.getLogger("regsweep.x").warning("two\nlines")
        logging.getLogger("kopf.objects").info("noise")
        entry = json.loads(capsys.readouterr().err)
        assert (entry["level"], entry["message"]) == ("warning", "two\nlines")
        set_up_logging("info", "text")
        logging.getLogger("regsweep.x").warning("two\nlines")
        assert capsys.readouterr().err.count("\n") == 1
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
