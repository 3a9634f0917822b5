"""What regularisation gains, what is practically the same, and what more replicates show, in words."""

from __future__ import annotations

import pytest

from regsweep.api.analysis import Comparison, Equivalence, Fit, Interval
from regsweep.api.outlook import AccuracySummary, Planning, ReplicatesNeeded
from regsweep.api.spec import EpochChoice
from regsweep.core.judging.words.outlook import (
    accuracy_sentence,
    baseline_sentence,
    equivalence_sentence,
    planning_sentence,
    r_squared_sentence,
)

SHOWN = (
    "With 5 replicates, 80 % of sweeps like this tell a combination of typical noise from the best if it is worse by 0.043 (95 %: 0.033 "
    "to 0.061)."
)


def planning(first_two: ReplicatesNeeded | None = None, minimum_difference: ReplicatesNeeded | None = None) -> Planning:
    return Planning(
        replicates=5,
        detectable=0.04321,
        detectable_low=0.0333,
        detectable_high=0.0611,
        first_two=first_two,
        minimum_difference=minimum_difference,
    )


def needed(replicates: int | None, low: int, high: int | None, difference: float = 0.0051) -> ReplicatesNeeded:
    return ReplicatesNeeded(difference=difference, replicates=replicates, low=low, high=high)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        pytest.param(planning(), SHOWN, id="the first two are told apart already"),
        pytest.param(
            planning(needed(14, 7, None)),
            "About 9 more replicates would tell the first two apart in 80 % of sweeps like this, if they differ by 0.0051, as they seem "
            f"to; at least 2 more (95 %), and no number if they are equal. {SHOWN}",
            id="the two may be equal",
        ),
        pytest.param(
            planning(needed(6, 6, 14)),
            "About 1 more replicate would tell the first two apart in 80 % of sweeps like this, if they differ by 0.0051, as they seem "
            f"to (95 %: 1 to 9). {SHOWN}",
            id="one more, and surely some number",
        ),
        pytest.param(
            planning(needed(None, 41, None)),
            "Not even 1,000 replicates would tell the first two apart in 80 % of sweeps like this, if they differ by 0.0051, as they "
            f"seem to; at least 36 more (95 %), and no number if they are equal. {SHOWN}",
            id="no number of practical use, by what they seem to differ",
        ),
        pytest.param(
            planning(needed(None, 1000, None)),
            "Not even 1,000 replicates would tell the first two apart in 80 % of sweeps like this, if they differ by 0.0051, as they "
            f"seem to. {SHOWN}",
            id="no number of practical use at all",
        ),
        pytest.param(
            planning(needed(None, 29, None, difference=0.0)),
            "By the replicates in common the first two do not differ: to tell them apart takes at least 24 more (95 %), and no number "
            f"if they are equal. {SHOWN}",
            id="two that are equal by what is seen",
        ),
        pytest.param(
            planning(needed(340, 9, None), needed(83, 51, 163, difference=0.01)),
            "About 340 more replicates would tell the first two apart in 80 % of sweeps like this, if they differ by 0.0051, as they "
            f"seem to; at least 4 more (95 %), and no number if they are equal. {SHOWN} "
            "To show a difference of 0.01 takes about 83 replicates in all (95 %: 51 to 160).",
            id="a difference that matters",
        ),
        pytest.param(
            planning(None, needed(620, 210, None, difference=0.001)),
            f"{SHOWN} To show a difference of 0.001 takes about 620 replicates in all (95 %: 210 to above 1,000).",
            id="an upper end beyond what is counted",
        ),
        pytest.param(
            planning(None, needed(None, 800, None, difference=0.0001)),
            f"{SHOWN} To show a difference of 0.0001 takes more than 1,000 replicates.",
            id="a difference too small for any sweep",
        ),
    ],
)
def test_what_more_replicates_show(found: Planning, sentence: str) -> None:
    assert planning_sentence(found) == sentence


def beside(worse: float, equivalent: float) -> Comparison:
    chances = Equivalence(worse=worse, equivalent=equivalent, better=1 - worse - equivalent)
    return Comparison(label="l2=1", tied=True, fit=Fit.UNDETERMINED, beside_best=chances)


BEST = Comparison(label="l2=0", tied=True, fit=Fit.BALANCED)


@pytest.mark.parametrize(
    ("comparisons", "ending"),
    [
        pytest.param(
            [BEST, beside(0.6, 0.3)],
            "Of 1 other, none is practically the same and none is worse, each with 95 % or more.",
            id="unclear",
        ),
        pytest.param(
            [BEST, beside(0.0, 0.96), beside(0.99, 0.01), beside(0.97, 0.01)],
            "Of 3 others, 1 is practically the same and 2 are worse, each with 95 % or more.",
            id="some are clear",
        ),
    ],
)
def test_how_many_are_practically_the_same(comparisons: list[Comparison], ending: str) -> None:
    sentence = equivalence_sentence(comparisons, 0.02)
    assert sentence.startswith("worse/same/better: ") and "(within 0.02)" in sentence
    assert sentence.endswith(ending)


def test_without_probabilities_nothing_is_said_of_them() -> None:
    assert equivalence_sentence([BEST], 0.02) == ""


@pytest.mark.parametrize(
    ("accuracy", "ending"),
    [
        pytest.param(None, ".", id="no values"),
        pytest.param(AccuracySummary(low=0.9371, high=0.9554), " (0.937 to 0.955).", id="a range"),
        pytest.param(AccuracySummary(low=1, high=1), " (1).", id="all alike"),
        pytest.param(
            AccuracySummary(low=0.9, high=0.95, baseline=0.6281),
            " (0.9 to 0.95); always guessing the most frequent class has 0.628.",
            id="with what guessing reaches",
        ),
    ],
)
def test_accuracies_stand_with_their_range_and_baseline(accuracy: AccuracySummary | None, ending: str) -> None:
    start = "Judged by val_accuracy, 8 of 8 combinations cannot be told from the most accurate"
    assert accuracy_sentence(8, 8, accuracy) == f"{start}{ending}"


def test_figures_of_the_last_epoch_say_so_where_the_objective_is_of_the_best_one() -> None:
    said = accuracy_sentence(8, 8, None, EpochChoice.BEST)
    assert said.startswith("Judged by val_accuracy at the last epoch, 8 of 8")
    found = Interval(mean=0.4512, standard_error=0.03, low=0.3811, high=0.5213)
    assert r_squared_sentence(found, EpochChoice.BEST).startswith(
        "R squared of the best on validation rows at the last epoch: 0.451 "
    )


def test_what_guessing_reaches_is_said_only_where_it_is_known() -> None:
    assert baseline_sentence(None) == baseline_sentence(AccuracySummary(low=0, high=1)) == ""
    assert baseline_sentence(AccuracySummary(low=0, high=1, baseline=0.5)).endswith("has val_accuracy 0.5.")


def test_r_squared_stands_beside_what_the_mean_reaches() -> None:
    found = Interval(mean=0.4512, standard_error=0.03, low=0.3811, high=0.5213)
    assert r_squared_sentence(found) == (
        "R squared of the best on validation rows: 0.451 (95 %: 0.381 to 0.521); always predicting the mean has 0."
    )
