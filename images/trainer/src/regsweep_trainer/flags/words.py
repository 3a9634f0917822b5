"""What is said of a flag: its values in words, and what was probably meant."""

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from regsweep_trainer.flags.declaration import Flags
from regsweep_trainer.flags.values import Text

NESTED = ("columns", "crosses")
"""Flags whose values are objects of objects: what is wrong in them is named by its place."""


def want(name: str) -> str:
    """The values that the flag may have."""
    extra = Flags.model_fields[name].json_schema_extra
    return str(extra["want"]) if isinstance(extra, dict) else ""


def shown(value: Any) -> str:
    """A value as JSON, cut to what a sentence holds."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def unknown(name: str, value: Any) -> str:
    """Of a flag that there is not."""
    return f"unknown flag {shown(name)} (got {shown(value)}){_meant(name, sorted(Flags.model_fields))}"


def wrong_value(name: str, value: Any) -> str:
    """Of a flag that may not have this value."""
    names = _names_in(Flags.model_fields[name].annotation)
    meant = _meant(value, names) if isinstance(value, str) else ""
    unquoted = "" if names else _unquoted(name, value)
    return f"flag {name}: got {shown(value)}, want {want(name)}{meant}{unquoted}"


def within(detail: Mapping[str, Any]) -> str:
    """Where in a nested value something is wrong, and what it is. detail: of a ValidationError."""
    place = ".".join(str(part) for part in detail["loc"][1:])
    if not place:
        return ""
    if detail["type"] == "value_error":
        return f"; in {place}: {detail['msg'].removeprefix('Value error, ')}"
    return f"; in {place}: {shown(detail['input'])} ({detail['msg'][:1].lower()}{detail['msg'][1:]})"


def asks_for_feature_space(flags: Flags) -> tuple[str, str, str] | None:
    """(flag, what it says, what would do instead), of the first one by which columns are made by FeatureSpace; None: there is none."""
    if flags.is_estimator:
        return "model", f"{flags.model} has the Estimator's feature columns", "set model: dense"
    for name, column in flags.columns.items():
        if column.needs_feature_space:
            what = column.kind if column.embedding is None else f"{column.kind} with an embedding"
            instead = "numeric" if column.kind == "bucketized" else "categorical without an embedding"
            return "columns", f"column {shown(name)} is {what}", f"declare it {instead}"
    if flags.crosses:
        return "crosses", f"columns {', '.join(flags.crosses[0].columns)} are crossed", "remove the flag"
    return None


def _names_in(annotation: Any) -> list[str]:
    """The strings that the flag's type lists."""
    choices = [choice for option in get_args(annotation) for choice in get_args(option) or (option,)]
    return [choice for choice in choices if isinstance(choice, str)]


def _meant(got: str, there_is: Sequence[str]) -> str:
    close = difflib.get_close_matches(got, there_is, n=1)
    return f", did you mean {close[0]}?" if close else ""


def _unquoted(name: str, value: Any) -> str:
    """What to do where YAML has read a name without quotes as something else."""
    if Flags.model_fields[name].annotation != Text | None:
        return ""
    match value:
        case True:
            return '; YAML reads an unquoted y, yes, on or true as true: quote it, as in "y"'
        case False:
            return '; YAML reads an unquoted n, no, off or false as false: quote it, as in "n"'
        case int() | float():
            return f'; YAML reads it as a number without quotes: quote it, as in "{shown(value)}"'
    return ""
