"""Runs as rows of a table with the columns of R's tfruns: a row per combination, or per replicate.

The order of columns is that of tfruns' `ls_runs()`; what it does not have comes after them. docs/from-tfruns.md lists them all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from regsweep.core.results.records import Outcome, Record, Records
from regsweep.local.estimates import mean, standard_error
from regsweep.local.facts import history_file, output_file
from regsweep.local.history import read_properties
from regsweep.local.inventory import KeptRun, RunState, console, traceback_in
from regsweep.local.provenance import SOURCE_FOLDER, SWEEP_FILE

Row = dict[str, JsonValue]
"""By column; NaN is a value that was trained and is no number, None one that is not there."""

RUN_DIR: Final = "run_dir"
START: Final = "start"
PREFIXES: Final = ("eval_", "metric_", "flag_")
TAIL: Final = (
    *("samples", "validation_samples", "batch_size", "epochs", "epochs_completed", "metrics"),
    *("model", "loss_function", "optimizer", "learning_rate", "script", START, "end", "completed"),
    *("output", "error_message", "error_traceback", "source_code", "context", "type"),
)
"""tfruns' columns after eval_*, metric_* and flag_*."""
OWN: Final = ("sweep", "run", "state", "replicate", "replicates", "diverged")
ERROR_SUFFIX: Final = "_standard_error"
FINAL_TYPE: Final = "final evaluation"


def rows(runs: Iterable[KeptRun], *, replicates: bool = False) -> list[Row]:
    """A row per combination of each sweep, in the order in which they were begun; `replicates`: one per replicate that has ended.

    Runs of one combination that rest on other data, another trainer or other parameters are other rows.
    """
    groups: dict[tuple[str, str], list[KeptRun]] = {}
    for run in runs:
        groups.setdefault((str(run.path.parent), run.facts.point_key), []).append(run)
    found: list[Row] = []
    for group in groups.values():
        found += _replicate_rows(group) if replicates else [_combination_row(group)]
    return found


def columns_of(rows: Sequence[Mapping[str, JsonValue]], order: Sequence[str] = ()) -> list[str]:
    """The columns that the rows have, in tfruns' order: the folder, what it is ordered by, eval_*, metric_*, flag_*, the others."""
    present = dict.fromkeys(name for row in rows for name in row)
    errors = [name for name in present if name.endswith(ERROR_SUFFIX)]
    starred = [name for prefix in PREFIXES for name in present if name.startswith(prefix) and name not in errors]
    fixed = (*TAIL, *OWN, *errors) if rows else (START, "end", "type")
    wanted = dict.fromkeys([RUN_DIR, *(name for name in order if name != START), *starred, *fixed, *present])
    return [name for name in wanted if not rows or name in present]


def settings_of(run: KeptRun) -> dict[str, JsonValue]:
    """What is trained: as the trainer says, else as the flags and parameters do."""
    return {**run.facts.parameters, **run.facts.flags, **read_properties(run.path, run.facts)}


def metric_names(row: Mapping[str, JsonValue]) -> list[str]:
    """The metrics of a row, without split."""
    found = [name.removeprefix("metric_") for name in row if name.startswith("metric_")]
    return list(dict.fromkeys(name.removeprefix("val_").removeprefix("test_") for name in found))


def _combination_row(group: Sequence[KeptRun]) -> Row:
    """The combination's records merged, as a sweep merges them."""
    stored = Records(record for run in group for record in run.records)
    records = list(stored.of(group[0].facts.point_key).values())
    row = _row(group, records)
    row["replicates"], row["diverged"] = len(records), sum(each.outcome is Outcome.DIVERGED for each in records)
    ranked = group[-1].facts.rule if group[-1].facts.rule is not None and group[-1].facts.rule.ranked else None
    for name in _columns_with(records, "val_"):
        values = [_evaluated(each, name, ranked.metric if ranked else None) for each in records]
        if (error := standard_error(values)) is not None:
            row[f"eval_{name.removeprefix('val_')}{ERROR_SUFFIX}"] = error
    return row


