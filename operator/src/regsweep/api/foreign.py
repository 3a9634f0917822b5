"""How a training script of one's own is run: where it is, its arguments, and what it writes if it knows nothing of regsweep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, JsonValue, StringConstraints

from regsweep.api.canonical import canonical_json
from regsweep.api.model import ApiModel

MAX_ARGS: Final = 100
MAX_ARGUMENT: Final = 1000
MAX_REPORT_METRICS: Final = 100
ARGUMENT_PREFIX: Final = "REGSWEEP_ARG_"
"""Begins the names of the variables that have the values of flags and parameters."""

Argument = Annotated[str, StringConstraints(max_length=MAX_ARGUMENT)]
ForeignName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ARGUMENT)]


class ConfigMapRef(ApiModel):
    """A ConfigMap in the sweep's namespace."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """Name of the ConfigMap."""


class ScriptSource(ApiModel):
    """A training script in a ConfigMap, which needs no image of its own."""

    config_map_ref: ConfigMapRef
    """ConfigMap whose keys are the script's files. When the sweep is accepted it is copied into an immutable one that the sweep
    owns: later edits of the original are not followed."""
    entrypoint: Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+\.py$", max_length=253)]
    """Key of the file that is run with `python`."""


class ReportFormat(StrEnum):
    """What a training script writes."""

    CSV_LOGGER = "CSVLogger"
    JSON_LINES = "JSONLines"
    TENSOR_BOARD = "TensorBoard"
    STDOUT = "Stdout"


class TrainerReport(ApiModel):
    """Where a script that knows nothing of regsweep writes its metrics. `python -m regsweep_kit run -- COMMAND` reads them."""

    format: ReportFormat
    """`CSVLogger`: the file of Keras' callback. `JSONLines`: a JSON object for each epoch. `TensorBoard`: event files below a
    folder. `Stdout`: `name=value` on standard output."""
    path: Annotated[str | None, StringConstraints(min_length=1, max_length=MAX_ARGUMENT)] = None
    """File, or folder of TensorBoard, relative to where the script runs. Not with `Stdout`."""
    metrics: dict[str, ForeignName] = Field(default_factory=dict, max_length=MAX_REPORT_METRICS)
    """The script's name of a metric by ours, such as `{val_average_loss: val_loss, train_average_loss: loss}`. Absent: by the
    script's own names, `val_loss` being of the validation rows and `loss` of the training rows."""


def argument_variable(name: str) -> str:
    """The variable that has the value of this flag or parameter: in upper case, with `_` for what a variable cannot have."""
    return ARGUMENT_PREFIX + re.sub(r"[^A-Z0-9_]", "_", name.upper())


def argument_variables(values: Mapping[str, JsonValue]) -> dict[str, str]:
    """Values as a command line spells them: texts as they are, all else as JSON."""
    return {
        argument_variable(name): value if isinstance(value, str) else canonical_json(value)
        for name, value in values.items()
    }


def alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that would have one variable."""
    first: dict[str, str] = {}
    pairs = []
    for name in names:
        other = first.setdefault(argument_variable(name), name)
        if other != name:
            pairs.append((other, name))
    return pairs
