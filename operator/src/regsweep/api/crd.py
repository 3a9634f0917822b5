"""The CustomResourceDefinitions, from the typed API."""

from __future__ import annotations

from typing import Any, Final

from regsweep.api.constants import GROUP, RESULT_KIND, RESULT_PLURAL, SWEEP_KIND, SWEEP_PLURAL, VERSION
from regsweep.api.schema import Schema, spec_schema, status_schema
from regsweep.api.spec import SweepSpec
from regsweep.api.status import SweepState, SweepStatus
from regsweep.api.sweep_result import SweepResult

_META: Final[Schema] = {
    "apiVersion": {"type": "string", "description": f"`{GROUP}/{VERSION}`."},
    "kind": {"type": "string", "description": "Kind of the object."},
    "metadata": {"type": "object"},
}

SWEEP_DESCRIPTION: Final = (
    "A RegularizationSweep finds the regularisation that keeps a network from overfitting. Every combination of its flags is "
    "trained several times, by one Job for each combination, and ranked in the status."
)
RESULT_DESCRIPTION: Final = (
    "A SweepResult stores a segment of at most 256 records of one sweep. Only the operator writes it, before it deletes the "
    "Jobs; it is deleted with its sweep, unless `spec.retention.results` is `Retain`."
)

SWEEP_COLUMNS: Final = (
    ("Runs", "string", ".status.progress", "Number of ended runs of all runs."),
    ("Running", "integer", ".status.runs.running", "Number of runs with a pod that is training."),
    ("Failed", "integer", ".status.runs.failed", "Number of runs that ended without a result."),
    ("Best", "string", ".status.bestLabel", "Flags of the best combination so far."),
    (
        "Objective",
        "string",
        ".status.bestObjective",
        "Objective of the best combination, as the mean over its replicates.",
    ),
    ("GPU-hours", "string", ".status.gpuHours", "GPU-hours of all trainings that have ended."),
    ("State", "string", ".status.state", f"{', '.join(list(SweepState)[:-1])} or {list(SweepState)[-1]}."),
    ("Age", "date", ".metadata.creationTimestamp", "Time since the sweep was created."),
)
"""What `kubectl get rsweep` shows: heading, type, path, description."""

RESULT_COLUMNS: Final = (
    ("Sweep", "string", ".sweepName", "Name of the sweep."),
    ("Sequence", "integer", ".sequence", "Number of the segment."),
    ("Age", "date", ".metadata.creationTimestamp", "Time since the segment was created."),
)


def sweep_schema() -> Schema:
    """The whole RegularizationSweep."""
    return {
        "type": "object",
        "description": SWEEP_DESCRIPTION,
        "required": ["spec"],
        "properties": {**_META, "spec": spec_schema(SweepSpec), "status": status_schema(SweepStatus)},
    }


def result_schema() -> Schema:
    """The whole SweepResult: its content is at the top level, beside `metadata`."""
    content = status_schema(SweepResult)
    return {**content, "description": RESULT_DESCRIPTION, "properties": {**_META, **content["properties"]}}


def sweep_crd() -> dict[str, Any]:
    """The CustomResourceDefinition of RegularizationSweep."""
    return _crd(SWEEP_KIND, SWEEP_PLURAL, "rsweep", sweep_schema(), SWEEP_COLUMNS, has_status=True)


def result_crd() -> dict[str, Any]:
    """The CustomResourceDefinition of SweepResult."""
    return _crd(RESULT_KIND, RESULT_PLURAL, "sresult", result_schema(), RESULT_COLUMNS, has_status=False)


def _crd(
    kind: str,
    plural: str,
    short_name: str,
    schema: Schema,
    columns: tuple[tuple[str, str, str, str], ...],
    *,
    has_status: bool,
) -> dict[str, Any]:
    """A definition with one version. Only the sweep is in category `all`: `kubectl get all` is for what people made."""
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [
            {"name": name, "type": type_, "jsonPath": path, "description": description}
            for name, type_, path, description in columns
        ],
        "schema": {"openAPIV3Schema": schema},
    }
    if has_status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short_name],
                "categories": ["regsweep", "all"] if has_status else ["regsweep"],
            },
            "versions": [version],
        },
    }
