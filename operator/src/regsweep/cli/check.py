"""`regsweep validate` and `regsweep plan`: check a manifest and list its combinations, without training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import JsonValue

from regsweep.api.spec import SweepSpec
from regsweep.api.warnings import spec_warnings
from regsweep.api.wording import plural
from regsweep.cli.consoles import error_console, result_console
from regsweep.cli.manifest import Manifest, load_manifest
from regsweep.core.grid import Combination, combinations, label
from regsweep.core.nested import Trainings, trainings_needed
from regsweep.core.references import count_beside
from regsweep.errors import Problem
from regsweep.report.documents import as_csv, as_json, as_yaml, flag_cell
from regsweep.report.outputs import Output
from regsweep.report.printing import charset_of, print_lines, print_prose, write_document

ROWS = 50
"""Default number of combinations in the table."""


def validate_command(file: Path) -> int:
    """Says that the manifest is valid, and what it would train; raises what is wrong with it."""
    manifest = load_manifest(file, None)
    selected = combinations(manifest.spec)
    print_prose(result_console(), f"{file} is valid: {_size(manifest, selected)}")
    print_warnings(spec_warnings(manifest.spec, len(selected)))
    return 0


def print_warnings(warnings: Iterable[Problem]) -> None:
    """Prints each warning on a line of standard error."""
    console = error_console()
    for warning in warnings:
        print_prose(console, f"warning: {warning}")


def plan_command(file: Path, output: Output, rows: int = ROWS) -> int:
    """Lists the combinations that would be trained; raises what is wrong with the manifest."""
    manifest = load_manifest(file, None)
    selected = combinations(manifest.spec)
    print_warnings(spec_warnings(manifest.spec, len(selected)))
    console = result_console()
    if output is Output.TABLE:
        print_lines(console, *_listed(manifest, selected, rows))
    else:
        document = _render(manifest, selected, output, ascii_only=not charset_of(console).is_utf8)
        write_document(console.file, document)
    return 0


def _listed(manifest: Manifest, selected: tuple[Combination, ...], rows: int) -> Iterator[str]:
    yield _size(manifest, selected)
    shown = selected if rows <= 0 else selected[:rows]
    digits = len(str(len(selected)))
    for combination in shown:
        yield f"{combination.index + 1:>{digits}}  {label(combination.flags)}"
    if len(shown) < len(selected):
        yield f"{plural(len(selected) - len(shown), 'more combination')} not shown: --rows 0 shows all."


def _size(manifest: Manifest, selected: tuple[Combination, ...]) -> str:
    spec = manifest.spec
    most = "at most " if spec.racing is not None else ""
    beside = count_beside(spec, selected)
    models = plural(len(selected), "run") + (f" and {plural(beside, 'reference')}" if beside else "")
    needed = trainings_needed(spec, len(selected), beside)
    grid = f"{models} x {most}{plural(spec.most_replicates, 'replicate')}"
    trainings = plural(needed.grid + needed.references, "training")
    return f"{manifest.name}: {grid} = {most}{trainings}{_refinement(spec, needed)}{_final(spec, needed)}"


def _refinement(spec: SweepSpec, needed: Trainings) -> str:
    if spec.refinement is None:
        return ""
    return f", and at most {needed.refinement:,} more for refinement"


def _final(spec: SweepSpec, needed: Trainings) -> str:
    """What the final evaluation adds."""
    if spec.final is None:
        return ""
    if not spec.outer_folds:
        return f", and {spec.final.replicates} of each pick on the test rows"
    return (
        f", {needed.outer:,} more in {spec.outer_folds} outer folds, and {spec.final.replicates} of each fold's picks: at most "
        f"{plural(needed.total, 'training')}"
    )


def _render(manifest: Manifest, selected: tuple[Combination, ...], output: Output, ascii_only: bool) -> str:
    if output is Output.CSV:
        names = [flag.name for flag in manifest.spec.flags]
        headers = [f"flag_{name}" for name in names]
        return as_csv([headers, *([flag_cell(c.flags[name]) for name in names] for c in selected)])
    beside = count_beside(manifest.spec, selected)
    needed = trainings_needed(manifest.spec, len(selected), beside)
    document: dict[str, JsonValue] = {
        "sweep": manifest.name,
        "runs": len(selected),
        "replicates": manifest.spec.most_replicates,
        "references": beside,
        "trainings": needed.grid + needed.references,
        "outerTrainings": needed.outer,
        "mostTrainings": needed.total,
        "combinations": [dict(c.flags) for c in selected],
    }
    return as_json(document, ascii_only) if output is Output.JSON else as_yaml(document, ascii_only)
