"""`regsweep validate` and `regsweep plan`: what a manifest comes to, without training anything."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path

import yaml
from pydantic import JsonValue

from regsweep.api.warnings import spec_warnings
from regsweep.cli.consoles import error_console, result_console
from regsweep.cli.manifest import Manifest, load_manifest
from regsweep.core.grid import Combination, combinations, label
from regsweep.errors import Problem
from regsweep.report.columns import flag_text
from regsweep.report.numbers import plural
from regsweep.report.outputs import Output

ROWS = 50
"""Combinations that the table lists unless more are asked for."""


def validate_command(file: Path) -> int:
    """Says that the manifest is valid, and what it would train; raises what is wrong with it."""
    manifest = load_manifest(file, None)
    found = combinations(manifest.spec)
    result_console().print(f"{file} is valid: {_size(manifest, found)}", markup=False, soft_wrap=True)
    print_warnings(spec_warnings(manifest.spec, len(found)))
    return 0


def print_warnings(warnings: Iterable[Problem]) -> None:
    """Prints each warning on a line of standard error."""
    console = error_console()
    for warning in warnings:
        console.print(f"warning: {warning}", markup=False, soft_wrap=True, highlight=False)


def plan_command(file: Path, output: Output, rows: int = ROWS) -> int:
    """Lists the combinations that would be trained; raises what is wrong with the manifest."""
    manifest = load_manifest(file, None)
    found = combinations(manifest.spec)
    print_warnings(spec_warnings(manifest.spec, len(found)))
    console = result_console()
    if output is Output.TABLE:
        console.print(_size(manifest, found), markup=False, soft_wrap=True, highlight=False)
        shown = found if rows <= 0 else found[:rows]
        for combination in shown:
            console.print(
                f"{combination.index + 1:>{len(str(len(found)))}}  {label(combination.flags)}",
                markup=False,
                soft_wrap=True,
                highlight=False,
            )
        if len(shown) < len(found):
            rest = plural(len(found) - len(shown), "more combination")
            console.print(f"{rest} not shown: --rows 0 shows all.", soft_wrap=True, highlight=False)
    else:
        console.file.write(_render(manifest, found, output))
    return 0


def _size(manifest: Manifest, found: tuple[Combination, ...]) -> str:
    spec = manifest.spec
    most = "at most " if spec.racing is not None else ""
    grid = f"{plural(len(found), 'run')} x {most}{plural(spec.most_replicates, 'replicate')}"
    trainings = plural(len(found) * spec.most_replicates, "training")
    final = f", and {spec.final.replicates} of each pick on the test rows" if spec.final is not None else ""
    return f"{manifest.name}: {grid} = {most}{trainings}{final}"


def _render(manifest: Manifest, found: tuple[Combination, ...], output: Output) -> str:
    if output is Output.CSV:
        text = io.StringIO()
        names = [flag.name for flag in manifest.spec.flags]
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(f"flag_{name}" for name in names)
        writer.writerows([flag_text(c.flags[name]) for name in names] for c in found)
        return text.getvalue()
    document: dict[str, JsonValue] = {
        "sweep": manifest.name,
        "runs": len(found),
        "replicates": manifest.spec.most_replicates,
        "trainings": len(found) * manifest.spec.most_replicates,
        "combinations": [dict(c.flags) for c in found],
    }
    if output is Output.JSON:
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    dumped: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return dumped
