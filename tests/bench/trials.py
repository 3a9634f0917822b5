"""One trial each: as many Jobs by a shell loop of kubectl, or by the operator, with a watcher beside it."""

import contextlib
import json
import math
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import accounts, timeline
from bench.accounts import Memory
from bench.errors import BenchError
from bench.timeline import Refill
from bench.watcher import Watcher
from cluster import binaries, installation
from cluster.api import wait_until
from cluster.controlplane import Keys
from cluster.instance import Cluster

NAMESPACE = "bench-control-loop"
RUNS = 24
PARALLELISM = 4
GPUS = 1
_SWEEP = "sleep"
_TRIAL_SECONDS = 300
_CLEAN_SECONDS = 120
_QUIET_SECONDS = 3.0
"""So long after its last write (the lease aside) the operator counts as done with a sweep."""

# What a person would write. ``kubectl wait`` returns when the Job controller says Complete.
_LOOP = """
kubectl() { "$KUBECTL" --namespace "$NAMESPACE" "$@"; }
one() {
    sed "s/floor-0/floor-$1/" "$MANIFEST" | kubectl create -f - &&
    kubectl wait --for=condition=complete --timeout=300s "job/floor-$1"
}
worker() { for number in $(seq "$1" "$PARALLELISM" "$RUNS"); do one "$number" || exit 1; done; }
workers=
for first in $(seq "$PARALLELISM"); do worker "$first" & workers="$workers $!"; done
for pid in $workers; do wait "$pid" || exit 1; done
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was measured of one trial; times in seconds."""

    wall: float
    """From the start of the first kubectl to the news of the end."""
    first_pod: float
    """From the creation of the sweep (of the floor: of its first Job) to that of the first pod."""
    job_refills: list[float]
    pod_refills: list[float]


@dataclass(frozen=True, slots=True)
class SweepTrial(Trial):
    """Of a sweep also what it cost, and what came out."""

    writes: Counter[str] = field(default_factory=Counter)
    """Up to the end of all that the operator does about the sweep, but for renewals of the lease after Complete."""
    memory: Memory = field(default_factory=lambda: Memory(0, 0, 0))
    succeeded: int = 0
    """Runs, by the status."""
    records: int = 0
    """Combinations with a stored record that is Ok."""
    job_refill_parts: list[Refill] = field(default_factory=list)

    @property
    def writes_per_run(self) -> float:
        """All of the operator's, its lease included."""
        return self.writes.total() / RUNS

    @property
    def lost(self) -> int:
        """Runs that the status does not call succeeded, or that have no record."""
        return RUNS - min(self.succeeded, self.records)


def floor(cluster: Cluster, image: str, seconds: float) -> Trial:
    """The shell loop. Raises BenchError or ClusterError when a Job of it fails."""
    with _clean(cluster), _watching(cluster) as watcher, tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "job.json"
        manifest.write_text(json.dumps(_job(image, seconds)))
        environment = {
            "KUBECTL": str(binaries.program(binaries.KUBE, "kubectl")),
            "KUBECONFIG": str(cluster.kubeconfig),
            "NAMESPACE": NAMESPACE,
            "MANIFEST": str(manifest),
            "PARALLELISM": str(PARALLELISM),
            "RUNS": str(RUNS),
        }
        began = time.monotonic()
        done = subprocess.run(
            ["sh", "-c", _LOOP], env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        wall = time.monotonic() - began
        if done.returncode != 0:
            raise BenchError(f"the shell loop failed:\n{done.stdout}{done.stderr}")
        changes = watcher.seen()
        line = timeline.timeline(changes)
        created = timeline.added(changes, "jobs")
        return Trial(
            wall,
            _between(created, line.pod_creations),
            line.job_refills(PARALLELISM),
            line.pod_refills(PARALLELISM),
        )


def sweep(cluster: Cluster, image: str, seconds: float) -> SweepTrial:
    """The operator. Raises BenchError or ClusterError when the sweep does not end; runs that are lost are counted."""
    with _clean(cluster), _watching(cluster) as watcher:
        log_position = accounts.position(cluster.audit_log)
        began = time.monotonic()
        cluster.kubectl("apply", "-f", "-", input=json.dumps(_sweep(image, seconds)))
        wait_until("the sweep is over", lambda: _ended_at(watcher) is not None, _TRIAL_SECONDS)
        changes = watcher.seen()
        line = timeline.timeline(changes)
        wall = (_ended_at(watcher) or math.nan) - began
        writes = accounts.writes(cluster.audit_log, log_position)
        _wait_until_quiet(cluster, log_position)
        afterwards = accounts.writes(cluster.audit_log, log_position)
        status = _get(cluster, "regularizationsweep", _SWEEP)["status"]
        return SweepTrial(
            wall,
            _between(timeline.added(changes, "sweeps"), line.pod_creations),
            line.job_refills(PARALLELISM),
            line.pod_refills(PARALLELISM),
            writes=Counter({k: n for k, n in afterwards.items() if not _is_lease(k)})
            + Counter({k: n for k, n in writes.items() if _is_lease(k)}),
            memory=accounts.memory(_operator_uid(cluster)),
            succeeded=status["runs"]["succeeded"],
            records=len(_recorded(cluster)),
            job_refill_parts=line.job_refill_parts(
                PARALLELISM, accounts.job_creations(cluster.audit_log, log_position), time.time() - time.monotonic()
            ),
        )


def set_up(cluster: Cluster, references: dict[str, str]) -> None:
    """Install the operator as its users do, without a Prometheus."""
    manifest = installation.render(references, prometheus_url="")
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=manifest)
    timeout = "--timeout=120s"
    cluster.kubectl("wait", "--for=condition=Established", "crd/regularizationsweeps.regsweep.dev", timeout)
    cluster.kubectl("--namespace", installation.NAMESPACE, "rollout", "status", installation.OPERATOR, timeout)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(namespace))
    wait_until("the namespace's service account", lambda: bool(_items(cluster, "serviceaccounts")), _CLEAN_SECONDS)


