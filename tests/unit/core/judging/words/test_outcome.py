"""What a sweep came to, in words."""

from __future__ import annotations

import pytest

from regsweep.api.analysis import (
    FinalEvaluation,
    FinalResult,
    Interval,
    NestedResult,
    PickRole,
    RaceReason,
    RaceStatus,
    Spread,
)
from regsweep.api.spec import EpochChoice, Goal
from regsweep.core.judging.words import outcome

BEST, ONE_SE = PickRole.BEST, PickRole.ONE_STANDARD_ERROR


def interval(low: float, high: float, *, approximate: bool = False, cut: bool = False) -> Interval:
    return Interval(mean=(low + high) / 2, standard_error=0.01, low=low, high=high, approximate=approximate, cut=cut)


@pytest.mark.parametrize(
    ("level", "metric", "words"),
    [
        pytest.param(interval(0.05, 0.15), "val_average_loss", "between 0.05 and 0.15 (95 %)", id="both ends"),
        pytest.param(interval(0.0, 0.25, cut=True), "val_average_loss", "up to 0.25 (95 %)", id="no loss is below 0"),
        pytest.param(
            interval(0.86, 1.0, cut=True, approximate=True),
            "val_accuracy",
            "at least 0.86 (95 %, approximate)",
            id="no accuracy is above 1",
        ),
        pytest.param(
            interval(0.0, 1.0, cut=True), "val_accuracy", "anywhere within what it can be (95 %)", id="nothing is known"
        ),
        pytest.param(
            interval(-0.2, 0.1),
            "val_average_loss",
            "between -0.2 and 0.1 (95 %)",
            id="a loss that can be below 0 after all",
        ),
        pytest.param(interval(0.0, 0.1), "val_average_loss", "between 0 and 0.1 (95 %)", id="0 that was not cut"),
    ],
)
def test_the_ends_of_an_interval_are_what_the_metric_can_be(level: Interval, metric: str, words: str) -> None:
    assert outcome.between(level, metric) == words


@pytest.mark.parametrize(
    ("difference", "ending"),
    [
        pytest.param(None, ".", id="the best is the pick"),
        pytest.param(
            interval(-0.01, 0.04),
            "; the pick may be worse by up to 0.04 or better by up to 0.01.",
            id="either may be better",
        ),
        pytest.param(interval(0.01, 0.04), "; the pick is worse by 0.01 to 0.04.", id="the pick is worse"),
        pytest.param(interval(-0.04, -0.01), "; the pick is better by 0.01 to 0.04.", id="the pick is better"),
    ],
)
def test_other_data_are_told_apart_from_these(difference: Interval | None, ending: str) -> None:
    assert outcome.other_data_sentence("val_auc", interval(0.5, 0.9), difference) == (
        f"For other data of this kind and size expect the best's val_auc on average between 0.5 and 0.9 (95 %){ending}"
    )


@pytest.mark.parametrize(
    ("reason", "start"),
    [
        (RaceReason.RACING, "The race goes on: "),
        (RaceReason.WON, "The race was won by one combination: "),
        (RaceReason.EQUIVALENT, "The race ended when all that were left lay within minimumDifference: "),
        (RaceReason.BUDGET_SPENT, "The race ended when all that were left had the most replicates: "),
    ],
)
def test_a_race_is_told_beside_what_a_full_grid_would_have_cost(reason: RaceReason, start: str) -> None:
    race = RaceStatus(reason=reason, racing=3, dropped=57, replicates=20, trained=240, full_grid=1200)
    assert outcome.race_sentence(race) == (
        f"{start}57 combinations dropped, 3 left, 240 of the 1200 trainings of a full grid (20 %)."
    )


def test_bias_and_variance_are_told_of_the_best_and_without_regularisation() -> None:
    best = Spread(squared_error=0.08, variance=0.02, bias_squared=0.06)
    plain = Spread(squared_error=0.12, variance=0.07, bias_squared=0.05)
    start = "On rows that replicates had not seen, 0.02 of the best's squared error of 0.08 is that replicates predict differently"
    assert outcome.spread_sentence(best, None) == f"{start}. The rest is bias and the labels' own noise."
    assert outcome.spread_sentence(best, plain) == (
        f"{start}; without regularisation 0.07 of 0.12. The rest is bias and the labels' own noise."
    )


@pytest.mark.parametrize(("goal", "worse"), [(Goal.MINIMIZE, "higher"), (Goal.MAXIMIZE, "lower")])
def test_luck_in_the_choice_goes_the_objectives_way(goal: Goal, worse: str) -> None:
    assert outcome.optimism_sentence("val_x", goal, 0.1, 0.106) == (
        f"The best was chosen by these same numbers, so luck flatters it: expect val_x near 0.106 or {worse}, not 0.1."
    )


