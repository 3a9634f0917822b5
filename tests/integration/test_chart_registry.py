"""The chart goes to an OCI registry and comes back: `helm package`, `helm push`, and installations from there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

from cluster import binaries
from cluster.api import wait_until
from cluster.ports import free_port
from release import version
from support.helm import CHART, Helm, HelmRefusedError

START_SECONDS = 60.0


@pytest.fixture(scope="module")
def helm() -> Helm:
    """Helm, built where it is not there yet."""
    binaries.ensure((binaries.HELM,))
    return Helm(binaries.program(binaries.HELM))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of distribution, the registry that others are measured by, with nothing in it."""
    binaries.ensure((binaries.REGISTRY,))
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    config = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = (binaries.program(binaries.REGISTRY), "serve", folder / "config.yaml")
    log = folder / "log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            wait_until("the registry answers", lambda: answers(port), START_SECONDS, log.read_text)
            yield f"oci://127.0.0.1:{port}/charts"
        finally:
            process.terminate()


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/v2/") as response:
            return int(response.status) == 200
    except URLError:
        return False


@pytest.fixture(scope="module")
def package(helm: Helm, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as a file; it is in the registry as well."""
    folder = tmp_path_factory.mktemp("package")
    helm.run("package", str(CHART), "--destination", str(folder))
    (found,) = folder.glob("*.tgz")
    helm.run("push", str(found), registry, "--plain-http")
    return found


def test_what_is_pulled_is_what_was_pushed(helm: Helm, registry: str, package: Path, tmp_path: Path) -> None:
    pinned = ("--version", version.current(), "--plain-http", "--destination", str(tmp_path))
    helm.run("pull", f"{registry}/regsweep", *pinned)
    assert (tmp_path / package.name).read_bytes() == package.read_bytes()


def test_a_release_from_the_registry_is_one_from_the_folder(helm: Helm, registry: str, package: Path) -> None:
    options = ("--namespace", "regsweep-system", "--no-hooks", "--set", "serviceMonitor.enabled=true")
    text = helm.run("template", "regsweep", f"{registry}/regsweep", "--plain-http", *options)
    assert [m for m in yaml.safe_load_all(text) if m] == helm.template("--set", "serviceMonitor.enabled=true")


def test_its_schema_still_refuses_what_it_does_not_know(helm: Helm, registry: str, package: Path) -> None:
    with pytest.raises(HelmRefusedError, match="replica"):
        helm.run("template", "regsweep", f"{registry}/regsweep", "--plain-http", "--set", "replica=3")
