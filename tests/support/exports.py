"""Sweeps as they are exported, made by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import JsonValue

from regsweep.api.analysis import PickRole
from regsweep.core.grid import label
from regsweep.core.results.records import Environment, Outcome, Record
from regsweep.export.trainings import Epoch, Exported, Model, Role, Training

BEGAN = 1_795_647_412.0


def model(flags: Mapping[str, JsonValue], *, rank: int | None = 1, role: Role = Role.GRID) -> Model:
    """A model of the grid, the first one picked as the best."""
    picks = (PickRole.BEST,) if rank == 1 else ()
    return Model(f"key-{label(flags)}", role, label(flags), flags, rank, rank == 1 if rank else None, picks)


def training(
    of: Model, replicate: int = 0, *, loss: float = 0.3, epochs: int = 3, diverged: bool = False, ended: bool = True
) -> Training:
    """A training whose losses fall to `loss`; train is 0.1 below, and 0.01 more on all rows than on the sample."""
    course = [
        _epoch(k, loss + 0.1 * (epochs - k), math.nan if diverged and k == epochs else 0.0)
        for k in range(1, epochs + 1)
    ]
    metrics = {} if diverged else {"train_average_loss": loss - 0.09, "val_average_loss": loss, "late_gain": 0.01}
    record = Record(
        of.key,
        replicate,
        Outcome.DIVERGED if diverged else Outcome.OK,
        run=f"run-{of.key}",
        epochs=epochs,
        metrics=metrics,
        environment=Environment("tensorflow", "cpu", image="sha256:1f", data_digest="9a3e"),
        started_at=datetime.fromtimestamp(BEGAN, UTC),
        ended_at=datetime.fromtimestamp(BEGAN + 10, UTC),
    )
    return Training(of, replicate, record if ended else None, tuple(course))


def _epoch(number: int, loss: float, more: float) -> Epoch:
    values = {"train_average_loss": loss - 0.1 + more, "val_average_loss": loss + more, "regularization_loss": 0.01}
    return Epoch(number, values, BEGAN + number)


def sweep(*trainings: Training, **changes: object) -> Exported:
    """The sweep of these trainings."""
    names = tuple(dict.fromkeys(name for each in trainings for name in each.model.flags))
    found = Exported(
        name="mine",
        source="runs/mine",
        flag_names=names,
        parameters={"dataset": "iris", "units": [8, 8]},
        objective="val_average_loss",
        goal="Minimize",
        answer="The best is l2=0.1.",
        image="process:x",
        seed=7,
        trainings=trainings,
    )
    return replace(found, **changes)  # type: ignore[arg-type]
