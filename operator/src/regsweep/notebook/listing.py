"""Runs that are there: `ls_runs`, `latest_run`, `run_info` and `compare_runs`."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regsweep.core.grid import label
from regsweep.errors import RegsweepError
from regsweep.local.differences import Differences, differences, provenance_of, source_of
from regsweep.local.facts import RUN_FILE
from regsweep.local.history import read_history
from regsweep.local.inventory import KeptRun, chosen, console, inventory, read_run
from regsweep.local.runrows import RUN_DIR, START, columns_of, rows
from regsweep.local.selection import ordered, parse_conditions, selected
from regsweep.notebook.frames import Runs, frame_of, pandas

RUNS_DIR = "runs"

AnyRuns = Any
"""Runs as people name them: a data frame of `ls_runs`, a `RunInfo`, a folder, a name, or several of these."""


def ls_runs(
    subset: str | Callable[[Runs], Any] | None = None,
    order: str | Sequence[str] = START,
    decreasing: bool = True,
    latest_n: int | None = None,
    runs_dir: str | Path = RUNS_DIR,
    *,
    replicates: bool = False,
) -> Runs:
    """The runs of a runs directory: a row per combination with eval_* the mean of val; `replicates`: a row per replicate.

    subset: conditions such as `"eval_accuracy > 0.9 and flag_dropout == 0.2"`, or a function that takes the data frame and
    returns which rows to keep. A missing value meets no condition. latest_n: only the runs that were begun last, so many,
    taken before `subset`.

    Raises RegsweepError for a column that there is not.
    """
    found = rows(kept_runs(runs_dir), replicates=replicates)
    known = columns_of(found) if found else []
    names = [order] if isinstance(order, str) else list(order)
    if latest_n is not None:
        if latest_n < 1:
            raise RegsweepError(f"latest_n: got {latest_n}, want at least 1.")
        found = sorted(found, key=lambda row: str(row[START] or ""))[-latest_n:]
    if isinstance(subset, str):
        found = selected(found, parse_conditions(subset), known)
    frame = frame_of(ordered(found, names, known, decreasing=decreasing), [name for name in names if name != START])
    if subset is None or isinstance(subset, str):
        return frame
    kept = frame[subset(frame).fillna(False).astype(bool)].reset_index(drop=True)
    kept.all_columns = tuple(kept.columns)
    return kept if isinstance(kept, Runs) else Runs(kept)


def latest_run(runs_dir: str | Path = RUNS_DIR) -> RunInfo | None:
    """The run that was begun last; None where there is none."""
    found = kept_runs(runs_dir)
    return info_of(found[-1]) if found else None


def run_info(run_dir: AnyRuns, runs_dir: str | Path = RUNS_DIR) -> RunInfo | list[RunInfo]:
    """All about a run, or a list of these for several. Raises RegsweepError where there is no such run."""
    found = runs_of(run_dir, runs_dir)
    return info_of(found[0]) if len(found) == 1 else [info_of(run) for run in found]


class RunInfo(dict[str, Any]):
    """A run: its columns by name, also as attributes.

    `metrics` is a data frame with a row per replicate and epoch, `output` what it printed, `source_code` its files' texts by
    name, `environment` what it was trained with.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"a run has no {name!r}; it has {', '.join(self)}") from None

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {_brief(value)}" for name, value in self.items() if value is not None)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td style='text-align:left'>{html.escape(_brief(value))}</td></tr>"
            for name, value in self.items()
            if value is not None
        )
        return f"<table>{cells}</table>"


def info_of(run: KeptRun) -> RunInfo:
    """All about a run."""
    row = rows([run])[0]
    info = RunInfo({name: row[name] for name in columns_of([row])})
    epochs = read_history(run.path, run.facts).epochs
    info["metrics"] = pandas.DataFrame(
        [{"replicate": each.replicate, "epoch": each.epoch, **each.values} for each in epochs]
    )
    for name in ("start", "end"):
        info[name] = pandas.Timestamp(row[name]) if row[name] else None
    info["output"] = console(run)
    info["source_code"] = source_of(run)
    info["environment"] = provenance_of(run).to_json()
    return info


