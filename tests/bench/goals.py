"""What the control loop has to keep, whether it did, and the page that says so."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.timeline import Refill, quantile
from bench.trials import PARALLELISM, RUNS, SweepTrial, Trial

MIB = 2**20
_SLOWEST = 5
"""Replacements whose parts are shown beside the mean: in 60, the p99 is the slowest."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All trials of one benchmark, in the order in which they ran. ``at_once`` had trainers that sleep 0 s."""

    floors: Sequence[Trial]
    sweeps: Sequence[SweepTrial]
    at_once: Sequence[SweepTrial]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: what the operator took, what the loop took, and what is wanted. None: there is no such figure or goal."""

    name: str
    operator: float
    floor: float | None
    at_most: float | None
    shown: Callable[[float], str]

    @property
    def is_kept(self) -> bool | None:
        """None where there is no goal. What could not be measured (NaN) keeps none."""
        return None if self.at_most is None else self.operator <= self.at_most


def figures(measured: Measured) -> list[Figure]:
    """Medians over the trials; delays of all trials of a kind are taken together."""
    floors, sweeps, at_once = measured.floors, measured.sweeps, measured.at_once
    every = [*sweeps, *at_once]
    wall, floor_wall = statistics.median(t.wall for t in sweeps), statistics.median(t.wall for t in floors)
    jobs, floor_jobs = _all(t.job_refills for t in sweeps), _all(t.job_refills for t in floors)
    pods, floor_pods = _all(t.pod_refills for t in sweeps), _all(t.pod_refills for t in floors)
    return [
        Figure("wall", wall, floor_wall, None, _seconds),
        Figure("wall, of the floor's", wall / floor_wall, 1.0, 0.95, _ratio),
        Figure(
            "create → first pod",
            statistics.median(t.first_pod for t in sweeps),
            statistics.median(t.first_pod for t in floors),
            0.5,
            _seconds,
        ),
        Figure("pod's end → replacement Job, p50", quantile(jobs, 0.5), quantile(floor_jobs, 0.5), None, _seconds),
        Figure("pod's end → replacement Job, p99", quantile(jobs, 0.99), quantile(floor_jobs, 0.99), 0.1, _seconds),
        Figure("pod's end → replacement pod, p50", quantile(pods, 0.5), quantile(floor_pods, 0.5), None, _seconds),
        Figure("pod's end → replacement pod, p99", quantile(pods, 0.99), quantile(floor_pods, 0.99), None, _seconds),
        Figure("API writes per run", statistics.median(t.writes_per_run for t in sweeps), None, 2.5, _ratio),
        Figure("memory, most ever resident", max(t.memory.peak for t in every), None, 120 * MIB, _mebibytes),
        Figure("memory, resident at the end", max(t.memory.rss for t in every), None, None, _mebibytes),
        Figure("processes", max(t.memory.processes for t in every), None, None, _count),
        Figure(f"lost of {RUNS} runs of 1 s, worst trial", max(t.lost for t in sweeps), None, 0, _count),
        Figure(f"lost of {RUNS} runs of 0 s, worst trial", max(t.lost for t in at_once), None, 0, _count),
        Figure("wall with runs of 0 s", statistics.median(t.wall for t in at_once), None, None, _seconds),
    ]


def table(lines: Sequence[Figure]) -> str:
    """As Markdown, in columns that also read well in a terminal."""
    rows = [("", "operator", "shell loop", "goal", "")]
    for one in lines:
        verdict = {True: "kept", False: "MISSED", None: ""}[one.is_kept]
        floor, goal = (one.shown(value) if value is not None else "" for value in (one.floor, one.at_most))
        rows.append((one.name, one.shown(one.operator), floor, goal and f"≤ {goal}", verdict))
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the head, the first column has the names."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [
        "| " + " | ".join([row[0].ljust(widths[0]), *(map(str.rjust, row[1:], widths[1:]))]) + " |" for row in rows
    ]
    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join((aligned[0], rule, *aligned[1:]))


def refill_parts(trials: Sequence[SweepTrial]) -> str:
    """Where the time of replacement Jobs went: of all on average, and of the slowest."""
    parts = sorted((part for trial in trials for part in trial.job_refill_parts), key=lambda part: -part.total)
    if not parts:
        return "No replacement was found in the audit log."
    columns = [parts[:_SLOWEST], parts]
    named: tuple[tuple[str, Callable[[Refill], float]], ...] = (
        ("pod's end → request at the API server", lambda part: part.asked),
        ("→ its answer", lambda part: part.answered),
        ("→ news of the Job", lambda part: part.told),
    )
    rows: list[tuple[str, ...]] = [("", f"slowest {len(columns[0])}", f"all {len(parts)}")]
    rows += [
        (name, *(_seconds(statistics.fmean(of(part) for part in column)) for column in columns)) for name, of in named
    ]
    return _aligned(rows)


def walls(measured: Measured) -> str:
    """Every trial's wall time: how far to trust the medians."""
    kinds = (
        ("shell loop", measured.floors),
        ("operator", measured.sweeps),
        ("operator, runs of 0 s", measured.at_once),
    )
    return "\n".join(f"- {name}: {', '.join(_seconds(trial.wall) for trial in trials)}" for name, trials in kinds)


def writes(trials: Sequence[SweepTrial]) -> str:
    """What the operator wrote in the trial whose number of writes is the median, by verb and resource."""
    chosen: Counter[str] = sorted(trials, key=lambda trial: trial.writes.total())[(len(trials) - 1) // 2].writes
    return "\n".join(f"- {count} × {what}" for what, count in chosen.most_common())


def page(measured: Measured, machine: Sequence[str]) -> str:
    """The committed page."""
    each = len(measured.sweeps)
    return f"""# The control loop, measured
`make bench-control-loop` on the built-in Kubernetes: a sweep of {RUNS} combinations, {PARALLELISM} at a time, of a trainer that
sleeps 1 s and writes its record, without Prometheus and without lingering; beside it, in turns and on the same node, a shell
loop of `kubectl create` and `kubectl wait` over Jobs of the same image.

{table(figures(measured))}

- *wall*: from the start of the first kubectl to the end of the last (shell loop), or to the news of Complete (operator).
  Medians of {each} trials each.
- *create*: the sweep's arrival at the API server; of the loop, its first Job's. A pod's end is the first event that shows it.
- Times are those at which a watch of Jobs, pods and sweeps, in a process of its own, received the events. The p99 of
  {each} × {RUNS - PARALLELISM} replacements is nearly their worst.
- Writes are those of the operator's service account in the API server's audit log, refused ones, dry runs, events and the
  renewal of its lease included. Memory is what the kernel says of all processes of its container.

Where the time of replacement Jobs went, means:

{refill_parts(measured.sweeps)}

The first part is the operator's, with the way of the news to it and of the request from it. The other two are the API
server's: on a machine whose cores all of the cluster shares, it waits for a core while pods start and end.

Wall time of every trial:

{walls(measured)}

Writes of one sweep (the median trial):

{writes(measured.sweeps)}

Measured on: {"; ".join(machine)}.
"""


def _all(lists: Iterable[Sequence[float]]) -> list[float]:
    return [value for values in lists for value in values]


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 10 else f"{value:.3f} s"


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _mebibytes(value: float) -> str:
    return f"{value / MIB:.0f} MiB"


def _count(value: float) -> str:
    return f"{value:.0f}"
