"""Every rendering of the chart fits the schemas of a real API server, as kubeconform judges it without one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cluster import Cluster, binaries
from integration.test_chart_values import VALUES
from support.helm import Helm
from support.schemas import LOCATION, write_schemas

SETS: list[tuple[str, ...]] = [(), *(values.values[0] for values in VALUES)]  # type: ignore[list-item]

Judge = Callable[[dict[str, str]], list[str]]
"""Manifests by the name of their file -> what kubeconform has to say."""


@pytest.fixture(scope="module")
def judge(with_crds: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """kubeconform with the schemas of the built-in API server, ours among them."""
    binaries.ensure((binaries.KUBECONFORM, binaries.HELM))
    schemas = tmp_path_factory.mktemp("schemas")
    written = write_schemas(with_crds.kubectl("get", "--raw", "/openapi/v2"), schemas)
    assert {"deployment-apps-v1.json", "clusterrole-rbac-v1.json", "configmap-v1.json"} <= set(written)
    options = ("-strict", "-output", "json", "-schema-location", f"{schemas}/{LOCATION}")

    def judged(manifests: dict[str, str]) -> list[str]:
        folder = tmp_path_factory.mktemp("manifests")
        for name, text in manifests.items():
            (folder / f"{name}.yaml").write_text(text)
        command = (binaries.program(binaries.KUBECONFORM), *options, folder)
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        found = json.loads(done.stdout)["resources"] or []
        said = [f"{Path(each['filename']).stem}: {each['kind']} {each['name']}: {each['msg']}" for each in found]
        assert bool(done.returncode) == bool(said), done.stdout + done.stderr
        return said

    return judged


def test_all_value_sets_fit(judge: Judge) -> None:
    helm = Helm(binaries.program(binaries.HELM))
    rendered = {
        str(number): yaml.safe_dump_all(helm.template(*(option for value in values for option in ("--set", value))))
        for number, values in enumerate(SETS)
    }
    assert judge(rendered) == []


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        pytest.param("spec: {replicsa: 2}", "additional properties 'replicsa' not allowed", id="a misspelt field"),
        pytest.param("spec: {replicas: two}", "replicas", id="a word for a number"),
        pytest.param(
            "spec: {template: {spec: {containers: [{name: a, imagePulPolicy: Always}]}}}",
            "imagePulPolicy",
            id="a misspelt field of a container",
        ),
        pytest.param("spec: {replicas: 1, replicas: 2}", "already", id="a field twice"),
    ],
)
def test_what_no_server_would_take_is_seen(judge: Judge, manifest: str, words: str) -> None:
    head = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"
    (said,) = judge({"a": f"{head}{manifest}\n"})
    assert words in said
