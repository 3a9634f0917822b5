"""The pod that trains a run: operator defaults < the shared PodTemplate < `spec.template` < what the operator owns.

What the operator owns keeps the training contract (docs/trainer-contract.md) and the record: image, the contract's
environment, the port `metrics`, the termination message, restartPolicy, no service-account token, the GPUs. The rest is
the templates' to say, the restricted security context included.

A stored PodTemplate carries values that nobody wrote: it needs an image even as a placeholder, and the API server fills
in restartPolicy, imagePullPolicy and terminationMessage*. So of container `trainer` these never count there, and an image
or pull policy for it is in `spec.trainer.image` or `spec.template`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from pydantic import JsonValue

from regsweep.api import constants as names
from regsweep.api.canonical import canonical_json
from regsweep.api.final_spec import FinalSplit
from regsweep.api.foreign import argument_variables
from regsweep.api.status import ObjectiveStatus, Resolved
from regsweep.core.identity import final_seed
from regsweep.core.kubernetes.checkpoints import with_checkpoints
from regsweep.core.kubernetes.merging import merge_templates
from regsweep.core.kubernetes.models import with_models
from regsweep.core.kubernetes.room import LEAST_BYTES, room_of
from regsweep.core.kubernetes.scriptpod import command_of, volumes_of
from regsweep.core.ownership import JsonObject, child_labels
from regsweep.core.runs import RunRequest
from regsweep.core.sweep import Point, Sweep
from regsweep.errors import InvalidTemplate

TERMINATION_LOG: Final = "/dev/termination-log"
FINAL_SUFFIX: Final = "/final"
"""After the sweep's name in the labels of the final evaluation's series: dashboards do not mix them with the runs that are ranked."""
OUTER_SUFFIX: Final = "/outer"
"""The same of the grids in the outer folds."""
_RESTARTS: Final = frozenset({"restartPolicy", "restartPolicyRules"})
"""Fields of the training container that are left out: a Job makes another pod instead, whose GPU time is counted."""
HOSTNAME_LABEL: Final = "kubernetes.io/hostname"
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
NONROOT: Final = 65532
"""User and group `nonroot` of distroless images, and ours."""


@dataclass(frozen=True, slots=True)
class JobDefaults:
    """What an installation decides once for the Jobs of all sweeps."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Environment of every training container; templates and the training contract win over it."""
    template: Mapping[str, JsonValue] = field(default_factory=dict)
    """Pod template laid over the operator's defaults, and under the templates of the sweep."""
    accelerators: Sequence[str] = names.ACCELERATORS
    """Extended resources that are accelerators, as patterns with `*`."""
    image_pull_policy: str | None = None
    """Of the training container; None: what Kubernetes derives from the image's tag. `spec.template` wins over it."""
    retries_per_index: int = 2
    """How often a failed pod is replaced before its index fails."""
    grace_period_seconds: int = 30
    """Between SIGTERM and SIGKILL, to write records and checkpoints. It is Kubernetes' own default: a stored PodTemplate
    always has a value, and a different default of the operator would never take effect."""


def pod_template(
    sweep: Sweep,
    request: RunRequest,
    objective: ObjectiveStatus,
    shared: Mapping[str, JsonValue] | None,
    defaults: JobDefaults,
) -> JsonObject:
    """The template of the run's pods: `metadata` with labels and annotations, and `spec`.

    shared: field `template` of the PodTemplate that `spec.templateRef` names; None: there is none.

    Raises InvalidTemplate, naming the field, where a template cannot be merged or contradicts what is owned.
    """
    owned = _owned(_merged(sweep, shared, defaults), sweep, request, objective, defaults.accelerators)
    kept = with_checkpoints(owned, sweep.spec.trainer.checkpoints, request.point.key)
    return with_models(kept, sweep.spec.trainer.models, request.point)


def template_room(sweep: Sweep, shared: Mapping[str, JsonValue] | None, defaults: JobDefaults) -> int:
    """Bytes of the trainer's termination message, by the containers of the templates.

    Raises InvalidTemplate, naming the field.
    """
    return _message_bytes(_object(_merged(sweep, shared, defaults), "spec"))


