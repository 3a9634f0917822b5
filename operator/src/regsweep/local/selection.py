"""Which rows of runs are meant, and in which order: conditions such as `eval_accuracy > 0.9 and flag_dropout == 0.2`."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from regsweep.api.wording import closest
from regsweep.errors import RegsweepError
from regsweep.local.runrows import Row

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION: Final = re.compile(
    r"\s*(?P<column>[^\s=!<>]+)\s*(?P<sign>==|!=|<=|>=|=|<|>)\s*(?P<value>.+?)\s*", re.DOTALL
)
_AND: Final = re.compile(r"\s+(?:and|&&?)\s+")
_QUOTED: Final = re.compile(r"""'[^']*'|"[^"]*\"""")
HOW: Final = "Write conditions such as 'eval_accuracy > 0.9 and flag_dropout == 0.2'"


class SelectionError(RegsweepError):
    """A condition or a column is not what is needed; the message says what is."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of a column with a value."""

    column: str
    sign: str
    value: JsonValue

    def holds(self, row: Mapping[str, JsonValue]) -> bool:
        """Whether the row has a value that compares so; a missing value, or one of another type, holds for nothing but `!=`."""
        found = row.get(self.column)
        if found is None or _kind(found) != _kind(self.value):
            return self.sign == "!=" and found is not None
        return _OPERATORS[self.sign](found, self.value)


def parse_conditions(text: str) -> list[Condition]:
    """The conditions, all of which are to hold. Raises SelectionError."""
    # What stands in quotes may hold an `and` of its own.
    parts, last = [], 0
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    for match in _AND.finditer(text):
        if not any(start < match.start() < end for start, end in quoted):
            parts.append(text[last : match.start()])
            last = match.end()
    return [_condition(part) for part in [*parts, text[last:]]]


def selected(rows: Iterable[Row], conditions: Sequence[Condition], known: Collection[str]) -> list[Row]:
    """The rows for which all conditions hold. `known`: the columns that there are. Raises SelectionError for any other."""
    for each in conditions:
        check_column(each.column, known)
    return [row for row in rows if all(each.holds(row) for each in conditions)]


def ordered(rows: Iterable[Row], columns: Sequence[str], known: Collection[str], *, decreasing: bool) -> list[Row]:
    """The rows by these columns, the first one first; rows without a value come last in either direction. Raises SelectionError."""
    result = list(rows)
    for column in reversed(columns):
        check_column(column, known)
        here = [row for row in result if not _is_missing(row.get(column))]
        missing = [row for row in result if _is_missing(row.get(column))]
        result = sorted(here, key=lambda row: _sort_key(row.get(column)), reverse=decreasing) + missing
    return result


def check_column(name: str, known: Collection[str]) -> None:
    """Raises SelectionError for a column that there is not, with the nearest one; where there are no rows any is taken."""
    if known and name not in known:
        raise SelectionError(f"{name}: no such column.{closest(name, known)} The columns are {', '.join(known)}.")


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise SelectionError(
            f"{text.strip()!r} is no condition. {HOW}; between column and value stands one of {', '.join(_OPERATORS)}."
        )
    return Condition(match["column"], match["sign"], _value(match["value"]))


def _value(text: str) -> JsonValue:
    """A number, true, false, a list or a text, as YAML would have it; in quotes it is a text."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text in ("True", "False"):
        return text == "True"
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        if len(text.split()) > 1:
            raise SelectionError(
                f"{text!r} is no value. A text of several words stands in quotes; conditions are joined by `and` alone."
            ) from None
        return text
    return value


def _kind(value: JsonValue) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return type(value).__name__
    return "number"


def _is_missing(value: JsonValue) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _sort_key(value: JsonValue) -> tuple[str, Any]:
    """Values of one kind among themselves: columns of flags may hold several."""
    kind = _kind(value)
    return (kind, value) if kind in ("number", "str", "bool") else (kind, json.dumps(value, sort_keys=True))
