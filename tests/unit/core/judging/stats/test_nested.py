"""How well a way of choosing does, from what it chose in each outer fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import t as student

from regsweep.api.analysis import FinalEvaluation, PickRole
from regsweep.api.findings import NoteType, Subject
from regsweep.api.spec import Flags
from regsweep.core.grid import Combination, combination_id
from regsweep.core.judging.stats.final import FinalTraining
from regsweep.core.judging.stats.nested import evaluate_nested
from regsweep.core.results.records import Outcome, Record

BEST, PICK = PickRole.BEST, PickRole.ONE_STANDARD_ERROR
BOTH = (BEST, PICK)


def training(fold: int, losses: Sequence[float | None], *roles: PickRole, l2: float = 0.1) -> FinalTraining:
    """A fold's pick; a loss of None diverged."""
    records = {
        k: Record("key", k, Outcome.DIVERGED, "run")
        if loss is None
        else Record("key", k, Outcome.OK, "run", metrics={"test_average_loss": loss, "test_accuracy": 1 - loss})
        for k, loss in enumerate(losses)
    }
    flags: Flags = {"l2": l2}
    return FinalTraining(roles or BOTH, Combination(combination_id(flags), flags, 0), records, fold)


def evaluated(*trainings: FinalTraining, folds: int = 5) -> FinalEvaluation:
    found = evaluate_nested(trainings, folds)
    assert found is not None
    return found


FIVE = [[0.20, 0.24], [0.30, 0.28], [0.25, 0.27], [0.22, 0.26], [0.31, 0.33]]


def test_the_interval_is_the_corrected_t_interval_over_the_means_of_the_folds() -> None:
    found = evaluated(*(training(fold, losses) for fold, losses in enumerate(FIVE)))
    means = np.array(FIVE).mean(axis=1)
    (result,) = found.nested
    margin = student.ppf(0.975, 4) * means.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert result.loss is not None
    assert result.loss.mean == pytest.approx(means.mean(), abs=1e-12)
    assert (result.loss.low, result.loss.high) == pytest.approx(
        (means.mean() - margin, means.mean() + margin), abs=1e-12
    )
    assert result.loss.approximate
    assert result.metrics["test_accuracy"] == pytest.approx(1 - means.mean(), abs=1e-12)
    assert (result.role, result.folds, result.combinations, found.difference, found.notes) == (BEST, 5, 1, None, [])


def test_best_and_pick_are_compared_fold_by_fold() -> None:
    trainings = [training(0, FIVE[0])]
    for fold in range(1, 5):
        trainings += [training(fold, FIVE[fold], BEST), training(fold, [x + 0.1 for x in FIVE[fold]], PICK, l2=0.2)]
    found = evaluated(*trainings)
    best, pick = found.nested
    assert (best.role, pick.role) == (BEST, PICK)
    assert (best.combinations, pick.combinations) == (1, 2)
    differences = np.array([0, 0.1, 0.1, 0.1, 0.1])
    margin = student.ppf(0.975, 4) * differences.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert found.difference is not None
    assert found.difference.mean == pytest.approx(0.08, abs=1e-12)
    assert found.difference.high == pytest.approx(0.08 + margin, abs=1e-12)


def test_a_loss_has_no_interval_below_nought() -> None:
    found = evaluated(*(training(fold, [loss]) for fold, loss in enumerate((0.0, 0.0, 0.9))), folds=3)
    loss = found.nested[0].loss
    assert loss is not None and (loss.low, loss.cut) == (0, True)


@pytest.mark.parametrize(
    ("trainings", "note", "count"),
    [
        pytest.param(
            [training(f, FIVE[f]) for f in range(4)], NoteType.FOLD_WITHOUT_CHOICE, 1, id="a fold without a pick"
        ),
        pytest.param(
            [*(training(f, FIVE[f]) for f in range(4)), training(4, [])],
            NoteType.FOLD_WITHOUT_CHOICE,
            1,
            id="a pick without a result",
        ),
        pytest.param(
            [*(training(f, FIVE[f]) for f in range(4)), training(4, [0.3, None])],
            NoteType.FINAL_DIVERGED,
            1,
            id="a training that diverged",
        ),
    ],
)
def test_what_is_left_of_the_folds_is_no_estimate(trainings: list[FinalTraining], note: NoteType, count: int) -> None:
    found = evaluated(*trainings)
    assert found.nested[0].loss is None
    (said,) = found.notes
    assert (said.type, said.subject, said.count) == (note, Subject.BEST, count)


def test_nothing_is_said_before_there_is_a_result() -> None:
    assert evaluate_nested([], 5) is None
    assert evaluate_nested([training(0, [])], 5) is None
