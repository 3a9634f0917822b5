"""A run as a Kubernetes Job: one Job per combination, one completion index per pod's worth of replicates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from regsweep.api import constants as names
from regsweep.api.canonical import canonical_json
from regsweep.api.objective import objective_status
from regsweep.api.status import ObjectiveStatus
from regsweep.core.kubernetes.identify import Identity, identify
from regsweep.core.kubernetes.podtemplate import JobDefaults, pod_template, run_labels
from regsweep.core.ownership import JsonObject, KubeObject, owner_reference, owner_uid
from regsweep.core.runs import RunRequest
from regsweep.core.sweep import Sweep

_KUEUE_LABELS: Final = "kueue.x-k8s.io/"


def job_manifest(
    sweep: Sweep,
    request: RunRequest,
    objective: ObjectiveStatus,
    shared_template: Mapping[str, JsonValue] | None = None,
    defaults: JobDefaults | None = None,
    fingerprint: str = "",
) -> JsonObject:
    """The batch/v1 Job that trains the run; the same arguments always give the same Job.

    objective: with its goal spelled out. shared_template: field `template` of the PodTemplate that `spec.templateRef`
    names; None: there is none. A template's Kueue labels (queue name, priority) go to the Job, which is what Kueue admits.
    fingerprint: of all that the template is made from beside the run; empty: it is not noted.

    Raises InvalidTemplate, naming the field.
    """
    defaults = defaults or JobDefaults()
    template = pod_template(sweep, request, objective, shared_template, defaults)
    queue_labels = _take_queue_labels(template)
    completions = -(-request.replicates // request.replicates_per_pod)
    spec: JsonObject = {
        "completionMode": "Indexed",
        "completions": completions,
        "parallelism": min(request.parallelism, completions),
        "backoffLimitPerIndex": defaults.retries_per_index,
        "podFailurePolicy": _pod_failure_policy(),
        # The only choice beside a podFailurePolicy, and the right one: a pod that is being evicted still holds its GPU.
        "podReplacementPolicy": "Failed",
        "template": template,
    }
    if sweep.spec.run_timeout_seconds is not None:
        spec["activeDeadlineSeconds"] = sweep.spec.run_timeout_seconds
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": request.name,
            "namespace": sweep.namespace,
            "labels": {**queue_labels, **run_labels(sweep, request)},
            "annotations": {
                **_annotations(sweep, request),
                **({names.TEMPLATE_ANNOTATION: fingerprint} if fingerprint else {}),
            },
            "ownerReferences": [owner_reference(sweep)],
        },
        "spec": spec,
    }


def same_job(existing: KubeObject, sweep: Sweep, request: RunRequest) -> bool:
    """Whether an existing Job with the run's name is this run: then creating it again has succeeded.

    It must be controlled by this very sweep (its UID, not its name), not be on its way out, and train the same replicates
    of the same point.
    """
    if owner_uid(existing) != sweep.uid or "deletionTimestamp" in existing["metadata"]:
        return False
    present = identify(existing)
    return isinstance(present, Identity) and (
        (present.point_key, present.first_replicate, present.replicates)
        == (request.point.key, request.first_replicate, request.replicates)
    )


def _annotations(sweep: Sweep, request: RunRequest) -> dict[str, str]:
    objective = objective_status(sweep.spec.objective)
    return {
        names.SWEEP_NAME_ANNOTATION: sweep.name,
        names.POINT_KEY_ANNOTATION: request.point.key,
        names.FLAGS_ANNOTATION: json.dumps(request.point.combination.flags, allow_nan=False, ensure_ascii=False),
        names.FIRST_REPLICATE_ANNOTATION: str(request.first_replicate),
        names.REPLICATES_ANNOTATION: str(request.replicates),
        names.REPLICATES_PER_POD_ANNOTATION: str(request.replicates_per_pod),
        names.ATTEMPT_ANNOTATION: str(request.attempt),
        names.LOST_ANNOTATION: str(request.lost),
        names.SUSPENDED_ANNOTATION: "false",
        **_moves(request),
        **({names.SPENT_ANNOTATION: f"{request.gpu_seconds:.1f}"} if request.gpu_seconds else {}),
        names.OBJECTIVE_ANNOTATION: canonical_json({"metric": objective.metric, "goal": objective.goal}),
    }


def _moves(request: RunRequest) -> dict[str, str]:
    """What a Job notes of those before it whose replicates it trains; nothing where there were none."""
    if not request.moved:
        return {}
    return {names.MOVED_ANNOTATION: str(request.moved), names.AVOIDED_NODES_ANNOTATION: ",".join(request.avoids)}


def _pod_failure_policy() -> JsonObject:
    """The first rule that matches decides: a disrupted pod is retried with any exit code, and is not counted against the limit."""
    return {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": _exits_with(names.EXIT_INVALID_FLAGS)},
            {"action": "FailIndex", "onExitCodes": _exits_with(names.EXIT_INDEX_FINAL)},
        ]
    }


def _exits_with(code: int) -> JsonObject:
    return {"containerName": names.TRAINER_CONTAINER, "operator": "In", "values": [code]}


def _take_queue_labels(template: JsonObject) -> JsonObject:
    """Kueue's labels, taken from the template's pods: on a pod they would ask for admission a second time."""
    metadata = template["metadata"]
    labels = metadata["labels"] if isinstance(metadata, dict) else None
    if not isinstance(labels, dict):
        return {}
    return {name: labels.pop(name) for name in list(labels) if name.startswith(_KUEUE_LABELS)}
