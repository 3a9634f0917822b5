"""Nested resampling: what was chosen in each outer fold, scored on the fold. Plain Python; numpy loads once there is something.

A fold's value is the mean of its pick's trainings. The folds' values share training rows, so that s / sqrt(k) is too small: the
interval is that for new data of `intervals`, s^2 (1/k + 1/(k - 1)) with t(k - 1) (Nadeau & Bengio, "Inference for the
generalization error", Machine Learning 52, 2003). It is about the way of choosing, trained on (k - 1)/k of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from regsweep.api.analysis import MOST_METRICS, FinalEvaluation, Interval, NestedResult, PickRole
from regsweep.api.findings import Note, NoteType
from regsweep.api.objective import metric_bounds
from regsweep.api.spec import Resampling, ResamplingKind
from regsweep.core.judging.stats.blocks import mean
from regsweep.core.judging.stats.bounds import cut_to
from regsweep.core.judging.stats.final import LOSS, SPLIT, SUBJECTS, FinalTraining
from regsweep.core.judging.stats.ranking import finite
from regsweep.core.results.records import Outcome, Record

_Folds = Mapping[int, FinalTraining]


def evaluate_nested(trainings: Sequence[FinalTraining], folds: int) -> FinalEvaluation | None:
    """How well each way of choosing does; None before any of the trainings has a result. `trainings`: one for each pick of a fold."""
    if not any(record.has_result for training in trainings for record in training.records.values()):
        return None
    chosen = {role: _by_fold(trainings, role) for role in PickRole}
    best, pick = chosen[PickRole.BEST], chosen[PickRole.ONE_STANDARD_ERROR]
    same = all(best.get(fold) is training for fold, training in pick.items())
    results, notes = [], []
    for role in [PickRole.BEST] if same else list(PickRole):
        result, note = _result(role, chosen[role], folds)
        results.append(result)
        notes += [note] if note is not None else []
    return FinalEvaluation(
        results=[],
        nested=results,
        difference=None if same else _interval(_differences(pick, best), folds),
        notes=notes,
    )


def _by_fold(trainings: Sequence[FinalTraining], role: PickRole) -> _Folds:
    return {each.fold: each for each in trainings if role in each.roles and each.fold is not None}


def _result(role: PickRole, chosen: _Folds, folds: int) -> tuple[NestedResult, Note | None]:
    losses = _means(chosen, LOSS)
    results = [r for training in chosen.values() for r in training.records.values() if r.has_result]
    diverged = sum(record.outcome is Outcome.DIVERGED for record in results)
    note = None
    if diverged:
        note = Note(type=NoteType.FINAL_DIVERGED, subject=SUBJECTS[role], count=diverged, of=len(results))
    elif len(losses) < folds:
        note = Note(type=NoteType.FOLD_WITHOUT_CHOICE, subject=SUBJECTS[role], count=folds - len(losses), of=folds)
    loss = _interval(losses, folds) if not diverged else None
    return (
        NestedResult(
            role=role,
            folds=len(losses),
            combinations=len({training.combination.id for training in chosen.values()}),
            diverged=diverged,
            loss=_bounded(loss),
            metrics=_metrics(chosen),
        ),
        note,
    )


def _bounded(loss: Interval | None) -> Interval | None:
    return None if loss is None else cut_to(loss, *metric_bounds(LOSS))


def _interval(values: Mapping[int, float], folds: int) -> Interval | None:
    """The interval of the folds' mean; None where a fold has no value: what is left is not all rows."""
    if len(values) < folds:
        return None
    import numpy as np

    from regsweep.core.judging.stats.intervals import Split, new_data

    split = Split(Resampling(kind=ResamplingKind.KFOLD, folds=folds))
    return new_data(np.array([values[fold] for fold in sorted(values)]), split)


def _differences(pick: _Folds, best: _Folds) -> dict[int, float]:
    """Pick minus best in each fold; 0 where both are one."""
    of_pick, of_best = _means(pick, LOSS), _means(best, LOSS)
    return {fold: of_pick[fold] - of_best[fold] for fold in of_pick.keys() & of_best.keys()}


def _means(chosen: _Folds, metric: str) -> dict[int, float]:
    """The metric's mean over the trainings of each fold's pick; without folds that have none."""
    found = {}
    for fold, training in chosen.items():
        values = [v for record in _sound(training) if (v := finite(record.metrics.get(metric))) is not None]
        if values:
            found[fold] = mean(values)
    return found


def _metrics(chosen: _Folds) -> dict[str, float]:
    """The mean of each test metric over the folds that have it."""
    sound = [record for training in chosen.values() for record in _sound(training)]
    names = sorted({name for record in sound for name in record.metrics if name.startswith(SPLIT)})
    values = {name: list(_means(chosen, name).values()) for name in names[:MOST_METRICS]}
    return {name: mean(each) for name, each in values.items() if each}


def _sound(training: FinalTraining) -> list[Record]:
    return [record for _, record in sorted(training.records.items()) if record.outcome is Outcome.OK]
