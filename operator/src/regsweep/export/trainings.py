"""A sweep as a list of trainings: each replicate with its flags, its course, what it came to, and how its combination is ranked. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import JsonValue

from regsweep.api.analysis import PickRole
from regsweep.api.objective import epoch_rule
from regsweep.api.spec import EpochChoice
from regsweep.api.status import RankedResult
from regsweep.core.grid import label
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Point, Sweep, final_points
from regsweep.report.answer import answer
from regsweep.report.model import SweepReport

SPLITS: Final = ("train", "val", "test", "audit")
MOST_FOLDER: Final = 100
"""Characters of a folder's name; file systems take 255 bytes."""
AT_BEST: Final = "_at_best_epoch"
"""After the objective's name where its best epoch is what is ranked."""


class Epoch(NamedTuple):
    """The metrics of a replicate after an epoch."""

    epoch: int
    values: Mapping[str, float]
    """By name, split first; NaN where a value was not a number."""
    at: float | None = None
    """Seconds since 1970; None: not known."""


class Snapshot(NamedTuple):
    """The weights of a replicate after an epoch."""

    epoch: int
    at: float
    """Seconds since 1970."""
    histograms: Mapping[str, tuple[float, float, Sequence[int]]]
    """By the weights' name: least and greatest value, and the counts of buckets of one width between them."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The course of a replicate's weights."""

    snapshots: tuple[Snapshot, ...]
    """Ascending; never empty."""
    graph: str = ""
    """Keras' JSON of the model; empty: none."""


class Role(StrEnum):
    """Why a training was made."""

    GRID = "grid"
    REFERENCE = "reference"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Model:
    """What is trained in each replicate: a combination of the grid, a reference, or a pick of the final evaluation."""

    key: str
    role: Role
    label: str
    flags: Mapping[str, JsonValue]
    """The swept flags."""
    rank: int | None = None
    """In the grid; None: not ranked."""
    tied: bool | None = None
    """It cannot be told from the best; None: not known."""
    picks: tuple[PickRole, ...] = ()

    @property
    def folder(self) -> str:
        """A name for its folder: the label where a file system takes it, else with a part of the key."""
        name = f"{self.role} {self.label}" if self.role is not Role.GRID else self.label
        plain = re.sub(r"[^A-Za-z0-9=.,+_ -]", "_", name.replace(", ", " ")).strip(". ")
        return (
            plain if plain == name.replace(", ", " ") and len(plain) <= MOST_FOLDER else f"{plain[:80]} {self.key[:8]}"
        )


@dataclass(frozen=True, slots=True)
class Training:
    """One replicate."""

    model: Model
    replicate: int
    record: Record | None
    """None: it has not ended."""
    epochs: tuple[Epoch, ...]
    """Ascending; empty where no course was kept."""
    saved: Path | None = None
    """File of its model; None: it was not saved, or not here."""
    weights: Weights | None = None
    """Histograms of its weights, and its graph; None: they were not asked for."""

    @property
    def diverged(self) -> bool:
        """Whether it ended by a number that is not finite."""
        return self.record is not None and self.record.outcome is Outcome.DIVERGED

    @property
    def result(self) -> Mapping[str, float]:
        """The metrics that count, by name, split first; empty before the end. A diverged training's are not a number."""
        if self.record is None:
            return {}
        if self.diverged:
            return dict.fromkeys(self.record.shown_metrics, math.nan)
        return self.record.shown_metrics


