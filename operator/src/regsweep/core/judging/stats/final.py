"""The final evaluation: the picks on test rows that nothing was chosen by. Plain Python; numpy loads once there is something.

A test loss is uncertain in two ways at once: other seeds would have trained another network, and other rows would have
scored it differently. An interval over seeds alone answers how another training would do on these very rows; so the rows are
resampled too, see `pigeonhole`. The two picks are compared replicate by replicate and block by block: same seeds, same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regsweep.api.analysis import MOST_METRICS, FinalEvaluation, FinalResult, Interval, PickRole
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.core.judging.stats.blocks import mean
from regsweep.core.judging.stats.ranking import finite
from regsweep.core.results.records import Outcome, Record

if TYPE_CHECKING:
    from regsweep.core.judging.stats.pigeonhole import TestScores

LOSS = "test_average_loss"
SPLIT = "test_"
WHO = {PickRole.BEST: "The best", PickRole.ONE_STANDARD_ERROR: "The one-standard-error pick"}
DIVERGED_NOTE = (
    "{who}: {diverged} of {results} final trainings diverged. No test loss is given: the mean of the others would favour just "
    "what breaks."
)
FEW_NOTE = "{who}: fewer than 3 final trainings have a test loss, too few for an interval."
SEEDS_NOTE = (
    "{what}: the interval is over seeds alone and does not include the test rows, since {why}. On other rows the loss may lie "
    "further off than it says."
)


@dataclass(frozen=True, slots=True)
class FinalTraining:
    """A pick, trained anew for the final evaluation."""

    roles: tuple[PickRole, ...]
    """`Best`, `OneStandardError` or both."""
    label: str
    records: Mapping[int, Record]
    """By replicate; replicate k of all picks has the same seeds."""


def evaluate_final(trainings: Sequence[FinalTraining]) -> FinalEvaluation | None:
    """The picks on the test rows; None before any of their trainings has a result. In the order of `trainings`."""
    if not any(record.has_result for training in trainings for record in training.records.values()):
        return None
    notes: list[str] = []
    results = [_result(training, notes) for training in trainings]
    best = next((each for each in trainings if PickRole.BEST in each.roles), None)
    pick = next((each for each in trainings if PickRole.ONE_STANDARD_ERROR in each.roles), None)
    difference = None
    if best is not None and pick is not None and best is not pick:
        difference = _difference(pick, best, notes)
    return FinalEvaluation(results=results, difference=difference, notes=notes)


def _result(training: FinalTraining, notes: list[str]) -> FinalResult:
    results = [record for record in training.records.values() if record.has_result]
    sound = _sound(training)
    diverged = len(results) - len(sound)
    names = sorted({name for record in sound.values() for name in record.metrics if name.startswith(SPLIT)})
    metrics: dict[str, float] = {}
    for name in names[:MOST_METRICS]:
        values = [v for record in sound.values() if (v := finite(record.metrics.get(name))) is not None]
        if values:
            metrics[name] = mean(values)
    who = WHO[training.roles[0]]
    loss = None
    if diverged:
        notes.append(DIVERGED_NOTE.format(who=who, diverged=diverged, results=len(results)))
    elif len(scored := _scored(sound)) < MIN_REPLICATES_FOR_ERROR:
        notes.append(FEW_NOTE.format(who=who))
    else:
        loss = _joint(who, [_scores(scored)], notes)
    return FinalResult(
        label=training.label,
        roles=list(training.roles),
        replicates=len(results),
        diverged=diverged,
        loss=loss,
        metrics=metrics,
    )


def _difference(pick: FinalTraining, best: FinalTraining, notes: list[str]) -> Interval | None:
    """Pick minus best over the replicates that both have; None where one diverged, or with fewer than 3 in common."""
    both = [_sound(training) for training in (pick, best)]
    if any(record.outcome is Outcome.DIVERGED for each in (pick, best) for record in each.records.values()):
        return None
    scored = [_scored(each) for each in both]
    common = scored[0].keys() & scored[1].keys()
    if len(common) < MIN_REPLICATES_FOR_ERROR:
        return None
    of_pick, of_best = ({k: each[k] for k in sorted(common)} for each in scored)
    return _joint("The difference of the picks", [_scores(of_pick), _scores(of_best)], notes)


def _joint(what: str, scores: Sequence[TestScores], notes: list[str]) -> Interval:
    """The interval of the first scores' mean, less that of the second where there is one."""
    from regsweep.core.judging.stats.pigeonhole import joint_interval, seeds_interval, why_not_joint

    why = why_not_joint(scores)
    if why is None:
        return joint_interval(scores)
    notes.append(SEEDS_NOTE.format(what=what, why=why))
    return seeds_interval(scores)


def _sound(training: FinalTraining) -> dict[int, Record]:
    return {k: training.records[k] for k in sorted(training.records) if training.records[k].outcome is Outcome.OK}


def _scored(sound: Mapping[int, Record]) -> dict[int, Record]:
    return {k: record for k, record in sound.items() if finite(record.metrics.get(LOSS)) is not None}


def _scores(records: Mapping[int, Record]) -> TestScores:
    from regsweep.core.judging.stats.pigeonhole import scores_of

    return scores_of([(record.metrics[LOSS], record.test) for record in records.values()])
