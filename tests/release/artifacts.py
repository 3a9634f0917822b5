"""All that a release publishes, built into one folder: packages, chart, manifests, images, and what each consists of."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from cluster import binaries, buildah, images
from cluster.commands import run
from cluster.report import step
from release.distributions import DISTRIBUTIONS, prepare
from release.version import CHECKOUT, current

SOURCE_ADDRESS: Final = "https://github.com/regsweep/regsweep"
REGISTRY: Final = "ghcr.io/regsweep"
"""Where the images are published, unless the environment's REGISTRY says otherwise."""
CHART: Final = CHECKOUT / "charts/regsweep"
MANIFESTS: Final = ("manifests/monitoring/rules.yaml", "manifests/crd/*.yaml")
"""What people apply, beside the renderings of the chart."""
# Distribution -> the options by which `uv export` lists what its image or installation holds.
BILLS: Final = {
    "regsweep": ("--package", "regsweep"),
    "regsweep-kit": ("--package", "regsweep-kit"),
    **{
        f"regsweep-trainer-{extra}": ("--package", "regsweep-trainer", "--extra", extra, "--extra", "scripts")
        for extra in ("cpu", "gpu", "jax", "jax-gpu")
    },
}


def build(folder: Path, *, with_images: bool) -> list[Path]:
    """Fill `folder` anew and return its files, SHA256SUMS last. Images need root. Raises ClusterError where a tool fails.

    What lies directly in it is the release's page, which has no folders; its subfolder `images` goes to a registry.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    parts: list[Callable[[Path], None]] = [packages, chart, manifests, bills_of_materials]
    for part in [*parts, *([image_archives] if with_images else []), provenance]:
        with step(f"release: {part.__name__.replace('_', ' ')}"):
            part(folder)
    listed = sorted(path for path in folder.iterdir() if path.is_file())
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(f"{_sha256(path)}  {path.name}\n" for path in listed), encoding="utf-8")
    return [*listed, *sorted(folder.glob("images/*")), sums]


def packages(folder: Path) -> None:
    """Wheel and source distribution of each Python distribution."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in DISTRIBUTIONS:
            sources = prepare(name, Path(scratch), current(), SOURCE_ADDRESS)
            run([_uv(), "build", "--quiet", sources, "--out-dir", folder], cwd=CHECKOUT)
    (folder / ".gitignore").unlink(missing_ok=True)


def chart(folder: Path) -> None:
    """The packaged Helm chart, its links followed, and its renderings for people without Helm: with the release's own images."""
    binaries.ensure([binaries.HELM])
    helm = binaries.program(binaries.HELM)
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copytree(CHART, Path(scratch) / CHART.name)
        for name, published in (("values.yaml", published_values), ("README.md", published_readme)):
            text = (copy / name).read_text(encoding="utf-8")
            (copy / name).write_text(published(text), encoding="utf-8")
        places = ("--helm", helm, "--chart", copy, "--manifests", Path(scratch) / "manifests")
        run([sys.executable, CHECKOUT / "charts/render.py", *places], cwd=CHECKOUT)
        run([helm, "package", copy, "--destination", folder])
        for file in sorted((Path(scratch) / "manifests").rglob("*.yaml")):
            shutil.copyfile(file, folder / file.name)


def published_values(values: str) -> str:
    """The chart's values.yaml with the images that the release publishes: those of its appVersion, in its registry."""
    values, registries = re.subn(r'^( +registry: )""$', rf'\g<1>"{_registry()}"', values, flags=re.MULTILINE)
    values, tags = re.subn(r"^( +tag: )dev$", r'\g<1>""', values, flags=re.MULTILINE)
    assert (registries, tags) == (2, 2), "values.yaml names the images of operator and trainer otherwise"
    return values


def published_readme(readme: str) -> str:
    """The chart's README.md with the command that installs the published chart, which names its images itself."""
    checkout = r"^    helm upgrade --install regsweep charts/regsweep (-n \S+ --create-namespace) (?:.*\\\n)*.*$"
    published = rf"    helm upgrade --install regsweep oci://{_registry()}/charts/regsweep --version {current()} \g<1>"
    readme, commands = re.subn(checkout, published, readme, flags=re.MULTILINE)
    assert commands == 1, "README.md of the chart installs it otherwise"
    return readme


def manifests(folder: Path) -> None:
    """What people apply that no value of the chart changes."""
    for file in (file for pattern in MANIFESTS for file in sorted(CHECKOUT.glob(pattern))):
        shutil.copyfile(file, folder / file.name)


def bills_of_materials(folder: Path) -> None:
    """CycloneDX documents of the locked packages, one for each distribution and variant."""
    export = [_uv(), "export", "--quiet", "--frozen", "--no-dev", "--format", "cyclonedx1.5"]
    for name, options in BILLS.items():
        document = json.loads(run([*export, *options], cwd=CHECKOUT))
        # Two builds of one source give the same bytes.
        del document["serialNumber"], document["metadata"]["timestamp"]
        text = json.dumps(document, indent=1, sort_keys=True)
        (folder / f"{name}-{current()}.cdx.json").write_text(text + "\n", encoding="utf-8")


def image_archives(folder: Path) -> None:
    """The project's images as archives; `docker load` and `podman load` read them."""
    target = folder / "images"
    target.mkdir()
    for name, reference in images.ensure(images.RELEASED).items():
        shutil.copyfile(images.archive(reference), target / f"{name}-{current()}.tar")


def provenance(folder: Path) -> None:
    """An in-toto statement with SLSA's provenance: which files these are, and which sources and base they were made from.

    It says what was read, not who built: that is what a signature of it says.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    commit, status = (_git(*words) for words in (("rev-parse", "HEAD"), ("status", "--porcelain")))
    sources: list[dict[str, object]] = [{"uri": SOURCE_ADDRESS, "digest": {"gitCommit": commit}}]
    locked = [CHECKOUT / "uv.lock", *sorted((CHECKOUT / "tests/cluster/go").glob("*/go.sum"))]
    sources += [{"uri": str(path.relative_to(CHECKOUT)), "digest": {"sha256": _sha256(path)}} for path in locked]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": str(path.relative_to(folder)), "digest": {"sha256": _sha256(path)}} for path in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"{SOURCE_ADDRESS}/blob/main/tests/release",
                "externalParameters": {"version": current(), "imageBase": buildah.base()},
                # Edits that are in no commit: such a folder is not for others.
                "internalParameters": {"uncommittedFiles": len(status.splitlines())},
                "resolvedDependencies": sources,
            },
            "runDetails": {"builder": {"id": f"{SOURCE_ADDRESS}/blob/main/.github/workflows/release.yml"}},
        },
    }
    text = json.dumps(statement, indent=1, sort_keys=True)
    (folder / "provenance.intoto.json").write_text(text + "\n", encoding="utf-8")


def listing(folder: Path, files: Iterable[Path]) -> str:
    """Each file with its size, for a person."""
    return "\n".join(f"{path.stat().st_size / 1e3:12,.1f} kB  {path.relative_to(folder)}" for path in files)


def _registry() -> str:
    return os.environ.get("REGISTRY") or REGISTRY


def _git(*words: str) -> str:
    return run(["git", *words], cwd=CHECKOUT).strip()


def _uv() -> str:
    return os.environ.get("UV") or "uv"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
