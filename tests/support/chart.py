"""What tests look for in a rendering of the chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from support.helm import Manifest, one

Rendering = Sequence[Manifest]
"""The objects of the chart under some values."""


def operator_pod(manifests: Rendering, name: str = "regsweep") -> Mapping[str, Any]:
    """The template of the operator's pods."""
    template: Mapping[str, Any] = one(manifests, "Deployment", name)["spec"]["template"]
    return template


def operator(manifests: Rendering, name: str = "regsweep") -> Mapping[str, Any]:
    """The operator's container."""
    container: Mapping[str, Any] = operator_pod(manifests, name)["spec"]["containers"][0]
    return container


def environment(manifests: Rendering) -> dict[str, str]:
    """The operator's variables; what comes from elsewhere is empty."""
    return {entry["name"]: entry.get("value", "") for entry in operator(manifests)["env"]}


def kinds(manifests: Rendering) -> set[str]:
    """Kinds of all objects."""
    return {manifest["kind"] for manifest in manifests}
