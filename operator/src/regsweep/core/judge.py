"""A sweep's records to its judgement, by combination's label: one way for operator, files and local runner.

numpy and scipy load on the first call, never at a program's start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regsweep.api.judgement import (
    MOST_NOTES,
    EffectsView,
    FinalEvaluation,
    Interval,
    Judgement,
    Levels,
    Optimism,
    PickView,
    RaceView,
    Remark,
    Share,
    Spread,
    Verdict,
)
from regsweep.api.objective import objective_status
from regsweep.core.grid import label
from regsweep.core.records import Records
from regsweep.core.rounding import rounded, six_digits
from regsweep.core.stats.final import FinalTraining, evaluate_final
from regsweep.core.sweep import Sweep

if TYPE_CHECKING:
    from regsweep.core.stats.analysis import Analysis, Comparison
    from regsweep.core.stats.effects import Effect, Effects
    from regsweep.core.stats.intervals import Interval as StatsInterval
    from regsweep.core.stats.levels import Levels as StatsLevels
    from regsweep.core.stats.levels import PickResult
    from regsweep.core.stats.optimism import SelectionOptimism
    from regsweep.core.stats.racing import Race

MISSING_NOTE = (
    "Replicates are missing, so that the others cannot be compared with the first of the ranking: no ties, no labels, no "
    "pick. They come once the missing replicates are trained."
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a sweep's records come to, and what a race asks for."""

    judgement: Judgement
    """Complete; `rests_on` is for the caller to fill in."""
    wanted: Mapping[str, int] = field(default_factory=dict)
    """Of a race: combination id to the replicates that it is to have by now, for those still racing or left at its end."""
    dropped: frozenset[str] = frozenset()
    """Ids that left the race."""


def judge(sweep: Sweep, records: Records, final: Sequence[FinalTraining] = ()) -> Judged:
    """Judges what the sweep's records hold so far. `final`: the picks' final trainings, in the order to show them.

    Raises InvalidSweep where the objective's goal is not known.
    """
    from regsweep.core.stats.analysis import AnalysisSettings, analyse  # numpy and scipy: see above
    from regsweep.core.stats.raced import RaceRules, race_of

    spec = sweep.spec
    objective = objective_status(spec.objective)
    combinations = [point.combination for point in sweep.points]
    keys = {point.combination.id: point.key for point in sweep.points}
    replicates, race = spec.replicates, None
    if spec.racing is not None:
        replicates = spec.racing.max_replicates
        rules = RaceRules(
            spec.racing, spec.objective.constraints, spec.pick.simplicity_order, first_attempt=sweep.first_attempt
        )
        race = race_of(combinations, keys, records, objective, rules)
    settings = AnalysisSettings(
        constraints=spec.objective.constraints,
        simplicity_order=spec.pick.simplicity_order,
        rule=spec.pick.rule,
        resampling=sweep.resolved.resampling,
    )
    analysis = analyse(combinations, keys, records, objective, replicates, settings, race)
    labels = {each.id: label(each.flags) for each in combinations}
    judgement = _view(analysis, labels, race, evaluate_final(final))
    if race is None:
        return Judged(judgement)
    wanted = {each.id: race.replicates for row, each in enumerate(combinations) if race.racing[row]}
    return Judged(judgement, wanted, frozenset(combinations[row].id for row in race.dropped))


