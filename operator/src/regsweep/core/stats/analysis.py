"""All that is said of a sweep's results, from the ranking to the effects: one call for operator, files and local runner.

Imports numpy and scipy: import this where it is called, not at a program's start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination
from regsweep.core.records import Outcome, Record, Records
from regsweep.core.stats import findings
from regsweep.core.stats.additive import fit_additive
from regsweep.core.stats.decomposition import Decomposition, Label, decompose
from regsweep.core.stats.effects import Effects, analyse_effects
from regsweep.core.stats.findings import Finding
from regsweep.core.stats.intervals import (
    FEW_REPLICATES,
    KFOLD_NOTE,
    NO_ROWS_NOTE,
    Interval,
    Resampling,
    ResamplingKind,
    given_data,
    new_data,
)
from regsweep.core.stats.moderation import Floats
from regsweep.core.stats.optimism import SelectionOptimism, selection_optimism
from regsweep.core.stats.pick import OneStandardErrorRule, Pick, one_standard_error_pick
from regsweep.core.stats.ranking import Constraint, Ranking, objective_reader, rank
from regsweep.core.stats.scores import collect, metric_reader
from regsweep.core.stats.simplicity import DEFAULT_SIMPLICITY_ORDER, SimplicityFlag
from regsweep.core.stats.ties import MIN_COMMON_REPLICATES, TiedSet, tied_with_best

MIXED_NOTE = (
    "Replicates were trained on different backends or device classes ({kinds}): their weights and dropout are not paired, "
    "so that differences carry more noise than paired ones would, and a difference may be the device's."
)
BIAS_VARIANCE_NOTE = (
    "No bias and variance: that takes two or more out-of-sample predictions of each row, and records hold none."
)
TOO_FEW_NOTE = "Fewer than 3 replicates: no errors, no tied set, no one-standard-error pick."
FEW_FOR_TIES_NOTE = (
    "Fewer than 5 replicates: with variances that differ between combinations, more than 5 % of such sweeps leave a true "
    "best out of the tied set."
)
ACCURACY = "val_accuracy"


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """What a person may choose about the analysis; the defaults are the spec's."""

    constraints: tuple[Constraint, ...] = ()
    simplicity_order: tuple[SimplicityFlag, ...] = DEFAULT_SIMPLICITY_ORDER
    rule: OneStandardErrorRule = OneStandardErrorRule.PAIRED
    resampling: Resampling = field(default_factory=Resampling)
    prior_loss: float | None = None
    """The labels' entropy in nats; None: taken from `val_label_mean` where the labels are binary, else not compared."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A combination beside the best: paired differences of the objective, positive is worse whatever the goal."""

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

    @property
    def label(self) -> Label:
        """Overfits, Underfits, Balanced or Undetermined."""
        return self.decomposition.label


@dataclass(frozen=True, slots=True)
class Levels:
    """How good a combination is, for this data set and for new data."""

    given_data: Interval | None
    new_data: Interval | None


@dataclass(frozen=True, slots=True)
class PickResult:
    """The one-standard-error pick."""

    combination_id: str
    is_best: bool
    """Nothing simpler was about as good."""
    candidates: int
    levels: Levels
    difference_given_data: Interval | None
    """Pick minus best, paired, positive is worse; None where the pick is the best."""
    difference_new_data: Interval | None
    rule: OneStandardErrorRule


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of a sweep. Ids are combinations' ids; everything is None or empty where the data do not allow it."""

    ranking: Ranking
    best: Levels | None
    """Of the first of the ranking. Chosen by the same data: see `optimism`."""
    optimism: SelectionOptimism | None
    """In the objective's unit; `corrected` is back on the objective's own scale."""
    tied_with_best: tuple[str, ...]
    """Unordered (by id): being in it claims no equivalence."""
    tied_by_accuracy: tuple[str, ...] | None
    """The same by val_accuracy, where the objective is another metric and accuracy is reported."""
    pick: PickResult | None
    comparisons: tuple[Comparison, ...]
    """In the order of the ranking; combinations that may be called best only."""
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
) -> Analysis:
    """Analyses what the replicates 0 ... replicates - 1 have come to so far. Arguments as in `ranking.rank`.

    Raises KeyError where a combination has no point key.
    """
    settings = settings or AnalysisSettings()
    ranking = rank(combinations, point_keys, records, objective, replicates, settings.constraints)
    rows = [row.combination for row in ranking.rows if row.eligible]
    sound = [row.combination for row in ranking.rows if row.objective and not row.diverged and not row.undefined]
    left_out = sum(row.diverged + row.undefined > 0 for row in ranking.rows)
    sign = -1.0 if objective.goal is Goal.MAXIMIZE else 1.0
    reader = objective_reader(objective)
    notes = [BIAS_VARIANCE_NOTE, *_mixed_note(records)]
    effects = None
    if sound:
        values = collect(sound, point_keys, records, replicates, reader)
        effects = analyse_effects(sound, values, left_out, is_loss=objective.metric.endswith("loss"))
    losses = sign * collect(rows, point_keys, records, replicates, reader)
    tied = tied_with_best(losses) if rows else None
    if tied is None:
        if rows:
            notes.append(TOO_FEW_NOTE)
        return Analysis(ranking, None, None, (), None, None, (), effects, (), tuple(notes))
    train = collect(rows, point_keys, records, replicates, metric_reader("train_average_loss"))
    val = collect(rows, point_keys, records, replicates, metric_reader("val_average_loss"))
    means = fit_additive(losses).means
    pick = one_standard_error_pick(rows, losses, means, tied.best, settings.simplicity_order, settings.rule)
    if int(np.isfinite(losses).sum(axis=1).min()) < FEW_REPLICATES:
        notes.append(FEW_FOR_TIES_NOTE)
    if settings.resampling.kind is not ResamplingKind.HOLDOUT:
        notes.append(KFOLD_NOTE)
    if settings.resampling.ratio is None:
        notes.append(NO_ROWS_NOTE)
    return Analysis(
        ranking=ranking,
        best=_levels(sign * losses[tied.best], settings.resampling),
        optimism=_on_own_scale(selection_optimism(losses), sign),
        tied_with_best=_ids(rows, tied),
        tied_by_accuracy=_tied_by_accuracy(rows, point_keys, records, objective, replicates),
        pick=_pick(pick, rows, losses, tied.best, sign, settings.resampling),
        comparisons=_comparisons(rows, tied, pick, decompose(train, val, tied)),
        effects=effects,
        findings=_findings(rows, point_keys, records, objective, replicates, settings, tied, pick, train, val),
        notes=tuple(notes),
    )


