"""All that is said of a sweep's results, from the ranking to the effects: one call for operator, files and local runner.

Imports numpy and scipy: import this where it is called, not at a program's start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from regsweep.api.analysis import Fit, Spread
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.spec import (
    DEFAULT_SIMPLICITY_ORDER,
    Constraint,
    EpochChoice,
    Goal,
    PickRule,
    Resampling,
    SimplicityFlag,
)
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination
from regsweep.core.judging.stats import findings
from regsweep.core.judging.stats.additive import Bools, fit_additive, fit_means
from regsweep.core.judging.stats.decomposition import Decomposition, decompose
from regsweep.core.judging.stats.effects import Effects, analyse_effects
from regsweep.core.judging.stats.findings import Finding
from regsweep.core.judging.stats.intervals import FEW_REPLICATES, KFOLD_NOTE, NO_ROWS_NOTE
from regsweep.core.judging.stats.levels import Levels, PickResult, levels_of, pick_result, split_of
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.optimism import SelectionOptimism, selection_optimism
from regsweep.core.judging.stats.pairing import mixed_note
from regsweep.core.judging.stats.pick import Pick, one_standard_error_pick
from regsweep.core.judging.stats.racing import Race
from regsweep.core.judging.stats.ranking import Ranking, objective_reader, rank
from regsweep.core.judging.stats.scores import Cells, metric_reader
from regsweep.core.judging.stats.spread import spread_of
from regsweep.core.judging.stats.ties import TiedSet, tied_with_best
from regsweep.core.results.records import Record, Records

BIAS_VARIANCE_NOTE = (
    "No bias and variance: that takes rows which several replicates predict without having seen them. The trainer's parameter "
    "audit_fraction sets some aside for it; with resampling RepeatedKFold every row is one."
)
TOO_FEW_NOTE = f"Fewer than {MIN_REPLICATES_FOR_ERROR} replicates: no errors, no tied set, no one-standard-error pick."
FEW_FOR_TIES_NOTE = (
    "Fewer than 5 replicates: with variances that differ between combinations, more than 5 % of such sweeps leave a true "
    "best out of the tied set."
)
ACCURACY = "val_accuracy"


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """What a person may choose about the analysis; the defaults are the spec's."""

    constraints: Sequence[Constraint] = ()
    simplicity_order: Sequence[SimplicityFlag] = DEFAULT_SIMPLICITY_ORDER
    rule: PickRule = PickRule.PAIRED
    resampling: Resampling = field(default_factory=Resampling)
    prior_loss: float | None = None
    """The labels' entropy in nats; None: taken from `val_label_mean` where the labels are binary, else not compared."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A combination beside the best: differences of the objective, paired where replicates are; positive is worse whatever
    the goal."""

    combination_id: str
    tied: bool
    """In the confidence set of the best."""
    comparable: bool
    """At least 3 replicates in common with the best. False is NotComparable: neither tied nor ruled out."""
    within_one_standard_error: bool
    difference: float | None
    standard_error: float | None
    """From variances moderated over combinations."""
    decomposition: Decomposition
    """Why it is worse, in terms of average_loss."""
    spread: Spread | None
    """Bias and variance, where its records tell."""

    @property
    def fit(self) -> Fit:
        """Overfits, Underfits, Balanced or Undetermined."""
        return self.decomposition.fit


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """What is known of a sweep. Ids are combinations' ids; everything is None or empty where the data do not allow it."""

    ranking: Ranking
    best_id: str | None
    """The best that has at least 3 replicates, and that all is compared with."""
    best: Levels | None
    """How good it is. Chosen by the same data: see `optimism`."""
    optimism: SelectionOptimism | None
    """In the objective's unit; `corrected` is back on the objective's own scale."""
    tied_with_best: tuple[str, ...]
    """Unordered (by id): being in it claims no equivalence."""
    tied_by_accuracy: tuple[str, ...] | None
    """The same by val_accuracy, where the objective is another metric and accuracy is reported."""
    pick: PickResult | None
    comparisons: tuple[Comparison, ...]
    """In the order of the ranking: combinations that may be called best, and those that a race has dropped."""
    effects: Effects | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def analyse(
    combinations: Sequence[Combination],
    point_keys: Mapping[str, str],
    records: Records,
    objective: ObjectiveStatus,
    replicates: int,
    settings: AnalysisSettings | None = None,
    race: Race | None = None,
) -> PipelineResult:
    """Analyses what the replicates 0 ... replicates - 1 have come to so far. Arguments as in `ranking.rank`.

    `race`: of these `combinations`, row by row: best, ties and pick are looked for among those still racing, and the tied
    set is that of its last look.

    Raises KeyError where a combination has no point key.
    """
    settings = settings or AnalysisSettings()
    dropped = frozenset(combinations[row].id for row in race.dropped) if race is not None else frozenset()
    ranking = rank(combinations, point_keys, records, objective, replicates, settings.constraints, dropped)
    paired = not ranking.mixed
    cells = Cells([row.combination for row in ranking.rows if row.comparable], point_keys, records, replicates)
    candidates = np.array([not row.dropped for row in ranking.rows if row.comparable], dtype=np.bool_)
    sign = -1.0 if objective.goal is Goal.MAXIMIZE else 1.0
    reader = objective_reader(objective)
    spreads = [spread_of(cells.sound(row)) for row in range(len(cells.rows))]
    notes = [] if any(spreads) else [BIAS_VARIANCE_NOTE]
    notes += [note for note in [mixed_note(ranking.mixed)] if note]
    effects = _effects(ranking, point_keys, records, objective)
    losses = sign * cells.collect(reader)
    tied = tied_with_best(losses, candidates=candidates, paired=paired) if cells.rows else None
    if tied is None:
        if candidates.any():
            notes.append(TOO_FEW_NOTE)
        return PipelineResult(ranking, None, None, None, (), None, None, (), effects, (), tuple(notes))
    shown = tied if race is None else _as_raced(tied, race, combinations, cells.rows)
    means = (fit_additive(losses) if paired else fit_means(losses)).means
    order, rule = settings.simplicity_order, settings.rule
    pick = one_standard_error_pick(cells.rows, losses, means, tied.best, order, rule, paired, candidates)
    split = split_of(cells, [tied.best], settings.resampling)
    if int(np.isfinite(losses[candidates]).sum(axis=1).min()) < FEW_REPLICATES:
        notes.append(FEW_FOR_TIES_NOTE)
    if settings.resampling.has_folds:
        notes.append(KFOLD_NOTE)
    if split.ratio is None:
        notes.append(NO_ROWS_NOTE)
    train, val = (cells.collect(metric_reader(name)) for name in ("train_average_loss", "val_average_loss"))
    trained = np.isfinite(losses).any(axis=0)
    return PipelineResult(
        ranking=ranking,
        best_id=cells.rows[tied.best].id,
        best=levels_of(sign * losses[tied.best], split),
        optimism=_on_own_scale(selection_optimism(losses[:, trained]), sign),
        tied_with_best=_ids(cells, shown),
        tied_by_accuracy=_tied_by_accuracy(cells, objective, candidates, paired),
        pick=None if pick is None else pick_result(pick, tied.best, cells, losses, sign, settings.resampling, paired),
        comparisons=_comparisons(cells, shown, pick, decompose(train, val, shown, paired), spreads),
        effects=effects,
        findings=_findings(cells, objective, settings, tied, pick, train, val, candidates, paired),
        notes=tuple(notes),
    )


