"""The alerts: each fires on what it is for, stays silent on its neighbours, and leads to a runbook."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import binaries
from regsweep.metrics import METRICS
from regsweep_kit.exposition import Exposition, Run
from support.helm import CHECKOUT

MONITORING = CHECKOUT / "manifests" / "monitoring"
RULES = MONITORING / "rules.yaml"
GROUPED: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in GROUPED if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in GROUPED if "record" in rule}
OPERATOR = 'namespace="regsweep-system", pod="regsweep-{}"'
SWEEP = 'namespace="ml", sweep="s"'

Series = dict[str, str]
"""Series -> values, one a minute, in promtool's notation."""


def operators(name: str, *values: str, labels: str = "") -> Series:
    """A metric of as many operators as there are values."""
    return {f"{name}{{{OPERATOR.format(i)}{labels}}}": value for i, value in enumerate(values)}


def sweep(state: str, **runs: str) -> Series:
    """A sweep as leader and standby report it, with its runs by state."""
    found: Series = {}
    for pod in ("0", "1"):
        found[f'regsweep_operator_sweep_state{{{SWEEP}, pod="{pod}", state="{state}"}}'] = "1x90"
        for name, values in runs.items():
            found[f'regsweep_operator_sweep_runs{{{SWEEP}, pod="{pod}", state="{name}"}}'] = values
    return found


def counted(name: str, **by_label: str) -> Series:
    """A counter of one operator; by_label: `label__value` -> values."""
    found: Series = {}
    for key, values in by_label.items():
        label, value = key.split("__")
        found |= operators(name, values, labels=f', {label}="{value}"')
    return found


@dataclass(frozen=True, slots=True)
class Case:
    """What Prometheus sees, and whether the alert fires one hour and a half later at the latest."""

    alert: str
    situation: str
    series: Series
    fires: bool
    minutes: int = 60


LEADER, RECONCILE = "regsweep_operator_leader", "regsweep_operator_reconcile_total"
REQUESTS, QUERIES = "regsweep_operator_api_requests_total", "regsweep_operator_prometheus_queries_total"
AGE, ANALYSES = "regsweep_operator_workqueue_head_age_seconds", "regsweep_operator_analyses_total"
REFUSED = "regsweep_operator_records_refused_total"
TRAINER = f'regsweep_trainer_info{{{SWEEP}, run="r", replicate="0"}}'


def gpus(**by_gpu: str) -> Series:
    """Utilisation of the GPUs of a training pod, in percent, and the pod's own metrics."""
    pod = f'{SWEEP}, pod="s-1"'
    found = {f'regsweep_trainer_info{{{pod}, run="r", replicate="{k}"}}': "1x90" for k in range(2)}
    for gpu, values in by_gpu.items():
        found[f'DCGM_FI_DEV_GPU_UTIL{{namespace="ml", pod="s-1", gpu="{gpu}"}}'] = values
    return found


def gpu_time(used: str, most: str = "") -> Series:
    """GPU-seconds that the sweep has used and may use, as leader and standby report them."""
    found: Series = {}
    for pod in ("0", "1"):
        found[f'regsweep_operator_sweep_gpu_seconds{{{SWEEP}, pod="{pod}"}}'] = used
        if most:
            found[f'regsweep_operator_sweep_budget_gpu_seconds{{{SWEEP}, pod="{pod}"}}'] = most
    return found


def exported(series: Series) -> Series:
    """As a scrape stores it that does not honour the operator's labels."""
    return {
        name.replace(SWEEP, 'namespace="regsweep-system", exported_namespace="ml", sweep="s"'): values
        for name, values in series.items()
    }