def result(
    label: str, *roles: PickRole, loss: Interval | None = None, diverged: int = 0, **metrics: float
) -> FinalResult:
    return FinalResult(label=label, roles=list(roles), replicates=5, diverged=diverged, loss=loss, metrics=metrics)


@pytest.mark.parametrize(
    ("final", "metric", "sentences"),
    [
        pytest.param(
            FinalEvaluation(
                results=[
                    result("l2=1", BEST, loss=interval(0.05, 0.15), test_accuracy=0.957),
                    result("l2=2", ONE_SE, loss=interval(0.0, 0.16, cut=True)),
                ],
                difference=interval(-0.01, 0.03),
            ),
            "val_average_loss",
            [
                "On the test rows, which nothing was chosen by: the best (l2=1): loss 0.1, between 0.05 and 0.15 (95 %), accuracy "
                "0.957; the pick (l2=2): loss 0.08, up to 0.16 (95 %).",
                "Loss of the pick minus that of the best, over seeds and rows: between -0.01 and 0.03 (95 %): cannot be told apart.",
            ],
            id="two picks",
        ),
        pytest.param(
            FinalEvaluation(
                results=[
                    result("l2=1", BEST, loss=interval(0.05, 0.15), test_accuracy=0.957, test_accuracy_baseline=0.61),
                    result("l2=2", ONE_SE, loss=interval(0.05, 0.15), test_accuracy=0.957, test_label_mean=0.3),
                ]
            ),
            "val_average_loss",
            [
                "On the test rows, which nothing was chosen by: the best (l2=1): loss 0.1, between 0.05 and 0.15 (95 %), accuracy "
                "0.957 (guessing: 0.61); the pick (l2=2): loss 0.1, between 0.05 and 0.15 (95 %), accuracy 0.957 (guessing: 0.7)."
            ],
            id="what guessing reaches stands beside an accuracy",
        ),
        pytest.param(
            FinalEvaluation(results=[result("l2=1", BEST, loss=interval(2000, 3000), test_r2=0.4871)]),
            "val_average_loss",
            [
                "On the test rows, which nothing was chosen by: the best (l2=1): loss 2500, between 2000 and 3000 (95 %), R squared "
                "0.487."
            ],
            id="a regression has its R squared",
        ),
        pytest.param(
            FinalEvaluation(results=[result("l2=1", BEST, ONE_SE, test_auc=0.9, test_average_loss=0.1)]),
            "val_auc",
            ["On the test rows, which nothing was chosen by: the best and the pick (l2=1): loss 0.1, auc 0.9."],
            id="one pick, another objective, no interval",
        ),
        pytest.param(
            FinalEvaluation(results=[result("l2=1", BEST, diverged=2)]),
            "val_average_loss",
            ["On the test rows, which nothing was chosen by: the best (l2=1) diverged in 2 of 5 trainings."],
            id="a pick that broke",
        ),
    ],
)
def test_the_picks_are_told_on_rows_that_nothing_was_chosen_by(
    final: FinalEvaluation, metric: str, sentences: list[str]
) -> None:
    assert list(outcome.final_sentences(final, metric)) == sentences


def test_of_a_ranking_by_best_epochs_it_is_said_which_figure_is_of_which_epoch() -> None:
    final = FinalEvaluation(results=[result("l2=1", BEST, loss=interval(0.05, 0.15))])
    assert list(outcome.final_sentences(final, "val_average_loss", EpochChoice.BEST)) == [
        "On the test rows, which nothing was chosen by, with the weights at the end of training: the best (l2=1): loss 0.1, between "
        "0.05 and 0.15 (95 %)."
    ]
    nested = FinalEvaluation(
        results=[], nested=[NestedResult(role=BEST, folds=5, combinations=1, loss=interval(0.05, 0.15))]
    )
    (sentence,) = outcome.final_sentences(nested, "val_average_loss", EpochChoice.BEST)
    assert (
        "on rows that the choice did not see, with the weights at the end of training, what is chosen as the best has loss"
        in sentence
    )
    level = outcome.other_data_sentence("val_auc", interval(0.5, 0.9), None, epoch=EpochChoice.BEST)
    assert "expect the best's val_auc at its best epoch on average between 0.5 and 0.9" in level


@pytest.mark.parametrize(("low", "high", "words"), [(0.01, 0.03, "is worse"), (-0.03, -0.01, "is better")])
def test_a_pick_that_can_be_told_from_the_best_is(low: float, high: float, words: str) -> None:
    final = FinalEvaluation(results=[result("l2=1", BEST), result("l2=2", ONE_SE)], difference=interval(low, high))
    assert list(outcome.final_sentences(final, "val_average_loss"))[1].endswith(f"the pick {words}.")
