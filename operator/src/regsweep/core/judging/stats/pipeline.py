"""All that is said of a sweep's results, from the ranking to the effects: one call for operator, files and local runner.

Imports numpy and scipy: import this where it is called, not at a program's start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from regsweep.api.analysis import MOST_NOTES, Analysis, Comparison, Effects, Equivalence, Optimism
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.findings import Finding, Note, NoteType, Subject
from regsweep.api.regularizers import is_unregularized
from regsweep.api.spec import EpochChoice
from regsweep.core.grid import Combination, label
from regsweep.core.judging.stats import findings
from regsweep.core.judging.stats.accuracy import ACCURACY, LABEL_MEAN, accuracy_summary, r_squared
from regsweep.core.judging.stats.cautions import notes_on_errors, notes_on_results
from regsweep.core.judging.stats.compared import AnalysisSettings, Compared
from regsweep.core.judging.stats.decomposition import Decomposition, decompose
from regsweep.core.judging.stats.edges import Swept, at_grid_edge
from regsweep.core.judging.stats.effects import analyse_effects
from regsweep.core.judging.stats.equivalence import equivalences, ratios_of
from regsweep.core.judging.stats.intervals import Split
from regsweep.core.judging.stats.levels import Judging, Scale, level_of, pick_result, split_of
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.optimism import selection_optimism
from regsweep.core.judging.stats.pick import Pick
from regsweep.core.judging.stats.planning import plan_replicates
from regsweep.core.judging.stats.racing import Race, race_status
from regsweep.core.judging.stats.ranking import Ranking, TrainedGrid, objective_reader, rank, train_reader
from regsweep.core.judging.stats.reductions import reductions
from regsweep.core.judging.stats.scores import Cells, metric_reader
from regsweep.core.judging.stats.ties import TiedSet
from regsweep.core.results.records import Record

AREA = "val_auc"
CHANCE_AREA = 0.5
"""Area under the curve of a constant prediction."""
REPORTED_STEP = 2e-6
"""Differences below it are those of rounding: records have six digits."""
DECOMPOSED = "val_average_loss"
"""The objective that is a fit to the training rows and a gap."""


def analyse(
    grid: TrainedGrid,
    settings: AnalysisSettings | None = None,
    race: Race | None = None,
    *,
    are_contenders: bool = False,
) -> Analysis:
    """Analyses what the grid's replicates have come to so far; figures have all their digits, messages are empty.

    Ties, pick and comparisons are absent where no combination has 3 replicates, and where the first of the ranking is not the
    best that has.

    `race`: of the grid's combinations, row by row: best, ties and pick are looked for among those still racing, and the tied
    set is that of its last look. `are_contenders`: the combinations are what a refinement has left, so that the intervals of the best
    hold for whichever of them it is.

    Raises KeyError where a combination has no point key.
    """
    settings = settings or AnalysisSettings()
    dropped = frozenset(grid.combinations[row].id for row in race.dropped) if race is not None else frozenset()
    ranking = rank(grid, settings.constraints, dropped)
    compared = Compared.of(grid, ranking, settings, are_contenders=are_contenders)
    is_known = not compared.has_no_noise
    tied = compared.tied() if is_known and compared.cells.rows else None
    judged, effects = None, _effects(grid, ranking) if is_known else None
    if (
        tied is not None
        and ranking.best is not None
        and ranking.best.combination.id == compared.cells.rows[tied.best].id
    ):
        judged = _judged(compared, tied, race, effects)
    notes = [*notes_on_results(compared, ranking), *notes_on_errors(compared, tied)]
    if tied is not None and judged is None:
        notes.append(Note(type=NoteType.REPLICATES_MISSING))
    return (judged or Analysis()).model_copy(
        update={
            "paired": compared.paired,
            "effects": effects,
            "race": None if race is None else race_status(race),
            "notes": notes[:MOST_NOTES],
        }
    )


def _judged(compared: Compared, tied: TiedSet, race: Race | None, effects: Effects | None) -> Analysis:
    """All that is said beside the best."""
    cells, losses, grid = compared.cells, compared.losses, compared.grid
    shown = tied if race is None else _as_raced(tied, race, grid.combinations, cells.rows)
    pick = compared.pick(tied.best)
    scale = Scale.of(grid.objective.metric, grid.sign, grid.sign * losses)
    how = Judging(scale, compared.settings.resampling, compared.paired, compared.are_contenders)
    train, val = (cells.collect(metric_reader(name)) for name in ("train_average_loss", "val_average_loss"))
    by_accuracy = _tied_by_accuracy(compared)
    plain = _unregularized(cells)
    return Analysis(
        best=level_of(losses, tied.best, cells, how),
        tied_count=int(shown.tied.sum()),
        tied_with_best=_labels(cells, shown),
        tied_by_accuracy=None if by_accuracy is None else _labels(cells, by_accuracy),
        accuracy=accuracy_summary(cells, tied.best, (by_accuracy or shown).tied),
        r_squared=r_squared(cells, tied.best),
        pick=None if pick is None else pick_result(pick, tied.best, cells, losses, how),
        minimum_difference=compared.settings.minimum_difference,
        unregularized=None if plain is None else cells.rows[plain].id,
        reductions=[] if plain in (None, tied.best) else reductions(cells, tied.best, plain, compared.paired),
        planning=plan_replicates(
            cells.rows, losses, shown, compared.settings.resampling, compared.settings.minimum_difference
        ),
        comparisons=list(_comparisons(compared, shown, plain)),
        selection_optimism=_optimism(losses, tied.best, grid.sign),
        findings=list(_findings(compared, tied, pick, train, val, effects))[:MOST_NOTES],
    )


def _effects(grid: TrainedGrid, ranking: Ranking) -> Effects | None:
    sound = [row.combination for row in ranking.rows if row.objective and not row.diverged and not row.undefined]
    if not sound:
        return None
    values = Cells(sound, grid).collect(objective_reader(grid.objective))
    left_out = sum(row.diverged + row.undefined > 0 for row in ranking.rows)
    scale = Scale.of(grid.objective.metric, grid.sign, values)
    return analyse_effects(sound, values, left_out, is_loss=grid.objective.metric.endswith("loss"), scale=scale)


def _as_raced(tied: TiedSet, race: Race, combinations: Sequence[Combination], rows: Sequence[Combination]) -> TiedSet:
    """The race's set, with the best as it is now: what has been trained since the last look may have made it another."""
    members = {combinations[row].id for row in np.flatnonzero(race.tied).tolist()}
    mask = np.array([row.id in members for row in rows], dtype=np.bool_) & tied.comparable
    mask[tied.best] = True
    return replace(tied, tied=mask)


