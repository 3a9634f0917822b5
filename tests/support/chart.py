"""What tests look for in a rendering of the chart."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from support.helm import Helm, Manifest, one

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


def environment(manifests: Rendering, name: str = "regsweep") -> dict[str, str]:
    """The operator's variables as the kubelet sets them; what comes from elsewhere is empty."""
    found: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        """`$$` is a dollar sign, `$(NAME)` the value of a variable before; any other name stays as it is."""
        return "$" if match[0] == "$$" else found.get(match["name"], match[0])

    for entry in operator(manifests, name)["env"]:
        found[entry["name"]] = re.sub(r"\$(?:\$|\((?P<name>[^)]*)\))", replaced, entry.get("value", ""))
    return found


def says(text: str, manifests: Rendering) -> bool:
    """Whether the text stands anywhere in the objects."""
    return text in yaml.safe_dump_all(manifests, width=1000)


def kinds(manifests: Rendering) -> set[str]:
    """Kinds of all objects."""
    return {manifest["kind"] for manifest in manifests}


def shows_what_it_does(helm: Helm, defaults: Rendering, values: str, holds: Callable[[Rendering], bool]) -> None:
    """Asserts that something holds under these values (as `--set` takes them), and does not by default."""

    def held(manifests: Rendering) -> bool:
        try:
            return holds(manifests)
        except (AssertionError, KeyError):  # the object or field is not there
            return False

    assert held(helm.template("--set-string" if "REGSWEEP_" in values else "--set", values))
    assert not held(defaults), "this holds by default: the case shows nothing"
