"""The results as files beside the runs."""

from __future__ import annotations

from pathlib import Path

from regsweep.cli.exits import print_error_line
from regsweep.local.directory import write_atomically
from regsweep.report.model import SweepReport
from regsweep.report.outputs import Output
from regsweep.report.render import render

FILES = {"results.json": Output.JSON, "results.csv": Output.CSV}


def keep_results(results: SweepReport, directory: Path) -> bool:
    """Writes `results.json` and `results.csv`; returns whether both were written.

    A file that cannot be written is a sentence on standard error, and no more: the results are printed all the same.
    """
    kept = True
    for name, output in FILES.items():
        path = directory / name
        try:
            write_atomically(path, render(results, output))
        except OSError as error:
            kept = False
            print_error_line(
                f"regsweep: {path} cannot be written: {error.strerror}. The results are still printed; "
                "once it can be written, the same command writes it without training again."
            )
    return kept
