"""The final evaluation in words."""

from __future__ import annotations

import pytest

from regsweep.api.analysis import FinalEvaluation, FinalResult, Interval, PickRole
from regsweep.report.evaluation import evaluated
from unit.report.builders import analysis, ranked, results, verdict

ROWS = (ranked(1, {"l2": 1}, (0.10, 0.01), 0.08, (0.02, 0.01)), ranked(2, {"l2": 2}, (0.11, 0.01), 0.1, (0.1, 0.01)))
BEST, ONE_SE = PickRole.BEST, PickRole.ONE_STANDARD_ERROR


def interval(low: float, high: float) -> Interval:
    return Interval(mean=(low + high) / 2, standard_error=0.01, low=low, high=high)


def result(
    label: str, *roles: PickRole, loss: Interval | None = None, diverged: int = 0, **metrics: float
) -> FinalResult:
    return FinalResult(label=label, roles=list(roles), replicates=5, diverged=diverged, loss=loss, metrics=metrics)


@pytest.mark.parametrize(
    ("final", "metric", "lines"),
    [
        pytest.param(
            FinalEvaluation(
                results=[
                    result("l2=1", BEST, loss=interval(0.05, 0.15), test_accuracy=0.957),
                    result("l2=2", ONE_SE, loss=interval(0.06, 0.16)),
                ],
                difference=interval(-0.01, 0.03),
            ),
            "val_average_loss",
            [
                "On the test rows, which nothing was chosen by: the best (l2=1): loss 0.1, between 0.05 and 0.15 (95 %), accuracy "
                "0.957; the pick (l2=2): loss 0.11, between 0.06 and 0.16 (95 %).",
                "Loss of the pick minus that of the best, over seeds and rows: between -0.01 and 0.03 (95 %): cannot be told apart.",
            ],
            id="two picks",
        ),
        pytest.param(
            FinalEvaluation(
                results=[result("l2=1", BEST, ONE_SE, test_auc=0.9, test_average_loss=0.1)], notes=["Few trainings."]
            ),
            "val_auc",
            [
                "On the test rows, which nothing was chosen by: the best and the pick (l2=1): loss 0.1, auc 0.9.",
                "Few trainings.",
            ],
            id="one pick, another objective, no interval",
        ),
        pytest.param(
            FinalEvaluation(results=[result("l2=1", BEST, diverged=2)]),
            "val_average_loss",
            ["On the test rows, which nothing was chosen by: the best (l2=1) diverged in 2 of 5 trainings."],
            id="a pick that broke",
        ),
        pytest.param(None, "val_average_loss", [], id="none was asked for"),
    ],
)
def test_the_picks_are_told_on_rows_that_nothing_was_chosen_by(
    final: FinalEvaluation | None, metric: str, lines: list[str]
) -> None:
    analysis_result = analysis(verdict({"l2": 1}, "Balanced"), final=final)
    assert list(evaluated(results(*ROWS, analysis_result=analysis_result, metric=metric))) == lines


@pytest.mark.parametrize(("low", "high", "words"), [(0.01, 0.03, "is worse"), (-0.03, -0.01, "is better")])
def test_a_pick_that_can_be_told_from_the_best_is(low: float, high: float, words: str) -> None:
    final = FinalEvaluation(results=[result("l2=1", BEST), result("l2=2", ONE_SE)], difference=interval(low, high))
    said = list(evaluated(results(*ROWS, analysis_result=analysis(verdict({"l2": 1}, "Balanced"), final=final))))
    assert said[1].endswith(f"the pick {words}.")