def _effects(
    ranking: Ranking, point_keys: Mapping[str, str], records: Records, objective: ObjectiveStatus
) -> Effects | None:
    sound = [row.combination for row in ranking.rows if row.objective and not row.diverged and not row.undefined]
    if not sound:
        return None
    values = Cells(sound, point_keys, records, ranking.replicates).collect(objective_reader(objective))
    left_out = sum(row.diverged + row.undefined > 0 for row in ranking.rows)
    return analyse_effects(sound, values, left_out, is_loss=objective.metric.endswith("loss"))


def _as_raced(tied: TiedSet, race: Race, combinations: Sequence[Combination], rows: Sequence[Combination]) -> TiedSet:
    """The race's set, with the best as it is now: what has been trained since the last look may have made it another."""
    members = {combinations[row].id for row in np.flatnonzero(race.tied).tolist()}
    mask = np.array([row.id in members for row in rows], dtype=np.bool_) & tied.comparable
    mask[tied.best] = True
    return replace(tied, tied=mask)


def _ids(cells: Cells, tied: TiedSet) -> tuple[str, ...]:
    return tuple(sorted(cells.rows[row].id for row in np.flatnonzero(tied.tied).tolist()))


def _on_own_scale(optimism: SelectionOptimism | None, sign: float) -> SelectionOptimism | None:
    return None if optimism is None else replace(optimism, corrected=sign * optimism.corrected)


