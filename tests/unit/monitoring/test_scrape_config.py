"""The scrape configuration for a plain Prometheus says the same as the code: names of ports and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from regsweep.api.constants import METRICS_PORT_NAME, SWEEP_UID_LABEL
from regsweep.settings import Settings

FILE = Path(__file__).parents[3] / "manifests" / "monitoring" / "scrape-config.yaml"


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    """Scrape jobs by name."""
    return {job["job_name"]: job for job in yaml.safe_load(FILE.read_text())["scrape_configs"]}


def relabelled(job: Any) -> dict[str, str]:
    return {rule["target_label"]: rule["source_labels"][0] for rule in job["relabel_configs"] if "target_label" in rule}


def test_trainers_are_found_by_the_label_and_port_that_the_operator_gives_them(jobs: dict[str, Any]) -> None:
    job = jobs["regsweep-trainers"]
    assert [s["label"] for c in job["kubernetes_sd_configs"] for s in c["selectors"]] == [SWEEP_UID_LABEL]
    keep = [rule for rule in job["relabel_configs"] if rule.get("action") == "keep"]
    assert [rule["regex"] for rule in keep] == [METRICS_PORT_NAME]


@pytest.mark.parametrize("name", ["regsweep-trainers", "regsweep-operator"])
def test_the_operator_finds_the_pods_by_the_labels_that_it_expects(jobs: dict[str, Any], name: str) -> None:
    assert relabelled(jobs[name]) == {
        Settings().prometheus_namespace_label: "__meta_kubernetes_namespace",
        Settings().prometheus_pod_label: "__meta_kubernetes_pod_name",
    }


def test_the_operators_series_keep_the_namespace_of_their_sweep(jobs: dict[str, Any]) -> None:
    assert jobs["regsweep-operator"]["honor_labels"] is True


def test_a_trainer_cannot_choose_the_pod_that_it_speaks_for(jobs: dict[str, Any]) -> None:
    assert not jobs["regsweep-trainers"].get("honor_labels", False)
