"""What to bear in mind about a sweep's results."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from regsweep.api.findings import Note, NoteType, Subject
from regsweep.api.objective import includes_penalty
from regsweep.api.spec import EpochChoice
from regsweep.core.grid import label
from regsweep.core.judging.stats.candidates import why_nothing_is_best
from regsweep.core.judging.stats.compared import Compared
from regsweep.core.judging.stats.levels import split_of
from regsweep.core.judging.stats.ranking import Ranking
from regsweep.core.judging.stats.scores import metric_reader
from regsweep.core.judging.stats.skewness import is_skewed
from regsweep.core.judging.stats.ties import TiedSet
from regsweep.core.judging.stats.two_ways import ends_two_ways

FEW_REPLICATES = 5
"""Below it little can be told apart (docs/calibration.md)."""


def notes_on_results(compared: Compared, ranking: Ranking) -> Iterator[Note]:
    """What to bear in mind whether or not errors are known."""
    if not any(compared.spreads):
        yield Note(type=NoteType.NO_BIAS_VARIANCE)
    if note := why_nothing_is_best(ranking):
        yield note
    if ranking.mixed:
        yield Note(type=NoteType.MIXED, mixed=list(ranking.mixed))
    if note := _penalty_note(compared, ranking):
        yield note


def notes_on_errors(compared: Compared, tied: TiedSet | None) -> Iterator[Note]:
    """What to bear in mind about ties, pick and intervals. `tied`: None where there are none."""
    if compared.has_no_noise:
        yield Note(type=NoteType.REPLICATES_ALIKE)
        return
    if tied is None:
        if compared.candidates.any():
            yield Note(type=NoteType.TOO_FEW_REPLICATES)
        return
    resampling, of_best = compared.settings.resampling, compared.losses[tied.best]
    if np.nanmax(of_best) == np.nanmin(of_best):
        yield Note(type=NoteType.ALL_EQUAL, subject=Subject.BEST)
    if is_skewed(compared.losses):
        yield Note(type=NoteType.SKEWED)
    if (found := ends_two_ways(compared.losses, compared.paired)) is not None:
        who = label(compared.cells.rows[found.row].flags)
        yield Note(type=NoteType.TWO_WAYS, label=who, count=found.apart, of=found.replicates)
    counts = np.isfinite(compared.losses[compared.candidates]).sum(axis=1)
    if few := int((counts < FEW_REPLICATES).sum()):
        yield Note(type=NoteType.FEW_REPLICATES, count=few, of=len(counts))
    if resampling.has_folds:
        yield Note(type=NoteType.FOLDS_SHARE_ROWS)
    if split_of(compared.cells, [tied.best], resampling).ratio is None:
        yield Note(type=NoteType.ROWS_UNKNOWN)


def _penalty_note(compared: Compared, ranking: Ranking) -> Note | None:
    """Where the objective contains a penalty that is not 0: whether another combination is the best without it."""
    objective, cells = compared.grid.objective, compared.cells
    if not includes_penalty(objective.metric) or ranking.best is None:
        return None
    split = objective.metric.partition("_")[0]
    without = f"{split}_average_loss"
    data, whole = (cells.collect(metric_reader(name)) for name in (without, f"{split}_loss"))
    if objective.epoch is not EpochChoice.LAST or not np.isfinite(data).any():  # they are known at the last epoch alone
        return Note(type=NoteType.PENALTY_IN_OBJECTIVE)
    if np.isfinite(whole).any() and np.allclose(data, whole, rtol=1e-6, atol=0, equal_nan=True):
        return None
    means = np.where(compared.candidates, compared.mean_losses(data), np.nan)
    best = cells.rows[int(np.nanargmin(means))] if np.isfinite(means).any() else ranking.best.combination
    differs = best.id != ranking.best.combination.id
    return Note(type=NoteType.PENALTY_IN_OBJECTIVE, metric=without, label=label(best.flags) if differs else None)
