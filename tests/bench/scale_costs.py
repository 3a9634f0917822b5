"""CPU time and memory of what the operator does with a large sweep, piece by piece and without a cluster.

`PYTHONPATH=tests python -m bench.scale_costs [COMBINATIONS ...]`
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, TypeVar

from bench.scale_world import IN_FLIGHT, REPLICATES, World, sweep_of, world_of
from regsweep.adapters.object_cache import ObjectCache
from regsweep.api import constants as names
from regsweep.api.objective import objective_status
from regsweep.controller.caches.run_cache import RunCache
from regsweep.controller.caches.trimming import sweep_uid_of, trim_job, trim_pod
from regsweep.core.identity import run_name
from regsweep.core.kept import Kept
from regsweep.core.kubernetes.jobs import job_manifest
from regsweep.core.ownership import KubeObject
from regsweep.core.plan import plan
from regsweep.core.results.queries import TargetLabels, parse_answer
from regsweep.core.results.segments import append, load
from regsweep.core.runs import RunRequest
from regsweep.core.status import sweep_status
from regsweep.core.sweep import Point, Sweep
from support.training import message_of

SIZES = (100, 1000, 10_000)
LOOKS = 9
DONE = 0.5
PODS_ASKED_ABOUT = 500
PAGE = 500
TIME = "2026-11-23T12:00:00Z"
Value = TypeVar("Value")
Costs = dict[str, str]


def costs_of(combinations: int) -> Costs:
    """What each piece costs at this size, as text by its name."""
    return {
        **_pass_costs(world_of(combinations, DONE)),
        **_reading_costs(world_of(combinations, 1.0)),
        **_listing_costs(sweep_of(combinations)),
    }


def prometheus_cost() -> float:
    """CPU seconds of reading an answer about 500 pods of five replicates."""
    body = _answer(PODS_ASKED_ABOUT)
    return _timed(lambda: parse_answer(body, TargetLabels()))[1]


def _pass_costs(world: World) -> Costs:
    """A pod's end, and the status after it."""
    kept, plans, statuses, size = Kept(), [], [], 0
    first_plan = _timed(lambda: plan(world.sweep, world.observe(), world.now, kept))[1]
    for _ in range(LOOKS):
        world.end_pod()
        observed = world.observe()
        planned, seconds = _timed(lambda: plan(world.sweep, observed, world.now, kept))  # noqa: B023  # called at once
        plans.append(seconds)
        world.carry_out(planned)
        observed = world.observe()
        planned = plan(world.sweep, observed, world.now, kept)
        status, seconds = _timed(
            lambda: sweep_status(world.sweep, observed, planned, (), world.prior, world.now, kept)  # noqa: B023
        )
        statuses.append(seconds)
        world.prior, size = status, len(json.dumps(status.to_json()))
    return {
        "plan, at a pod's end": _ms(median(plans)),
        "plan, the first of a process": _ms(first_plan),
        "status": _ms(median(statuses[1:])),
        "status, the first of a process": _ms(statuses[0]),
        "status, bytes": f"{size / 1000:.0f} kB",
    }


def _reading_costs(world: World) -> Costs:
    """All stored records, from the API server's JSON."""
    flags = {point.key: point.combination.flags for point in world.sweep.points}
    writes = append([], world.records, flags, world.sweep)
    bodies = [json.dumps(write.manifest) for write in writes]
    world.records = world.records.plus(())
    del writes
    records, seconds = _timed(lambda: load(map(json.loads, bodies)))
    assert len(records) == len(world.sweep.points) * REPLICATES
    return {"records read": _ms(seconds), "records held": _mb(lambda: load(map(json.loads, bodies)))}


def _listing_costs(sweep: Sweep) -> Costs:
    """All Jobs finished, each with its pod: from pages of JSON to runs."""
    pages = [
        (json.dumps([_job(sweep, p) for p in page]), json.dumps([_pod(sweep, p) for p in page]))
        for page in (sweep.points[start : start + PAGE] for start in range(0, len(sweep.points), PAGE))
    ]
    runs, seconds = _timed(lambda: _listed(pages, sweep))
    assert len(runs.runs_of(_owner(sweep))) == len(sweep.points)
    del runs
    return {"Jobs and pods listed": _ms(seconds), "Jobs and pods held": _mb(lambda: _listed(pages, sweep))}


def _listed(pages: list[tuple[str, str]], sweep: Sweep) -> RunCache:
    jobs = ObjectCache(group_by=sweep_uid_of, trim=trim_job, keep_tombstones=True)
    pods = ObjectCache(group_by=sweep_uid_of, trim=trim_pod, keep_tombstones=True)
    runs = RunCache(jobs, pods)
    for of_jobs, of_pods in pages:
        for job in json.loads(of_jobs):
            jobs.upsert(job)
        for pod in json.loads(of_pods):
            pods.upsert(pod)
    runs.runs_of(_owner(sweep))
    return runs


