"""What a release publishes, built by the real tools; images are built by the end-to-end tests."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from cluster import binaries
from release import artifacts, version
from support.helm import Helm


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "dist"
    artifacts.build(folder, with_images=False)
    return folder


@pytest.fixture(scope="module")
def helm(released: Path) -> Helm:
    """The Helm by which it was packaged."""
    return Helm(binaries.program(binaries.HELM))


def test_every_file_is_listed_with_its_digest(released: Path) -> None:
    lines = (released / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = {str(path.relative_to(released)) for path in released.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert set(listed) == files, "the page of a release has no folders, and who downloads from there has none"
    assert all(hashlib.sha256((released / name).read_bytes()).hexdigest() == digest for name, digest in listed.items())


@pytest.mark.parametrize("name", ["regsweep", "regsweep_kit", "regsweep_trainer"])
def test_each_distribution_is_a_typed_wheel_of_the_version(released: Path, name: str) -> None:
    about = f"{name}-{version.current()}.dist-info"
    with zipfile.ZipFile(released / f"{name}-{version.current()}-py3-none-any.whl") as wheel:
        assert {f"{name}/py.typed", f"{about}/licenses/LICENSE"} <= set(wheel.namelist())
        metadata = wheel.read(f"{about}/METADATA").decode()
    assert "Project-URL: Source, https://github.com/" in metadata
    assert len(metadata.partition("\n\n")[2].splitlines()) > 20, "the page on the index is the README"
    ours = re.findall(r"^Requires-Dist: (regsweep[\w-]*\S*)", metadata, re.MULTILINE)
    assert all(each.rstrip(";").endswith(f"=={version.current()}") for each in ours), (
        "of one version, or they may not fit"
    )
    assert (released / f"{name}-{version.current()}.tar.gz").stat().st_size > 1000


def test_the_packaged_chart_holds_the_files_that_the_checkout_links_to(released: Path) -> None:
    with tarfile.open(released / f"regsweep-{version.current()}.tgz") as packed:
        members = {member.name: member for member in packed}
    for name in ("files/crd/regsweep.dev_regularizationsweeps.yaml", "files/dashboards/sweep.json", "files/rules.yaml"):
        assert members[f"regsweep/{name}"].isfile()
        assert members[f"regsweep/{name}"].size > 1000


def test_chart_and_manifests_name_the_images_that_the_release_publishes(released: Path, helm: Helm) -> None:
    images = {f"ghcr.io/regsweep/{name}:{version.current()}" for name in ("regsweep-operator", "regsweep-trainer")}
    chart = str(released / f"regsweep-{version.current()}.tgz")
    for text in (helm.run("template", "regsweep", chart), (released / "install.yaml").read_text()):
        assert images <= set(re.findall(r'"?([\w./-]*regsweep-(?:operator|trainer):[\w.]+)"?', text))
        assert ":dev" not in text
    readme = helm.run("show", "readme", chart)
    assert '| `image.registry` | `"ghcr.io/regsweep"` |' in readme
    address = f"oci://ghcr.io/regsweep/charts/regsweep --version {version.current()}"
    assert f"    helm upgrade --install regsweep {address} -n regsweep-system --create-namespace\n" in readme
    assert "TAG" not in readme
    helm.run("lint", "--strict", chart)


def test_a_fork_publishes_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY", "registry.test/fork")
    values = yaml.safe_load(artifacts.published_values((artifacts.CHART / "values.yaml").read_text()))
    assert values["image"]["registry"] == values["trainer"]["image"]["registry"] == "registry.test/fork"
    assert values["image"]["tag"] == values["trainer"]["image"]["tag"] == ""


def test_the_bills_of_materials_name_what_is_installed_and_only_that(released: Path) -> None:
    def packages(name: str) -> set[str]:
        document = json.loads((released / f"{name}-{version.current()}.cdx.json").read_text())
        assert document["bomFormat"] == "CycloneDX"
        return {component["name"] for component in document["components"]}

    assert {"kopf", "pydantic"} <= packages("regsweep")
    assert not {"tensorflow-cpu", "pyarrow", "pytest", "hypothesis"} & packages("regsweep")
    assert {"tensorflow-cpu", "pyarrow", "pandas"} <= packages("regsweep-trainer-cpu")
    assert {"tensorflow", "nvidia-cudnn-cu12"} <= packages("regsweep-trainer-gpu")
    assert {"jax", "jaxlib", "pyarrow"} <= packages("regsweep-trainer-jax")
    assert not {"tensorflow", "tensorflow-cpu"} & packages("regsweep-trainer-jax")


def test_the_provenance_names_each_file_and_what_it_was_made_from(released: Path) -> None:
    statement = json.loads((released / "provenance.intoto.json").read_text())
    named = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
    others = {"SHA256SUMS", "provenance.intoto.json"}
    files = {str(path.relative_to(released)) for path in released.rglob("*") if path.is_file()} - others
    assert named == {name: hashlib.sha256((released / name).read_bytes()).hexdigest() for name in files}
    made_from = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert len(made_from[0]["digest"]["gitCommit"]) == 40
    assert {"uv.lock", "tests/cluster/go/kube/go.sum"} <= {each["uri"] for each in made_from}


def test_two_builds_of_one_source_give_the_same_packages(released: Path, tmp_path: Path) -> None:
    artifacts.packages(tmp_path)
    artifacts.bills_of_materials(tmp_path)
    for again in tmp_path.rglob("*.*"):
        if again.is_file():
            assert again.read_bytes() == (released / again.relative_to(tmp_path)).read_bytes(), again.name
