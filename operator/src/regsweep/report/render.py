"""One door for all outputs: the same results as a table, JSON, YAML or CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import JsonValue
from rich.console import Console

from regsweep.api.status import Estimate, RankedResult
from regsweep.report.documents import as_csv, as_json, as_yaml, flag_cell
from regsweep.report.model import SweepReport
from regsweep.report.notes import conclusion, is_pick, note_of, verdict_of
from regsweep.report.outputs import Output
from regsweep.report.printing import charset_of, write_document
from regsweep.report.table import DEFAULT_ROWS, print_results

ESTIMAND = "givenData"
"""What the means and standard errors are about: the expectation over splits and seeds of this data set."""


def write_results(results: SweepReport, output: Output, console: Console, rows: int = DEFAULT_ROWS) -> None:
    """Writes the results to the console in the format asked for; `rows` limits the table alone."""
    if output is Output.TABLE:
        print_results(results, console, rows)
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
        "state": status.state,
        "objective": results.objective.to_json(),
        "estimand": ESTIMAND,
        "replicates": results.replicates,
        "runs": status.runs.to_json(),
        "results": [_result(r, results) for r in results.ranking],
        "failures": [f.to_json() for f in status.failures],
        "conditions": [c.to_json() for c in status.conditions],
    }
    if results.analysis is not None:
        found["analysis"] = results.analysis.to_json()
    if said := conclusion(results):
        found["conclusion"] = said
    return found


def _result(result: RankedResult, results: SweepReport) -> dict[str, JsonValue]:
    fields: dict[str, JsonValue] = result.to_json()
    # A flag that is null is a value; to_json leaves null fields out.
    fields["flags"] = dict(result.flags)
    if note := note_of(result, results):
        fields["note"] = note
    return fields


def table_rows(results: SweepReport) -> Iterator[list[str | int]]:
    """The lines of the CSV: headers, then a line per combination at full precision.

    Flags are `flag_<name>`; NaN stands where a trained value is not a number.
    """
    yield [
        "rank",
        *(f"flag_{name}" for name in results.flag_names),
        "objective",
        "objective_standard_error",
        "val_average_loss",
        "train_average_loss",
        "overfit_gap",
        "overfit_gap_standard_error",
        "replicates",
        "diverged",
        "failed",
        "source",
        "tied_with_best",
        "pick",
        "fit",
        "note",
    ]
    for r in results.ranking:
        trained = r.replicates > 0
        yield [
            "" if r.rank is None else r.rank,
            *(flag_cell(r.flags[name]) if name in r.flags else "" for name in results.flag_names),
            *_estimate(r.objective, trained),
            _number(r.val_loss, trained),
            _number(r.train_loss, trained),
            *_estimate(r.overfit_gap, trained),
            r.replicates,
            r.diverged,
            r.failed,
            r.source or "",
            *_judged(r, results),
            note_of(r, results),
        ]


def _judged(result: RankedResult, results: SweepReport) -> tuple[str, str, str]:
    """Ties, pick and label; empty where the analysis says nothing of the combination."""
    verdict = verdict_of(result, results)
    if verdict is None:
        return "", "", ""
    return str(verdict.tied).lower(), str(is_pick(result, results)).lower(), verdict.fit.value


def _estimate(estimate: Estimate | None, trained: bool) -> tuple[str, str]:
    if estimate is None:
        return _number(None, trained), ""
    return _number(estimate.mean, trained), "" if estimate.standard_error is None else repr(estimate.standard_error)


def _number(value: float | None, trained: bool) -> str:
    if value is None or math.isnan(value):
        return "NaN" if trained else ""
    return repr(value)
