"""A Job, a pod and a result of a sweep as the API server has them, with all that the operator reads of such objects."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final

from regsweep.api.objective import objective_status
from regsweep.core.kubernetes.jobs import job_manifest
from regsweep.core.plan import plan
from regsweep.core.results.records import Records
from regsweep.core.timestamps import timestamp
from regsweep.core.world import Observed
from support.training import message_of

from .simulation import START, sweep_of

NOW: Final = START + timedelta(hours=1)
SWEEP: Final = sweep_of(
    {"l2": [0, 0.1]},
    replicates=3,
    replicatesPerPod=2,
    objective={"metric": "val_average_loss", "epoch": "Best"},
    budget={"maxGpuSeconds": 10**12, "maxElapsedSeconds": 3600 * 24},
    retention={"maxAgeSeconds": 315_360_000},
)


def _job() -> dict[str, Any]:
    """The first Job of the sweep."""
    (request, *_) = plan(SWEEP, Observed(Records()), START).create
    job: dict[str, Any] = json.loads(json.dumps(job_manifest(SWEEP, request, objective_status(SWEEP.spec.objective))))
    job["metadata"] |= {"uid": "job", "resourceVersion": "1", "creationTimestamp": timestamp(START)}
    job["metadata"]["annotations"]["regsweep.dev/gpu-seconds"] = "7.5"
    job["status"] = {
        "completedIndexes": "1",
        "failedIndexes": "",
        "conditions": [
            {"type": "Failed", "status": "False", "reason": "r", "message": "m", "lastTransitionTime": timestamp(START)}
        ],
    }
    return job


JOB: Final = _job()
STATE: Final = {
    "exitCode": 0,
    "reason": "Completed",
    "message": message_of([0, 1], 0.5),
    "startedAt": timestamp(START),
    "finishedAt": timestamp(NOW),
}
POD: Final[dict[str, Any]] = {
    "metadata": {
        "name": f"{JOB['metadata']['name']}-0-abcde",
        "namespace": SWEEP.namespace,
        "uid": "pod",
        "resourceVersion": "2",
        "creationTimestamp": timestamp(START),
        "deletionTimestamp": timestamp(NOW),
        "deletionGracePeriodSeconds": 30,
        "labels": dict(JOB["spec"]["template"]["metadata"]["labels"]),
        "annotations": {"batch.kubernetes.io/job-completion-index": "0"},
        "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "job", "controller": True}],
    },
    "spec": {
        "nodeName": "n1",
        "containers": [{"name": "trainer", "resources": {"limits": {"memory": "2Gi"}}}, {"name": "proxy"}],
        "initContainers": [{"name": "wait", "restartPolicy": "Always"}],
    },
    "status": {
        "phase": "Running",
        "reason": "",
        "message": "",
        "startTime": timestamp(START),
        "conditions": [
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "Evicted",
                "lastTransitionTime": timestamp(NOW),
            },
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"},
        ],
        "containerStatuses": [
            {"name": "trainer", "imageID": "i@sha256:ab", "state": {"terminated": STATE}},
            {"name": "proxy", "state": {"running": {"startedAt": timestamp(START)}}},
        ],
        "initContainerStatuses": [
            {"name": "wait", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "m"}}}
        ],
    },
}
KEY: Final = SWEEP.points[0].key
RESULT: Final[dict[str, Any]] = {
    "metadata": {"name": f"{SWEEP.uid}-0", "uid": "r", "labels": {"a": "b"}},
    "sweepName": SWEEP.name,
    "sequence": 0,
    "points": [{"key": KEY, "flags": {"l2": 0}}],
    "environments": [
        {"key": "00000000", "backend": "jax", "rule": {"metric": "val_average_loss", "goal": "Minimize"}, "valRows": 3}
    ],
    "records": [
        {
            "point": KEY,
            "replicate": replicate,
            "outcome": "Ok",
            "run": "r",
            "attempt": 0,
            "epochs": 3,
            "metrics": {"val_average_loss": 0.25, "train_average_loss": 0.2},
            "best": {"epoch": 2, "train": 0.1, "val": 0.2},
            "source": "Record",
            "environment": "00000000",
            "start": timestamp(START),
            "end": timestamp(NOW),
            "gpuSeconds": 1.5,
        }
        for replicate in range(2)
    ],
}
