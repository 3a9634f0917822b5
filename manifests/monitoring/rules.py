"""Writes recording rules and alerts: rules.yaml, for a plain Prometheus; the chart makes a PrometheusRule of the same file.

What alerts ask for again and again is recorded first. An alert stands here once; its runbook is docs/runbooks/<name>.md. The
names of the operator's metrics are those of regsweep.metrics, so that a metric that is renamed breaks this script. All
expressions hold for several operators: standbys report the same gauges as the leader, so their maximum counts; counters rise at
the leader alone, so their sum counts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import yaml

from regsweep.api.status import SweepState
from regsweep.metrics import (
    ANALYSES,
    API_REQUESTS,
    LEADER,
    PROMETHEUS_QUERIES,
    QUEUE_AGE,
    RECONCILE_TOTAL,
    RECORDS_REFUSED,
    RUNS,
    SWEEP_BUDGET_GPU_SECONDS,
    SWEEP_GPU_SECONDS,
    SWEEP_STATE,
    MetricSpec,
)

TARGET: Final = Path(__file__).with_name("rules.yaml")
RUNBOOKS: Final = "docs/runbooks"
"""Path of the runbooks in the repository; the chart puts an address in its place (prometheusRule.runbookBaseUrl)."""

TRAINER_INFO: Final = "regsweep_trainer_info"
"""Of the trainers; a test compares it with what they expose."""

GPU_UTILISATION: Final = "DCGM_FI_DEV_GPU_UTIL"
"""Of NVIDIA's DCGM exporter, in percent, with the pod that has the GPU; absent where it is not installed."""

HEAD: Final = """\
# Recording rules and alerts for a plain Prometheus (rule_files) and for Mimir or Thanos. Written by rules.py beside this file:
# make manifests. The chart makes a PrometheusRule of it with prometheusRule.enabled=true.
"""


class Severity(StrEnum):
    """How soon somebody must look: `critical` at once, `warning` on the next working day."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Texts may use Prometheus' templates."""

    name: str
    expr: str
    lasting: str
    """How long the expression must hold, as a Prometheus duration."""
    severity: Severity
    summary: str
    description: str

    def rule(self) -> dict[str, object]:
        """The alert as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasting,
            "labels": {"severity": self.severity.value},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOKS}/{self.name}.md",
            },
        }


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule: a gauge of the operators, once for each of its sets of labels, whoever reports it.

    Where the scrape does not honour labels, the sweep's namespace stands in `exported_namespace`.
    """

    gauge: MetricSpec

    @property
    def name(self) -> str:
        """The recorded series, named by its labels, its source and what was done (Prometheus' convention)."""
        return f"{'_'.join(self.gauge.labels)}:{self.gauge.name}:max"

    @property
    def expr(self) -> str:
        """What is recorded."""
        own, renamed = (f"{self.gauge.name}{{exported_namespace{match}}}" for match in ('=""', '!=""'))
        moved = f'label_replace({renamed}, "namespace", "$1", "exported_namespace", "(.+)")'
        return f"max by ({', '.join(self.gauge.labels)}) ({own} or {moved})"

    def rule(self) -> dict[str, object]:
        """The rule as Prometheus reads it."""
        return {"record": self.name, "expr": self.expr}


SWEEP_RUNS: Final = Recording(RUNS)
SWEEP_STATES: Final = Recording(SWEEP_STATE)
RECORDINGS: Final = (SWEEP_RUNS, SWEEP_STATES)

_SWEEP: Final = "namespace, sweep"
_NAMED: Final = "{{ $labels.namespace }}/{{ $labels.sweep }}"


def _runs(state: str) -> str:
    """Runs of each sweep in that state."""
    return f'sum by ({_SWEEP}) ({SWEEP_RUNS.name}{{state="{state}"}})'


def _sweeps_in(state: SweepState) -> str:
    """The sweeps that are in that state."""
    return f'sum by ({_SWEEP}) ({SWEEP_STATES.name}{{state="{state.value}"}}) == 1'