def _merged(sweep: Sweep, shared: Mapping[str, JsonValue] | None, defaults: JobDefaults) -> JsonObject:
    """All templates over one another."""
    path = "REGSWEEP_TRAINER_TEMPLATE"
    merged = merge_templates(_operator_defaults(defaults), _checked(defaults.template, path), path)
    if shared is not None:
        reference = sweep.spec.template_ref.name if sweep.spec.template_ref else ""
        path = f"template of PodTemplate {reference}"
        merged = merge_templates(merged, _without_server_defaults(_checked(shared, path)), path)
    if sweep.spec.template is not None:
        own = _checked(sweep.spec.template, "spec.template")
        _refuse_other_image(own, sweep.resolved.image)
        merged = merge_templates(merged, own, "spec.template")
    return merged


def run_labels(sweep: Sweep, request: RunRequest) -> dict[str, str]:
    """Labels of a run's Job and pods."""
    return {**child_labels(sweep), names.RUN_LABEL: request.name}


def _operator_defaults(defaults: JobDefaults) -> JsonObject:
    trainer: JsonObject = {
        "name": names.TRAINER_CONTAINER,
        "env": [{"name": name, "value": value} for name, value in defaults.env.items()],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if defaults.image_pull_policy is not None:
        trainer["imagePullPolicy"] = defaults.image_pull_policy
    return {
        "metadata": {
            "annotations": {
                "kubectl.kubernetes.io/default-container": names.TRAINER_CONTAINER,
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(names.METRICS_PORT),
                "prometheus.io/path": "/metrics",
                # Autoscalers do not move a training to empty a node: it would lose the replicate under way.
                "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
                "karpenter.sh/do-not-disrupt": "true",
            }
        },
        "spec": {
            "containers": [trainer],
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": NONROOT,
                "runAsGroup": NONROOT,
                "fsGroup": NONROOT,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": defaults.grace_period_seconds,
        },
    }


def _checked(template: Mapping[str, JsonValue], path: str) -> JsonObject:
    """The template, if it has the outer shape of one."""
    for name, value in template.items():
        if name not in ("metadata", "spec"):
            hint = f"did you mean {path}.spec.{name}? " if name in _POD_FIELDS else ""
            raise InvalidTemplate(f"{path}.{name}: {hint}A pod template has the fields metadata and spec")
        if value is not None and not isinstance(value, dict):
            raise InvalidTemplate(f"{path}.{name}: must be an object")
    return dict(template)


_POD_FIELDS: Final = frozenset(
    {"containers", "volumes", "nodeSelector", "tolerations", "affinity", "initContainers", "securityContext"}
)


def _without_server_defaults(template: JsonObject) -> JsonObject:
    spec = template.get("spec")
    if not isinstance(spec, dict):
        return template
    containers = spec.get("containers")
    if isinstance(containers, list):
        containers = [
            {name: value for name, value in entry.items() if name not in ("image", "imagePullPolicy")}
            if isinstance(entry, dict) and entry.get("name") == names.TRAINER_CONTAINER
            else entry
            for entry in containers
        ]
        spec = {**spec, "containers": containers}
    return {**template, "spec": spec}


def _refuse_other_image(template: JsonObject, pinned: str) -> None:
    spec = template.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    for entry in containers if isinstance(containers, list) else ():
        if isinstance(entry, dict) and entry.get("name") == names.TRAINER_CONTAINER:
            image = entry.get("image")
            if image is not None and image != pinned:
                raise InvalidTemplate(
                    f"spec.template.spec.containers[name={names.TRAINER_CONTAINER}].image: got {image!r}, but the sweep "
                    f"trains with {pinned!r}. Name the image in spec.trainer.image: it identifies the results"
                )


def _owned(
    merged: JsonObject,
    sweep: Sweep,
    request: RunRequest,
    objective: ObjectiveStatus,
    accelerators: Sequence[str],
) -> JsonObject:
    metadata, spec = _object(merged, "metadata"), _object(merged, "spec")
    containers = spec.get("containers")
    entries = containers if isinstance(containers, list) else []
    if not any(_is_trainer(entry) for entry in entries):
        raise InvalidTemplate(
            f"spec.template.spec.containers: container {names.TRAINER_CONTAINER} is required. "
            "Remove the $patch directive that deletes it"
        )
    room = min(_message_bytes(spec), max(request.message_bytes, LEAST_BYTES))
    contract = contract_environment(sweep, request, objective, room)
    devices = _Devices(accelerators, named=sweep.spec.trainer.gpu_resource is not None)
    return {
        "metadata": {
            "labels": {**_object(metadata, "labels"), **run_labels(sweep, request)},
            "annotations": _object(metadata, "annotations"),
        },
        "spec": {
            **spec,
            **volumes_of(spec, sweep),
            "containers": [
                _owned_trainer(entry, contract, sweep.resolved, devices)
                if isinstance(entry, dict) and _is_trainer(entry)
                else entry
                for entry in entries
            ],
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            **_affinity(spec, request),
        },
    }


def _affinity(spec: JsonObject, request: RunRequest) -> JsonObject:
    """The template's affinity, and no node that the run avoids."""
    if not request.avoids:
        return {}
    elsewhere: JsonValue = {"key": HOSTNAME_LABEL, "operator": "NotIn", "values": list(request.avoids)}
    affinity = _object(spec, "affinity")
    node_affinity = _object(affinity, "nodeAffinity")
    required = _object(node_affinity, REQUIRED)
    terms = required.get("nodeSelectorTerms")
    # A node has to match one of the terms, and all of its expressions: so each of them gets it.
    alternatives = [entry for entry in terms if isinstance(entry, dict)] if isinstance(terms, list) else []
    selected: list[JsonValue] = [
        {**entry, "matchExpressions": [*_list(entry, "matchExpressions"), elsewhere]} for entry in alternatives or [{}]
    ]
    node_affinity[REQUIRED] = {**required, "nodeSelectorTerms": selected}
    return {"affinity": {**affinity, "nodeAffinity": node_affinity}}


def _owned_trainer(
    container: JsonObject, contract: Mapping[str, str], resolved: Resolved, devices: _Devices
) -> JsonObject:
    env, ports = container.get("env"), container.get("ports")
    others = [entry for entry in env if _field(entry, "name") not in contract] if isinstance(env, list) else []
    # Ahead of the others, which may refer to them as $(REGSWEEP_RUN); each $ doubled, or Kubernetes would expand it here.
    owned: list[JsonValue] = [{"name": name, "value": value.replace("$", "$$")} for name, value in contract.items()]
    kept = [entry for entry in ports if not _is_metrics_port(entry)] if isinstance(ports, list) else []
    return {
        **{field: value for field, value in container.items() if field not in _RESTARTS},
        "image": resolved.image,
        **command_of(container, resolved),
        "env": [*owned, *others],
        "ports": [
            {"name": names.METRICS_PORT_NAME, "containerPort": names.METRICS_PORT, "protocol": "TCP"},
            *kept,
        ],
        "resources": _with_gpus(_object(container, "resources"), resolved, devices),
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "File",
    }


def _message_bytes(spec: Mapping[str, JsonValue]) -> int:
    """Room for the trainer's termination message.

    Raises InvalidTemplate where it is less than a trainer can do with.
    """
    lists = (spec.get("containers"), spec.get("initContainers"))
    containers = sum(len(entries) for entries in lists if isinstance(entries, list))
    room = room_of(containers)
    if room < LEAST_BYTES:
        raise InvalidTemplate(
            f"spec.template.spec: {containers} containers share {names.POD_MESSAGE_BYTES:,} bytes for their termination messages; a "
            f"trainer needs {LEAST_BYTES:,}. Use at most {names.POD_MESSAGE_BYTES // LEAST_BYTES} containers, init containers included"
        )
    return room


def contract_environment(
    sweep: Sweep,
    request: RunRequest,
    objective: ObjectiveStatus,
    message_bytes: int = names.CONTAINER_MESSAGE_BYTES,
) -> dict[str, str]:
    """The variables of docs/trainer-contract.md; JOB_COMPLETION_INDEX comes from the Job controller, or the local runner.

    message_bytes: room for the termination message.
    """
    flags, resolved, outer = request.point.combination.flags, sweep.resolved, request.point.outer
    resampling = resolved.resampling.to_json() | ({"outer": outer.to_json()} if outer is not None else {})
    on_test_rows = sweep.spec.final is not None and sweep.spec.final.evaluate is FinalSplit.TEST
    values = {**resolved.parameters, **flags}
    arguments = argument_variables(values) if resolved.args else {}
    report = {"REGSWEEP_REPORT": canonical_json(resolved.report.to_json())} if resolved.report is not None else {}
    return {
        "REGSWEEP_SWEEP": f"{sweep.name}{_suffix(request.point)}",
        "REGSWEEP_RUN": request.name,
        "REGSWEEP_FLAGS": canonical_json(values),
        "REGSWEEP_FLAG_NAMES": json.dumps(list(flags)),
        "REGSWEEP_SEED_BASE": str(final_seed(resolved.seed) if request.point.final else resolved.seed),
        "REGSWEEP_FIRST_REPLICATE": str(request.first_replicate),
        "REGSWEEP_REPLICATES": str(request.replicates_per_pod),
        "REGSWEEP_LAST_REPLICATE": str(request.first_replicate + request.replicates - 1),
        "REGSWEEP_OBJECTIVE": json.dumps(
            {"metric": objective.metric, "goal": objective.goal.value, "epoch": objective.epoch.value}
        ),
        "REGSWEEP_RESAMPLING": json.dumps(resampling),
        # Always there, so that no template can have other runs look at the test rows.
        "REGSWEEP_SCORE_TEST": str(int(request.point.final)),
        "REGSWEEP_FINAL": str(int(on_test_rows)),
        # Empty where no data are pinned yet: no template can pin others.
        "REGSWEEP_DATA_DIGEST": request.data_digest,
        "REGSWEEP_MESSAGE_BYTES": str(message_bytes),
        "REGSWEEP_GPUS": str(resolved.gpus),
        "REGSWEEP_LINGER_SECONDS": str(request.linger_seconds),
        "REGSWEEP_METRICS_PORT": str(names.METRICS_PORT),
        "REGSWEEP_TERMINATION_LOG": TERMINATION_LOG,
        **report,
        **arguments,
        # The trainer's image is safe from a working directory's modules; a script may import those beside it.
        **({"PYTHONSAFEPATH": ""} if resolved.script is not None else {}),
    }


def _suffix(point: Point) -> str:
    if point.final:
        return FINAL_SUFFIX
    return OUTER_SUFFIX if point.outer is not None else ""


@dataclass(frozen=True, slots=True)
class _Devices:
    """What is declared of devices."""

    accelerators: Sequence[str]
    named: bool
    """The sweep itself names the resource that its GPUs are counted by."""

    def is_accelerator(self, resource: str) -> bool:
        """Whether the extended resource is one."""
        return any(fnmatchcase(resource, pattern) for pattern in self.accelerators)


def _with_gpus(resources: JsonObject, resolved: Resolved, devices: _Devices) -> JsonObject:
    """The resources with as many GPUs as are pinned, unless a template asks for an accelerator in another way.

    Another way is another accelerator (`nvidia.com/mig-1g.10gb` beside `nvidia.com/gpu`), or a DRA claim that the trainer names unless it,
    or the sweep, names the GPUs' resource too; then the template stands. Kubernetes wants limit and request of a resource alike.
    """
    limits, requests, gpu = _object(resources, "limits"), _object(resources, "requests"), resolved.gpu_resource
    others = [name for name in (*limits, *requests) if name != gpu and devices.is_accelerator(name)]
    claims_them = bool(resources.get("claims")) and not (devices.named or gpu in limits or gpu in requests)
    if resolved.gpus == 0:
        for name in (gpu, *others):
            limits.pop(name, None)
            requests.pop(name, None)
    elif not (claims_them or others):
        limits[gpu] = str(resolved.gpus)
        if gpu in requests:
            requests[gpu] = str(resolved.gpus)
    rest = {name: value for name, value in resources.items() if name not in ("limits", "requests")}
    return {**rest, **({"limits": limits} if limits else {}), **({"requests": requests} if requests else {})}


def _is_trainer(entry: JsonValue) -> bool:
    return _field(entry, "name") == names.TRAINER_CONTAINER


def _is_metrics_port(entry: JsonValue) -> bool:
    return _field(entry, "name") == names.METRICS_PORT_NAME or _field(entry, "containerPort") == names.METRICS_PORT


def _field(entry: JsonValue, name: str) -> JsonValue:
    return entry.get(name) if isinstance(entry, dict) else None


def _list(parent: Mapping[str, JsonValue], name: str) -> list[JsonValue]:
    """The list in that field; empty if it is absent."""
    value = parent.get(name)
    return value if isinstance(value, list) else []


def _object(parent: Mapping[str, JsonValue], name: str) -> JsonObject:
    """A copy of the object in that field; empty if it is absent."""
    value = parent.get(name)
    return dict(value) if isinstance(value, dict) else {}