def _comparisons(
    cells: Cells,
    tied: TiedSet,
    pick: Pick | None,
    decompositions: Sequence[Decomposition],
    spreads: Sequence[Spread | None],
) -> tuple[Comparison, ...]:
    return tuple(
        Comparison(
            combination_id=combination.id,
            tied=bool(tied.tied[row]),
            comparable=bool(tied.comparable[row]),
            within_one_standard_error=pick is not None and bool(pick.within[row]),
            difference=float(tied.difference[row]) if tied.comparable[row] else None,
            standard_error=float(tied.standard_error[row]) if tied.comparable[row] else None,
            decomposition=decompositions[row],
            spread=spreads[row],
        )
        for row, combination in enumerate(cells.rows)
    )


def _tied_by_accuracy(
    cells: Cells, objective: ObjectiveStatus, candidates: Bools, paired: bool
) -> tuple[str, ...] | None:
    if objective.metric == ACCURACY:
        return None
    accuracies = cells.collect(metric_reader(ACCURACY))
    tied = tied_with_best(-accuracies, candidates=candidates, paired=paired)
    return None if tied is None else _ids(cells, tied)


def _findings(
    cells: Cells,
    objective: ObjectiveStatus,
    settings: AnalysisSettings,
    tied: TiedSet,
    pick: Pick | None,
    train: Floats,
    val: Floats,
    candidates: Bools,
    paired: bool,
) -> tuple[Finding, ...]:
    rows = cells.rows
    of_best = cells.sound(tied.best)
    found = [findings.all_overfit(train, val)]
    prior = settings.prior_loss if settings.prior_loss is not None else _binary_entropy(of_best)
    if prior is not None and np.isfinite(val[tied.best]).any():
        found.append(findings.no_better_than_prior(float(np.nanmean(val[tied.best])), prior))
    found.extend(findings.at_grid_edge("The best", rows[tied.best].flags, rows))
    if pick is not None and pick.row != tied.best:
        found.extend(findings.at_grid_edge("The one-standard-error pick", rows[pick.row].flags, rows))
    found.append(findings.not_converged("The best", of_best))
    other = EpochChoice.BEST if objective.epoch is EpochChoice.LAST else EpochChoice.LAST
    reader = objective_reader(objective.model_copy(update={"epoch": other}))
    sign = -1.0 if objective.goal is Goal.MAXIMIZE else 1.0
    elsewhere = sign * cells.collect(reader)
    enough = np.isfinite(elsewhere).sum(axis=1) >= MIN_REPLICATES_FOR_ERROR
    if enough[candidates].all():
        tied_elsewhere = tied_with_best(elsewhere, candidates=candidates, paired=paired)
        if tied_elsewhere is not None:
            found.append(findings.objective_sensitive(tied.tied, tied_elsewhere.tied))
    return tuple(finding for finding in found if finding is not None)


def _binary_entropy(records: Sequence[Record]) -> float | None:
    """The entropy of binary labels; val_label_mean is reported for regressions too, val_accuracy is not."""
    if not all(ACCURACY in record.metrics for record in records):
        return None
    return findings.binary_entropy([m for record in records if (m := record.metrics.get("val_label_mean")) is not None])
