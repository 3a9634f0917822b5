"""Rules of how a training script is run, across fields: where it writes, the metrics' names, and names that would be one variable."""

from __future__ import annotations

import re
from collections.abc import Iterator

from regsweep.api.constants import METRIC_NAME
from regsweep.api.foreign import ReportFormat, alike, argument_variable
from regsweep.api.spec import SweepSpec
from regsweep.errors import Problem

_COLUMN = re.compile(rf"(train|val|stop|test)_{METRIC_NAME}|regularization_loss")


def foreign_problems(spec: SweepSpec) -> Iterator[Problem]:
    """Fields that contradict each other, a Problem for each."""
    yield from _report_problems(spec)
    if not spec.trainer.args:
        return
    names = [*spec.trainer.parameters, *(flag.name for flag in spec.flags)]
    for first, second in alike(dict.fromkeys(names)):
        text = f'"{first}" and "{second}" would both be the variable {argument_variable(first)}. Rename one of them.'
        yield Problem("spec.trainer.args", text)


def _report_problems(spec: SweepSpec) -> Iterator[Problem]:
    report = spec.trainer.report
    if report is None:
        return
    if report.format is ReportFormat.STDOUT and report.path is not None:
        yield Problem(
            "spec.trainer.report.path", "is not allowed with format Stdout. Remove it, or choose another format."
        )
    if report.format is not ReportFormat.STDOUT and report.path is None:
        text = f"is required with format {report.format}: the file or folder that the script writes, such as log.csv."
        yield Problem("spec.trainer.report.path", text)
    for name in report.metrics:
        if len(name) > 63 or not _COLUMN.fullmatch(name):
            text = (
                "must begin with train_, val_, stop_ or test_, and have at most 63 letters, digits, `_`, `.` and `-`, such as "
                "val_average_loss."
            )
            yield Problem(f"spec.trainer.report.metrics.{name}", text)
