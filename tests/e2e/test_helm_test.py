"""`helm test`: its hooks, applied as Helm applies them, to an installation on the real node."""

from __future__ import annotations

import json

import pytest

from cluster import images, installation
from support.helm import find_helm
from support.stage import TRAINING_SECONDS, Stage


def test_it_trains_a_sweep_of_two_runs_and_prints_the_ranking(stage: Stage) -> None:
    helm = find_helm()
    if helm is None:
        pytest.skip("Helm is not built here: `make programs` builds it, and `make test` does that first")
    repository, tag = stage.references[images.OPERATOR.name].rsplit(":", 1)
    hooks = helm.hooks("--set", f"image.repository={repository},image.tag={tag}")
    lab = stage.lab(installation.NAMESPACE)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": hooks})
    try:
        stage.cluster.kubectl("apply", "-f", "-", input=text)
        phases = "jsonpath={.status.phase}"
        lab.until(
            "the pod of the test has ended",
            lambda: lab.kubectl("get", "pod", "regsweep-test", "-o", phases) in ("Succeeded", "Failed"),
            TRAINING_SECONDS,
        )
        printed = lab.kubectl("logs", "regsweep-test")
        assert lab.kubectl("get", "pod", "regsweep-test", "-o", phases) == "Succeeded", printed
        assert "regsweep-test · 2 combinations x 2 replicates" in printed
    finally:
        stage.cluster.kubectl("delete", "-f", "-", input=text)
