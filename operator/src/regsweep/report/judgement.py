"""What the analysis says, by combination's label, as people and programs read it. numpy and scipy load on the first use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from regsweep.api.model import ApiModel
from regsweep.core.grid import label
from regsweep.core.records import Records
from regsweep.core.status import objective_status
from regsweep.core.sweep import Sweep

if TYPE_CHECKING:
    from regsweep.core.stats.analysis import Analysis, Comparison
    from regsweep.core.stats.effects import Effect, Effects

OVERFITS = "Overfits"
UNDERFITS = "Underfits"
MISSING_NOTE = (
    "Replicates are missing, so that the others cannot be compared with the first of the ranking: no ties, no labels, no "
    "pick. They come once the missing replicates are trained."
)


class Verdict(ApiModel):
    """A combination beside the best; differences are paired, and positive is worse whatever the goal."""

    label: str
    """The combination."""
    tied: bool
    """Cannot be told from the best."""
    comparable: bool = True
    """Has 3 replicates or more in common with the best."""
    why: str
    """`Overfits`, `Underfits`, `Balanced` or `Undetermined`."""
    difference: float | None = None
    """Mean difference of the objective to the best."""
    standard_error: float | None = None
    """Of the difference, from variances moderated over combinations; absent for the best itself."""
    gap_larger: bool = False
    """The overfit gap is surely larger than that of the best (one-sided, 95 %)."""


class PickView(ApiModel):
    """The simplest combination within one standard error of the best."""

    label: str
    """The combination."""
    is_best: bool
    """It is the best itself."""
    candidates: int
    """Combinations that were simple enough and within one standard error."""


class Share(ApiModel):
    """What a flag, or a pair of flags, accounts for of the differences; no flags: all higher orders together."""

    flags: tuple[str, ...]
    """One name or two."""
    eta_squared: float | None = None
    """Share of the differences; absent where it cannot be estimated."""
    omega_squared: float | None = None
    """The same less what chance brings; absent without an estimate of noise."""
    expected_share: float
    """The eta squared that comes about by chance alone."""
    p_value: float | None = None
    """Of the F test."""


class EffectsView(ApiModel):
    """What matters, within the ranges swept."""

    shares: tuple[Share, ...]
    """Flags, then pairs, then the higher orders."""
    log_scale: bool = False
    """Logarithms of the losses were analysed."""
    adds_up: bool = True
    """Shares and noise add up to 1: a full grid with every replicate."""
    left_out: int = 0
    """Combinations without part in it: a replicate diverged or gave no number."""
    notes: tuple[str, ...] = ()
    """What to bear in mind."""


class Remark(ApiModel):
    """One finding about the sweep as a whole."""

    type: str
    """Kind of finding."""
    message: str
    """What it is and what to do."""


class Optimism(ApiModel):
    """By how much the best looks better than it is, since the same numbers chose it."""

    optimism: float
    """In the objective's unit; positive is too good."""
    corrected: float
    """The best's objective without it."""
    note: str
    """How far it may be trusted."""


class Judgement(ApiModel):
    """The statistical analysis of a sweep. Ties, verdicts and pick are absent below 3 replicates."""

    tied_with_best: tuple[str, ...] = ()
    """Labels of what cannot be told from the best, itself included. No proof that they are equal; without order."""
    tied_by_accuracy: tuple[str, ...] | None = None
    """The same by val_accuracy, where that is reported beside the objective."""
    pick: PickView | None = None
    """The one-standard-error pick."""
    comparisons: tuple[Verdict, ...] = ()
    """Every combination that may be called best, in the order of the ranking."""
    effects: EffectsView | None = None
    """What matters."""
    selection_optimism: Optimism | None = None
    """How much of the best is luck."""
    findings: tuple[Remark, ...] = ()
    """What to know of the sweep as a whole."""
    notes: tuple[str, ...] = Field(default=())
    """What to bear in mind."""

    def verdict(self, combination: str) -> Verdict | None:
        """The verdict on the combination of this label, or None."""
        return next((v for v in self.comparisons if v.label == combination), None)


def judge(sweep: Sweep, records: Records) -> Judgement:
    """The analysis of what the sweep's records hold so far; an empty one where no two combinations share a replicate."""
    from regsweep.core.stats.analysis import analyse  # numpy and scipy: not at the start of every command

    try:
        analysis = analyse(
            [point.combination for point in sweep.points],
            {point.combination.id: point.key for point in sweep.points},
            records,
            objective_status(sweep.spec.objective),
            sweep.spec.replicates,
        )
    except ZeroDivisionError:  # no replicate in common, hence no degrees of freedom for the effects
        return Judgement()
    return _view(analysis, {point.combination.id: label(point.combination.flags) for point in sweep.points})


def _view(analysis: Analysis, labels: Mapping[str, str]) -> Judgement:
    effects = None if analysis.effects is None else _effects(analysis.effects)
    comparisons = analysis.comparisons
    if comparisons and comparisons[0].difference != 0:
        # The analysis compares with the best that has enough replicates; what is called best here is another one.
        return Judgement(effects=effects, notes=(*analysis.notes, MISSING_NOTE))
    pick, optimism, by_accuracy = analysis.pick, analysis.optimism, analysis.tied_by_accuracy
    return Judgement(
        tied_with_best=tuple(labels[ident] for ident in analysis.tied_with_best),
        tied_by_accuracy=None if by_accuracy is None else tuple(labels[ident] for ident in by_accuracy),
        pick=None
        if pick is None
        else PickView(label=labels[pick.combination_id], is_best=pick.is_best, candidates=pick.candidates),
        comparisons=tuple(_verdict(each, labels, is_best=place == 0) for place, each in enumerate(comparisons)),
        effects=effects,
        selection_optimism=None
        if optimism is None
        else Optimism(
            optimism=_six_digits(optimism.optimism), corrected=_six_digits(optimism.corrected), note=optimism.note
        ),
        findings=tuple(Remark(type=found.type.value, message=found.message) for found in analysis.findings),
        notes=analysis.notes,
    )


def _verdict(comparison: Comparison, labels: Mapping[str, str], is_best: bool) -> Verdict:
    gap = comparison.decomposition.gap
    return Verdict(
        label=labels[comparison.combination_id],
        tied=comparison.tied,
        comparable=comparison.comparable,
        why=comparison.label.value,
        difference=_rounded(comparison.difference),
        standard_error=None if is_best else _rounded(comparison.standard_error),
        gap_larger=gap is not None and gap.lower_bound > 0,
    )


def _effects(effects: Effects) -> EffectsView:
    return EffectsView(
        shares=tuple(_share(effect) for effect in effects.effects),
        log_scale=effects.log_scale,
        adds_up=not effects.type_iii,
        left_out=effects.left_out,
        notes=effects.notes,
    )


def _share(effect: Effect) -> Share:
    return Share(
        flags=effect.flags,
        eta_squared=_rounded(effect.eta_squared),
        omega_squared=_rounded(effect.omega_squared),
        expected_share=_six_digits(effect.expected_share),
        p_value=_rounded(effect.p_value),
    )


def _six_digits(value: float) -> float:
    return float(f"{value:.6g}")


def _rounded(value: float | None) -> float | None:
    """Six significant digits, as the status has them; None for what is not a number."""
    return _six_digits(value) if value is not None and math.isfinite(value) else None
