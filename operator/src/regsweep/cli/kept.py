"""The results as files beside the runs, with the sweep that they are of."""

from __future__ import annotations

from pathlib import Path

from regsweep.cli.exits import print_error_line
from regsweep.core.sweep import Sweep
from regsweep.local.directory import write_atomically
from regsweep.local.facts import ASKED_FILE
from regsweep.local.revisit import asked_text
from regsweep.report.model import SweepReport
from regsweep.report.outputs import Output
from regsweep.report.render import render

FILES = {"results.json": Output.JSON, "results.csv": Output.CSV}


def keep_results(results: SweepReport, sweep: Sweep, directory: Path) -> bool:
    """Writes `results.json`, `results.csv` and what was asked for, which `regsweep view` and others show; returns whether all were written.

    A file that cannot be written is a sentence on standard error, and no more: the results are printed all the same.
    """
    kept = True
    texts = {name: render(results, output) for name, output in FILES.items()} | {ASKED_FILE: asked_text(sweep)}
    for name, text in texts.items():
        path = directory / name
        try:
            write_atomically(path, text)
        except OSError as error:
            kept = False
            print_error_line(
                f"regsweep: {path} cannot be written: {error.strerror}. The results are still printed; "
                "once it can be written, the same command writes it without training again."
            )
    return kept
