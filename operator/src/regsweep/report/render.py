"""One door for all outputs: the same results as a table, JSON, YAML or CSV."""

from __future__ import annotations

import csv
import io
import json

from pydantic import JsonValue
from rich.console import Console

from regsweep.report.columns import Field, result_columns
from regsweep.report.model import SweepReport
from regsweep.report.notes import conclusion
from regsweep.report.outputs import Output
from regsweep.report.table import DEFAULT_ROWS, print_results

ESTIMAND = "givenData"
"""What the means and standard errors are about: the expectation over splits and seeds of this data set."""


def write_results(results: SweepReport, output: Output, console: Console, rows: int = DEFAULT_ROWS) -> None:
    """Writes the results to the console in the format asked for; `rows` limits the table alone."""
    if output is Output.TABLE:
        print_results(results, console, rows)
    else:
        console.file.write(render(results, output))


def render(results: SweepReport, output: Output) -> str:
    """The results as JSON, YAML or CSV text, every combination included.

    Raises ValueError for a table, which needs a console.
    """
    if output is Output.JSON:
        return json.dumps(document(results), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    if output is Output.YAML:
        import yaml  # spares the other outputs its import

        text: str = yaml.safe_dump(document(results), sort_keys=False, allow_unicode=True)
        return text
    if output is Output.CSV:
        return as_csv(results)
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
    if results.analysis is not None:
        found["analysis"] = results.analysis.to_json()
    if said := conclusion(results):
        found["conclusion"] = said
    return found


def _results(results: SweepReport) -> list[JsonValue]:
    """Every combination: what the status says of it, and what the columns add."""
    added = [field for field in _fields(results) if field.in_json]
    found: list[JsonValue] = []
    for result in results.ranking:
        fields: dict[str, JsonValue] = result.to_json()
        # A flag that is null is a value; to_json leaves null fields out.
        fields["flags"] = dict(result.flags)
        fields |= {field.name: value for field in added if (value := field.value(result, results)) != ""}
        found.append(fields)
    return found


def as_csv(results: SweepReport) -> str:
    """One line per combination at full precision; flags as `flag_<name>`; NaN where a trained value is not a number."""
    fields = _fields(results)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields])
    writer.writerows([field.value(result, results) for field in fields] for result in results.ranking)
    return text.getvalue()


def _fields(results: SweepReport) -> list[Field]:
    return [field for column in result_columns(results) for field in column.fields]
