"""The chart as a part of another one, as platform teams bundle what a cluster gets."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from regsweep.adapters.yamlreader import read_objects
from support.chart import environment, operator_pod
from support.helm import CHART, Helm, Manifest


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A chart that has ours as a dependency which a value leaves out, and values that it shares with others."""
    folder = tmp_path / "platform"
    shutil.copytree(CHART, folder / "charts" / "regsweep")
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    dependency = {"name": "regsweep", "version": version, "repository": "", "condition": "regsweep.enabled"}
    about = {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": [dependency]}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about))
    shared = {"imageRegistry": "mirror.test", "imagePullSecrets": ["pull"], "storageClass": "of-another-chart"}
    values = {"global": shared, "regsweep": {"enabled": True, "replicas": 3}, "another": {"enabled": False}}
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    return folder


def rendered(helm: Helm, parent: Path, *options: str) -> list[Manifest]:
    text = helm.run("template", "platform", str(parent), "--namespace", "ml", "--no-hooks", *options)
    return [found.value for found in read_objects(text.encode())]


def test_it_takes_the_values_that_all_parts_share(helm: Helm, parent: Path) -> None:
    found = rendered(helm, parent)
    name = "platform-regsweep"
    (deployment,) = [each for each in found if each["kind"] == "Deployment"]
    assert (deployment["metadata"]["name"], deployment["spec"]["replicas"]) == (name, 3)
    pod = operator_pod(found, name)["spec"]
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["containers"][0]["image"] == "mirror.test/regsweep-operator:dev"
    assert environment(found, name)["REGSWEEP_TRAINER_IMAGE"] == "mirror.test/regsweep-trainer:dev"


def test_the_parents_condition_leaves_it_out(helm: Helm, parent: Path) -> None:
    assert rendered(helm, parent, "--set", "regsweep.enabled=false") == []
