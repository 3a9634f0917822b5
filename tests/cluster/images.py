"""The images of the project and of the built-in cluster: what each is made from, hence its tag, and its archive."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cluster import binaries, buildah, oci, paths
from cluster.digests import digest
from cluster.errors import ClusterError


class Image(Protocol):
    """Identified by its content: nothing is built or imported twice, and nothing stale is used."""

    @property
    def name(self) -> str:
        """Without registry and tag."""
        ...

    @property
    def tag(self) -> str:
        """A digest of all that it is made from."""
        ...

    def make(self, reference: str, archive: Path) -> None:
        """Write its OCI archive, under the reference that its tag was part of when it was asked for."""
        ...


def version() -> str:
    """Of the project, by the label of its images."""
    stated = tomllib.loads((paths.CHECKOUT / "operator/pyproject.toml").read_text(encoding="utf-8"))
    return str(stated["project"]["version"])


@dataclass(frozen=True, slots=True)
class ContainerfileImage:
    """One target of a Containerfile; it sees no other files of the checkout than its sources."""

    name: str
    containerfile: Path
    target: str
    sources: Sequence[Path]
    extra: str = ""
    """Build argument EXTRA; empty: the Containerfile's own."""

    @property
    def tag(self) -> str:
        """Of sources and base."""
        named = [self.target, *([self.extra] if self.extra else []), *buildah.base_sources()]
        return digest([self.containerfile, *self.sources], named)

    def build(self, reference: str, context: Path, *, anew: bool = False) -> None:
        """Build it in the storage of this machine. anew: no layer of an earlier build is taken."""
        arguments = {"VERSION": version(), **({"EXTRA": self.extra} if self.extra else {})}
        buildah.build(reference, context, self.containerfile, self.target, arguments, anew=anew)

    def make(self, reference: str, archive: Path) -> None:
        """Built on the base image of this machine. Raises ClusterError when the sources are being edited meanwhile."""
        with buildah.context([self.containerfile, *self.sources]) as context:
            if not reference.endswith(self.tag):
                raise ClusterError(f"the sources of {self.name} changed while they were being read: run it again")
            self.build(reference, context)
        buildah.export(reference, archive)
        buildah.forget_older(reference)


@dataclass(frozen=True, slots=True)
class ProgramImage:
    """One static program of ours."""

    name: str
    build: binaries.Build

    @property
    def tag(self) -> str:
        """That of the program."""
        return self.build.key

    def make(self, reference: str, archive: Path) -> None:
        """The program is built if need be."""
        binaries.ensure([self.build])
        program = f"/{self.build.name}"
        oci.write_archive(archive, reference, {program: binaries.program(self.build)}, [program])


_WORKSPACE = tuple(
    paths.CHECKOUT / file
    for file in (
        "pyproject.toml",
        "uv.lock",
        "operator/pyproject.toml",
        "images/kit/pyproject.toml",
        "images/trainer/pyproject.toml",
    )
)
_CONTAINERFILE = paths.CHECKOUT / "images/Containerfile"
OPERATOR = ContainerfileImage(
    "regsweep-operator", _CONTAINERFILE, "operator", (*_WORKSPACE, paths.CHECKOUT / "operator/src")
)
_TRAINER_SOURCES = (*_WORKSPACE, paths.CHECKOUT / "images/kit/src", paths.CHECKOUT / "images/trainer/src")
TRAINER = ContainerfileImage("regsweep-trainer", _CONTAINERFILE, "trainer", _TRAINER_SOURCES)
TRAINER_JAX = ContainerfileImage("regsweep-trainer-jax", _CONTAINERFILE, "trainer", _TRAINER_SOURCES, extra="jax")
TRAINER_JAX_GPU = ContainerfileImage(
    "regsweep-trainer-jax-gpu", _CONTAINERFILE, "trainer", _TRAINER_SOURCES, extra="jax-gpu"
)
TRAINER_GPU = ContainerfileImage("regsweep-trainer-gpu", _CONTAINERFILE, "trainer", _TRAINER_SOURCES, extra="gpu")
SLEEP_TRAINER = ProgramImage("regsweep-sleep-trainer", binaries.SLEEP_TRAINER)
PROMETHEUS = ProgramImage("prometheus", binaries.PROMETHEUS)
COREDNS = ProgramImage("regsweep-coredns", binaries.COREDNS)
PAUSE = ProgramImage("regsweep-pause", binaries.PAUSE)

PROJECT: tuple[Image, ...] = (TRAINER, OPERATOR)
RELEASED: tuple[Image, ...] = (*PROJECT, TRAINER_JAX)
NODE: tuple[Image, ...] = (PAUSE, COREDNS)
ALL: tuple[Image, ...] = (*PROJECT, SLEEP_TRAINER, PROMETHEUS)
BY_NAME: Mapping[str, Image] = {image.name: image for image in (*ALL, TRAINER_GPU, TRAINER_JAX, TRAINER_JAX_GPU, *NODE)}


def reference(image: Image, tag: str | None = None) -> str:
    """By which pods name it in the built-in cluster; of its present sources where no tag is given."""
    return f"localhost/{image.name}:{tag or image.tag}"


def archive(reference: str) -> Path:
    """Where that image's archive lies, or will."""
    name, _, tag = reference.rpartition("/")[2].partition(":")
    return paths.cache() / "images" / f"{name}-{tag}.tar"


def ensure(images: Iterable[Image]) -> dict[str, str]:
    """Make the archives that are missing, side by side. Returns name -> reference."""
    # Each tag is taken once: the sources may be edited while the images of what they were are being built.
    references = {image: reference(image) for image in images}
    missing = [image for image, wanted in references.items() if not archive(wanted).exists()]
    if missing:
        with ThreadPoolExecutor(len(missing)) as pool:
            for _ in pool.map(lambda image: _make(image, references[image]), missing):
                pass
    return {image.name: wanted for image, wanted in references.items()}


def _make(image: Image, wanted: str) -> None:
    final = archive(wanted)
    with paths.lock(f"image-{image.name}"):
        if not final.exists():
            final.parent.mkdir(parents=True, exist_ok=True)
            image.make(wanted, final)
            for older in final.parent.glob(f"{image.name}-*.tar"):
                # The trainer's archive is large; a name that merely begins alike has another length.
                if older != final and len(older.name) == len(final.name):
                    older.unlink()