def _owner(sweep: Sweep) -> dict[str, Any]:
    return {"metadata": {"name": sweep.name, "namespace": sweep.namespace, "uid": sweep.uid}}


def _job(sweep: Sweep, point: Point) -> KubeObject:
    """A finished Job as the API server has it."""
    request = _request(sweep, point)
    job: dict[str, Any] = dict(job_manifest(sweep, request, objective_status(sweep.spec.objective)))
    done = {"type": "Complete", "status": "True", "lastTransitionTime": TIME, "reason": "CompletionsReached"}
    job["metadata"] = {
        **job["metadata"],
        "uid": f"job-{request.name}",
        "resourceVersion": "7",
        "creationTimestamp": TIME,
    }
    job["status"] = {"completionTime": TIME, "completedIndexes": "0", "succeeded": 1, "conditions": [done]}
    return job


def _pod(sweep: Sweep, point: Point) -> KubeObject:
    """Its pod, which has left its records."""
    name = _request(sweep, point).name
    labels = {names.SWEEP_UID_LABEL: sweep.uid, names.RUN_LABEL: name}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": f"job-{name}", "controller": True}
    ended = {"exitCode": 0, "startedAt": TIME, "finishedAt": TIME, "message": message_of(range(REPLICATES))}
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": TIME, "reason": "PodCompleted"}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    return {
        "metadata": {
            "name": f"{name}-0-abcde",
            "namespace": sweep.namespace,
            "uid": f"pod-{name}",
            "resourceVersion": "8",
            "creationTimestamp": TIME,
            "labels": labels,
            "ownerReferences": [owner],
        },
        "spec": {"nodeName": "node-1", "containers": [{"name": "trainer", "resources": {"limits": {"memory": "2Gi"}}}]},
        "status": {
            "phase": "Succeeded",
            "startTime": TIME,
            "conditions": conditions,
            "containerStatuses": [{"name": "trainer", "imageID": "r@sha256:00", "state": {"terminated": ended}}],
        },
    }


def _request(sweep: Sweep, point: Point) -> RunRequest:
    name = run_name(sweep.name, sweep.uid, point.key, 0, 0, 0, 0)
    return RunRequest(name, point, 0, REPLICATES, REPLICATES, 0, 0)


def _answer(pods: int) -> bytes:
    """Prometheus' answer about so many pods: some 70 series for each replicate."""
    series: list[KubeObject] = []
    for pod in range(pods):
        for replicate in range(REPLICATES):
            labels = {
                "namespace": "team",
                "pod": f"large-{pod:04}-0-abcde",
                "replicate": str(replicate),
                "run": "large",
            }
            labels |= {"instance": f"10.0.0.{pod % 250}:9100", "job": "regsweep-trainers", "container": "trainer"}
            for split in ("train", "val"):
                for metric in range(12):
                    named = {"__name__": "regsweep_trainer_metric", "split": split, "metric": f"metric_{metric}"}
                    series.append({"metric": {**labels, **named}, "value": [1.0, "0.5"]})
            series += [
                {"metric": {**labels, "__name__": f"regsweep_trainer_{name}"}, "value": [1.0, "1"]}
                for name in ("complete", "epoch", "epochs", "best_epoch")
            ]
    data = {"resultType": "vector", "result": series}
    return json.dumps({"status": "success", "data": data}, separators=(",", ":")).encode()


def _timed(work: Callable[[], Value]) -> tuple[Value, float]:
    gc.collect()
    start = time.process_time()
    value = work()
    return value, time.process_time() - start


def _mb(work: Callable[[], object]) -> str:
    """Memory that the value of the work holds."""
    gc.collect()
    tracemalloc.start()
    value = work()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del value
    return f"{held / 1e6:.1f} MB"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def table(sizes: Sequence[int]) -> str:
    """A Markdown table of what each piece costs, by size."""
    columns = {size: costs_of(size) for size in sizes}
    head = ["combinations", *(f"{size:,}" for size in sizes)]
    rows = [[name, *(columns[size][name] for size in sizes)] for name in columns[sizes[0]]]
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---|" + "---:|" * len(sizes), *lines[1:]])


def main(sizes: tuple[int, ...]) -> int:
    """Prints the table."""
    print(f"{REPLICATES} replicates, {IN_FLIGHT} in flight, {DONE:.0%} trained\n")
    print(table(sizes))
    print(f"\nAn answer of Prometheus about {PODS_ASKED_ABOUT} pods: {_ms(prometheus_cost())}")
    return 0


if __name__ == "__main__":
    sys.exit(main(tuple(map(int, sys.argv[1:])) or SIZES))
