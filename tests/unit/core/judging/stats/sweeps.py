"""A sweep of which the truth is known: no penalty overfits, too much underfits, between it makes no difference."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from regsweep.api.analysis import Analysis
from regsweep.api.findings import NoteType
from regsweep.api.spec import EpochChoice, Flags, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.compared import AnalysisSettings
from regsweep.core.judging.stats.pipeline import analyse
from regsweep.core.judging.stats.ranking import TrainedGrid
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Records

LOSS = ObjectiveStatus(metric="val_average_loss", goal=Goal.MINIMIZE, epoch=EpochChoice.LAST)
AT_BEST = LOSS.model_copy(update={"epoch": EpochChoice.BEST})
ACCURACY = ObjectiveStatus(metric="val_accuracy", goal=Goal.MAXIMIZE, epoch=EpochChoice.LAST)
L2, DROPOUT = [0.0, 0.01, 0.1, 1.0], [0.0, 0.3]
COMBINATIONS = [
    Combination(f"{i:02x}", {"l2": l2, "dropout": dropout}, i)
    for i, (l2, dropout) in enumerate(itertools.product(L2, DROPOUT))
]
KEYS = {combination.id: combination.id for combination in COMBINATIONS}
TRAIN = {0.0: 0.02, 0.01: 0.20, 0.1: 0.21, 1.0: 0.60}
GAP = {0.0: 0.60, 0.01: 0.06, 0.1: 0.05, 1.0: 0.01}
"""Without l2 the network overfits, with too much it underfits; between, it makes no difference."""


def sweep(n: int = 5, change: Callable[[Flags, int, Record], Record] = lambda flags, k, record: record) -> Records:
    rng = np.random.default_rng(1)
    easy = (0.02 * rng.standard_normal(n)).tolist()
    records = Records()
    for combination in COMBINATIONS:
        l2 = combination.flags["l2"]
        assert isinstance(l2, float)
        for k in range(n):
            train = float(TRAIN[l2] + 0.003 * rng.standard_normal())
            val = float(train + GAP[l2] + easy[k] + 0.005 * rng.standard_normal())
            metrics = {
                "train_average_loss": train,
                "val_average_loss": val,
                "val_accuracy": 1 - val,
                "val_label_mean": 0.4,
            }
            record = Record(
                combination.id, k, Outcome.OK, "run", epochs=100, metrics=metrics, best=BestEpoch(60, train, val)
            )
            records.add(change(combination.flags, k, record))
    return records


def on_rows(train: int | None, val: int | None) -> Callable[[Flags, int, Record], Record]:
    return lambda flags, k, record: replace(record, environment=Environment(train_rows=train, val_rows=val))


def trained(records: Records, n: int = 5, objective: ObjectiveStatus = LOSS) -> TrainedGrid:
    return TrainedGrid(COMBINATIONS, KEYS, records, objective, n)


def analysis(
    records: Records, n: int = 5, objective: ObjectiveStatus = LOSS, settings: AnalysisSettings | None = None
) -> Analysis:
    return analyse(trained(records, n, objective), settings)


def flags_of(ident: str | None) -> Mapping[str, object]:
    return next(combination.flags for combination in COMBINATIONS if combination.id == ident)


def notes_of(result: Analysis) -> set[NoteType]:
    return {note.type for note in result.notes}
