"""The analysis of a sweep's records, put together: which records, and what it rests on. numpy and scipy load on the first call."""

from __future__ import annotations

from dataclasses import dataclass, replace

from regsweep.api.judgement import Judgement
from regsweep.api.status import FinalStatus
from regsweep.core.grid import label
from regsweep.core.judge import Judged, judge
from regsweep.core.progress import PointState, Progress
from regsweep.core.records import Record, Records
from regsweep.core.stats.final import FinalTraining
from regsweep.core.sweep import Sweep, final_points


@dataclass(frozen=True, slots=True)
class Question:
    """All that an analysis needs: it may be answered in another process."""

    sweep: Sweep
    records: list[Record]
    """Those of the grid's points, and of the final evaluation once it has ended."""
    final: FinalStatus | None
    """The picks of the final evaluation, once it has ended."""
    rests_on: str
    """Digest of the records and settings."""


def question_of(sweep: Sweep, records: Records, progress: Progress, final: FinalStatus | None) -> Question:
    """What is to be analysed now."""
    evaluated = final if progress.final and PointState.OPEN not in progress.final_ended else None
    targets = progress.targets if evaluated is not None else progress.grid
    wanted = [record for target in targets for record in records.of(target.point.key).values()]
    return Question(sweep, wanted, evaluated, progress.rests_on)


def answer(question: Question) -> Judged:
    """The analysis."""
    sweep, final, records = question.sweep, question.final, Records(question.records)
    trainings: list[FinalTraining] = []
    if final is not None:
        for pick, point in zip(final.picks, final_points(sweep, final), strict=True):
            of_pick = {k: record for k, record in records.of(point.key).items() if k < final.replicates}
            trainings.append(FinalTraining(tuple(pick.roles), label(point.combination.flags), of_pick))
    judged = judge(sweep, records, trainings)
    return replace(judged, judgement=judged.judgement.model_copy(update={"rests_on": question.rests_on}))


def no_answer(question: Question, why: str) -> Judged:
    """What stands in for an analysis that cannot be made: the ranking goes without it."""
    note = f"The analysis failed, so that nothing is said of ties, the pick and what matters: {why}"
    return Judged(Judgement(rests_on=question.rests_on, notes=[note]), {}, frozenset())


def prior_analysis(analysis: Judgement | None, sweep: Sweep) -> Judged | None:
    """An analysis as the status has it. A race goes by more than that: there it must be made anew."""
    return Judged(analysis, {}, frozenset()) if analysis is not None and sweep.spec.racing is None else None


def shortened(judged: Judged, most: int) -> Judged:
    """The same with what the status holds of it."""
    return replace(judged, judgement=judged.judgement.shortened(most))
