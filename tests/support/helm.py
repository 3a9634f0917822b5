"""Helm 4, as the built-in cluster's module builds it, and what it renders of the chart."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster import binaries
from regsweep.adapters.yamlreader import read_objects

CHECKOUT: Final = Path(__file__).parents[2]
CHART: Final = CHECKOUT / "charts" / "regsweep"

Manifest = Mapping[str, Any]
"""A Kubernetes object as YAML has it; its shape is the API's."""


class HelmRefusedError(AssertionError):
    """Helm would not do it; the text is Helm's own."""


@dataclass(frozen=True, slots=True)
class Helm:
    """A Helm 4 program."""

    program: Path
    kubeconfig: Path | None = None
    """The cluster that it talks to; None: none, it only renders."""

    def run(self, *arguments: str) -> str:
        """What it prints. Raises HelmRefusedError."""
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig or os.devnull)}
        done = subprocess.run((self.program, *arguments), check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise HelmRefusedError(done.stderr)
        return done.stdout

    def template(self, *options: str, release: str = "regsweep", namespace: str = "regsweep-system") -> list[Manifest]:
        """The objects of the chart under these options, without hooks."""
        return self._template(release, namespace, "--no-hooks", *options)

    def hooks(self, *options: str, release: str = "regsweep", namespace: str = "regsweep-system") -> list[Manifest]:
        """The objects of `helm test` under these options, in the order in which Helm creates them."""
        found = self._template(release, namespace, "--show-only", "templates/tests.yaml", *options)
        return sorted(found, key=lambda one: int(one["metadata"]["annotations"].get("helm.sh/hook-weight", 0)))

    def _template(self, release: str, namespace: str, *options: str) -> list[Manifest]:
        """As kubectl reads them. A key that is there twice is refused: Flux and kustomize do not take it either."""
        text = self.run("template", release, str(CHART), "--namespace", namespace, *options)
        return [found.value for found in read_objects(text.encode())]


def find_helm() -> Helm | None:
    """The Helm that the cluster's module has built, else a Helm 4 in PATH, else None. Builds nothing."""
    built = binaries.program(binaries.HELM)
    if built.exists():
        return Helm(built)
    found = shutil.which("helm")
    if found is None:
        return None
    helm = Helm(Path(found))
    return helm if helm.run("version", "--template", "{{.Version}}").startswith("v4") else None


def one(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    """The object of that kind and name."""
    found = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    assert len(found) == 1, f"want one {kind} {name}, got {len(found)} among {sorted(map(named, manifests))}"
    return found[0]


def named(manifest: Manifest) -> str:
    """`Kind name`, or `Kind namespace/name` where it has a namespace."""
    metadata = manifest["metadata"]
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{manifest['kind']} {place}{metadata['name']}"
