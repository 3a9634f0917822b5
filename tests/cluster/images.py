"""The images of the project and of the built-in cluster: what each is made from, hence its tag, and its archive."""

import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cluster import binaries, buildah, oci, paths
from cluster.commands import run
from cluster.digests import digest
from cluster.errors import ClusterError
from cluster.report import step

_LIBRARY = re.compile(r"(/\S+\.so\S*)")


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

    def make(self, archive: Path) -> None:
        """Write its OCI archive."""
        ...


@dataclass(frozen=True, slots=True)
class ContainerfileImage:
    """Built from a Containerfile; it sees no other files of the checkout than its sources."""

    name: str
    containerfile: Path
    sources: Sequence[Path]
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """Of sources and base."""
        words = [f"{key}={value}" for key, value in self.arguments.items()] + buildah.base_sources()
        return digest([self.containerfile, *self.sources], words)

    def make(self, archive: Path) -> None:
        """Built on the base image of this machine."""
        buildah.build(reference(self), self.containerfile, self.sources, archive, self.arguments)


@dataclass(frozen=True, slots=True)
class ProgramImage:
    """One static program of ours."""

    name: str
    build: binaries.Build

    @property
    def tag(self) -> str:
        """That of the program."""
        return self.build.key

    def make(self, archive: Path) -> None:
        """The program is built if need be."""
        binaries.ensure([self.build])
        program = f"/{self.build.name}"
        oci.write_archive(archive, reference(self), {program: binaries.program(self.build)}, [program])


@dataclass(frozen=True, slots=True)
class PrometheusImage:
    """The program of Debian's package with the C library of this machine, under which it ran before."""

    name: str = "prometheus"

    @property
    def tag(self) -> str:
        """Debian's release, as which release's package it is decides what it holds."""
        return digest([Path("/etc/os-release")], ["prometheus"])

    def make(self, archive: Path) -> None:
        """Fetched by apt, unpacked, never installed."""
        with step("fetch Debian's prometheus"), tempfile.TemporaryDirectory(dir=paths.cache()) as scratch:
            folder = Path(scratch)
            folder.chmod(0o755)
            if not shutil.which("apt-get"):
                raise ClusterError(
                    "Prometheus is taken from Debian's or Ubuntu's packages, and there is no apt-get here"
                )
            run(["apt-get", "download", "prometheus"], cwd=folder)
            package = next(folder.glob("prometheus_*.deb"))
            run(["dpkg-deb", "--extract", package, folder])
            program = folder / "usr/bin/prometheus"
            libraries = _LIBRARY.findall(run(["ldd", program])) if b"ld-linux" in program.read_bytes() else []
            files = {"/bin/prometheus": program} | {library: Path(library).resolve() for library in libraries}
            oci.write_archive(archive, reference(self), files, ["/bin/prometheus"])


_WORKSPACE = tuple(
    paths.CHECKOUT / file
    for file in ("pyproject.toml", "uv.lock", "operator/pyproject.toml", "images/trainer/pyproject.toml")
)
OPERATOR = ContainerfileImage(
    "regsweep-operator",
    paths.CHECKOUT / "images/operator/Containerfile",
    (*_WORKSPACE, paths.CHECKOUT / "operator/src"),
)
TRAINER = ContainerfileImage(
    "regsweep-trainer",
    paths.CHECKOUT / "images/trainer/Containerfile",
    (*_WORKSPACE, paths.CHECKOUT / "images/trainer/src"),
)
SLEEP_TRAINER = ProgramImage("regsweep-sleep-trainer", binaries.SLEEP_TRAINER)
PROMETHEUS = PrometheusImage()
COREDNS = ProgramImage("regsweep-coredns", binaries.COREDNS)
PAUSE = ProgramImage("regsweep-pause", binaries.PAUSE)

PROJECT: tuple[Image, ...] = (TRAINER, OPERATOR)
NODE: tuple[Image, ...] = (PAUSE, COREDNS)
ALL: tuple[Image, ...] = (*PROJECT, SLEEP_TRAINER, PROMETHEUS)
BY_NAME: Mapping[str, Image] = {image.name: image for image in (*ALL, *NODE)}


def reference(image: Image) -> str:
    """By which pods name it in the built-in cluster."""
    return f"localhost/{image.name}:{image.tag}"


def archive(image: Image) -> Path:
    """Where its archive lies, or will."""
    return paths.cache() / "images" / f"{image.name}-{image.tag}.tar"


def ensure(images: Iterable[Image]) -> dict[str, str]:
    """Make the archives that are missing, side by side. Returns name -> reference."""
    wanted = list(images)
    missing = [image for image in wanted if not archive(image).exists()]
    if missing:
        with ThreadPoolExecutor(len(missing)) as pool:
            for _ in pool.map(_make, missing):
                pass
    return {image.name: reference(image) for image in wanted}


def _make(image: Image) -> None:
    final = archive(image)
    with paths.lock(f"image-{image.name}"):
        if not final.exists():
            final.parent.mkdir(parents=True, exist_ok=True)
            image.make(final)
            for older in final.parent.glob(f"{image.name}-*.tar"):
                # The trainer's archive is large; a name that merely begins alike has another length.
                if older != final and len(older.name) == len(final.name):
                    older.unlink()
