"""The final evaluation: the picks on test rows that nothing was chosen by. Plain Python; numpy loads once there is something.

A test loss is uncertain in two ways at once: other seeds would have trained another network, and other rows would have
scored it differently. An interval over seeds alone answers how another training would do on these very rows; so the rows are
resampled too, see `pigeonhole`. The two picks are compared replicate by replicate and block by block: same seeds, same rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regsweep.api.analysis import MOST_METRICS, FinalEvaluation, FinalResult, Interval, PickRole
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.findings import Note, NoteType, Subject
from regsweep.api.objective import metric_bounds
from regsweep.core.grid import Combination, label
from regsweep.core.judging.stats.blocks import mean
from regsweep.core.judging.stats.bounds import cut_to
from regsweep.core.judging.stats.ranking import finite
from regsweep.core.results.records import Outcome, Record

if TYPE_CHECKING:
    from regsweep.core.judging.stats.pigeonhole import TestScores

LOSS = "test_average_loss"
SPLIT = "test_"
SUBJECTS = {PickRole.BEST: Subject.BEST, PickRole.ONE_STANDARD_ERROR: Subject.PICK}


@dataclass(frozen=True, slots=True)
class FinalTraining:
    """A pick, trained anew for the final evaluation."""

    roles: tuple[PickRole, ...]
    """`Best`, `OneStandardError` or both."""
    combination: Combination
    records: Mapping[int, Record]
    """By replicate; replicate k of all picks has the same seeds."""
    fold: int | None = None
    """Outer fold on which it is scored; None: on the test rows."""


def evaluate_final(trainings: Sequence[FinalTraining]) -> FinalEvaluation | None:
    """The picks on the test rows; None before any of their trainings has a result. In the order of `trainings`."""
    if not any(record.has_result for training in trainings for record in training.records.values()):
        return None
    results, notes = zip(*map(_result, trainings), strict=True)
    best = next((each for each in trainings if PickRole.BEST in each.roles), None)
    pick = next((each for each in trainings if PickRole.ONE_STANDARD_ERROR in each.roles), None)
    difference, note = None, None
    if best is not None and pick is not None and best is not pick:
        difference, note = _difference(pick, best)
    said = [each for each in (*notes, note) if each is not None]
    return FinalEvaluation(results=list(results), difference=difference, notes=said)


def _result(training: FinalTraining) -> tuple[FinalResult, Note | None]:
    """A pick's result, and what to bear in mind about it."""
    results = [record for record in training.records.values() if record.has_result]
    sound = _sound(training)
    diverged = len(results) - len(sound)
    subject = SUBJECTS[training.roles[0]]
    loss, note = None, None
    if diverged:
        note = Note(type=NoteType.FINAL_DIVERGED, subject=subject, count=diverged, of=len(results))
    elif len(scored := _scored(sound)) < MIN_REPLICATES_FOR_ERROR:
        note = Note(type=NoteType.FINAL_TOO_FEW, subject=subject, count=len(scored), of=len(results))
    else:
        loss, note = _joint(subject, [_scores(scored)])
    result = FinalResult(
        combination=training.combination.id,
        label=label(training.combination.flags),
        roles=list(training.roles),
        replicates=len(results),
        diverged=diverged,
        loss=loss,
        metrics=_test_metrics(sound.values()),
    )
    return result, note


def _test_metrics(sound: Collection[Record]) -> dict[str, float]:
    """The mean of each test metric over the replicates that have it."""
    names = sorted({name for record in sound for name in record.metrics if name.startswith(SPLIT)})
    values = {
        name: [v for record in sound if (v := finite(record.metrics.get(name))) is not None]
        for name in names[:MOST_METRICS]
    }
    return {name: mean(each) for name, each in values.items() if each}


def _difference(pick: FinalTraining, best: FinalTraining) -> tuple[Interval | None, Note | None]:
    """Pick minus best over the replicates that both have; None where one diverged, or with fewer than 3 in common."""
    both = [_sound(training) for training in (pick, best)]
    if any(record.outcome is Outcome.DIVERGED for each in (pick, best) for record in each.records.values()):
        return None, None
    scored = [_scored(each) for each in both]
    common = scored[0].keys() & scored[1].keys()
    if len(common) < MIN_REPLICATES_FOR_ERROR:
        return None, None
    of_pick, of_best = ({k: each[k] for k in sorted(common)} for each in scored)
    return _joint(Subject.DIFFERENCE, [_scores(of_pick), _scores(of_best)])


def _joint(subject: Subject, scores: Sequence[TestScores]) -> tuple[Interval | None, Note | None]:
    """The interval of the first scores' mean, less that of the second where there is one; a loss has one within its bounds."""
    from regsweep.core.judging.stats import pigeonhole

    why = pigeonhole.why_not_joint(scores)
    if why is not None:
        interval = pigeonhole.seeds_interval(scores)
        note: Note | None = Note(type=NoteType.SEEDS_ALONE, subject=subject, reason=why)
    else:
        interval = pigeonhole.joint_interval(scores)
        note = _few_rows(subject, pigeonhole.effective_blocks(scores), pigeonhole.FEW_EFFECTIVE_BLOCKS)
    if interval is None:
        return None, Note(type=NoteType.ALL_EQUAL, subject=subject)
    return (cut_to(interval, *metric_bounds(LOSS)) if len(scores) == 1 else interval), note


def _few_rows(subject: Subject, effective: float | None, few: float) -> Note | None:
    """Whether few blocks of test rows carry the loss."""
    if effective is None or effective >= few:
        return None
    return Note(type=NoteType.FEW_ROWS, subject=subject, count=max(round(effective), 1))


def _sound(training: FinalTraining) -> dict[int, Record]:
    return {k: training.records[k] for k in sorted(training.records) if training.records[k].outcome is Outcome.OK}


def _scored(sound: Mapping[int, Record]) -> dict[int, Record]:
    return {k: record for k, record in sound.items() if finite(record.metrics.get(LOSS)) is not None}


def _scores(records: Mapping[int, Record]) -> TestScores:
    from regsweep.core.judging.stats.pigeonhole import scores_of

    return scores_of([(record.metrics[LOSS], record.test) for record in records.values()])
