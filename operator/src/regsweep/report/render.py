"""One door for all outputs: the same results as a table, JSON, YAML or CSV."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue
from rich.console import Console

from regsweep.report.columns import Field, result_columns
from regsweep.report.documents import as_csv, as_json, as_yaml
from regsweep.report.model import SweepReport
from regsweep.report.notes import conclusion
from regsweep.report.outputs import Output
from regsweep.report.printing import charset_of, write_document
from regsweep.report.table import DEFAULT_ROWS, print_results

ESTIMAND = "givenData"
"""What the means and standard errors are about: the expectation over splits and seeds of this data set."""


def write_results(
    results: SweepReport, output: Output, console: Console, rows: int = DEFAULT_ROWS, means: bool = False
) -> None:
    """Writes the results to the console in the requested format; `rows` and `means` are about the table alone."""
    if output is Output.TABLE:
        print_results(results, console, rows, means)
    else:
        write_document(console.file, render(results, output, ascii_only=not charset_of(console).is_utf8))


def render(results: SweepReport, output: Output, ascii_only: bool = False) -> str:
    """The results as JSON, YAML or CSV text, every combination included.

    ascii_only: other characters are escaped, where the format has escapes (CSV has none).

    Raises ValueError for a table, which needs a console.
    """
    if output is Output.JSON:
        return as_json(document(results), ascii_only)
    if output is Output.YAML:
        return as_yaml(document(results), ascii_only)
    if output is Output.CSV:
        return as_csv(table_rows(results))
    raise ValueError(f"a {output} is printed to a console")


def document(results: SweepReport) -> dict[str, JsonValue]:
    """The results for programs: the words of the status, and all combinations. What is not a number is absent."""
    status = results.status
    found: dict[str, JsonValue] = {
        "sweep": results.name,
        "state": status.state.value,
        "objective": results.objective.to_json(),
        "estimand": ESTIMAND,
        "replicates": results.replicates,
        "runs": status.runs.to_json(),
        "results": _results(results),
        "failures": [f.to_json() for f in status.failures],
        "conditions": [c.to_json() for c in status.conditions],
    }
    if results.references:
        found["references"] = [{**each.to_json(), "flags": dict(each.flags)} for each in results.references]
    if results.analysis is not None:
        found["analysis"] = results.analysis.to_json()
    if said := conclusion(results):
        found["conclusion"] = said
    return found


def _results(results: SweepReport) -> list[JsonValue]:
    """Every combination: its fields of the status and of the columns."""
    added = [field for field in _fields(results) if field.in_json]
    found: list[JsonValue] = []
    for result in results.ranking:
        fields: dict[str, JsonValue] = result.to_json()
        # A flag that is null is a value; to_json leaves null fields out.
        fields["flags"] = dict(result.flags)
        fields |= {field.name: value for field in added if (value := field.value(result, results)) != ""}
        found.append(fields)
    return found


def table_rows(results: SweepReport) -> Iterator[list[str | int]]:
    """The lines of the CSV: headers, then a line per combination at full precision.

    Flags are `flag_<name>`; NaN is written if a trained value is not a number.
    """
    fields = _fields(results)
    yield [field.name for field in fields]
    for result in results.ranking:
        yield [field.value(result, results) for field in fields]


def _fields(results: SweepReport) -> list[Field]:
    return [field for column in result_columns(results) for field in column.fields]
