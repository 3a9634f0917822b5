"""What end-to-end tests stand on: a real node with regsweep and Prometheus as `make demo` installs them, and questions to it.

`Stage` is the whole cluster, one for all tests; `Lab` is one namespace of it, in which a test does what it likes.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import yaml

from cluster import Cluster, ClusterError, addons, demo, images, installation, paths
from cluster.api import Api, wait_until
from cluster.controlplane import Keys

Json = dict[str, Any]
"""A Kubernetes object; its shape is the API's."""

SWEEPS: Final = "apis/regsweep.dev/v1alpha1/{}/regularizationsweeps"
RESULTS: Final = "apis/regsweep.dev/v1alpha1/{}/sweepresults"
JOBS: Final = "apis/batch/v1/{}/jobs"
PODS: Final = "api/v1/{}/pods"
EVENTS: Final = "api/v1/{}/events"

DEADLINE_SECONDS: Final = 120.0
"""How long what should happen soon may take on a machine that is busy with other things."""
TRAINING_SECONDS: Final = 400.0
"""The same for a sweep with real training."""
SAMPLES: Final = paths.CHECKOUT / "manifests" / "samples"


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster with everything installed."""

    cluster: Cluster
    references: Mapping[str, str]
    """Image's name -> what pods name it by."""
    api: Api = field(init=False)
    """The API server, asked as its administrator."""

    def __post_init__(self) -> None:
        keys = Keys(self.cluster.state)
        object.__setattr__(self, "api", Api(self.cluster.api_url, str(keys.authority), keys.pair("admin")))

    def lab(self, namespace: str) -> Lab:
        """A namespace of that name, made if it is not there."""
        self.cluster.kubectl(
            "apply", "-f", "-", input=f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}"
        )
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        wait_until("the default service account", lambda: self.api.get_object(account) is not None, DEADLINE_SECONDS)
        return Lab(self, namespace)

    def ask_prometheus(self, query: str) -> list[Json]:
        """The series that an instant query gives. Raises AssertionError when Prometheus refuses it."""
        return self._ask_prometheus("query", {"query": query})

    def ask_prometheus_over(self, query: str, seconds: float, step: float) -> list[Json]:
        """The series that a query gives over the time until now. Raises AssertionError when Prometheus refuses it."""
        now = time.time()
        span = {"start": str(now - seconds), "end": str(now), "step": str(step)}
        return self._ask_prometheus("query_range", {"query": query, **span})

    def _ask_prometheus(self, kind: str, parameters: Mapping[str, str]) -> list[Json]:
        service = "/api/v1/namespaces/monitoring/services/prometheus:web/proxy"
        status, body = self.api.get(f"{service}/api/v1/{kind}?{urlencode(parameters)}")
        answer = json.loads(body) if body else {}
        assert answer.get("status") == "success", f"{parameters['query']}\n{status} {body}"
        found: list[Json] = answer["data"]["result"]
        return found

    def operator_pod(self) -> Json | None:
        """The operator's pod that is ready; None where none is."""
        pods = self.api.get_object(f"/{PODS.format('namespaces/' + installation.NAMESPACE)}") or {"items": []}
        for pod in pods["items"]:
            conditions = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", ())}
            if conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]:
                return dict(pod)
        return None

    def kill_operator(self) -> None:
        """SIGKILL to the operator's process, as the kernel does it; the kubelet starts the container again."""
        pod = self.operator_pod()
        assert pod is not None, "the operator is not ready"
        _kill(pod, "regsweep")

    def prometheus_pod(self) -> Json:
        """Prometheus' pod, ready or not."""
        listed = self.api.get_object(
            f"/{PODS.format(f'namespaces/{addons.MONITORING}')}?labelSelector=app%3Dprometheus"
        )
        (pod,) = (listed or {"items": ()})["items"]
        return dict(pod)

    def kill_prometheus(self) -> None:
        """SIGKILL to its process; the kubelet starts the container again, with the data that it had."""
        _kill(self.prometheus_pod(), "prometheus")

    def trains(self, pod: Json) -> bool:
        """Whether a sleeper's process of this pod runs, whatever the API server knows of it."""
        return any(_processes_of(pod["metadata"]["uid"], "sleep-trainer"))

    def operator_log(self, lines: int = 30) -> str:
        """The end of the operator's log; with -1 all of it."""
        try:
            return self.cluster.kubectl(
                "--namespace", installation.NAMESPACE, "logs", installation.OPERATOR, f"--tail={lines}"
            )
        except ClusterError as error:
            return str(error)


