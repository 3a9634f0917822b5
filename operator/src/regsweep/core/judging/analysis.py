"""The analysis of a sweep's records: which records, what it rests on, and what it comes to.

One way for operator, files and local runner. numpy and scipy load on the first analysis, never at a program's start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from regsweep.api.analysis import (
    MOST_NOTES,
    Analysis,
    EffectsView,
    FinalEvaluation,
    Interval,
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
from regsweep.api.status import FinalStatus
from regsweep.core.grid import label
from regsweep.core.judging.stats.final import FinalTraining, evaluate_final
from regsweep.core.judging.stats.ranking import Ranking
from regsweep.core.judging.stats.ranking import rank as rank_combinations
from regsweep.core.results.records import Record, Records
from regsweep.core.rounding import rounded, six_digits
from regsweep.core.sweep import Sweep, final_points

if TYPE_CHECKING:
    from regsweep.core.judging.stats.effects import Effect, Effects
    from regsweep.core.judging.stats.intervals import Interval as StatsInterval
    from regsweep.core.judging.stats.levels import Levels as StatsLevels
    from regsweep.core.judging.stats.levels import PickResult
    from regsweep.core.judging.stats.optimism import SelectionOptimism
    from regsweep.core.judging.stats.pipeline import Comparison, PipelineResult
    from regsweep.core.judging.stats.racing import Race

MISSING_NOTE = (
    "Replicates are missing, so that the others cannot be compared with the first of the ranking: no ties, no labels, no "
    "pick. They come once the missing replicates are trained."
)


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """What a sweep's records come to, and what a race asks for."""

    analysis: Analysis
    """Complete; `rests_on` is for the caller to fill in."""
    wanted: Mapping[str, int] = field(default_factory=dict)
    """Of a race: combination id to the replicates that it is to have by now, for those still racing or left at its end."""
    dropped: frozenset[str] = frozenset()
    """Ids that left the race."""


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """All that an analysis needs: it may be answered in another process."""

    sweep: Sweep
    records: list[Record]
    """Those of the grid's points, and of the final evaluation once it has ended."""
    final: FinalStatus | None
    """The picks of the final evaluation, once it has ended."""
    rests_on: str
    """Digest of the records and settings."""


def rank(sweep: Sweep, records: Records, analysis_result: AnalysisResult | None) -> Ranking:
    """The sweep's combinations in order, with or without results; those that a race dropped behind those that it did not."""
    return rank_combinations(
        [point.combination for point in sweep.points],
        {point.combination.id: point.key for point in sweep.points},
        records,
        objective_status(sweep.spec.objective),
        sweep.most_replicates,
        sweep.spec.objective.constraints,
        analysis_result.dropped if analysis_result is not None else frozenset(),
    )


def analyse_records(request: AnalysisRequest) -> AnalysisResult:
    """The analysis."""
    sweep, final, records = request.sweep, request.final, Records(request.records)
    trainings: list[FinalTraining] = []
    if final is not None:
        for pick, point in zip(final.picks, final_points(sweep, final), strict=True):
            of_pick = {k: record for k, record in records.of(point.key).items() if k < final.replicates}
            trainings.append(FinalTraining(tuple(pick.roles), label(point.combination.flags), of_pick))
    result = judge(sweep, records, trainings)
    return replace(result, analysis=result.analysis.model_copy(update={"rests_on": request.rests_on}))


def failed_analysis(request: AnalysisRequest, why: str) -> AnalysisResult:
    """What stands in for an analysis that cannot be made: the ranking goes without it."""
    note = f"The analysis failed, so that nothing is said of ties, the pick and what matters: {why}"
    return AnalysisResult(Analysis(rests_on=request.rests_on, notes=[note]), {}, frozenset())


def prior_analysis(analysis: Analysis | None, sweep: Sweep) -> AnalysisResult | None:
    """An analysis as the status has it. A race goes by more than that: there it must be made anew."""
    return AnalysisResult(analysis, {}, frozenset()) if analysis is not None and sweep.spec.racing is None else None


def shortened(analysis_result: AnalysisResult, most: int) -> AnalysisResult:
    """The same with what the status holds of it."""
    return replace(analysis_result, analysis=analysis_result.analysis.shortened(most))


def judge(sweep: Sweep, records: Records, final: Sequence[FinalTraining] = ()) -> AnalysisResult:
    """Judges what the sweep's records hold so far. `final`: the picks' final trainings, in the order to show them.

    Raises InvalidSweep where the objective's goal is not known.
    """
    from regsweep.core.judging.stats.pipeline import AnalysisSettings, analyse  # numpy and scipy: see above
    from regsweep.core.judging.stats.racing import RaceRules, race_of

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
    found = analyse(combinations, keys, records, objective, replicates, settings, race)
    labels = {each.id: label(each.flags) for each in combinations}
    analysis = _view(found, labels, race, evaluate_final(final))
    if race is None:
        return AnalysisResult(analysis)
    wanted = {each.id: race.replicates for row, each in enumerate(combinations) if race.racing[row]}
    return AnalysisResult(analysis, wanted, frozenset(combinations[row].id for row in race.dropped))


def _view(
    analysis: PipelineResult, labels: Mapping[str, str], race: Race | None, final: FinalEvaluation | None
) -> Analysis:
    paired = not analysis.ranking.mixed
    effects = None if analysis.effects is None else _effects(analysis.effects)
    race_view = None if race is None else _race(race)
    final_view = None if final is None else _final(final)
    first = analysis.ranking.best
    if first is not None and analysis.best_id not in (None, first.combination.id):
        # The analysis compares with the best that has enough replicates; what is called best here is another one.
        notes = _most([*analysis.notes, MISSING_NOTE])
        return Analysis(paired=paired, effects=effects, race=race_view, final=final_view, notes=notes)
    by_accuracy = analysis.tied_by_accuracy
    return Analysis(
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
