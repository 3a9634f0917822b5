"""What a pod's object says of it, and what its trainer leaves: for tests that play the kubelet."""

from __future__ import annotations

import json
from typing import Any

from regsweep.adapters.kubeapi import KubeObject, name_of
from regsweep.api import constants as names

SPREAD = 0.001
"""Between the losses of two replicates: without any there would be no errors to estimate."""


def has_ended(pod: KubeObject) -> bool:
    """Whether all of its containers have."""
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def index_of(pod: KubeObject) -> int:
    """Its completion index."""
    return int(name_of(pod).rsplit("-", 2)[1])


def exit_code_of(pod: KubeObject) -> int | None:
    """The trainer's; None: it has not ended, or never ran."""
    for status in pod["status"].get("containerStatuses", ()):
        if status["name"] == names.TRAINER_CONTAINER and "terminated" in status["state"]:
            return int(status["state"]["terminated"]["exitCode"])
    return None


def trainer_runs(pod: KubeObject) -> bool:
    """Whether training has begun and not ended."""
    return pod["status"].get("phase") == "Running" and exit_code_of(pod) is None


def environment_of(pod_or_template: KubeObject) -> dict[str, str]:
    """The variables of the trainer, by the spec of a pod or of its template."""
    (trainer,) = (c for c in pod_or_template["spec"]["containers"] if c["name"] == names.TRAINER_CONTAINER)
    return {entry["name"]: entry.get("value", "") for entry in trainer.get("env") or ()}


def loss_of(pod: KubeObject) -> float:
    """A loss that depends on the flags alone: 0.3 and a little for each."""
    flags: dict[str, Any] = json.loads(environment_of(pod)["REGSWEEP_FLAGS"])
    return 0.3 + sum(float(value) for value in flags.values() if isinstance(value, int | float)) / 10


def replicates_in(pod: KubeObject) -> range:
    """The replicates that it trains, by what nobody can change of it."""
    variables = environment_of(pod)
    first, last, each = (int(variables[f"REGSWEEP_{n}"]) for n in ("FIRST_REPLICATE", "LAST_REPLICATE", "REPLICATES"))
    start = first + index_of(pod) * each
    return range(start, min(start + each, last + 1))


def trained_by(pod: KubeObject) -> set[tuple[str, int]]:
    """(What determines a result, replicate) of all that it trains."""
    variables = environment_of(pod)
    point = " ".join(variables[f"REGSWEEP_{n}"] for n in ("SWEEP", "FLAGS", "SEED_BASE", "RESAMPLING"))
    return {(point, k) for k in replicates_in(pod)}
