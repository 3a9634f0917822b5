"""From runs that are kept to pages: what their folders hold, as the view takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final, Protocol

from regsweep.core.grid import label, value_text
from regsweep.local.differences import provenance_of, source_of
from regsweep.local.history import read_history
from regsweep.local.inventory import KeptRun, console
from regsweep.local.revisit import revisit
from regsweep.local.runrows import ERROR_SUFFIX, metric_names, rows, settings_of
from regsweep.local.settings import shown
from regsweep.report.numbers import Measured, measured_column
from regsweep.view.courses import Course, Point, course_of
from regsweep.view.html import page_html
from regsweep.view.run import RunView, run_page
from regsweep.view.sweep import RunTexts, SweepView, sweep_page

SPLITS: Final = ("train_", "val_")
NO_CURVES: Final = (
    "No run of this sweep has kept its epochs: its trainer does not write a history (REGSWEEP_HISTORY in the contract)."
)


def local_sweep_html(folder: Path, runs: Sequence[KeptRun], flags: tuple[str, ...] = ()) -> str:
    """The page of a sweep. runs: all of its folder, at least one. Raises RegsweepError."""
    revisited = revisit(folder, runs)
    points = [*revisited.sweep.points]
    by_key: dict[str, list[KeptRun]] = {}
    for run in runs:
        by_key.setdefault(run.facts.point_key, []).append(run)
    courses = {point.combination.id: courses_of(by_key[point.key]) for point in points if point.key in by_key}
    shown = [run for point in points for run in by_key.get(point.key, ())]
    return page_html(
        sweep_page(
            SweepView(
                revisited.report,
                courses,
                "" if any(courses.values()) else NO_CURVES,
                [RunTexts(f"{run.path.name}  {label(run.facts.flags)}", console(run), source_of(run)) for run in shown],
                flags,
                footer(str(folder)),
            )
        )
    )


def local_run_html(run: KeptRun) -> str:
    """The page of a run. Raises RegsweepError."""
    (row,) = rows([run])
    kept = provenance_of(run)
    names = metric_names(row)
    columns = [
        measured_column(Measured(_number(row.get(prefix + name)), absent="") for name in names)
        for prefix in ("metric_", "metric_val_", "metric_test_")
    ]
    errors = measured_column(Measured(_number(row.get(f"eval_{name}{ERROR_SUFFIX}")), absent="") for name in names)
    git = f"{kept.git.commit}{' with changes' if kept.git.changed else ''}" if kept.git is not None else ""
    settings = {name: value for name, value in settings_of(run).items() if name != "model"}
    facts = [
        *((name, value_text(value)) for name, value in settings.items()),
        ("trainer", " ".join(run.facts.command)),
        ("seed", str(run.facts.seed)),
        ("data", run.facts.data.digest if run.facts.data is not None else ""),
        ("backend", run.records[0].environment.backend if run.records else ""),
        ("device", run.records[0].environment.device if run.records else ""),
        ("environment", ", ".join(shown(run.facts.settings))),
        ("python", kept.python),
        ("platform", kept.platform),
        ("git commit", git),
        ("folder", str(run.path)),
    ]
    model = row.get("model")
    return page_html(
        run_page(
            RunView(
                name=run.path.name,
                label=label(run.facts.flags),
                state=f"{row['state']}, {len(run.records)} of {run.facts.replicates} replicates, begun {row['start']}",
                error=run.error,
                metrics=[list(cells) for cells in zip(names, *columns, errors, strict=True)],
                facts=facts,
                courses=courses_of([run]),
                model=model if isinstance(model, str) else "",
                source=source_of(run),
                console=console(run),
                packages=kept.packages,
                footer=footer(str(run.path)),
            )
        )
    )


def courses_of(runs: Iterable[KeptRun]) -> dict[str, Course]:
    """Learning curves of a combination's runs, by metric without its split."""
    return courses_from([epoch for run in runs for epoch in read_history(run.path, run.facts).epochs])


class AnEpoch(Protocol):
    """The metrics of a replicate after an epoch, wherever they were kept."""

    @property
    def replicate(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def values(self) -> Mapping[str, float]: ...


def courses_from(epochs: Sequence[AnEpoch]) -> dict[str, Course]:
    """Learning curves, by metric without its split."""
    points: dict[str, list[Point]] = {}
    for epoch in epochs:
        for name, value in epoch.values.items():
            points.setdefault(name, []).append(Point(epoch.replicate, epoch.epoch, value))
    metrics = dict.fromkeys(name.removeprefix(split) for name in points for split in SPLITS if name.startswith(split))
    return {metric: course_of(metric, points) for metric in metrics}


def footer(source: str) -> str:
    """What made the page, of what, and when."""
    return f"Made by regsweep {metadata.version('regsweep')} of {source} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value == value else None
