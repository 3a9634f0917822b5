"""Rules of how results are judged, across fields: constraints, the pick, folds, races, references, scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.final_spec import FinalSplit
from regsweep.api.foreign_rules import foreign_problems
from regsweep.api.reference_rules import reference_problems
from regsweep.api.spec import Range, ResamplingKind, Scale, SweepSpec
from regsweep.errors import Problem


def rule_problems(spec: SweepSpec) -> list[Problem]:
    """Fields that contradict each other, a Problem for each."""
    return [
        *_constraint_problems(spec),
        *_pick_problems(spec),
        *_resampling_problems(spec),
        *_racing_problems(spec),
        *_final_problems(spec),
        *_refinement_problems(spec),
        *reference_problems(spec),
        *foreign_problems(spec),
    ]


def _constraint_problems(spec: SweepSpec) -> Iterator[Problem]:
    for place, constraint in enumerate(spec.objective.constraints):
        field = f"spec.objective.constraints[{place}]"
        if constraint.max is None and constraint.min is None:
            yield Problem(field, "needs `max`, `min` or both, such as {metric: val_accuracy, min: 0.9}.")
        elif constraint.max is not None and constraint.min is not None and constraint.min > constraint.max:
            yield Problem(f"{field}.min", f"must be at most `max`, got min {constraint.min} and max {constraint.max}.")


def _pick_problems(spec: SweepSpec) -> Iterator[Problem]:
    names = [entry.flag for entry in spec.pick.simplicity_order]
    for name, count in Counter(names).items():
        if count > 1:
            yield Problem("spec.pick.simplicityOrder", f'names "{name}" {count} times. Keep it once.')


def _resampling_problems(spec: SweepSpec) -> Iterator[Problem]:
    kind, folds, replicates = spec.resampling.kind, spec.resampling.folds, spec.replicates
    if kind is ResamplingKind.HOLDOUT:
        if folds is not None:
            text = (
                "is allowed with kind KFold or RepeatedKFold only: a Holdout has no folds. Remove it, or set the kind."
            )
            yield Problem("spec.resampling.folds", text)
        return
    if folds is None:
        yield Problem("spec.resampling.folds", f"is required with kind {kind}: the number of folds, such as 5.")
    elif kind is ResamplingKind.KFOLD and replicates != folds:
        text = f"must be {folds}, got {replicates}: KFold has one replicate for each fold. For more, use RepeatedKFold."
        yield Problem("spec.replicates", text)
    elif replicates % folds:
        text = f"must be a multiple of the {folds} folds, such as {max(1, round(replicates / folds)) * folds}, got {replicates}."
        yield Problem("spec.replicates", text)


def _racing_problems(spec: SweepSpec) -> Iterator[Problem]:
    racing = spec.racing
    if racing is None:
        return
    if racing.initial_replicates > racing.max_replicates:
        text = f"must be at most maxReplicates ({racing.max_replicates}), got {racing.initial_replicates}."
        yield Problem("spec.racing.initialReplicates", text)
    deprecated, named = racing.minimum_difference, spec.objective.minimum_difference
    if deprecated is not None and named is not None and deprecated != named:
        text = (
            f"is {deprecated:g}, and spec.objective.minimumDifference is {named:g}: they are one figure. Keep that of the objective, "
            "and remove this one, which is deprecated."
        )
        yield Problem("spec.racing.minimumDifference", text)
    if spec.resampling.has_folds:
        text = (
            "cannot be combined with folds: the looks of a race do not fall on whole rounds of folds. Use kind Holdout."
        )
        yield Problem("spec.racing", text)


def _final_problems(spec: SweepSpec) -> Iterator[Problem]:
    final = spec.final
    if final is None:
        return
    nested = final.evaluate is FinalSplit.NESTED
    if nested and final.folds is None:
        yield Problem("spec.final.folds", "is required with evaluate Nested: the number of outer folds, such as 5.")
    elif not nested and final.folds is not None:
        text = "is allowed with evaluate Nested only: test rows have no folds. Remove it, or set evaluate to Nested."
        yield Problem("spec.final.folds", text)
    elif nested and spec.racing is not None:
        text = (
            "cannot be combined with evaluate Nested, which repeats the choice in each outer fold. Remove one of them."
        )
        yield Problem("spec.racing", text)


def _refinement_problems(spec: SweepSpec) -> Iterator[Problem]:
    for place, flag in enumerate(spec.flags):
        if flag.range is not None:
            yield from _bound_problems(f"spec.flags[{place}].range", flag.range)
    if spec.refinement is None:
        return
    field = "spec.refinement"
    if spec.racing is not None:
        yield Problem(field, "cannot be combined with `racing`: both decide what is trained next. Remove one of them.")
    elif spec.outer_folds:
        text = (
            "cannot be combined with evaluate Nested, which repeats the choice in each outer fold. Remove one of them."
        )
        yield Problem(field, text)
    elif all(flag.range is None for flag in spec.flags):
        yield Problem(field, "needs a flag with a `range`, such as {from: 0.0001, to: 0.1, points: 4, scale: Log}.")
    elif spec.replicates < MIN_REPLICATES_FOR_ERROR:
        least = MIN_REPLICATES_FOR_ERROR
        text = f"needs at least {least} replicates, since it goes by the tied set, got {spec.replicates}."
        yield Problem(field, text)


def _bound_problems(field: str, points: Range) -> Iterator[Problem]:
    """Bounds of refinement that are within the range, or that a log range cannot reach."""
    if points.min is not None and points.min > points.from_:
        yield Problem(f"{field}.min", f"must be at most `from`, got min {points.min} and from {points.from_}.")
    elif points.min is not None and points.scale is Scale.LOG and points.min <= 0:
        yield Problem(f"{field}.min", f"must be above 0 in a log range, got {points.min}.")
    if points.max is not None and points.max < points.to:
        yield Problem(f"{field}.max", f"must be at least `to`, got max {points.max} and to {points.to}.")
