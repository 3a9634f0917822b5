"""The progress of a sweep in one line: it is updated in a terminal, and printed at intervals otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from rich.cells import cell_len
from rich.text import Text

from regsweep.api.analysis import RaceReason
from regsweep.api.status import SweepStatus
from regsweep.core.figures import duration, short
from regsweep.core.grid import label
from regsweep.report.text import UTF8, Charset

BAR_CELLS = 20
FULL, HALF, REST = "━", "╸", "─"
DOT = "·"


class Need(IntEnum):
    """How much a segment is needed; what is needed least goes first when the line is narrow."""

    NO_FAILURE = 0
    RUNNING = 1
    BEST = 2
    OTHER = 3
    """Of several the last goes first."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One of the facts that follow the name."""

    text: str
    need: Need = Need.OTHER
    style: str = ""


def segments(status: SweepStatus, seconds_left: float | None, charset: Charset = UTF8) -> list[Segment]:
    """The facts that follow the name, in what the stream can show."""
    runs = status.runs
    failed = f"{runs.failed} failed"
    parts = [
        Segment(f"{runs.succeeded + runs.failed}/{runs.total} runs"),
        Segment(f"{runs.running} running", Need.RUNNING),
        Segment(failed, style="red") if runs.failed else Segment(failed, Need.NO_FAILURE),
    ]
    race = status.analysis.race if status.analysis is not None else None
    if race is not None and race.reason is RaceReason.RACING:
        parts.append(Segment(f"{race.racing} still race"))
    if (outer := status.outer) is not None and outer.ended < outer.total:
        parts.append(Segment(f"outer folds {outer.ended}/{outer.total} runs"))
    if status.final is not None and status.final.ended < (total := status.final.replicates * len(status.final.picks)):
        parts.append(Segment(f"final evaluation {status.final.ended}/{total}"))
    if status.best is not None and status.best.objective is not None:
        flags = label(status.best.flags, separator=" ")
        parts.append(Segment(charset.text(f"best {short(status.best.objective.mean)} {flags}"), Need.BEST))
    if seconds_left is not None:
        parts.append(Segment(f"about {duration(seconds_left)} left"))
    return parts


def plain_line(name: str, status: SweepStatus, seconds_left: float | None, charset: Charset = UTF8) -> Text:
    """The line without a bar, for logs."""
    parts = [part.text for part in segments(status, seconds_left, charset)]
    return Text(f"{charset.text(name)}  {charset.own(f' {DOT} ').join(parts)}")


def moving_line(
    name: str, status: SweepStatus, seconds_left: float | None, width: int, charset: Charset = UTF8
) -> Text:
    """The line with a bar, never wider than `width` cells: what is least needed goes first, the bar then shrinks."""
    runs = status.runs
    ended = runs.succeeded + runs.failed
    name, dot = charset.text(name), charset.own(f" {DOT} ")
    parts = segments(status, seconds_left, charset)
    bar_cells = BAR_CELLS
    while _width(name, bar_cells, parts, dot) > width and (len(parts) > 1 or bar_cells):
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
        text.append_text(bar(ended / runs.total if runs.total else 0.0, bar_cells, charset))
        text.append("  ")
    for number, part in enumerate(parts):
        text.append(dot if number else "")
        text.append(part.text, style=part.style)
    return text


def bar(done: float, cells: int, charset: Charset = UTF8) -> Text:
    """A bar of `cells` cells of which the share `done` (0 to 1) is full."""
    halves = round(done * cells * 2)
    full, half = divmod(min(halves, cells * 2), 2)
    text = Text()
    text.append(charset.own(FULL * full + HALF * half), style="green")
    return text.append(charset.own(REST * (cells - full - half)), style="bright_black")


def seconds_left(ended_before: int, ended: int, total: int, elapsed_seconds: float) -> float | None:
    """Estimated remaining time at the average rate of ended runs since the start; None until two have ended.

    ended_before: runs that had ended when the clock started; they say nothing about speed.
    """
    since = ended - ended_before
    if since < 2 or total <= ended:
        return None
    return (total - ended) * elapsed_seconds / since


def _least_needed(parts: Sequence[Segment]) -> int:
    """Which part goes next: of those needed least the last."""
    return min(reversed(range(len(parts))), key=lambda number: parts[number].need)


def _width(name: str, bar_cells: int, parts: Sequence[Segment], dot: str) -> int:
    return cell_len(name) + 2 + (bar_cells + 2 if bar_cells else 0) + cell_len(dot.join(part.text for part in parts))
