"""One line that says how far a sweep is: it moves in a terminal, and is printed now and then where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from rich.cells import cell_len
from rich.text import Text

from regsweep.api.analysis import RaceReason
from regsweep.api.status import SweepStatus
from regsweep.core.figures import short
from regsweep.core.grid import label
from regsweep.report.numbers import duration

BAR_CELLS = 20
FULL, HALF, REST = "━", "╸", "─"


class FactKind(Enum):
    """What a part of the line says."""

    RUNS = auto()
    RUNNING = auto()
    FAILED = auto()
    NONE_FAILED = auto()
    RACING = auto()
    FINAL = auto()
    BEST = auto()
    TIME_LEFT = auto()


LEAST_NEEDED = (FactKind.NONE_FAILED, FactKind.RUNNING, FactKind.BEST)
"""What goes first where the line is too long; then the rest, from the end."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A part of the line."""

    kind: FactKind
    text: str


def facts(status: SweepStatus, seconds_left: float | None) -> list[Fact]:
    """What follows the name."""
    runs = status.runs
    found = [
        Fact(FactKind.RUNS, f"{runs.succeeded + runs.failed}/{runs.total} runs"),
        Fact(FactKind.RUNNING, f"{runs.running} running"),
        Fact(FactKind.FAILED if runs.failed else FactKind.NONE_FAILED, f"{runs.failed} failed"),
    ]
    race = status.analysis.race if status.analysis is not None else None
    if race is not None and race.reason is RaceReason.RACING:
        found.append(Fact(FactKind.RACING, f"{race.racing} still race"))
    if status.final is not None and status.final.ended < (total := status.final.replicates * len(status.final.picks)):
        found.append(Fact(FactKind.FINAL, f"final evaluation {status.final.ended}/{total}"))
    if status.best is not None and status.best.objective is not None:
        flags = label(status.best.flags, separator=" ")
        found.append(Fact(FactKind.BEST, f"best {short(status.best.objective.mean)} {flags}"))
    if seconds_left is not None:
        found.append(Fact(FactKind.TIME_LEFT, f"about {duration(seconds_left)} left"))
    return found


def plain_line(name: str, status: SweepStatus, seconds_left: float | None) -> str:
    """The line without a bar, for logs."""
    return f"{name}  {' · '.join(fact.text for fact in facts(status, seconds_left))}"


def moving_line(name: str, status: SweepStatus, seconds_left: float | None, width: int) -> Text:
    """The line with a bar, never wider than `width` cells: what is least needed goes first, the bar then shrinks."""
    runs = status.runs
    ended = runs.succeeded + runs.failed
    parts = facts(status, seconds_left)
    bar_cells = BAR_CELLS
    while _width(name, bar_cells, parts) > width and (len(parts) > 1 or bar_cells):
        if bar_cells > BAR_CELLS // 2:
            bar_cells -= 1
        elif len(parts) > 1:
            parts.pop(_least_needed(parts))
        else:
            bar_cells -= 1
    text = Text(no_wrap=True, overflow="crop")
    text.append(name, style="bold")
    text.append("  ")
    if bar_cells:
        text.append_text(bar(ended / runs.total if runs.total else 0.0, bar_cells))
        text.append("  ")
    for number, part in enumerate(parts):
        text.append(" · " if number else "")
        text.append(part.text, style="red" if part.kind is FactKind.FAILED else "")
    return text


def bar(done: float, cells: int) -> Text:
    """A bar of `cells` cells of which the share `done` (0 to 1) is full."""
    halves = round(done * cells * 2)
    full, half = divmod(min(halves, cells * 2), 2)
    text = Text()
    text.append(FULL * full + HALF * half, style="green")
    return text.append(REST * (cells - full - half), style="bright_black")


def seconds_left(ended_before: int, ended: int, total: int, elapsed_seconds: float) -> float | None:
    """How long the rest takes if runs go on ending as they have since the start; None until two have ended.

    ended_before: runs that had ended when the clock started; they say nothing about speed.
    """
    since = ended - ended_before
    if since < 2 or total <= ended:
        return None
    return (total - ended) * elapsed_seconds / since


def _least_needed(parts: Sequence[Fact]) -> int:
    """Which part goes next."""
    kinds = [part.kind for part in parts]
    return next((kinds.index(kind) for kind in LEAST_NEEDED if kind in kinds), len(parts) - 1)


def _width(name: str, bar_cells: int, parts: Sequence[Fact]) -> int:
    return cell_len(name) + 2 + (bar_cells + 2 if bar_cells else 0) + cell_len(" · ".join(part.text for part in parts))