def _replicate_rows(group: Sequence[KeptRun]) -> list[Row]:
    found = []
    for run in group:
        for record in run.records:
            row = _row([run], [record])
            row["replicate"], row["diverged"] = record.replicate, int(record.outcome is Outcome.DIVERGED)
            found.append(row)
    return found


def _row(group: Sequence[KeptRun], records: Sequence[Record]) -> Row:
    latest = group[-1]
    facts = latest.facts
    described = read_properties(latest.path, facts)
    known = {**facts.parameters, **facts.flags, **described}
    row: Row = {RUN_DIR: str(latest.path)}
    ranked = facts.rule.metric if facts.rule is not None and facts.rule.ranked else None
    for name in _columns_with(records, "val_"):
        row[f"eval_{name.removeprefix('val_')}"] = mean([_evaluated(each, name, ranked) for each in records])
    for prefix, column in (("train_", "metric_"), ("val_", "metric_val_"), ("test_", "metric_test_")):
        for name in _columns_with(records, prefix):
            row[column + name.removeprefix(prefix)] = mean([_value(each, name) for each in records])
    row |= {f"flag_{name}": value for name, value in facts.flags.items()}
    row |= {
        "samples": next((each.environment.train_rows for each in records), None),
        "validation_samples": next((each.environment.val_rows for each in records), None),
        "batch_size": known.get("batch_size"),
        "epochs": known.get("epochs"),
        "epochs_completed": max((each.epochs for each in records), default=0),
        "metrics": _existing(latest.path / history_file(0)),
        "model": known.get("model"),
        "loss_function": known.get("loss_function"),
        "optimizer": known.get("optimizer"),
        "learning_rate": known.get("learning_rate"),
        "script": _script(latest),
    }
    row |= _course(group)
    return row | {name: value for name, value in described.items() if name not in row}


def _course(group: Sequence[KeptRun]) -> Row:
    """When it was trained and how that ended."""
    latest, facts = group[-1], group[-1].facts
    ends = [run.ended_at for run in group]
    failed = latest.state is RunState.FAILED
    return {
        START: group[0].started_at or None,
        "end": max(end for end in ends if end is not None) if None not in ends else None,
        "completed": all(run.state is RunState.COMPLETED for run in group),
        "output": _existing(latest.path / output_file(0)),
        "error_message": latest.error or None,
        "error_traceback": (traceback_in(console(latest)) or None) if failed else None,
        "source_code": _existing(latest.path / SOURCE_FOLDER),
        "context": "local",
        "type": FINAL_TYPE if facts.final else "training",
        "sweep": facts.sweep,
        "run": latest.path.name,
        "state": latest.state.value,
    }


def _columns_with(records: Sequence[Record], prefix: str) -> list[str]:
    return list(dict.fromkeys(name for each in records for name in each.metrics if name.startswith(prefix)))


def _value(record: Record, name: str) -> float:
    if record.outcome is Outcome.DIVERGED:
        return math.nan
    return record.metrics.get(name, math.nan)


def _evaluated(record: Record, name: str, ranked: str | None) -> float:
    """The validation metric as the sweep takes it: the objective at its best epoch where that is asked for."""
    if name != ranked or record.outcome is Outcome.DIVERGED:
        return _value(record, name)
    return record.best.val if record.best is not None and record.best.val is not None else math.nan


def _existing(path: Path) -> str | None:
    return str(path) if path.exists() else None


def _script(run: KeptRun) -> str:
    """The first source file of the command; of the reference trainer its module."""
    try:
        kept = {path.name for path in (run.path / SOURCE_FOLDER).iterdir()} - {SWEEP_FILE}
    except OSError:
        kept = set()
    named = [Path(argument).name for argument in run.facts.command]
    return next((name for name in named if name in kept), named[-1] if named else "")
