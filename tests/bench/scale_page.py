"""What large sweeps have to keep, whether they did, and the page that says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.scale_trials import FINISHED_SWEEPS, IDLE_SECONDS, IN_FLIGHT, SMALL, SweepTrial, TakeOvers, Trial
from bench.timeline import quantile
from regsweep.adapters.lease import LeaseTimes

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Pair:
    """The floor and the operator at one size."""

    floor: Trial
    operator: SweepTrial

    @property
    def ratio(self) -> float:
        """The operator's wall in that of the floor."""
        return self.operator.wall / self.floor.wall


@dataclass(frozen=True, slots=True)
class Measured:
    """All trials."""

    pairs: Sequence[Pair]
    many: SweepTrial
    """A hundred sweeps."""
    beside: Sequence[float]
    """Refills of small sweeps beside five large ones."""
    finished_jobs: int
    """Over which, and over twenty other finished sweeps of that size, an operator was started."""
    started: float
    """Seconds from there to its first new Job."""
    started_peak: int
    taken_over: TakeOvers


@dataclass(frozen=True, slots=True)
class Line:
    """A figure for each size, for a hundred sweeps, and what it may be at most."""

    name: str
    shown: Sequence[str]
    goal: str
    kept: bool | None
    """None: there is no goal."""


def lines(measured: Measured) -> Iterator[Line]:
    """The main table."""
    every = [*(pair.operator for pair in measured.pairs), measured.many]
    pairs = measured.pairs

    def line(name: str, values: Sequence[float], unit: str, at_most: float | None) -> Line:
        goal = f"≤ {_shown(at_most, unit)}" if at_most is not None else ""
        return Line(name, [_shown(v, unit) for v in values], goal, None if at_most is None else max(values) <= at_most)

    yield line("wall of the floor", [pair.floor.wall for pair in pairs], "s", None)
    yield line("wall", [each.wall for each in every], "s", None)
    yield line("wall, of the floor's", [pair.ratio for pair in pairs], "", 1.1)
    yield line("refill of the floor, p99", [pair.floor.refill(0.99) for pair in pairs], "ms", None)
    yield line("refill, p50", [each.refill(0.5) for each in every], "ms", None)
    yield line("refill, p99", [each.refill(0.99) for each in every], "ms", 0.1)
    yield line("CPU of the operator", [each.account.cpu for each in every], "s", 60)
    yield line("CPU for each event", [each.account.cpu / each.events for each in every], "ms", 0.002)
    yield line("memory, most ever resident", [each.account.peak / MB for each in every], "MB", 150)
    yield line("API writes per run", [each.account.writes / each.runs for each in every], "", 2.2)
    yield line("largest status", [each.status_bytes / 1000 for each in every], "kB", 100)
    yield line("last pod's end → Complete", [each.told for each in every], "s", None)


def verdicts(measured: Measured) -> list[bool]:
    """Which goals are kept."""
    return [line.kept for line in (*lines(measured), *_others(measured)) if line.kept is not None]


def page(measured: Measured, costs: str, machine: str) -> str:
    """The whole page."""
    sizes = [f"{pair.operator.runs:,}" for pair in measured.pairs]
    rows = [["combinations", *sizes, f"100 sweeps of {SMALL}", "goal", ""]]
    rows += [
        [line.name, *line.shown, *([""] if len(line.shown) == len(sizes) else []), line.goal, _verdict(line.kept)]
        for line in lines(measured)
    ]
    others = [["", "figure", "goal", ""]]
    others += [[line.name, *line.shown, line.goal, _verdict(line.kept)] for line in _others(measured)]
    return f"""# Large sweeps, measured
`make bench-scale` on an API server with its Job controller: 5 replicates for each combination, {IN_FLIGHT} runs in
flight (20 at 100 combinations), runs of 3 to 7 s. KWOK plays the node and the pods, whose termination messages carry
five records. The floor creates
the same Jobs, a new one whenever a pod ends, and does nothing else.

{_table(rows)}

- A *refill* is the time from the news of a pod's end to those of the Job that takes its slot, by a watch in another process. The p99 of
  the first column is nearly its worst.
- *CPU* is that of the operator's process and of its analyses, from its start. An *event* is one of a Job, a pod or a sweep.
- *Wall* is from the first Job to the last pod's end.

{_table(others)}

## What a pass costs
In one process, without a cluster: half of the combinations trained, {IN_FLIGHT} runs in flight. CPU time, medians of what
is done again and again. A pass looks only at [what has changed](adr/0033-what-a-pass-keeps.md).

{costs}

Before that, at 10,000 combinations, a plan took 49 ms, a status 216 ms, reading records 652 ms (38 MB), and listing
finished Jobs and pods 2.6 s (88 MB), by the same script.

Measured on: {machine}.
"""


def _others(measured: Measured) -> Iterator[Line]:
    def line(name: str, value: float, shown: str, goal: str, at_most: float) -> Line:
        return Line(name, [shown], goal, value <= at_most)

    beside, idle = quantile(measured.beside, 0.99), measured.many
    name = f"refill of small sweeps beside five large ones, p99 of {len(measured.beside)}"
    yield line(name, beside, _shown(beside, "ms"), "≤ 1000 ms", 1)
    finished = f"{measured.finished_jobs:,}"
    name = f"start over {finished} finished Jobs and {FINISHED_SWEEPS} finished sweeps of {finished} → first new Job"
    yield line(name, measured.started, _shown(measured.started, "s"), "≤ 5.0 s", 5)
    peak = measured.started_peak / MB
    yield line("memory then, most resident", peak, _shown(peak, "MB"), "≤ 150 MB", 150)
    name = f"requests a second over {IDLE_SECONDS:g} s, 100 finished sweeps"
    yield line(name, idle.idle_requests, f"{idle.idle_requests:.2f}", "≤ 2", 2)
    yield line("CPU then, of a core", idle.idle_cpu, f"{100 * idle.idle_cpu:.1f} %", "≤ 5 %", 0.05)
    over = measured.taken_over
    yield line("SIGTERM to the leader → another leads", over.stopped, _shown(over.stopped, "s"), "≤ 1.0 s", 1)
    most = LeaseTimes().duration + 1
    yield line(
        "SIGKILL to the leader → another leads", over.crashed, _shown(over.crashed, "s"), f"≤ {most:.1f} s", most
    )
    name = f"Jobs created of a sweep of {over.runs} runs with both take-overs"
    yield Line(name, [f"{over.created}"], f"{over.runs}", over.created == over.runs)


def _shown(value: float, unit: str) -> str:
    match unit:
        case "ms":
            return f"{value * 1000:.1f} ms"
        case "":
            return f"{value:.2f}"
        case "s":
            return f"{value:.1f} s"
    return f"{value:.0f} {unit}"


def _verdict(kept: bool | None) -> str:
    return {True: "kept", False: "MISSED", None: ""}[kept]


def _table(rows: Sequence[Sequence[str]]) -> str:
    rendered = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([rendered[0], "|---|" + "---:|" * (len(rows[0]) - 1), *rendered[1:]])