@dataclass(frozen=True, slots=True)
class Lab:
    """One namespace."""

    stage: Stage
    namespace: str

    # Doing

    def kubectl(self, *arguments: str | Path, input: str | None = None) -> str:  # noqa: A002 - as in subprocess.run
        """kubectl in this namespace. Raises ClusterError with what it said when it fails."""
        return self.stage.cluster.kubectl("--namespace", self.namespace, *arguments, input=input)

    def apply(self, *objects: Json) -> None:
        """`kubectl apply` of them."""
        self.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(objects))

    def remove(self) -> None:
        """Delete the namespace with all that is in it, without waiting for the end of that."""
        self.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def edit(self, name: str, **spec: Any) -> None:
        """Merge these fields into the sweep's spec."""
        self.kubectl("patch", "rsweep", name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def sleepers(self, name: str, seconds: Sequence[float], **spec: Any) -> Json:
        """A sweep of runs that only sleep for these times, one at each; `parameters` are the trainer's others."""
        parameters = spec.pop("parameters", {})
        trainer = {"image": self.stage.references[images.SLEEP_TRAINER.name], "gpus": 0, "parameters": parameters}
        quick = {"replicates": 1, "parallelism": 4, "retention": {"succeededJobs": 100, "failedJobs": 100}}
        metrics = {"collectTimeoutSeconds": 0, "lingerSeconds": 0}  # this trainer has no /metrics
        body = {"flags": [{"name": "seconds", "values": list(seconds)}], "trainer": trainer, "metrics": metrics}
        return sweep(name, **{**body, **quick, **spec})

    # Looking

    def get(self, path: str, name: str) -> Json | None:
        """One object; None where there is none."""
        return self.stage.api.get_object(f"/{path.format('namespaces/' + self.namespace)}/{name}")

    def all(self, path: str) -> list[Json]:
        """All objects of a kind."""
        found: list[Json] = []

        def answered() -> bool:
            # The API server may be busy for a moment, or have just been given a new version of a definition.
            answer = self.stage.api.get_object(f"/{path.format('namespaces/' + self.namespace)}")
            found.extend((answer or {"items": ()})["items"])
            return answer is not None

        self.until(f"an answer about {path}", answered)
        return found

    def jobs(self, sweep_name: str | None = None) -> list[Json]:
        """The Jobs; of one sweep where one is named."""
        return [job for job in self.all(JOBS) if sweep_name is None or _owner(job) == sweep_name]

    def pods(self, *phases: str) -> list[Json]:
        """The pods; those in one of these phases where some are named."""
        return [pod for pod in self.all(PODS) if not phases or pod["status"].get("phase") in phases]

    def status(self, name: str) -> Json:
        """The sweep's status; empty before there is one."""
        found = self.get(SWEEPS, name)
        return dict((found or {}).get("status") or {})

    def condition(self, name: str, type_: str) -> Json:
        """One condition; empty where it is not there."""
        return next((dict(c) for c in self.status(name).get("conditions", ()) if c["type"] == type_), {})

    def records(self, name: str) -> list[Json]:
        """All stored records of the sweep."""
        return [dict(record) for part in self.segments(name) for record in part["records"]]

    def segments(self, name: str) -> list[Json]:
        """The sweep's SweepResults."""
        return [part for part in self.all(RESULTS) if part["sweepName"] == name]

    def reasons(self) -> Counter[str]:
        """Reasons of the events on sweeps, each with how many there are."""
        return Counter(e["reason"] for e in self.all(EVENTS) if e["involvedObject"]["kind"] == "RegularizationSweep")

    def until_event(self, reason: str) -> int:
        """Wait for an event on a sweep, which follows the status that it tells of, and return how many there are."""
        self.until(f"an event {reason}", lambda: self.reasons()[reason])
        return self.reasons()[reason]

    def created_jobs(self) -> Counter[str]:
        """Name of each Job that was ever created here -> how often, by the API server's own account."""
        found: Counter[str] = Counter()
        for line in self.stage.cluster.audit_log.read_text().splitlines():
            if self.namespace not in line:
                continue
            entry = json.loads(line)
            target, taken = entry["objectRef"], entry.get("responseStatus", {}).get("code") == 201
            job = (entry["verb"], target["resource"], target.get("namespace")) == ("create", "jobs", self.namespace)
            if job and taken and "dryRun=" not in entry["requestURI"]:
                found[target["name"]] += 1
        return found

    # Waiting

    def until(self, what: str, holds: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
        """Poll until it holds. Raises ClusterError with `what` otherwise."""
        wait_until(what, lambda: bool(holds()), seconds)

    def until_condition(
        self, name: str, type_: str, status: str = "True", reason: str | None = None, seconds: float = DEADLINE_SECONDS
    ) -> Json:
        """Wait for a condition that was said of the present spec, and return it."""
        found: Json = {}

        def holds() -> bool:
            obj = self.get(SWEEPS, name)
            if obj is None:
                return False
            for condition in obj.get("status", {}).get("conditions", ()):
                fresh = condition["observedGeneration"] == obj["metadata"]["generation"]
                observed = condition["type"], condition["status"]
                if fresh and observed == (type_, status) and reason in (None, condition["reason"]):
                    found.update(condition)
                    return True
                hopeless = (type_, status) == ("Complete", "True") and observed == ("Failed", "True")
                assert not (fresh and hopeless), f"{name} has failed: {condition['message']}"
            return False

        self.until(f"{name}: {type_}={status} {reason or ''}", holds, seconds)
        return found

    def tell(self) -> str:
        """What a person would look at when something went wrong."""
        parts = [self.stage.operator_log()]
        for command in (
            ("describe", "rsweep"),
            ("get", "jobs,pods,sweepresults", "-o", "wide"),
            ("get", "events", "--sort-by=.metadata.creationTimestamp"),
        ):
            try:
                printed = self.kubectl(*command).splitlines()
            except ClusterError as error:
                printed = [str(error)]
            parts.append("\n".join([f"$ kubectl {' '.join(command)}", *printed[-150:]]))
        return "\n\n".join(parts)


def install() -> Iterator[Stage]:
    """Bring it all up by the steps of `make demo`, yield it, and take it down.

    With REGSWEEP_KEEP_CLUSTER set it stays, and the next session finds it.
    """
    # Two sessions at a time would take the cluster from each other: the second one waits.
    with paths.lock("test-e2e-session"):
        cluster = Cluster.up(instance="test-e2e")
        try:
            references = cluster.load(images.ALL)
            demo.install(cluster, references)
            yield Stage(cluster, references)
        finally:
            if not os.environ.get("REGSWEEP_KEEP_CLUSTER"):
                cluster.down()


def sweep(name: str, **spec: Any) -> Json:
    """A RegularizationSweep."""
    return {
        "apiVersion": "regsweep.dev/v1alpha1",
        "kind": "RegularizationSweep",
        "metadata": {"name": name},
        "spec": spec,
    }


def sample(file: str, **spec: Any) -> Json:
    """A sample of the project, with these fields of its spec in place of its own."""
    manifest: Json = yaml.safe_load((SAMPLES / file).read_text())
    manifest["spec"] |= spec
    return manifest


def scale_prometheus(stage: Stage, replicas: int) -> None:
    """Take Prometheus away, or bring it back, and wait until it is so."""
    stage.cluster.kubectl("--namespace", addons.MONITORING, "scale", addons.PROMETHEUS, f"--replicas={replicas}")
    if replicas:
        stage.cluster.kubectl("--namespace", addons.MONITORING, "rollout", "status", addons.PROMETHEUS, "--timeout=60s")
    else:
        stage.cluster.kubectl(
            "--namespace", addons.MONITORING, "wait", "--for=delete", "pod", "-l", "app=prometheus", "--timeout=60s"
        )


def _owner(obj: Json) -> str:
    """Name of the object that controls this one."""
    owners = obj["metadata"].get("ownerReferences", ())
    return next((str(owner["name"]) for owner in owners if owner.get("controller")), "")


def _kill(pod: Json, program: str) -> None:
    found = list(_processes_of(pod["metadata"]["uid"], program))
    assert found, f"no process of pod {pod['metadata']['name']} runs on this machine"
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def _processes_of(pod_uid: str, program: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The kubelet writes the UID as it is, or with _ for - where systemd makes its cgroups.
            inside = pod_uid in (entry / "cgroup").read_text().replace("_", "-")
            if inside and program in (entry / "cmdline").read_text():
                yield int(entry.name)
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended since it was listed
