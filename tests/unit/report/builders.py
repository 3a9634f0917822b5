"""Builders of results for the tests of rendering: a row shows only what matters to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from regsweep.api.analysis import Analysis, Comparison, Effects, Fit, PickResult, Share
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.findings import Finding, FindingType, GridEnd, Note, NoteType, Subject
from regsweep.api.outlook import Reduction
from regsweep.api.run_status import FailedRun
from regsweep.api.spec import EpochChoice, Flags, Goal, PickRule
from regsweep.api.status import (
    Condition,
    Estimate,
    ObjectiveStatus,
    RankedResult,
    RunCounts,
    SweepState,
    SweepStatus,
)
from regsweep.core.grid import combination_id, label
from regsweep.core.judging.words.notes import note_message
from regsweep.report.model import Divergence, SweepReport

WHEN = "2026-11-23T12:00:00Z"


def ranked(
    rank: int | None,
    flags: Flags,
    val: tuple[float, float | None] | None = None,
    train: float | None = None,
    gap: tuple[float, float | None] | None = None,
    *,
    replicates: int = 5,
    diverged: int = 0,
    failed: int = 0,
    objective: tuple[float, float | None] | None = None,
    source: str | None = "Prometheus",
) -> RankedResult:
    """A row of the ranking; `objective` is the validation loss unless it is given."""
    analysis_result = objective or val
    return RankedResult(
        rank=rank,
        combination=combination_id(flags),
        flags=flags,
        label=label(flags),
        objective=Estimate(mean=analysis_result[0], standard_error=analysis_result[1]) if analysis_result else None,
        train_loss=train,
        val_loss=val[0] if val else None,
        overfit_gap=Estimate(mean=gap[0], standard_error=gap[1]) if gap else None,
        replicates=replicates,
        diverged=diverged,
        failed=failed,
        source=source,
    )


def condition(kind: ConditionType, status: ConditionStatus, reason: Reason, message: str = "") -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=WHEN)


COMPLETE = condition(ConditionType.COMPLETE, ConditionStatus.TRUE, Reason.ALL_RUNS_ENDED)


def results(
    *ranking: RankedResult,
    name: str = "breast-cancer",
    replicates: int = 5,
    state: SweepState = SweepState.COMPLETE,
    conditions: Sequence[Condition] = (COMPLETE,),
    total: int | None = None,
    failed: int = 0,
    failures: Sequence[FailedRun] = (),
    metric: str = "val_average_loss",
    goal: Goal = Goal.MINIMIZE,
    epoch: EpochChoice = EpochChoice.LAST,
    divergences: Mapping[str, Divergence] | None = None,
    analysis_result: Analysis | None = None,
) -> SweepReport:
    """Results of a complete sweep, unless said otherwise."""
    names = tuple(ranking[0].flags) if ranking else ("l2",)
    return SweepReport(
        name=name,
        replicates=replicates,
        flag_names=names,
        status=SweepStatus(
            state=state,
            runs=RunCounts(
                total=len(ranking) if total is None else total, succeeded=len(ranking) - failed, failed=failed
            ),
            conditions=list(conditions),
            objective=ObjectiveStatus(metric=metric, goal=goal, epoch=epoch),
            failures=list(failures),
        ),
        ranking=tuple(ranking),
        divergences=divergences or {},
        analysis=analysis_result,
    )


def comparison(
    flags: Flags, fit: str = "Undetermined", *, comparable: bool = True, gap_larger: bool | None = None
) -> Comparison:
    """What the analysis says of a combination; Balanced is tied with the best, and what overfits has a larger gap."""
    return Comparison(
        combination=combination_id(flags),
        label=label(flags),
        tied=fit == "Balanced",
        comparable=comparable,
        fit=Fit(fit),
        gap_larger=fit == "Overfits" if gap_larger is None else gap_larger,
    )


def analysis(*comparisons: Comparison, pick: Flags | None = None, **fields: object) -> Analysis:
    """An analysis with these comparisons, that of the best first."""
    return Analysis.model_validate(
        {
            "tied_count": sum(each.tied for each in comparisons),
            "tied_with_best": [each.label for each in comparisons if each.tied],
            "comparisons": list(comparisons),
            "pick": None if pick is None else picked(pick, is_best=combination_id(pick) == comparisons[0].combination),
            **fields,
        }
    )


def reduction(
    share: float,
    low: float,
    high: float,
    metric: str = "val_average_loss",
    epoch: EpochChoice = EpochChoice.LAST,
) -> Reduction:
    """By what share the best is below the network without regularisation."""
    return Reduction(metric=metric, epoch=epoch, share=share, low=low, high=high)


def picked(flags: Flags, *, is_best: bool = False) -> PickResult:
    """A one-standard-error pick."""
    return PickResult(
        combination=combination_id(flags), label=label(flags), is_best=is_best, candidates=2, rule=PickRule.PAIRED
    )


def note(kind: NoteType, **fields: object) -> Note:
    """A note with its message, as analyses have it."""
    bare = Note.model_validate({"type": kind, **fields})
    return bare.model_copy(update={"message": note_message(bare)})


def share(*flags: str, eta: float | None, by_chance: float = 0.05, p: float | None = 0.001) -> Share:
    """What flags account for; surely more than chance unless said otherwise."""
    omega = None if eta is None or p is None else eta - by_chance
    return Share(flags=list(flags), eta_squared=eta, omega_squared=omega, expected_share=by_chance, p_value=p)


def breast_cancer() -> SweepReport:
    """The example of a whole sweep: a best, an overfitted, an underfitted, a diverged and a failed combination."""
    return results(
        ranked(1, {"l2": 0.01, "dropout": 0.3}, (0.0712, 0.0041), 0.0502, (0.0210, 0.0031)),
        ranked(2, {"l2": 0.01, "dropout": 0.5}, (0.0741, 0.0052), 0.0621, (0.0120, 0.0021)),
        ranked(3, {"l2": 0.001, "dropout": 0.5}, (0.0794, 0.0061), 0.0412, (0.0382, 0.0052)),
        ranked(4, {"l2": 0.001, "dropout": 0.3}, (0.0962, 0.0050), 0.0221, (0.0741, 0.0060)),
        ranked(5, {"l2": 0.1, "dropout": 0.3}, (0.1431, 0.0071), 0.1312, (0.0119, 0.0020)),
        ranked(6, {"l2": 0, "dropout": 0}, (0.2043, 0.0190), 0.0004, (0.2039, 0.0192)),
        ranked(None, {"l2": 0.1, "dropout": 0.1}, diverged=5),
        ranked(None, {"l2": 0, "dropout": 0.1}, replicates=0, failed=5, source=None),
        failed=1,
        failures=[
            FailedRun(
                run="breast-cancer-0123456789ab",
                combination=combination_id({"l2": 0, "dropout": 0.1}),
                label="l2=0, dropout=0.1",
                reason="OutOfMemory",
                message="its container was killed for want of memory; raise the trainer's memory limit",
            )
        ],
        divergences={combination_id({"l2": 0.1, "dropout": 0.1}): Divergence(5, 5, 3, 3)},
        analysis_result=_of_breast_cancer(),
    )


def _of_breast_cancer() -> Analysis:
    return analysis(
        comparison({"l2": 0.01, "dropout": 0.3}, "Balanced"),
        comparison({"l2": 0.01, "dropout": 0.5}, "Balanced"),
        comparison({"l2": 0.001, "dropout": 0.5}, "Balanced"),
        comparison({"l2": 0.001, "dropout": 0.3}, "Overfits"),
        comparison({"l2": 0.1, "dropout": 0.3}, "Underfits"),
        comparison({"l2": 0, "dropout": 0}, "Overfits"),
        pick={"l2": 0.01, "dropout": 0.5},
        reductions=[reduction(0.65, 0.52, 0.74), reduction(0.9, 0.81, 0.96, "overfit_gap")],
        effects=Effects(
            shares=[
                share("l2", eta=0.77, by_chance=0.09),
                share("dropout", eta=0.12, by_chance=0.03),
                share("l2", "dropout", eta=0.04, by_chance=0.09, p=0.6),
            ],
            adds_up=False,
            left_out=1,
        ),
        findings=[
            Finding(
                type=FindingType.AT_GRID_EDGE,
                subject=Subject.PICK,
                flag="dropout",
                value=0.5,
                end=GridEnd.LARGEST,
                suggestion=0.7,
            ),
        ],
        notes=[note(NoteType.NO_BIAS_VARIANCE), note(NoteType.FEW_REPLICATES)],
    )