def _job(image: str, seconds: float) -> dict[str, Any]:
    container = {
        "name": "trainer",
        "image": image,
        "env": [{"name": "REGSWEEP_FLAGS", "value": json.dumps({"seconds": seconds})}],
        "resources": {"limits": {"nvidia.com/gpu": str(GPUS)}},
    }
    pod = {"restartPolicy": "Never", "containers": [container], "automountServiceAccountToken": False}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "floor-0", "namespace": NAMESPACE},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def _sweep(image: str, seconds: float) -> dict[str, Any]:
    return {
        "apiVersion": "regsweep.dev/v1alpha1",
        "kind": "RegularizationSweep",
        "metadata": {"name": _SWEEP, "namespace": NAMESPACE},
        "spec": {
            "flags": [{"name": "n", "values": list(range(1, RUNS + 1))}],
            "replicates": 1,
            "parallelism": PARALLELISM,
            "metrics": {"lingerSeconds": 0},
            "trainer": {"image": image, "gpus": GPUS, "parameters": {"seconds": seconds}},
        },
    }


@contextlib.contextmanager
def _watching(cluster: Cluster) -> Iterator[Watcher]:
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        with Watcher(cluster.api_url, Keys(cluster.state), NAMESPACE, notes) as watcher:
            yield watcher


@contextlib.contextmanager
def _clean(cluster: Cluster) -> Iterator[None]:
    """Leaves nothing of a trial to the next one: no object, and no pod that the kubelet is still ending."""
    try:
        yield
    finally:
        everything = ("regularizationsweeps", "jobs")
        for resource in everything:
            cluster.kubectl(
                "--namespace", NAMESPACE, "delete", resource, "--all", "--cascade=foreground", "--wait=false"
            )
        rest = ",".join((*everything, "pods", "sweepresults"))
        wait_until("nothing of the trial is left", lambda: not _items(cluster, rest), _CLEAN_SECONDS)


def _ended_at(watcher: Watcher) -> float | None:
    """Raises BenchError when the sweep has failed."""
    changes = watcher.seen()
    if timeline.became(changes, "Failed") is not None:
        raise BenchError("the sweep failed: a trainer that sleeps cannot, so look at its conditions and the cluster")
    return timeline.became(changes, "Complete")


def _wait_until_quiet(cluster: Cluster, position: int) -> None:
    def now() -> Counter[str]:
        return Counter({k: n for k, n in accounts.writes(cluster.audit_log, position).items() if not _is_lease(k)})

    last, since = now(), time.monotonic()

    def is_quiet() -> bool:
        nonlocal last, since
        present = now()
        if present != last:
            last, since = present, time.monotonic()
        return time.monotonic() - since >= _QUIET_SECONDS

    wait_until("the operator has done all about the sweep", is_quiet, _TRIAL_SECONDS)


def _is_lease(write: str) -> bool:
    return write.split()[1] == accounts.LEASES


def _recorded(cluster: Cluster) -> set[str]:
    """Keys of the points that have a record which is Ok."""
    segments = _items(cluster, "sweepresults")
    return {record["point"] for one in segments for record in one["records"] if record["outcome"] == "Ok"}


def _operator_uid(cluster: Cluster) -> str:
    pods = _items(cluster, "pods", installation.NAMESPACE)
    if len(pods) != 1:
        raise BenchError(f"one pod of the operator was expected, and {len(pods)} are there")
    return str(pods[0]["metadata"]["uid"])


def _items(cluster: Cluster, resource: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    answer = cluster.kubectl("--namespace", namespace, "get", resource, "--output=json")
    items: list[dict[str, Any]] = json.loads(answer)["items"]
    return items


def _get(cluster: Cluster, resource: str, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(cluster.kubectl("--namespace", NAMESPACE, "get", resource, name, "-o", "json"))
    return answer


def _between(since: float | None, creations: tuple[float, ...]) -> float:
    # A pod's news may overtake its Job's: they come by two watches.
    return max(0.0, creations[0] - since) if since is not None and creations else math.nan
