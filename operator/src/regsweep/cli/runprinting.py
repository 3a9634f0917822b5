"""Runs as a terminal shows them: lists, a single run, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue
from rich.text import Text

from regsweep.api.wording import plural
from regsweep.core.grid import label, value_text
from regsweep.local.differences import Differences, Pair, provenance_of, source_of
from regsweep.local.inventory import KeptRun, console
from regsweep.local.runrows import ERROR_SUFFIX, START, Row, columns_of, metric_names, rows, settings_of
from regsweep.local.settings import shown
from regsweep.report.columns import Column
from regsweep.report.numbers import Measured, measured_column
from regsweep.report.plaintable import plain_table
from regsweep.report.text import Charset

Line = str | Text
USUAL_METRICS: Final = ("eval_average_loss", "eval_accuracy")
MAIN_PACKAGES: Final = frozenset(
    {"keras", "tensorflow", "tensorflow-cpu", "torch", "jax", "scikit-learn", "xgboost", "numpy"}
)
CONSOLE_LINES: Final = 10
NAMED_COLUMNS: Final = 12
SHORT_TIME: Final = len("2026-11-25T19:20")
_MOST_CIRCUMSTANCES: Final = 30


def listing(
    found: Sequence[Row], order: Sequence[str], chosen: Sequence[str], width: int, charset: Charset
) -> Iterator[Line]:
    """The table: the columns that are chosen; else name, flags, what it is ordered by, the usual metrics and how it went."""
    columns = [_column(name, found) for name in chosen] if chosen else _usual_columns(found, order)
    lines, left_out = plain_table(columns, width, charset)
    yield from lines
    shown = {column.header for column in columns}
    hidden = [] if chosen else [name for name in columns_of(found) if name not in shown]
    if hidden or left_out:
        names = [*left_out, *hidden]
        more = ", ..." if len(names) > NAMED_COLUMNS else ""
        yield f"{plural(len(names), 'more column')} ({', '.join(names[:NAMED_COLUMNS])}{more}): --columns NAME,... or --output csv."


def _usual_columns(found: Sequence[Row], order: Sequence[str]) -> list[Column]:
    present = columns_of(found)
    metrics = [name for name in dict.fromkeys([*order, *USUAL_METRICS]) if name.startswith("eval_") and name in present]
    others = [name for name in order if name not in metrics and name != START]
    flags = [
        label(
            {
                name.removeprefix("flag_"): value
                for name, value in row.items()
                if name.startswith("flag_") and value is not None
            }
        )
        for row in found
    ]
    columns = [
        Column("run", tuple(str(row["run"]) for row in found)),
        *([_column("replicate", found)] if "replicate" in present else []),
        Column("flags", tuple(flags)),
        *(_column(name, found) for name in [*others, *metrics]),
        *(
            [Column("n", tuple(str(row["replicates"]) for row in found), right=True, droppable=1)]
            if "replicates" in present
            else []
        ),
    ]
    if {row["state"] for row in found} != {"completed"}:
        columns.append(Column("state", tuple(str(row["state"]) for row in found)))
    if any(row["type"] != "training" for row in found):
        columns.append(_column("type", found))
    return [
        *columns,
        Column(START, tuple(str(row[START] or "")[:SHORT_TIME].replace("T", " ") for row in found), droppable=2),
    ]


def _column(name: str, found: Sequence[Row]) -> Column:
    values = [row.get(name) for row in found]
    if any(isinstance(value, float) for value in values) and not name.startswith("flag_"):
        return Column(name, tuple(_measured(name, found)), right=True)
    return Column(
        name, tuple("" if value is None else value_text(value) for value in values), right=_are_numbers(values)
    )


def _measured(name: str, found: Sequence[Row]) -> list[str]:
    return measured_column(
        Measured(_number(row.get(name)), _number(row.get(f"{name}{ERROR_SUFFIX}")), absent="NaN" if name in row else "")
        for row in found
    )


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) and value == value else None


def _are_numbers(values: Sequence[JsonValue]) -> bool:
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)


def show_lines(run: KeptRun, width: int, charset: Charset, *, console_text: bool, source: bool) -> Iterator[Line]:
    """A run in sections; `console_text` and `source`: these in full."""
    row = rows([run])[0]
    yield Text(charset.text(f"{run.path.name}  {label(run.facts.flags)}"), style="bold")
    yield f"{row['state']}, {plural(len(run.records), 'replicate')} of {run.facts.replicates}; from {row[START]} to {row['end'] or 'now'}"
    yield f"folder {run.path}"
    if run.error:
        yield Text(charset.text(f"error: {run.error}"), style="red")
    yield ""
    yield from _metric_lines(row, width, charset)
    yield from _section("Trained with", _named(run, row))
    if isinstance(model := row.get("model"), str) and "\n" in model:
        yield from ("", *model.splitlines())
    yield from _console_lines(run, in_full=console_text)
    for name, text in source_of(run).items() if source else ():
        yield ""
        yield Text(charset.text(f"{name}:"), style="bold")
        yield from text.splitlines()


def _metric_lines(row: Row, width: int, charset: Charset) -> Iterator[Line]:
    """Each metric on train, val and test."""
    names = metric_names(row)
    if not names:
        yield "no result yet"
        return
    columns = [Column("metric", tuple(names))]
    for split, prefix in (("train", "metric_"), ("val", "metric_val_"), ("test", "metric_test_")):
        cells = measured_column(
            Measured(_number(row.get(prefix + name)), absent="" if prefix + name not in row else "NaN")
            for name in names
        )
        if any(cell.strip() for cell in cells):
            columns.append(Column(split, tuple(cells), right=True))
    errors = [_number(row.get(f"eval_{name}{ERROR_SUFFIX}")) for name in names]
    if any(error is not None for error in errors):
        columns.append(
            Column("standard error of val", tuple(measured_column(Measured(e, absent="") for e in errors)), right=True)
        )
    yield from plain_table(columns, width, charset)[0]


def _named(run: KeptRun, row: Row) -> Iterator[tuple[str, str]]:
    kept = provenance_of(run)
    settings = {name: value for name, value in settings_of(run).items() if name != "model"}
    yield "settings", label(settings)
    yield "rows", f"{row['samples']} train, {row['validation_samples']} val" if row["samples"] is not None else ""
    yield "epochs", f"{row['epochs_completed']} completed"
    yield "trainer", " ".join(run.facts.command)
    yield "data", run.facts.data.digest if run.facts.data is not None else ""
    yield "backend", run.records[0].environment.backend if run.records else ""
    yield "device", run.records[0].environment.device if run.records else ""
    yield "environment", ", ".join(shown(run.facts.settings))
    yield "python", f"{kept.python}, {kept.platform}, {plural(kept.cores, 'core')}" if kept.python else ""
    yield "git", f"{kept.git.commit}{' with changes' if kept.git.changed else ''}" if kept.git is not None else ""
    main = {name: version for name, version in kept.packages.items() if name.lower().replace("_", "-") in MAIN_PACKAGES}
    yield (
        "packages",
        ", ".join(f"{name} {version}" for name, version in main.items())
        + (f", {len(kept.packages)} in all" if main else ""),
    )


def _section(title: str, values: Iterator[tuple[str, str]]) -> Iterator[Line]:
    present = [(name, value) for name, value in values if value]
    widest = max((len(name) for name, _ in present), default=0)
    yield ""
    yield title
    yield from (f"  {name:<{widest}}  {value}" for name, value in present)


def _console_lines(run: KeptRun, *, in_full: bool) -> Iterator[Line]:
    lines = console(run).splitlines()
    cut = 0 if in_full else max(0, len(lines) - CONSOLE_LINES)
    if lines:
        yield ""
        yield f"Console (the last {CONSOLE_LINES} of {len(lines)} lines; --console shows all)" if cut else "Console"
        yield from (f"  {line}" for line in lines[cut:])


def diff_lines(found: Differences, width: int, charset: Charset) -> Iterator[Line]:
    """What differs, in sections; what is equal is said to be."""
    for mark, run in (("a", found.before), ("b", found.after)):
        yield Text(charset.text(f"{mark}: {run.path.name}  {label(run.facts.flags)}"), style="bold")
    yield ""
    yield from _pair_lines("Flags and parameters", found.flags, width, charset)
    yield ""
    if found.metrics:
        number = found.metrics[0].replicates
        yield f"Metrics over the {plural(number, 'replicate')} that both have; the difference b - a is paired by replicate"
        measured = measured_column(Measured(each.difference, each.standard_error) for each in found.metrics)
        columns = [
            Column("metric", tuple(each.name for each in found.metrics)),
            *(Column(mark, tuple(measured_column(map(Measured, values))), right=True) for mark, values in _both(found)),
            Column("b - a", tuple(measured), right=True),
        ]
        yield from plain_table(columns, width, charset)[0]
    else:
        yield "Metrics: they have no replicate in common."
    yield ""
    yield from _pair_lines("Trained with", found.circumstances[:_MOST_CIRCUMSTANCES], width, charset)
    for title, lines in (("Source", found.source), ("Console", found.output)):
        yield ""
        yield f"{title}: {'equal' if not lines else ''}".rstrip()
        yield from (_diff_line(line, charset) for line in lines)


def _both(found: Differences) -> Iterator[tuple[str, list[float]]]:
    yield "a", [each.before for each in found.metrics]
    yield "b", [each.after for each in found.metrics]


def _pair_lines(title: str, pairs: Sequence[Pair], width: int, charset: Charset) -> Iterator[Line]:
    if not pairs:
        yield f"{title}: equal"
        return
    yield title
    shown: list[Mapping[str, str]] = [
        {"": each.name, "a": _shown(each.before), "b": _shown(each.after)} for each in pairs
    ]
    yield from plain_table(
        [Column(header, tuple(row[header] for row in shown)) for header in ("", "a", "b")], width, charset
    )[0]


def _shown(value: JsonValue) -> str:
    return "-" if value is None or value == "" else value_text(value)


def _diff_line(line: str, charset: Charset) -> Text:
    style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
    return Text(charset.text(line), style=style)
