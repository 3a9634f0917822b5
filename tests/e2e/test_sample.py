"""The first sweep of the README on a real node: real training, real Prometheus, and all that a person reads of it.

Whoever applies it has the role `edit` in a namespace, and nothing else. There Pod Security is enforced, and there are a quota, limits, and
policies that deny all traffic but what docs/install.md opens. The built-in cluster's network enforces no policies: of them this shows that
the API server takes them.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest

from cluster import ClusterError, installation
from support import careful, panels
from support.dashboards import DashboardQuery, load, queries
from support.logs import complaints
from support.stage import SAMPLES, SWEEPS, TRAINING_SECONDS, Json, Lab, Stage, sample
from support.users import kubeconfig_of

NAME = "breast-cancer"
NAMESPACE = "sample"
SPEC = sample("breast-cancer.yaml")["spec"]
COMBINATIONS = list(product(*(flag["values"] for flag in SPEC["flags"])))
REPLICATES = SPEC["replicates"]
EPOCHS = SPEC["trainer"]["parameters"]["epochs"]
RUN = "the-first-run-that-prometheus-saw"
CHOSEN = {
    "fleet": {"namespace": NAMESPACE},
    "operator": {"namespace": installation.NAMESPACE},
    "run": {"namespace": NAMESPACE, "sweep": NAME, "run": RUN, "metric": "average_loss"},
    "sweep": {"namespace": NAMESPACE, "sweep": NAME, "metric": "average_loss", "row": "l2", "column": "dropout"},
}
"""Dashboard -> its variables."""
SILENT = {
    *("GPU utilisation", "Memory", "Processors in use"),  # no such exporters
    "Requests refused, per second",  # nothing was refused
    "Throughput: epochs per minute",  # a rate takes two scrapes, and a run of seconds may have one
}
"""Panels that may have nothing to show here."""
QUERIES = {
    f"{name}: {query}": query
    for name, variables in CHOSEN.items()
    for query in queries(load(name), variables)
    if query.panel not in SILENT
}


@dataclass(frozen=True, slots=True)
class Trained:
    """The sample after its run, and what was seen while it ran."""

    lab: Lab
    status: Json
    answered: set[str] = field(default_factory=set)
    """Queries of the dashboard that gave data at some moment."""


@pytest.fixture(scope="module")
def trained(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """`kubectl apply -f`, and watched to its end."""
    lab = stage.lab(NAMESPACE)
    careful.guard(lab, careful.told_policy())
    editor = kubeconfig_of(stage.cluster, NAMESPACE, "edit", tmp_path_factory.mktemp("people"))
    as_editor = f"--kubeconfig={editor}"
    answered: set[str] = set()
    unanswered = deque(QUERIES)

    def is_complete() -> bool:
        status = lab.status(NAME)
        ended = status.get("state") in ("Complete", "Failed")
        # A few at a time, so that no run goes by unseen.
        run = longest_run(stage)
        for _ in range(len(unanswered) if ended else min(10, len(unanswered))):
            key = unanswered.popleft()
            (answered.add if has_data(stage, QUERIES[key], run) else unanswered.append)(key)
        return ended

    try:
        lab.kubectl(as_editor, "apply", "-f", SAMPLES / "breast-cancer.yaml")
        lab.until("the sample has ended", is_complete, TRAINING_SECONDS)
        lab.kubectl(as_editor, "wait", "--for=condition=Complete", f"rsweep/{NAME}", "--timeout=10s")
    except ClusterError as error:
        raise AssertionError(f"{error}\n{lab.tell()}") from error
    yield Trained(lab, lab.status(NAME), answered)
    lab.remove()


def has_data(stage: Stage, query: DashboardQuery, run: str) -> bool:
    return bool(stage.ask_prometheus(query.expr.replace(RUN, run)))


def longest_run(stage: Stage) -> str:
    """The run of the sample that was scraped most often, so that its curves have points; RUN where none was."""
    seen = stage.ask_prometheus(
        f'topk(1, sum by (run) (count_over_time(regsweep_trainer_epoch{{namespace="{NAMESPACE}"}}[3h])))'
    )
    return min((series["metric"]["run"] for series in seen), default=RUN)


def regsweep(trained: Trained, *arguments: str) -> str:
    """The command's standard output."""
    command = [sys.executable, "-m", "regsweep.cli", *arguments, "--namespace", NAMESPACE]
    command += ["--kubeconfig", str(trained.lab.stage.cluster.kubeconfig)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_every_combination_is_ranked_with_its_error_and_its_gap(trained: Trained) -> None:
    results = trained.status["results"]
    assert [row["rank"] for row in results] == list(range(1, len(COMBINATIONS) + 1))
    assert {(row["flags"]["l2"], row["flags"]["dropout"]) for row in results} == set(COMBINATIONS)
    means = [row["objective"]["mean"] for row in results]
    assert means == sorted(means)
    assert all(row["objective"]["standardError"] > 0 for row in results)
    for row in results:
        assert math.isclose(row["overfitGap"]["mean"], row["valLoss"] - row["trainLoss"], rel_tol=1e-3)
        assert row["overfitGap"]["standardError"] > 0
    assert trained.status["best"] == results[0]


def test_every_value_comes_from_prometheus(trained: Trained) -> None:
    assert {row["source"] for row in trained.status["results"]} == {"Prometheus"}
    assert {record["source"] for record in trained.lab.records(NAME)} == {"Prometheus"}
    assert trained.lab.condition(NAME, "MetricsAvailable")["status"] == "True"
    assert not trained.lab.reasons()["SourcesDisagree"]


def test_the_status_is_that_of_a_sweep_that_is_over(trained: Trained) -> None:
    assert trained.status["state"] == "Complete"
    total = len(COMBINATIONS)
    assert trained.status["progress"] == f"{total}/{total}"
    others = {"pending": 0, "running": 0, "failed": 0, "diverged": 0}
    assert trained.status["runs"] == {"total": total, "succeeded": total, **others}
    statuses = {c["type"]: c["status"] for c in trained.status["conditions"]}
    assert (statuses["Accepted"], statuses["Progressing"], statuses["Complete"], statuses["Failed"]) == (
        "True",
        "False",
        "True",
        "False",
    )
    assert trained.status["startTime"] < trained.status["completionTime"]


def test_every_record_is_stored_once(trained: Trained) -> None:
    records = trained.lab.records(NAME)
    assert len({(record["point"], record["replicate"]) for record in records}) == len(records)
    assert len(records) == len(COMBINATIONS) * REPLICATES
    assert {record["outcome"] for record in records} == {"Ok"}
    assert {record["epochs"] for record in records} == {EPOCHS}


def test_each_run_was_one_job_with_one_pod(trained: Trained) -> None:
    assert list(trained.lab.created_jobs().values()) == [1] * len(COMBINATIONS)
    jobs = [pod["metadata"]["labels"]["job-name"] for pod in trained.lab.pods()]
    assert len(set(jobs)) == len(jobs) == len(COMBINATIONS)


def test_the_operator_has_nothing_to_complain_of(trained: Trained) -> None:
    log = trained.lab.stage.operator_log(lines=-1)
    assert [line for line in complaints(log) if f"{NAMESPACE}/{NAME}" in line] == []


def test_kubectl_get_says_it_in_a_line(trained: Trained) -> None:
    head, row = trained.lab.kubectl("get", "rsweep").splitlines()
    assert head.split() == ["NAME", "RUNS", "RUNNING", "FAILED", "BEST", "OBJECTIVE", "GPU-HOURS", "STATE", "AGE"]
    best = trained.status["best"]
    expected = [
        NAME,
        trained.status["progress"],
        "0",
        "0",
        *best["label"].split(),
        f"{best['objective']['mean']:.4g}",
    ]
    *start, gpu_hours, state, _age = row.split()
    assert (start, state) == (expected, "Complete")
    assert float(gpu_hours) > 0


def test_regsweep_results_prints_the_table(trained: Trained) -> None:
    table = regsweep(trained, "results", NAME)
    grid = f"{len(COMBINATIONS)} combinations x {REPLICATES} replicates"
    assert f"{NAME} · {grid} · val_average_loss, lower is better" in table
    ranks = [int(line.split()[0]) for line in table.splitlines() if line.split()[:1] and line.split()[0].isdigit()]
    assert ranks == list(range(1, len(COMBINATIONS) + 1))
    assert "All values from Prometheus." in table


def test_regsweep_results_gives_programs_the_same_ranking(trained: Trained) -> None:
    output = json.loads(regsweep(trained, "results", NAME, "--output", "json"))
    assert [row["flags"] for row in output["results"]] == [row["flags"] for row in trained.status["results"]]


def test_kubectl_describe_tells_the_story(trained: Trained) -> None:
    output = trained.lab.kubectl("describe", "rsweep", NAME)
    assert f"{len(COMBINATIONS)} runs succeeded." in output
    assert trained.lab.until_event("Complete") == 1


def test_kubectl_explain_teaches(trained: Trained) -> None:
    output = " ".join(trained.lab.kubectl("explain", "rsweep.spec.flags").split())
    assert "{name: dropout, range: {from: 0, to: 0.5, points: 6}}" in output
    assert "The first flag varies slowest." in output


@pytest.mark.parametrize("key", QUERIES)
def test_the_dashboards_query_shows_data(trained: Trained, key: str) -> None:
    assert key in trained.answered, QUERIES[key].expr


@pytest.mark.parametrize("name", CHOSEN)
def test_a_dashboard_is_full_after_the_sweep(trained: Trained, name: str, tmp_path: Path) -> None:
    """Over the time of the sweep every panel has something to draw. `REGSWEEP_PICTURES` names a folder for screenshots."""
    stage = trained.lab.stage
    variables = {key: value.replace(RUN, longest_run(stage)) for key, value in CHOSEN[name].items()}
    drawn = panels.draw(name, variables, panels.prometheus(stage.ask_prometheus, stage.ask_prometheus_over))
    assert set(drawn.empty) <= SILENT
    page = tmp_path / f"{name}.html"
    page.write_text(drawn.html, encoding="utf-8")
    if folder := os.environ.get("REGSWEEP_PICTURES"):
        panels.photograph(page, Path(folder) / f"dashboard-{name}.png", drawn.size)


def test_it_goes_with_all_that_belongs_to_it(trained: Trained) -> None:
    """The last test of this file: it deletes the sweep."""
    lab = trained.lab
    lab.kubectl("delete", "rsweep", NAME)
    lab.until("nothing of it is left", lambda: not (lab.jobs() or lab.pods() or lab.records(NAME)))
    assert lab.get(SWEEPS, NAME) is None
