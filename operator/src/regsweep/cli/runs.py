"""`regsweep ls`, `show` and `diff`: the runs that `regsweep run` has kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue
from rich.console import Console
from rich.text import Text

from regsweep.cli.consoles import error_console, result_console
from regsweep.cli.exits import UsageError
from regsweep.cli.runprinting import diff_lines, listing, show_lines
from regsweep.local.differences import differences
from regsweep.local.inventory import KeptRun, UnknownRunError, inventory, only
from regsweep.local.runrows import START, Row, columns_of, rows
from regsweep.local.selection import SelectionError, check_column, ordered, parse_conditions, selected
from regsweep.report.documents import as_csv, as_json, flag_cell
from regsweep.report.outputs import ListOutput
from regsweep.report.printing import charset_of, print_lines, print_prose, write_document

NONE_FOUND: Final = "No runs in {}. `regsweep run` writes them; --runs-dir names another directory."


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The options of `regsweep ls`."""

    runs_dir: Path
    filter: str | None = None
    """Conditions on columns; None: all runs."""
    order: tuple[str, ...] = (START,)
    ascending: bool = False
    latest: bool = False
    """Only the run that was begun last."""
    replicates: bool = False
    """A row per replicate instead of per combination."""
    columns: tuple[str, ...] = ()
    """Of the table; none: the usual ones."""
    output: ListOutput = ListOutput.TABLE
    file: Path | None = None
    """Where a Parquet file goes."""
    rows: int = 50
    """Most rows of the table; 0: all."""


def kept_runs(runs_dir: Path) -> tuple[KeptRun, ...]:
    """The runs of the directory; folders that cannot be read are a note on standard error. Raises UsageError."""
    try:
        found = inventory(runs_dir)
    except UnknownRunError as error:
        raise UsageError(str(error)) from error
    for sentence in found.damaged:
        print_prose(error_console(), f"note: {sentence}")
    return found.runs


def only_run(runs_dir: Path, name: str | None) -> KeptRun:
    """The run that is meant; None: the latest. Raises UsageError."""
    runs = kept_runs(runs_dir)
    if name is None:
        if not runs:
            raise UsageError(NONE_FOUND.format(runs_dir))
        return runs[-1]
    try:
        return only(runs, name)
    except UnknownRunError as error:
        raise UsageError(str(error)) from error


def chosen_rows(options: ListOptions) -> list[Row]:
    """The rows of the runs that are asked for, in order. Raises UsageError."""
    found = rows(kept_runs(options.runs_dir), replicates=options.replicates)
    known = columns_of(found) if found else []
    try:
        if options.latest and found:
            found = [max(found, key=lambda row: str(row[START] or ""))]
        if options.filter is not None:
            found = selected(found, parse_conditions(options.filter), known)
        for name in options.columns:
            check_column(name, known)
        return ordered(found, options.order, known, decreasing=not options.ascending)
    except SelectionError as error:
        raise UsageError(str(error)) from error


def ls_command(options: ListOptions) -> int:
    """Lists the runs. Raises UsageError."""
    found = chosen_rows(options)
    console = result_console()
    columns = list(options.columns) or columns_of(found, options.order)
    match options.output:
        case ListOutput.PARQUET:
            _write_parquet(found, columns, options.file)
        case ListOutput.CSV:
            write_document(
                console.file, as_csv([columns, *([cell(row.get(name)) for name in columns] for row in found)])
            )
        case ListOutput.JSON:
            document: list[JsonValue] = [{name: _json(row.get(name)) for name in columns} for row in found]
            write_document(console.file, as_json({"runs": document}, ascii_only=not charset_of(console).is_utf8))
        case ListOutput.TABLE:
            _print_table(found, options, console)
    return 0


def show_command(runs_dir: Path, name: str | None, *, console_text: bool, source: bool, output_json: bool) -> int:
    """Prints a run: what was trained, with what, and how it went. Raises UsageError."""
    run = only_run(runs_dir, name)
    target = result_console()
    if output_json:
        row = rows([run])[0]
        document = {column: _json(row[column]) for column in columns_of([row])}
        write_document(target.file, as_json(document, ascii_only=not charset_of(target).is_utf8))
    else:
        print_lines(
            target, *show_lines(run, target.width, charset_of(target), console_text=console_text, source=source)
        )
    return 0


def diff_command(runs_dir: Path, before: str, after: str) -> int:
    """Prints what differs between two runs; the exit code is 0 also where they differ. Raises UsageError."""
    first, second = only_run(runs_dir, before), only_run(runs_dir, after)
    target = result_console()
    print_lines(target, *diff_lines(differences(first, second), target.width, charset_of(target)))
    return 0


def cell(value: JsonValue) -> str | int:
    """A value in CSV: empty where it is absent, NaN where it is no number, numbers at full precision."""
    if value is None:
        return ""
    if isinstance(value, float):
        return "NaN" if value != value else repr(value)
    return flag_cell(value)


def _json(value: JsonValue) -> JsonValue:
    """JSON has no NaN: it is null."""
    return None if isinstance(value, float) and value != value else value


def _print_table(found: Sequence[Row], options: ListOptions, console: Console) -> None:
    if not found:
        words = "No run meets the filter." if options.filter else NONE_FOUND.format(options.runs_dir)
        print_prose(console, words)
        return
    print_lines(console, *_table_lines(found, options, console))


def _table_lines(found: Sequence[Row], options: ListOptions, console: Console) -> Iterator[str | Text]:
    shown = found if options.rows <= 0 else found[: options.rows]
    yield from listing(shown, options.order, options.columns, console.width, charset_of(console))
    if len(shown) < len(found):
        yield f"{len(found) - len(shown)} more not shown: --rows 0 shows all."


def _write_parquet(found: Sequence[Row], columns: Sequence[str], file: Path | None) -> None:
    """Raises UsageError where no file is named, pyarrow is missing or a column's values are of several types."""
    if file is None:
        raise UsageError("--output parquet needs a file: give --file runs.parquet.")
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow. Install it with `pip install 'regsweep[notebook]'`, or use --output csv."
        ) from error
    arrays = {name: [row.get(name) for row in found] for name in columns}
    try:
        parquet.write_table(arrow.table({name: _arrow_column(arrow, values) for name, values in arrays.items()}), file)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror or error}).") from error


def _arrow_column(arrow: object, values: Sequence[JsonValue]) -> object:
    """A typed column; values of several types become their texts, as CSV has them."""
    array = arrow.array  # type: ignore[attr-defined]  # it has no types
    try:
        return array(values)
    except (ValueError, TypeError):  # pyarrow's own errors are of these types
        return array([None if value is None else str(cell(value)) for value in values])