def _labels(cells: Cells, tied: TiedSet) -> list[str]:
    """Labels of the set's members, in the order of their ids: the set claims no order."""
    members = sorted((cells.rows[row] for row in np.flatnonzero(tied.tied).tolist()), key=lambda each: each.id)
    return [label(each.flags) for each in members]


def _optimism(losses: Floats, best: int, sign: float) -> Optimism | None:
    """None where another combination than the best would be chosen of those that lack no replicate: its luck is not the best's."""
    table = losses[:, np.isfinite(losses).any(axis=0)]
    means = table.mean(axis=1)  # NaN where a replicate is missing
    if not means[best] <= np.nanmin(means, initial=np.inf):
        return None
    found = selection_optimism(table)
    return None if found is None else found.model_copy(update={"corrected": sign * found.corrected})


def _decompositions(compared: Compared, tied: TiedSet) -> Sequence[Decomposition]:
    """What makes combinations worse, by the objective's own values: of another metric than the loss nothing is said."""
    objective, losses = compared.grid.objective, compared.losses
    if objective.metric != DECOMPOSED:
        nothing = np.full_like(losses, np.nan)
        return decompose(nothing, nothing, tied, compared.paired)
    return decompose(compared.cells.collect(train_reader(objective)), losses, tied, compared.paired)


def _unregularized(cells: Cells) -> int | None:
    """The first row in which every regulariser that varies is off; None where there is none."""
    rows = enumerate(cells.rows)
    return next((row for row, combination in rows if is_unregularized(combination.flags, combination.flags)), None)


def _comparisons(compared: Compared, tied: TiedSet, plain: int | None) -> Iterator[Comparison]:
    """One for each combination, in the order of the ranking. `plain`: the row without regularisation."""
    decompositions = _decompositions(compared, tied)
    beside_best, beside_plain = _equivalences(compared, [tied.best, plain])
    for row, combination in enumerate(compared.cells.rows):
        comparable, parts = bool(tied.comparable[row]), decompositions[row]
        yield Comparison(
            combination=combination.id,
            label=label(combination.flags),
            tied=bool(tied.tied[row]),
            comparable=comparable,
            fit=parts.fit,
            difference=float(tied.difference[row]) if comparable else None,
            standard_error=float(tied.standard_error[row]) if comparable and row != tied.best else None,
            gap_larger=parts.gap is not None and parts.gap.lower_bound > 0,
            beside_best=beside_best[row],
            beside_unregularized=beside_plain[row],
            spread=compared.spreads[row],
        )


