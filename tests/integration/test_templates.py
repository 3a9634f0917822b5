"""The job templates on a real API server: each is stored, and its pod is admitted under the restricted standard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster import Cluster
from cluster.api import wait_until
from unit.manifests.test_templates import NAMES, TEMPLATES, job

NAMESPACE = "templates"
DEADLINE_SECONDS = 60.0


@pytest.fixture(scope="module")
def restricted(control_plane: Cluster) -> Cluster:
    """A namespace that enforces the restricted standard."""
    control_plane.kubectl("create", "namespace", NAMESPACE)
    control_plane.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    wait_until("the default service account", lambda: _has_account(control_plane), DEADLINE_SECONDS)
    return control_plane


def _has_account(cluster: Cluster) -> bool:
    return bool(cluster.kubectl("-n", NAMESPACE, "get", "serviceaccount", "default", "--ignore-not-found"))


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_stored_and_its_pod_admitted(restricted: Cluster, name: str) -> None:
    file: Path = TEMPLATES / f"{name}.yaml"
    restricted.kubectl("-n", NAMESPACE, "apply", "--validate=strict", "-f", file)
    template = job(name)["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", **template["metadata"]},
        "spec": template["spec"],
    }
    restricted.kubectl(
        "-n", NAMESPACE, "create", "--validate=strict", "--dry-run=server", "-f", "-", input=json.dumps(pod)
    )