@dataclass(frozen=True, slots=True)
class Exported:
    """A sweep with all its trainings."""

    name: str
    source: str
    """Where it is stored, for people."""
    flag_names: tuple[str, ...]
    parameters: Mapping[str, JsonValue]
    objective: str
    """Name of the metric that is ranked by, in the results."""
    goal: str
    answer: str
    image: str
    """What trained: an image, or a laptop's trainer."""
    seed: int
    trainings: tuple[Training, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names in the results of the trainings, the objective first."""
        names = dict.fromkeys(name for training in self.trainings for name in results_of(training, self))
        first = [self.objective] if self.objective in names else []
        return tuple(dict.fromkeys([*first, *names]))


def results_of(training: Training, sweep: Exported) -> dict[str, float]:
    """What a training came to, the objective among it: at its best epoch where that is what is ranked."""
    found = dict(training.result)
    best = training.record.best if training.record is not None else None
    if sweep.objective.endswith(AT_BEST) and best is not None and best.val is not None:
        found[sweep.objective] = math.nan if training.diverged else best.val
    if training.diverged:
        found = dict.fromkeys([*found, sweep.objective], math.nan)
    return found


Which = tuple[str, int]
"""Key of a point, and the replicate."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of trainings beside their records."""

    source: str
    epochs: Mapping[Which, Sequence[Epoch]]
    saved: Mapping[Which, Path] = field(default_factory=dict)
    """Files of models."""
    weights: Mapping[Which, Weights] = field(default_factory=dict)


def exported(sweep: Sweep, report: SweepReport, records: Records, beside: Beside) -> Exported:
    """The sweep with its trainings, in the order of the grid.

    Trainings in the outer folds of nested resampling are left out: they are on other rows.
    """
    rule, ranked_at = epoch_rule(report.objective), report.objective.epoch
    return Exported(
        name=sweep.name,
        source=beside.source,
        flag_names=tuple(flag.name for flag in sweep.spec.flags),
        parameters=sweep.resolved.parameters,
        objective=rule.metric + (AT_BEST if ranked_at is EpochChoice.BEST else ""),
        goal=rule.goal.value,
        answer=answer(report),
        image=sweep.resolved.image,
        seed=sweep.resolved.seed,
        trainings=tuple(_trainings(models(sweep, report), records, beside)),
    )


def models(sweep: Sweep, report: SweepReport) -> list[Model]:
    """All that is trained and shown, the grid first."""
    ranked = {row.combination: row for row in report.ranking}
    found = [_of_grid(point, ranked.get(point.combination.id), report) for point in sweep.points]
    grid = {point.key for point in sweep.points}
    found += [
        Model(each.point.key, Role.REFERENCE, each.name, {**_swept(sweep), **each.flags})
        for each in sweep.references
        if each.point.key not in grid
    ]
    if report.status.final is not None:
        final = report.status.final
        found += [
            Model(
                point.key, Role.FINAL, label(point.combination.flags), point.combination.flags, picks=tuple(pick.roles)
            )
            for point, pick in zip(final_points(sweep, final), final.picks, strict=True)
            if point.outer is None
        ]
    return found


def _of_grid(point: Point, row: RankedResult | None, report: SweepReport) -> Model:
    picks = () if row is None else tuple(_picks(row, report))
    tied = None if row is None or report.comparison(row) is None else report.is_tied(row)
    rank = None if row is None else row.rank
    flags = point.combination.flags
    return Model(point.key, Role.GRID, label(flags), flags, rank, tied, picks)


def _picks(row: RankedResult, report: SweepReport) -> Iterator[PickRole]:
    if report.is_best(row):
        yield PickRole.BEST
    if report.is_pick(row):
        yield PickRole.ONE_STANDARD_ERROR


def _swept(sweep: Sweep) -> dict[str, JsonValue]:
    """The fixed values of the flags that the sweep varies: what a reference has where it says nothing."""
    parameters = sweep.resolved.parameters
    return {flag.name: parameters[flag.name] for flag in sweep.spec.flags if flag.name in parameters}


def _trainings(every: Iterable[Model], records: Records, beside: Beside) -> Iterator[Training]:
    begun: dict[str, set[int]] = {}
    for key, replicate in beside.epochs:
        begun.setdefault(key, set()).add(replicate)
    for model in every:
        stored = {k: record for k, record in records.of(model.key).items() if record.has_result}
        for replicate in sorted({*stored, *begun.get(model.key, ())}):
            which = (model.key, replicate)
            course = sorted(beside.epochs.get(which, ()), key=lambda epoch: epoch.epoch)
            saved, weights = beside.saved.get(which), beside.weights.get(which)
            yield Training(model, replicate, stored.get(replicate), tuple(course), saved, weights)