CASES = [
    Case("RegsweepOperatorMissing", "nobody is scraped", {"up": "1x90"}, True),
    Case("RegsweepOperatorMissing", "an operator is scraped", operators(LEADER, "1x90"), False),
    Case("RegsweepOperatorMissing", "a short gap", operators(LEADER, "1x50 _x7 1x40"), False, 57),
    Case("RegsweepNoLeader", "two standbys", operators(LEADER, "0x90", "0x90"), True),
    Case("RegsweepNoLeader", "one of two leads", operators(LEADER, "0x90", "1x90"), False),
    Case("RegsweepNoLeader", "the lead changes hands", operators(LEADER, "1x50 0x40", "0x51 1x40"), False, 51),
    Case(
        "RegsweepNoLeader",
        "one of two releases has no leader",
        operators(LEADER, "0x90") | {f'{LEADER}{{namespace="other", pod="x"}}': "1x90"},
        True,
    ),
    Case(
        "RegsweepWorkQueueGrowing",
        "a sweep waits for the leader",
        operators(LEADER, "1x90") | operators(AGE, "0+10x90"),
        True,
    ),
    Case(
        "RegsweepWorkQueueGrowing",
        "a standby, which works on nothing",
        operators(LEADER, "0x90", "1x90") | operators(AGE, "0+60x90", "0x90"),
        False,
    ),
    Case(
        "RegsweepWorkQueueGrowing",
        "a long queue for a moment",
        operators(LEADER, "1x90") | operators(AGE, "0x55 200x3 0x30"),
        False,
    ),
    Case("RegsweepReconcileErrors", "one sweep fails every minute", counted(RECONCILE, result__error="0+1x90"), True),
    Case("RegsweepReconcileErrors", "a few errors long ago", counted(RECONCILE, result__error="0 9x90"), False),
    Case("RegsweepReconcileErrors", "conflicts", counted(RECONCILE, result__conflict="0+9x90"), False),
    Case("RegsweepApiErrors", "forbidden", counted(REQUESTS, code__200="0+60x90", code__403="0+6x90"), True),
    Case("RegsweepApiErrors", "no answer at all", counted(REQUESTS, code__0="0+6x90"), True),
    Case("RegsweepApiErrors", "server errors", counted(REQUESTS, code__200="0+60x90", code__503="0+6x90"), True),
    Case("RegsweepApiErrors", "conflicts", counted(REQUESTS, code__200="0+60x90", code__409="0+30x90"), False),
    Case("RegsweepApiErrors", "one in a hundred", counted(REQUESTS, code__200="0+99x90", code__500="0+1x90"), False),
    Case("RegsweepPrometheusQueriesFailing", "none is answered", counted(QUERIES, result__error="0+6x90"), True),
    Case(
        "RegsweepPrometheusQueriesFailing",
        "most are answered",
        counted(QUERIES, result__ok="0+6x90", result__error="0+1x90"),
        False,
    ),
    Case("RegsweepPrometheusQueriesFailing", "nobody asks", counted(QUERIES, result__ok="5x90"), False),
    Case("RegsweepAnalysesFailing", "one fails", counted(ANALYSES, result__error="0x40 1x50"), True, 55),
    Case("RegsweepAnalysesFailing", "one failed an hour ago", counted(ANALYSES, result__error="0x10 1x80"), False, 80),
    Case("RegsweepSweepStuck", "nothing trains", sweep("Running", pending="4x90", running="0x90"), True),
    Case("RegsweepSweepStuck", "nothing ever began", sweep("Pending", pending="4x90", running="0x90"), True),
    Case("RegsweepSweepStuck", "one trains", sweep("Running", pending="4x90", running="1x90"), False),
    Case("RegsweepSweepStuck", "it is suspended", sweep("Suspended", pending="4x90", running="0x90"), False),
    Case("RegsweepSweepStuck", "all have ended", sweep("Running", pending="0x90", running="0x90"), False),
    Case("RegsweepSweepStuck", "it began to train", sweep("Running", pending="4x90", running="0x50 1x40"), False),
    Case("RegsweepRunsFailing", "a third fails", sweep("Running", failed="4x90", succeeded="8x90"), True),
    Case("RegsweepRunsFailing", "three of a hundred fail", sweep("Running", failed="3x90", succeeded="97x90"), False),
    Case("RegsweepRunsFailing", "the first two fail", sweep("Running", failed="2x90", succeeded="0x90"), False),
    Case("RegsweepRunsFailing", "it is over", sweep("Failed", failed="4x90", succeeded="8x90"), False),
    Case(
        "RegsweepBudgetNearlySpent", "it trains on the last tenth", sweep("Running") | gpu_time("95x90", "100x90"), True
    ),
    Case("RegsweepBudgetNearlySpent", "half is left", sweep("Running") | gpu_time("50x90", "100x90"), False),
    Case("RegsweepBudgetNearlySpent", "it is over", sweep("Complete") | gpu_time("99x90", "100x90"), False),
    Case("RegsweepBudgetNearlySpent", "it has no budget", sweep("Running") | gpu_time("99x90"), False),
    Case(
        "RegsweepBudgetNearlySpent",
        "labels are not honoured",
        exported(sweep("Running") | gpu_time("95x90", "100x90")),
        True,
    ),
    Case("RegsweepTrainerMetricsMissing", "nobody is scraped", sweep("Running", running="2x90"), True),
    Case(
        "RegsweepTrainerMetricsMissing",
        "trainers are scraped",
        sweep("Running", running="2x90") | {TRAINER: "1x90"},
        False,
    ),
    Case(
        "RegsweepTrainerMetricsMissing",
        "another sweep's are scraped",
        sweep("Running", running="2x90") | {TRAINER.replace('"s"', '"t"'): "1x90"},
        True,
    ),
    Case(
        "RegsweepRecordsRefused",
        "one breaks the contract",
        counted(REFUSED, reason__InvalidRecord="0x40 1x50"),
        True,
        55,
    ),
    Case("RegsweepRecordsRefused", "the data changed", counted(REFUSED, reason__DataChanged="0x40 4x50"), True, 55),
    Case("RegsweepRecordsRefused", "none is refused", counted(REFUSED, reason__InvalidRecord="0x90"), False),
    Case("RegsweepRecordsRefused", "an hour ago", counted(REFUSED, reason__NoRecord="0x10 1x80"), False, 80),
    Case("RegsweepRecordsRefused", "a restart", counted(REFUSED, reason__NoRecord="3x40 0x50"), False, 55),
    Case("RegsweepGpuIdle", "its GPU does nothing", gpus(a="0x90"), True),
    Case("RegsweepGpuIdle", "one of two does nothing", gpus(a="70x90", b="0x90"), True),
    Case("RegsweepGpuIdle", "it trains", gpus(a="70x90"), False),
    Case(
        "RegsweepGpuIdle", "it pauses between epochs", gpus(a="0x9 60 0x9 60 0x9 60 0x9 60 0x9 60 0x9 60 0x30"), False
    ),
    Case("RegsweepGpuIdle", "it has just begun", gpus(a="_x50 0x40"), False),
    Case("RegsweepGpuIdle", "nobody measures GPUs", gpus(), False),
    Case(
        "RegsweepGpuIdle",
        "a pod that is none of a sweep's",
        {'DCGM_FI_DEV_GPU_UTIL{namespace="ml", pod="notebook", gpu="a"}': "0x90"} | gpus(a="9x90"),
        False,
    ),
    Case(
        "RegsweepSweepStuck",
        "nothing trains, and labels are not honoured",
        exported(sweep("Running", pending="4x90", running="0x90")),
        True,
    ),
    Case(
        "RegsweepTrainerMetricsMissing",
        "trainers are scraped, and labels are not honoured",
        exported(sweep("Running", running="2x90")) | {TRAINER: "1x90"},
        False,
    ),
    Case("RegsweepTrainerMetricsMissing", "nothing trains", sweep("Running", running="0x90"), False),
]


