"""CLUSTER=current: the same targets on the cluster that kubectl's current context names, which stays as it is.

Images are pushed to IMAGE_REPOSITORY; into a cluster made by kind they are loaded instead. Nothing is brought up or
down: what is installed there was asked for by name.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from cluster import binaries, buildah, images
from cluster.commands import run
from cluster.errors import ClusterError
from cluster.images import Image
from cluster.report import step

_KIND_CONTEXT = "kind-"


class CurrentCluster:
    """Offers what ``Cluster`` does to those who install and run things."""

    kubeconfig: Path | None = None
    """None: what kubectl takes by itself."""

    def __init__(self) -> None:
        self._context = self.kubectl("config", "current-context").strip()

    def kubectl(
        self,
        *arguments: str | Path,
        input: str | None = None,  # noqa: A002 - as in subprocess.run
        seconds: float | None = None,
    ) -> str:
        """kubectl's standard output. Raises ClusterError with what it said when it fails."""
        return run([_kubectl(), *arguments], stdin=input, seconds=seconds)

    def load(self, wanted: Iterable[Image]) -> dict[str, str]:
        """Build what is not built, and bring it to where the cluster finds it. Returns name -> reference."""
        return self.import_images(images.ensure(wanted))

    def import_images(self, references: dict[str, str]) -> dict[str, str]:
        """Push what was built (name -> reference), or load it into kind. Returns name -> what the cluster is to pull."""
        repository = os.environ.get("IMAGE_REPOSITORY", "")
        if not repository and not self._context.startswith(_KIND_CONTEXT):
            raise ClusterError(
                f"the context {self._context} is not kind's: say with IMAGE_REPOSITORY=registry/path where to push images"
            )
        there = {}
        for name, reference in references.items():
            archive = images.archive(reference)
            if repository:
                there[name] = f"{repository}/{name}:{reference.rpartition(':')[2]}"
                buildah.push(archive, there[name])
            else:
                there[name] = reference
                _load_into_kind(archive, self._context.removeprefix(_KIND_CONTEXT))
        return there


def is_wanted() -> bool:
    """Whether the user has chosen their own cluster. Raises ClusterError when they chose what there is not."""
    choice = os.environ.get("CLUSTER", "built-in")
    if choice not in ("built-in", "current"):
        raise ClusterError(f"CLUSTER must be built-in (the default) or current, not {choice}")
    return choice == "current"


def _load_into_kind(archive: Path, cluster: str) -> None:
    with step(f"kind load {archive.name}"):
        run(["kind", "load", "image-archive", archive, "--name", cluster])


def _kubectl() -> str:
    found = shutil.which("kubectl")
    if found is not None:
        return found
    binaries.ensure([binaries.KUBE])
    return str(binaries.program(binaries.KUBE, "kubectl"))
