"""What makes an object a sweep's child: its controller reference, and the labels that children are found by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import JsonValue

from regsweep.api import constants as names
from regsweep.api.budget_spec import ResultsPolicy
from regsweep.api.spec import SweepSpec
from regsweep.core.sweep import Sweep

JsonObject: TypeAlias = dict[str, JsonValue]
"""An object that we write."""
KubeObject: TypeAlias = Mapping[str, Any]
"""An object of the API server as parsed JSON: a model would not describe it better."""


def owner_reference(sweep: Sweep) -> JsonObject:
    """What makes an object the sweep's: it goes when the sweep goes, and only the operator controls it."""
    return _reference(sweep.name, sweep.uid)


def _reference(name: str, uid: str) -> JsonObject:
    # Without blockOwnerDeletion: API servers that check it refuse such children for half a minute after a CRD was installed.
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.SWEEP_KIND,
        "name": name,
        "uid": uid,
        "controller": True,
    }


def result_owners(sweep: Sweep) -> list[JsonValue]:
    """Owner references of the sweep's results; none where they outlive it."""
    return owners_of_results(sweep.name, sweep.uid, sweep.spec)


def owners_of_results(name: str, uid: str, spec: SweepSpec) -> list[JsonValue]:
    """The same, of a sweep that is not accepted yet."""
    return [] if spec.retention.results is ResultsPolicy.RETAIN else [_reference(name, uid)]


def child_labels(sweep: Sweep) -> dict[str, str]:
    """Labels of every child."""
    return labels_of_children(sweep.name, sweep.uid)


def labels_of_children(name: str, uid: str) -> dict[str, str]:
    """The same, of a sweep that is not accepted yet. A name of more than 63 characters is cut to what a label may hold."""
    return {names.SWEEP_UID_LABEL: uid, names.SWEEP_NAME_LABEL: name[:63].rstrip("-.")}


def owner_uid(item: KubeObject) -> str | None:
    """UID of the object's controller; None if it has none."""
    for owner in item["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner["uid"])
    return None