@pytest.fixture(scope="module")
def promtool() -> Path:
    """The program that Prometheus brings for testing rules."""
    program = binaries.program(binaries.PROMTOOL)
    if not program.exists():
        pytest.skip("promtool is not built here: `make programs` builds it, and `make test` does that first")
    return program


def test_the_file_is_what_its_script_writes() -> None:
    script = MONITORING / "rules.py"
    assert subprocess.run((sys.executable, script, "--check"), check=False).returncode == 0, "make manifests"


def test_prometheus_takes_the_file(promtool: Path) -> None:
    done = subprocess.run(
        (promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES), check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.alert}: {case.situation}") for case in CASES])
def test_an_alert_fires_on_what_it_is_for_alone(promtool: Path, tmp_path: Path, case: Case) -> None:
    """promtool wants the alerts with all labels and texts; whether one is there is told by the series ALERTS."""
    firing = f'count(ALERTS{{alertname="{case.alert}", alertstate="firing"}})'
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                "promql_expr_test": [
                    {
                        "expr": firing,
                        "eval_time": f"{case.minutes}m",
                        "exp_samples": [{"labels": "{}", "value": 1}] if case.fires else [],
                    }
                ],
            }
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(test))
    done = subprocess.run((promtool, "test", "rules", file), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_was_seen_firing_and_silent(name: str) -> None:
    assert {case.fires for case in CASES if case.alert == name} == {True, False}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_asks_only_for_series_that_are_exposed(name: str) -> None:
    exposed = {spec.name for spec in METRICS}
    exposed |= {family.name for family in Exposition(Run("s", "r", [0], 1, {"l2": "0"})).collect()}
    asked = set(re.findall(r"(?<![:\w])regsweep_\w+(?!:)", ALERTS[name]["expr"]))
    recorded = set(re.findall(r"\w+:\w+:\w+", ALERTS[name]["expr"]))
    assert asked | recorded
    assert asked <= exposed and recorded <= RECORDED.keys()


@pytest.mark.parametrize("name", RECORDED)
def test_what_is_recorded_is_asked_for_more_than_once(name: str) -> None:
    assert sum(rule["expr"].count(name) for rule in ALERTS.values()) > 1


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_leads_to_a_runbook_that_says_what_to_do(name: str) -> None:
    annotations = ALERTS[name]["annotations"]
    assert annotations["runbook_url"] == f"docs/runbooks/{name}.md"
    text = (CHECKOUT / annotations["runbook_url"]).read_text()
    assert text.startswith(f"# {name}\n")
    for heading in ("## Meaning", "## Impact", "## Diagnosis", "## Mitigation"):
        assert heading in text
    assert (CHECKOUT / "docs" / "runbooks" / "README.md").read_text().count(f"({name}.md)") == 1
    assert all(annotations[part].endswith(".") for part in ("summary", "description"))


def test_there_is_no_runbook_without_an_alert() -> None:
    assert {path.stem for path in (CHECKOUT / "docs" / "runbooks").glob("Regsweep*.md")} == ALERTS.keys()