def _share(counter: str, failed: str, window: str) -> str:
    """Share of a counter's increase whose labels match `failed`, for each namespace of an operator."""
    bad, all_ = (f"sum by (namespace) (rate({counter}{selector}[{window}]))" for selector in (f"{{{failed}}}", ""))
    return f"{bad}\n  / {all_}"


OPERATOR_ALERTS: Final = (
    Alert(
        "RegsweepOperatorMissing",
        f"absent({LEADER.name})",
        "10m",
        Severity.CRITICAL,
        "Prometheus sees no regsweep operator.",
        "No operator has been scraped for 10 minutes: it does not run, or Prometheus does not find it. "
        "Running pods train on; no new run starts and no result is stored.",
    ),
    Alert(
        "RegsweepNoLeader",
        f"max by (namespace) ({LEADER.name}) == 0",
        "2m",
        Severity.CRITICAL,
        "No regsweep operator in namespace {{ $labels.namespace }} leads.",
        "Operators run, but none of them has held the Lease for 2 minutes. "
        "Running pods train on; no new run starts and no result is stored.",
    ),
    Alert(
        "RegsweepWorkQueueGrowing",
        f"max by (namespace) ({QUEUE_AGE.name} and on (namespace, pod) {LEADER.name} == 1) > 60",
        "5m",
        Severity.WARNING,
        "Sweeps wait for the regsweep operator in namespace {{ $labels.namespace }}.",
        "The longest waiting sweep has been due for {{ $value | humanizeDuration }}. GPUs may stand idle meanwhile.",
    ),
    Alert(
        "RegsweepReconcileErrors",
        f'sum by (namespace) (increase({RECONCILE_TOTAL.name}{{result="error"}}[10m])) > 3',
        "15m",
        Severity.WARNING,
        "The regsweep operator in namespace {{ $labels.namespace }} keeps failing on a sweep.",
        "{{ $value | humanize }} passes over sweeps failed in the last 10 minutes. The operator tries them again, "
        "at most every 60 seconds; its log names the sweep and the error.",
    ),
    Alert(
        "RegsweepApiErrors",
        _share(API_REQUESTS.name, 'code=~"0|401|403|429|5.."', "10m") + " > 0.05",
        "15m",
        Severity.WARNING,
        "The API server refuses requests of the regsweep operator in namespace {{ $labels.namespace }}.",
        "{{ $value | humanizePercentage }} of its requests got no answer, were not permitted, were throttled, "
        "or met an error of the server.",
    ),
    Alert(
        "RegsweepPrometheusQueriesFailing",
        _share(PROMETHEUS_QUERIES.name, 'result="error"', "10m") + " > 0.5",
        "15m",
        Severity.WARNING,
        "Prometheus does not answer the regsweep operator in namespace {{ $labels.namespace }}.",
        "{{ $value | humanizePercentage }} of its queries failed. Results come from the pods' own records; "
        "nothing is seen of a run before it ends.",
    ),
    Alert(
        "RegsweepRecordsRefused",
        f"sum by (namespace, reason) (increase({RECORDS_REFUSED.name}[30m])) > 0",
        "1m",
        Severity.WARNING,
        "The regsweep operator in namespace {{ $labels.namespace }} refuses what trainers report ({{ $labels.reason }}).",
        "{{ $value | humanize }} replicates were trained in the last 30 minutes and have no result, since what their trainer left "
        "breaks the training contract, is missing, or rests on other data. They count as failed.",
    ),
    Alert(
        "RegsweepAnalysesFailing",
        f'sum by (namespace) (increase({ANALYSES.name}{{result="error"}}[30m])) > 0',
        "5m",
        Severity.WARNING,
        "The regsweep operator in namespace {{ $labels.namespace }} cannot analyse a sweep.",
        "{{ $value | humanize }} statistical analyses failed in the last 30 minutes, often for want of memory. "
        "Runs go on; status.analysis stays as it was.",
    ),
)
SWEEP_ALERTS: Final = (
    Alert(
        "RegsweepSweepStuck",
        f"{_sweeps_in(SweepState.PENDING)}\n"
        f"or\n({_sweeps_in(SweepState.RUNNING)}\n"
        f"  and on ({_SWEEP}) {_runs('pending')} > 0\n"
        f"  unless on ({_SWEEP}) {_runs('running')} > 0)",
        "30m",
        Severity.WARNING,
        f"Sweep {_NAMED} does not move.",
        "Runs wait and none has trained for 30 minutes. The conditions of the sweep say why; often a quota, a queue, "
        "or no node with a free GPU.",
    ),
    Alert(
        "RegsweepRunsFailing",
        f"{_runs('failed')} >= 3\n"
        f"and on ({_SWEEP})\n"
        f"{_runs('failed')}\n  / ({_runs('failed')} + {_runs('succeeded')}) > 0.1\n"
        f"and on ({_SWEEP})\n{_sweeps_in(SweepState.RUNNING)}",
        "5m",
        Severity.WARNING,
        f"Runs of sweep {_NAMED} fail.",
        "{{ $value | humanize }} runs have failed, more than 10 % of those that have ended. "
        "The sweep stops at spec.maxFailedRuns.",
    ),
    Alert(
        "RegsweepBudgetNearlySpent",
        f"{Recording(SWEEP_GPU_SECONDS).expr}\n"
        f"  / on ({_SWEEP}) {Recording(SWEEP_BUDGET_GPU_SECONDS).expr} > 0.9\n"
        f"and on ({_SWEEP})\n{_sweeps_in(SweepState.RUNNING)}",
        "5m",
        Severity.WARNING,
        f"The budget of sweep {_NAMED} is nearly spent.",
        "{{ $value | humanizePercentage }} of spec.budget.maxGpuSeconds are used while it still trains. What it has no room for is not "
        "started, and the ranking will lack it.",
    ),
    Alert(
        "RegsweepTrainerMetricsMissing",
        f"{_runs('running')} > 0\nunless on ({_SWEEP}) count by ({_SWEEP}) ({TRAINER_INFO})",
        "15m",
        Severity.WARNING,
        f"Prometheus does not scrape the training pods of sweep {_NAMED}.",
        "{{ $value | humanize }} runs train, and none of them has been scraped for 15 minutes. Results come from the pods' own "
        "records; nothing is seen of a run before it ends.",
    ),
    Alert(
        "RegsweepGpuIdle",
        f"(min by (namespace, pod) (max_over_time({GPU_UTILISATION}[15m])) < 1)\n"
        f"* on (namespace, pod) group_left (sweep)\nmax by (namespace, pod, sweep) ({TRAINER_INFO})",
        "15m",
        Severity.WARNING,
        f"A GPU of sweep {_NAMED} does nothing.",
        "Pod {{ $labels.pod }} has a GPU that was below 1 % in the last 15 minutes, while others may wait for one.",
    ),
)
GROUPS: Final[Mapping[str, Sequence[Alert | Recording]]] = {
    "regsweep-operator": OPERATOR_ALERTS,
    # In one group, and first: what is recorded is there when the alerts ask for it.
    "regsweep-sweeps": (*RECORDINGS, *SWEEP_ALERTS),
}
ALERTS: Final = OPERATOR_ALERTS + SWEEP_ALERTS


def rules_file() -> str:
    """The content of rules.yaml."""
    yaml.SafeDumper.add_representer(str, _represent)
    groups = [{"name": name, "rules": [rule.rule() for rule in rules]} for name, rules in GROUPS.items()]
    return HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=130)


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Expressions of several lines as several lines."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def main() -> int:
    """Writes the file, or with --check says whether it is current."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file is not current")
    arguments = parser.parse_args()
    if TARGET.exists() and TARGET.read_text() == rules_file():
        return 0
    if arguments.check:
        sys.stderr.write(f"{TARGET} is not current: make manifests\n")
        return 1
    TARGET.write_text(rules_file())
    return 0


if __name__ == "__main__":
    sys.exit(main())