def _levels(values: Floats, resampling: Resampling) -> Levels:
    there = values[np.isfinite(values)]
    return Levels(given_data(there, resampling), new_data(there, resampling))


def _ids(rows: Sequence[Combination], tied: TiedSet) -> tuple[str, ...]:
    return tuple(sorted(rows[row].id for row in np.flatnonzero(tied.tied).tolist()))


def _on_own_scale(optimism: SelectionOptimism | None, sign: float) -> SelectionOptimism | None:
    return None if optimism is None else replace(optimism, corrected=sign * optimism.corrected)


def _pick(
    pick: Pick | None,
    rows: Sequence[Combination],
    losses: Floats,
    best: int,
    sign: float,
    resampling: Resampling,
) -> PickResult | None:
    if pick is None:
        return None
    differences = losses[pick.row] - losses[best]
    differences = differences[np.isfinite(differences)]
    is_best = pick.row == best
    return PickResult(
        combination_id=rows[pick.row].id,
        is_best=is_best,
        candidates=pick.candidates,
        levels=_levels(sign * losses[pick.row], resampling),
        difference_given_data=None if is_best else given_data(differences, resampling),
        difference_new_data=None if is_best else new_data(differences, resampling),
        rule=pick.rule,
    )


def _comparisons(
    rows: Sequence[Combination], tied: TiedSet, pick: Pick | None, decompositions: Sequence[Decomposition]
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
        )
        for row, combination in enumerate(rows)
    )


def _tied_by_accuracy(
    rows: Sequence[Combination],
    point_keys: Mapping[str, str],
    records: Records,
    objective: ObjectiveStatus,
    replicates: int,
) -> tuple[str, ...] | None:
    if objective.metric == ACCURACY:
        return None
    accuracies = collect(rows, point_keys, records, replicates, metric_reader(ACCURACY))
    tied = tied_with_best(-accuracies)
    return None if tied is None else _ids(rows, tied)


def _findings(
    rows: Sequence[Combination],
    point_keys: Mapping[str, str],
    records: Records,
    objective: ObjectiveStatus,
    replicates: int,
    settings: AnalysisSettings,
    tied: TiedSet,
    pick: Pick | None,
    train: Floats,
    val: Floats,
) -> tuple[Finding, ...]:
    best = rows[tied.best]
    of_best = [record for record in records.of(point_keys[best.id]).values() if record.outcome is Outcome.OK]
    found = [findings.all_overfit(train, val)]
    prior = settings.prior_loss if settings.prior_loss is not None else _binary_entropy(of_best)
    if prior is not None and np.isfinite(val[tied.best]).any():
        found.append(findings.no_better_than_prior(float(np.nanmean(val[tied.best])), prior))
    found.extend(findings.at_grid_edge("The best", best.flags, rows))
    if pick is not None and pick.row != tied.best:
        found.extend(findings.at_grid_edge("The one-standard-error pick", rows[pick.row].flags, rows))
    found.append(findings.not_converged("The best", of_best))
    other = EpochChoice.BEST if objective.epoch is EpochChoice.LAST else EpochChoice.LAST
    reader = objective_reader(objective.model_copy(update={"epoch": other}))
    sign = -1.0 if objective.goal is Goal.MAXIMIZE else 1.0
    elsewhere = sign * collect(rows, point_keys, records, replicates, reader)
    enough = np.isfinite(elsewhere).sum(axis=1) >= MIN_COMMON_REPLICATES
    if enough.all() and (tied_elsewhere := tied_with_best(elsewhere)) is not None:
        found.append(findings.objective_sensitive(tied.tied, tied_elsewhere.tied))
    return tuple(finding for finding in found if finding is not None)


def _binary_entropy(records: Sequence[Record]) -> float | None:
    """The entropy of binary labels; val_label_mean is reported for regressions too, val_accuracy is not."""
    if not all(ACCURACY in record.metrics for record in records):
        return None
    return findings.binary_entropy([m for record in records if (m := record.metrics.get("val_label_mean")) is not None])


def _mixed_note(records: Records) -> list[str]:
    found = {r.environment for r in records if r.has_result}
    kinds = sorted({f"{e.backend} on {e.device}" for e in found if e.backend or e.device})
    return [MIXED_NOTE.format(kinds=", ".join(kinds))] if len(kinds) > 1 else []
