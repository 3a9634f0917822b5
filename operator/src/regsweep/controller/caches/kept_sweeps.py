"""What is kept of sweeps: the spec as its text, a fraction of the objects that it makes, and of one that is too large only why.

Whoever may create a sweep chooses its spec and its metadata. Its status is the operator's own: nobody who may only edit has a right to
write it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from regsweep.adapters.kubeapi import KubeObject
from regsweep.api.constants import IMPORT_ANNOTATION, MAX_NAME_LENGTH, RETRY_ANNOTATION
from regsweep.api.size_rules import size_problems
from regsweep.errors import InvalidSweep

SPEC_TEXT: Final = "specText"
"""Field of a kept sweep: its whole spec as JSON."""
TOO_LARGE: Final = "tooLarge"
"""Field of a kept sweep in place of SPEC_TEXT: which rules of size the spec breaks, as Problems."""
_METADATA: Final = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)
_ANNOTATIONS: Final = (RETRY_ANNOTATION, IMPORT_ANNOTATION)
_Fields = Mapping[str, Any]
_READ_UNPARSED: Final[_Fields] = {
    "managedBy": None,
    "suspend": None,
    "ttlSecondsAfterFinished": None,
    "retention": {"succeededJobs": None, "failedJobs": None, "maxAgeSeconds": None},
    "budget": {"maxGpuSeconds": None},
    "trainer": {"script": {"configMapRef": {"name": None}}},
}
"""Fields of the spec that are read before it is parsed, or without that."""


def trim_sweep(sweep: KubeObject) -> KubeObject:
    """What is kept of a sweep. `spec`: only what is read of it unparsed; `whole_sweep` has all of it."""
    spec = sweep.get("spec")
    kept: KubeObject = {field: sweep[field] for field in ("apiVersion", "kind", "status") if field in sweep}
    kept |= {"metadata": _metadata(sweep["metadata"]), "spec": _picked(spec, _READ_UNPARSED)}
    if problems := size_problems(spec):
        return {**kept, TOO_LARGE: tuple(problems)}
    return {**kept, SPEC_TEXT: json.dumps(spec, separators=(",", ":"))}


def whole_sweep(sweep: KubeObject) -> KubeObject:
    """The sweep with its whole spec. sweep: as the API server has it, or as it is kept.

    Raises InvalidSweep: it is too large.
    """
    if TOO_LARGE in sweep:
        raise InvalidSweep(list(sweep[TOO_LARGE]))
    if SPEC_TEXT not in sweep:
        return sweep
    whole = {field: value for field, value in sweep.items() if field != SPEC_TEXT}
    return {**whole, "spec": json.loads(sweep[SPEC_TEXT])}


def _metadata(metadata: KubeObject) -> KubeObject:
    kept: KubeObject = {field: metadata[field] for field in _METADATA if field in metadata}
    annotations = metadata.get("annotations") or {}
    # Cut: what is longer is no number and no UID.
    kept["annotations"] = {
        name: annotations[name][: MAX_NAME_LENGTH + 1] for name in _ANNOTATIONS if name in annotations
    }
    return kept


def _picked(value: object, fields: _Fields) -> KubeObject:
    """These fields of the value, as far as it has them."""
    if not isinstance(value, dict):
        return {}
    kept = {}
    for name, below in fields.items():
        found = value.get(name)
        if below is not None:
            found = _picked(found, below)
        if found not in (None, {}):
            kept[name] = found
    return kept
