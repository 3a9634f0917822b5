"""How a script that knows nothing of the contract writes its metrics (REGSWEEP_REPORT)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from regsweep_kit.objective import LONGEST_METRIC, METRIC_CHARACTERS, METRIC_NAME

SPLITS: Final = ("train", "val", "stop", "test")
MOST_METRICS: Final = 100
LONGEST_TEXT: Final = 1000
_COLUMN: Final = re.compile(rf"({'|'.join(SPLITS)})_{METRIC_NAME}|regularization_loss")


class ReportFormat(StrEnum):
    CSV_LOGGER = "CSVLogger"
    """Keras' CSVLogger: a header, then a line for each epoch."""
    JSON_LINES = "JSONLines"
    """A JSON object for each epoch."""
    TENSOR_BOARD = "TensorBoard"
    """TensorBoard's event files below a folder."""
    STDOUT = "Stdout"
    """`name=value` on standard output."""


@dataclass(frozen=True, slots=True)
class ForeignReport:
    format: ReportFormat
    path: str = ""
    """The file, or for TensorBoard the folder; relative to where the script runs. Empty with Stdout and only there."""
    metrics: Mapping[str, str] = field(default_factory=dict)
    """The script's name of a metric by ours, split first; empty: by the script's own names."""


WANT: Final = (
    '{"format": "CSVLogger", "JSONLines", "TensorBoard" or "Stdout", "path": "log.csv" (not with Stdout), '
    '"metrics": {"val_average_loss": "val_loss", ...}}'
)


def read_report(value: Any) -> ForeignReport:
    """Raises ValueError with what is wanted."""
    if not isinstance(value, dict) or not value.keys() <= {"format", "path", "metrics"}:
        raise ValueError(WANT)
    path, metrics = value.get("path") or "", value.get("metrics") or {}
    try:
        form = ReportFormat(str(value.get("format")))
    except ValueError:
        raise ValueError(WANT) from None
    if not isinstance(path, str) or len(path) > LONGEST_TEXT or bool(path) == (form is ReportFormat.STDOUT):
        raise ValueError(WANT)
    if not isinstance(metrics, dict) or len(metrics) > MOST_METRICS:
        raise ValueError(WANT)
    for ours, theirs in metrics.items():
        if len(ours) > LONGEST_METRIC or not _COLUMN.fullmatch(ours):
            raise ValueError(
                f"{WANT}, each name of ours beginning with train_, val_, stop_ or test_, at most {LONGEST_METRIC} {METRIC_CHARACTERS}, "
                f"got {ours!r}"
            )
        if not isinstance(theirs, str) or not 0 < len(theirs) <= LONGEST_TEXT:
            raise ValueError(WANT)
    return ForeignReport(form, path, metrics)
