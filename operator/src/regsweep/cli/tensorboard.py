"""`regsweep tensorboard`: a sweep as a log directory for TensorBoard."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from regsweep.api.wording import plural
from regsweep.cli.consoles import result_console
from regsweep.cli.exits import COMPLETE
from regsweep.cli.exporting import SweepSource, read_sweep
from regsweep.export.trainings import Exported
from regsweep.report.printing import print_prose

FOLDER: Final = "tensorboard"
"""In the sweep's folder."""


def tensorboard_command(source: SweepSource, log_dir: Path | None) -> int:
    """Writes the log directory, and says how to look at it. Raises RegsweepError."""
    from regsweep.export.events import event_files  # needs the extra, which says so itself
    from regsweep.export.tensorboard import write_log

    sweep = read_sweep(source)
    target = log_dir or (Path(f"{sweep.name}-{FOLDER}") if source.in_cluster else source.runs_dir / sweep.name / FOLDER)
    changed = write_log(target, sweep.name, event_files(sweep))
    told = f"{plural(len(sweep.trainings), 'training')} of {sweep.name}"
    words = f"{told}: {plural(changed, 'file')} written. " if changed else f"{told}: nothing new. "
    command = shlex.join(["tensorboard", "--logdir", str(target)])
    print_prose(result_console(), f"{words}Look at it by `{command}`.{_missing(source, sweep)}")
    return COMPLETE


def _missing(source: SweepSource, sweep: Exported) -> str:
    """What is not there, in sentences."""
    missing = ""
    if not any(training.epochs for training in sweep.trainings):
        missing += " There are no curves: nothing has kept the metrics of each epoch. A sweep in a cluster has them with --prometheus URL."
    if source.histograms is not None and not any(training.weights for training in sweep.trainings):
        missing += f" There are no histograms: no file in {source.histograms} is named after a run of this sweep and holds some."
    return missing