def _view(analysis: Analysis, labels: Mapping[str, str], race: Race | None, final: FinalEvaluation | None) -> Judgement:
    paired = not analysis.ranking.mixed
    effects = None if analysis.effects is None else _effects(analysis.effects)
    race_view = None if race is None else _race(race)
    final_view = None if final is None else _final(final)
    first = analysis.ranking.best
    if first is not None and analysis.best_id not in (None, first.combination.id):
        # The analysis compares with the best that has enough replicates; what is called best here is another one.
        notes = _most([*analysis.notes, MISSING_NOTE])
        return Judgement(paired=paired, effects=effects, race=race_view, final=final_view, notes=notes)
    by_accuracy = analysis.tied_by_accuracy
    return Judgement(
        paired=paired,
        best=None if analysis.best is None else _levels(analysis.best),
        tied_count=len(analysis.tied_with_best),
        tied_with_best=[labels[ident] for ident in analysis.tied_with_best],
        tied_by_accuracy=None if by_accuracy is None else [labels[ident] for ident in by_accuracy],
        pick=None if analysis.pick is None else _pick(analysis.pick, labels),
        comparisons=[
            _verdict(each, labels, is_best=each.combination_id == analysis.best_id) for each in analysis.comparisons
        ],
        effects=effects,
        selection_optimism=None if analysis.optimism is None else _optimism(analysis.optimism),
        race=race_view,
        final=final_view,
        findings=[Remark(type=found.type.value, message=found.message) for found in analysis.findings[:MOST_NOTES]],
        notes=_most(analysis.notes),
    )


def _verdict(comparison: Comparison, labels: Mapping[str, str], is_best: bool) -> Verdict:
    gap = comparison.decomposition.gap
    return Verdict(
        label=labels[comparison.combination_id],
        tied=comparison.tied,
        comparable=comparison.comparable,
        fit=comparison.fit,
        difference=rounded(comparison.difference),
        standard_error=None if is_best else rounded(comparison.standard_error),
        gap_larger=gap is not None and gap.lower_bound > 0,
        spread=None if comparison.spread is None else _spread(comparison.spread),
    )


def _pick(pick: PickResult, labels: Mapping[str, str]) -> PickView:
    return PickView(
        label=labels[pick.combination_id],
        is_best=pick.is_best,
        candidates=pick.candidates,
        rule=pick.rule.value,
        level=_levels(pick.levels),
        difference=_levels(pick.difference),
    )


def _levels(levels: StatsLevels) -> Levels:
    return Levels(
        given_data=None if levels.given_data is None else _interval(levels.given_data),
        new_data=None if levels.new_data is None else _interval(levels.new_data),
    )


def _interval(interval: StatsInterval | Interval) -> Interval:
    return Interval(
        mean=six_digits(interval.mean),
        standard_error=six_digits(interval.standard_error),
        low=six_digits(interval.low),
        high=six_digits(interval.high),
        approximate=interval.approximate,
    )


def _spread(spread: Spread) -> Spread:
    return Spread(
        squared_error=six_digits(spread.squared_error),
        variance=six_digits(spread.variance),
        bias_squared=six_digits(spread.bias_squared),
        disagreement=rounded(spread.disagreement),
    )


def _effects(effects: Effects) -> EffectsView:
    return EffectsView(
        shares=[_share(effect) for effect in effects.effects],
        log_scale=effects.log_scale,
        adds_up=not effects.type_iii,
        left_out=effects.left_out,
        notes=_most(effects.notes),
    )


def _share(effect: Effect) -> Share:
    return Share(
        flags=list(effect.flags),
        eta_squared=rounded(effect.eta_squared),
        omega_squared=rounded(effect.omega_squared),
        expected_share=six_digits(effect.expected_share),
        p_value=rounded(effect.p_value),
    )


def _optimism(found: SelectionOptimism) -> Optimism:
    return Optimism(optimism=six_digits(found.optimism), corrected=six_digits(found.corrected), note=found.note)


def _race(race: Race) -> RaceView:
    return RaceView(
        reason=race.reason,
        racing=int(race.racing.sum()),
        dropped=len(race.dropped),
        replicates=race.replicates,
        trained=race.trained,
        full_grid=race.full_grid,
    )


def _final(final: FinalEvaluation) -> FinalEvaluation:
    results = [
        each.model_copy(
            update={
                "loss": None if each.loss is None else _interval(each.loss),
                "metrics": {name: six_digits(value) for name, value in each.metrics.items()},
            }
        )
        for each in final.results
    ]
    difference = None if final.difference is None else _interval(final.difference)
    return final.model_copy(update={"results": results, "difference": difference})


def _most(notes: Iterable[str]) -> list[str]:
    return list(notes)[:MOST_NOTES]