def _equivalences(compared: Compared, references: Sequence[int | None]) -> Sequence[Sequence[Equivalence | None]]:
    """Each row beside each reference, where a minimum difference is named."""
    settings, cells = compared.settings, compared.cells
    difference, nothing = settings.minimum_difference, [None] * len(cells.rows)
    if difference is None:
        return [nothing for _ in references]
    ratios = ratios_of(cells, Split(settings.resampling).ratio)
    return [
        nothing if row is None else equivalences(compared.losses, row, ratios, difference, compared.paired)
        for row in references
    ]


def _tied_by_accuracy(compared: Compared) -> TiedSet | None:
    """The set by val_accuracy, where the objective is another metric and accuracy is reported."""
    if compared.grid.objective.metric == ACCURACY:
        return None
    return compared.tied_by(-compared.cells.collect(metric_reader(ACCURACY)))


def _findings(
    compared: Compared, tied: TiedSet, pick: Pick | None, train: Floats, val: Floats, effects: Effects | None
) -> Iterator[Finding]:
    cells = compared.cells
    of_best = cells.sound(tied.best)
    found = [findings.all_overfit(train, val), _no_better_than_prior(compared, tied.best, val)]
    found += _edges(compared, Subject.BEST, tied.best, tied, effects)
    if pick is not None and pick.row != tied.best:
        found += _edges(compared, Subject.PICK, pick.row, tied, effects)
    settings, metric = compared.settings, cells.grid.objective.metric
    trained_with = {**settings.parameters, **cells.rows[tied.best].flags}
    found.append(findings.not_converged(Subject.BEST, of_best, trained_with, metric, settings.minimum_difference))
    found.append(_objective_sensitive(compared, tied))
    return (finding for finding in found if finding is not None)


def _edges(compared: Compared, subject: Subject, row: int, tied: TiedSet, effects: Effects | None) -> Iterator[Finding]:
    """Ends of the values swept at which the combination lies, of flags that matter and are surely better there."""
    settings, cells = compared.settings, compared.cells
    near = tied.tied.copy()
    near[row] = True
    swept = Swept(compared.grid.combinations, settings.flags, settings.exclude)
    for found in at_grid_edge(subject, cells.rows[row].flags, swept):
        flag, end = found.flag, found.end
        if flag is None or end is None or not findings.matters(flag, effects):
            continue
        if findings.better_than_neighbour(flag, end, cells.rows, compared.losses, near):
            yield found


def _no_better_than_prior(compared: Compared, best: int, val: Floats) -> Finding | None:
    settings, cells = compared.settings, compared.cells
    of_best = cells.sound(best)
    prior = settings.prior_loss if settings.prior_loss is not None else _binary_entropy(of_best)
    if prior is None or not np.isfinite(val).any():
        return None
    accuracy, area, share = (cells.collect(metric_reader(name)) for name in (ACCURACY, AREA, LABEL_MEAN))
    gains = [prior - val, accuracy - np.maximum(share, 1 - share), area - CHANCE_AREA]
    gains = [np.where(np.abs(gain) < REPORTED_STEP, 0.0, gain) for gain in gains]
    ratio = split_of(cells, [best], settings.resampling).ratio or 0.0
    return findings.no_better_than_prior(best, prior, gains, ratio)


def _objective_sensitive(compared: Compared, tied: TiedSet) -> Finding | None:
    objective = compared.grid.objective
    other = EpochChoice.BEST if objective.epoch is EpochChoice.LAST else EpochChoice.LAST
    elsewhere = compared.cells.losses(objective_reader(objective.model_copy(update={"epoch": other})))
    enough = np.isfinite(elsewhere).sum(axis=1) >= MIN_REPLICATES_FOR_ERROR
    if not enough[compared.candidates].all():
        return None
    there = compared.tied_by(elsewhere)
    return None if there is None else findings.objective_sensitive(compared.losses, elsewhere, tied, there)


def _binary_entropy(records: Sequence[Record]) -> float | None:
    """The entropy of binary labels; val_label_mean is reported for regressions too, val_accuracy is not."""
    if not all(ACCURACY in record.metrics for record in records):
        return None
    return findings.binary_entropy([m for record in records if (m := record.metrics.get(LABEL_MEAN)) is not None])