@dataclass(frozen=True)
class RunComparison:
    """Two runs beside each other, the earlier one as `a`."""

    a: str
    b: str
    flags: Any
    """Data frame of the flags and parameters that differ."""
    metrics: Any
    """Data frame of each metric: both means, the mean of b - a paired by replicate, its standard error."""
    environment: Any
    """Data frame of what else differs: data, device, packages."""
    source: str
    """Unified diff of the source files; empty: equal."""
    output: str
    """The same of what they printed."""

    def __repr__(self) -> str:
        parts = [f"a: {self.a}\nb: {self.b}"]
        for title, table in (("Flags", self.flags), ("Metrics", self.metrics), ("Trained with", self.environment)):
            parts.append(f"{title}\n{table.to_string(index=False)}" if len(table) else f"{title}: equal")
        parts += [f"{title}: {text or 'equal'}" for title, text in (("Source", self.source), ("Output", self.output))]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<p>a: {html.escape(self.a)}<br>b: {html.escape(self.b)}</p>"]
        for title, table in (("Flags", self.flags), ("Metrics", self.metrics), ("Trained with", self.environment)):
            parts.append(f"<h4>{title}</h4>{table.to_html(index=False, border=0) if len(table) else '<p>equal</p>'}")
        for title, text in (("Source", self.source), ("Output", self.output)):
            parts.append(f"<h4>{title}</h4>{f'<pre>{html.escape(text)}</pre>' if text else '<p>equal</p>'}")
        return "".join(parts)


def compare_runs(runs: AnyRuns = None, runs_dir: str | Path = RUNS_DIR) -> RunComparison:
    """What differs between two runs; None: the latest two. Raises RegsweepError unless they are two."""
    found = list(kept_runs(runs_dir))[-2:] if runs is None else runs_of(runs, runs_dir)
    if len(found) != 2:
        raise RegsweepError(
            f"compare_runs: got {len(found)} runs, want 2, such as `compare_runs(ls_runs(latest_n=2))`."
        )
    before, after = sorted(found, key=lambda run: run.started_at)
    return _comparison(differences(before, after))


def kept_runs(runs_dir: str | Path) -> tuple[KeptRun, ...]:
    """The runs of a directory; folders that cannot be read are warned of."""
    found = inventory(Path(runs_dir))
    for sentence in found.damaged:
        warnings.warn(sentence, stacklevel=3)
    return found.runs


def runs_of(named: AnyRuns, runs_dir: str | Path) -> list[KeptRun]:
    """The runs that are meant. Raises RegsweepError."""
    found = kept_runs(runs_dir)
    return list({run.path.absolute(): run for name in _names(named) for run in _meant(name, found)}.values())


def _meant(name: str, found: Sequence[KeptRun]) -> list[KeptRun]:
    """The run in the folder of this name, which may be anywhere; else as the command line has it."""
    return [read_run(Path(name))] if (Path(name) / RUN_FILE).is_file() else chosen(found, [name])


def _names(named: AnyRuns) -> list[str]:
    if isinstance(named, pandas.DataFrame):
        if RUN_DIR not in named.columns:
            raise RegsweepError(f"the data frame has no column {RUN_DIR}, which names the runs.")
        return [str(name) for name in dict.fromkeys(named[RUN_DIR])]
    if isinstance(named, RunInfo):
        return [str(named[RUN_DIR])]
    if isinstance(named, str | Path):
        return [str(named)]
    if isinstance(named, Iterable):
        return [name for each in named for name in _names(each)]
    raise RegsweepError(f"{named!r}: want a data frame of ls_runs(), a run's folder or name, or a list of these.")


def _comparison(found: Differences) -> RunComparison:
    def pairs(values: Sequence[Any]) -> Any:
        return pandas.DataFrame([(each.name, each.before, each.after) for each in values], columns=["name", "a", "b"])

    metrics = [
        (each.name, each.before, each.after, each.difference, each.standard_error, each.replicates)
        for each in found.metrics
    ]
    names = ["metric", "a", "b", "difference", "standard_error", "replicates"]
    return RunComparison(
        a=_title(found.before),
        b=_title(found.after),
        flags=pairs(found.flags),
        metrics=pandas.DataFrame(metrics, columns=names),
        environment=pairs(found.circumstances),
        source="\n".join(found.source),
        output="\n".join(found.output),
    )


def _title(run: KeptRun) -> str:
    return f"{run.path} {label(run.facts.flags)}"


def _brief(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, pandas.DataFrame):
        return f"(data frame of {len(value)} rows)"
    if isinstance(value, dict):
        return f"({', '.join(map(str, value))})"
    text = str(value)
    first, _, more = text.partition("\n")
    return f"{first} ..." if more else first
