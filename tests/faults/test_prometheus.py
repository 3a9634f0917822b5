"""Prometheus is away, or does not look: runs go on, and their own records stand in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.stage import TRAINING_SECONDS, Lab, Stage, sample, scale_prometheus

FLAGS = [{"name": "l2", "values": [0, 0.01]}]
QUICK = {"dataset": "breast_cancer", "units": [8], "epochs": 3}


@pytest.fixture
def without_prometheus(stage: Stage) -> Iterator[None]:
    scale_prometheus(stage, 0)
    try:
        yield
    finally:
        scale_prometheus(stage, 1)


@pytest.mark.usefixtures("without_prometheus")
def test_without_prometheus_the_ranking_completes_from_the_records(lab: Lab) -> None:
    metrics = {"collectTimeoutSeconds": 1, "lingerSeconds": 1}
    trainer = {"gpus": 1, "parameters": QUICK}
    lab.apply(sample("breast-cancer.yaml", flags=FLAGS, replicates=1, trainer=trainer, metrics=metrics))
    condition = lab.until_condition("breast-cancer", "MetricsAvailable", "False", "QueryFailed", TRAINING_SECONDS)
    assert "Prometheus" in condition["message"] and "Runs continue" in condition["message"]
    lab.until_condition("breast-cancer", "Complete", seconds=TRAINING_SECONDS)
    results = lab.status("breast-cancer")["results"]
    assert [row["rank"] for row in results] == [1, 2]
    assert {row["source"] for row in results} == {"Record"}


def test_a_prometheus_that_is_killed_in_mid_sweep_is_asked_again_when_it_is_back(lab: Lab, stage: Stage) -> None:
    flags = [{"name": "l2", "values": [0, 0.01, 0.1, 1]}]
    trainer = {"gpus": 1, "parameters": QUICK}
    lab.apply(sample("breast-cancer.yaml", flags=flags, replicates=1, parallelism=1, trainer=trainer))
    lab.until(
        "one is stored, one trains", lambda: lab.records("breast-cancer") and lab.pods("Running"), TRAINING_SECONDS
    )
    before = stage.prometheus_pod()["status"]["containerStatuses"][0]
    stage.kill_prometheus()
    lab.until_condition("breast-cancer", "Complete", seconds=TRAINING_SECONDS)
    after = stage.prometheus_pod()["status"]["containerStatuses"][0]
    assert after["restartCount"] == before["restartCount"] + 1, "its process died, and came back"
    assert set(lab.created_jobs().values()) == {1}
    records = lab.records("breast-cancer")
    assert sorted(record["outcome"] for record in records) == ["Ok"] * 4
    assert len({record["point"] for record in records}) == 4
    assert [row["rank"] for row in lab.status("breast-cancer")["results"]] == [1, 2, 3, 4]
    last = max(records, key=lambda record: str(record["start"]))
    assert last["source"] == "Prometheus", "it is asked again, and answers"
    lab.until_condition("breast-cancer", "MetricsAvailable")


def test_trainers_that_nobody_scrapes_are_reported(lab: Lab) -> None:
    """The sleep trainer has no /metrics: Prometheus answers, and has nothing."""
    lab.apply(lab.sleepers("s", [0.1 * i for i in range(1, 8)]))
    lab.until_condition("s", "Complete")
    condition = lab.until_condition("s", "MetricsAvailable", "False", "NotScraped")
    assert "Prometheus answers" in condition["message"]
    assert {row["source"] for row in lab.status("s")["results"]} == {"Record"}
