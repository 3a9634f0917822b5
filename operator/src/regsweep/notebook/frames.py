"""Rows of runs as data frames of pandas that a notebook and a terminal show by their most important columns."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import JsonValue

from regsweep.errors import RegsweepError

try:
    import pandas as pandas  # others here take it from this module, which says what to do where it is missing
except ImportError as missing:
    raise RegsweepError("This needs pandas. Install it with `pip install 'regsweep[notebook]'`.") from missing

from regsweep.local.runrows import ERROR_SUFFIX, FINAL_TYPE, columns_of

TIMES: Final = ("start", "end")
SHOWN_ROWS: Final = 20
USUAL_METRICS: Final = ("eval_accuracy", "eval_average_loss")
NAMED: Final = 12
"""Columns that are not shown and named."""


class Runs(pandas.DataFrame):  # type: ignore[misc]  # pandas has no types here
    """Runs, one per row. It is a data frame; shown whole, it shows the columns that matter, and `answer` above them.

    answer: what the sweep came to, in a sentence or two; empty where it is no sweep's.
    """

    _metadata = ("answer", "all_columns", "order")
    answer: str = ""
    all_columns: tuple[str, ...] = ()
    """As it was made: where columns were chosen since, these are shown."""
    order: tuple[str, ...] = ()

    @property
    def _constructor(self) -> type[Runs]:
        return Runs

    def _is_whole(self) -> bool:
        return bool(self.all_columns) and tuple(self.columns) == self.all_columns

    def __repr__(self) -> str:
        if not self._is_whole():
            return str(pandas.DataFrame(self).__repr__())
        shown = pandas.DataFrame(self[self._shown_columns()]).head(SHOWN_ROWS)
        with pandas.option_context("display.width", 200, "display.max_columns", None):
            table = shown.to_string(index=False) if len(self) else "No runs."
        parts = [self.answer, f"Data frame: {len(self)} x {len(self.columns)}", table, *self._left_out()]
        return "\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        if not self._is_whole():
            return str(pandas.DataFrame(self)._repr_html_())
        shown = pandas.DataFrame(self[self._shown_columns()]).head(SHOWN_ROWS)
        answer = f"<p><strong>{html.escape(self.answer)}</strong></p>" if self.answer else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._left_out())
        return f"{answer}{shown.to_html(index=False, escape=True, border=0)}{notes}"

    def _shown_columns(self) -> list[str]:
        flags = [name for name in self.columns if name.startswith("flag_")]
        metrics = [name for name in [*self.order, *USUAL_METRICS] if name in self.columns and name.startswith("eval_")]
        errors = [f"{name}{ERROR_SUFFIX}" for name in metrics if f"{name}{ERROR_SUFFIX}" in self.columns]
        rank = [name for name in ("rank", "tied_with_best") if name in self.columns]
        state = ["state"] if "state" in self.columns and set(self["state"]) != {"completed"} else []
        return list(dict.fromkeys([*rank, *flags, *metrics, *errors, *state, *self.columns[:1]]))

    def _left_out(self) -> list[str]:
        notes = [f"... and {len(self) - SHOWN_ROWS} more rows"] if len(self) > SHOWN_ROWS else []
        shown = set(self._shown_columns())
        others = [name for name in self.columns if name not in shown]
        if others:
            more = ", ..." if len(others) > NAMED else ""
            notes.append(f"... and {len(others)} more columns: {', '.join(others[:NAMED])}{more}")
        return notes


def frame_of(rows: Sequence[Mapping[str, JsonValue]], order: Sequence[str] = (), answer: str = "") -> Runs:
    """The rows as a data frame in tfruns' order of columns; `start` and `end` are times in UTC. `order`: what it is ordered by."""
    columns = columns_of(rows, order)
    found = Runs({name: _column(name, [row.get(name) for row in rows]) for name in columns}, columns=columns)
    found.answer = answer
    found.order = tuple(order)
    found.all_columns = tuple(columns)
    return found


def is_final(row: Mapping[str, JsonValue]) -> bool:
    """Whether the row is of a final evaluation, which ranks nothing."""
    return row.get("type") == FINAL_TYPE


def _column(name: str, values: list[JsonValue]) -> Any:
    if name in TIMES:
        return pandas.to_datetime(pandas.Series(values, dtype="object"), utc=True)
    if any(isinstance(value, list | dict) for value in values):
        return pandas.Series(values, dtype="object")  # a flag's list is one value
    return pandas.Series(values, dtype="object").infer_objects() if values else pandas.Series(values, dtype="object")
