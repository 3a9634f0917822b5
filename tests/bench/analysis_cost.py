"""What ranking, analysing and rendering 10,000 combinations of 5 replicates takes: `PYTHONPATH=tests python -m bench.analysis_cost`."""

from __future__ import annotations

import io
import resource
import sys
import time
from collections.abc import Callable
from random import Random
from typing import TypeVar

from rich.console import Console

from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.objective import objective_status
from regsweep.api.status import Condition, RunCounts, SweepState, SweepStatus
from regsweep.api.validation import parse_sweep
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.judging.analysis import judge, rank
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Sweep
from regsweep.report.build import results_of
from regsweep.report.outputs import Output
from regsweep.report.render import render
from regsweep.report.table import print_results

COMBINATIONS, REPLICATES = 10_000, 5
SECONDS_AT_MOST, MIB_AT_MOST = 3.0, 300.0
RENDERED_SECONDS_AT_MOST = 2.0
Value = TypeVar("Value")


def main() -> int:
    """Prints CPU seconds and the process' largest memory; exit status 1 where a goal is missed."""
    sweep = _sweep()
    records, status = _records(sweep), _status(sweep)
    _timed("ranked alone", lambda: rank(sweep, records, None))
    import regsweep.core.judging.stats.pipeline  # noqa: F401  # its libraries are no part of the analysis

    _, analysed = _timed("analysed", lambda: judge(sweep, records), SECONDS_AT_MOST)
    report, _ = _timed("analysed, ranked and joined for a report", lambda: results_of(sweep, records, status))
    rendered = [
        _timed("table of 20 rows", lambda: print_results(report, _console(), rows=20))[1],
        _timed("table of all rows", lambda: print_results(report, _console(), rows=0))[1],
        _timed("CSV", lambda: render(report, Output.CSV))[1],
        _timed("JSON", lambda: render(report, Output.JSON))[1],
    ]
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'all renderings':42} {sum(rendered):6.2f} s CPU  (goal: at most {RENDERED_SECONDS_AT_MOST:g})")
    print(f"{'largest memory':42} {mib:6.0f} MiB    (goal: at most {MIB_AT_MOST:g})")
    kept = analysed <= SECONDS_AT_MOST and sum(rendered) <= RENDERED_SECONDS_AT_MOST and mib <= MIB_AT_MOST
    return 0 if kept else 1


def _timed(name: str, work: Callable[[], Value], goal: float | None = None) -> tuple[Value, float]:
    start = time.process_time()
    value = work()
    seconds = time.process_time() - start
    print(f"{name:42} {seconds:6.2f} s CPU{f'  (goal: at most {goal:g})' if goal else ''}", flush=True)
    return value, seconds


def _sweep() -> Sweep:
    flags = [
        {"name": "l2", "values": [i / 1000 for i in range(100)]},
        {"name": "dropout", "values": [i / 100 for i in range(COMBINATIONS // 100)]},
    ]
    obj = {
        "kind": "RegularizationSweep",
        "metadata": {"name": "large"},
        "spec": {"flags": flags, "replicates": REPLICATES},
    }
    defaults = Defaults("trainer:1", "nvidia.com/gpu", "0.1.0")
    return accept(Identity("large", "team", "uid", 1), parse_sweep(obj), defaults)[0]


def _records(sweep: Sweep) -> Records:
    random = Random(1)
    return Records(
        Record(
            point.key,
            k,
            Outcome.OK,
            "run",
            metrics={"train_average_loss": 0.1, "val_average_loss": loss},
        )
        for i, point in enumerate(sweep.points)
        for k in range(REPLICATES)
        for loss in [1 + i / COMBINATIONS + random.random()]
    )


def _status(sweep: Sweep) -> SweepStatus:
    complete = Condition(
        type=ConditionType.COMPLETE,
        status=ConditionStatus.TRUE,
        reason=Reason.ALL_RUNS_ENDED,
        last_transition_time="2026-11-23T12:00:00Z",
    )
    return SweepStatus(
        state=SweepState.COMPLETE,
        runs=RunCounts(total=COMBINATIONS, succeeded=COMBINATIONS),
        conditions=[complete],
        objective=objective_status(sweep.spec.objective),
        resolved=sweep.resolved,
    )


def _console() -> Console:
    return Console(file=io.StringIO(), width=120)


if __name__ == "__main__":
    sys.exit(main())
