"""Which sentences stand below the table, and in which order. What they say is tested where they are worded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regsweep.api.analysis import (
    Analysis,
    Effects,
    FinalEvaluation,
    FinalResult,
    Interval,
    Levels,
    Optimism,
    PickRole,
    RaceReason,
    RaceStatus,
    Spread,
)
from regsweep.api.findings import Finding, FindingType, NoteType
from regsweep.api.spec import Goal
from regsweep.api.status import FinalStatus, RefinementStatus, SweepState
from regsweep.report.sentences import final_evaluation_sentences, sentences, ties_sentence
from unit.report.builders import analysis, comparison, note, picked, ranked, results, share

ROWS = (ranked(1, {"l2": 1}, (0.10, 0.01), 0.08, (0.02, 0.01)), ranked(2, {"l2": 0}, (0.2, 0.01), 0.1, (0.1, 0.01)))
BEST = comparison({"l2": 1}, "Balanced")


def interval(low: float, high: float) -> Interval:
    return Interval(mean=(low + high) / 2, standard_error=0.01, low=low, high=high)


@pytest.mark.parametrize(
    ("analysis_result", "sentence"),
    [
        pytest.param(
            analysis(BEST, comparison({"l2": 0}, "Balanced")),
            "=  cannot be told from the best with these data (95 % confidence set; it does not say that they are equal)",
            id="the sign is explained",
        ),
        pytest.param(
            analysis(BEST, comparison({"l2": 0}, "Overfits")),
            "The best stands alone: every other combination can be told from it with these data (95 % confidence set).",
            id="a best that stands alone",
        ),
        pytest.param(
            analysis(BEST, comparison({"l2": 0}, comparable=False)), "", id="what cannot be compared may yet be tied"
        ),
        pytest.param(
            Analysis(),
            "3 replicates or more are needed for ties with the best, and for why a combination is worse.",
            id="too few replicates",
        ),
        pytest.param(Analysis(notes=[note(NoteType.REPLICATES_MISSING)]), "", id="a note says what is missing"),
        pytest.param(
            Analysis(notes=[note(NoteType.NO_CANDIDATE, count=0, of=2, metric="val_accuracy")]),
            "",
            id="a note says that nothing meets the constraints",
        ),
        pytest.param(None, "", id="nothing analysed, nothing said"),
    ],
)
def test_ties_are_explained(analysis_result: Analysis | None, sentence: str) -> None:
    assert ties_sentence(results(*ROWS, analysis_result=analysis_result)) == sentence


def test_what_is_not_compared_is_not_told_from_the_best() -> None:
    broke = ranked(3, {"l2": 9}, (0.3, 0.01), diverged=1)
    judged = analysis(BEST, comparison({"l2": 0}, "Overfits"))
    assert ties_sentence(results(*ROWS, broke, analysis_result=judged)) == (
        "The best stands alone: every other combination that is compared with it can be told from it with these data (95 % "
        "confidence set)."
    )


def test_of_what_has_no_result_yet_nothing_is_said() -> None:
    cut = results(*ROWS, analysis_result=analysis(BEST, comparison({"l2": 0}, "Overfits")), conditions=(), total=12)
    assert ties_sentence(cut) == (
        "The best stands alone: every other combination that is compared with it can be told from it with these data (95 % "
        "confidence set)."
    )


def test_what_left_a_race_for_want_of_a_replicate_was_not_told_from_the_best() -> None:
    lost = ROWS[1].model_copy(update={"dropped": True, "failed": 1})
    assert ties_sentence(results(ROWS[0], lost, analysis_result=analysis(BEST, comparison({"l2": 0})))) == ""


def test_what_left_a_race_by_its_loss_is_not_counted_among_what_can_be_told_by_accuracy() -> None:
    left = ranked(3, {"l2": 9}, (0.3, 0.01)).model_copy(update={"dropped": True})
    judged = analysis(BEST, comparison({"l2": 0}), comparison({"l2": 9}), tied_by_accuracy=["l2=1", "l2=0"])
    assert list(sentences(results(*ROWS, left, analysis_result=judged))) == [
        "Judged by val_accuracy, 2 of 2 combinations cannot be told from the most accurate."
    ]


def whole() -> Analysis:
    """An analysis that has all of it."""
    of_best = BEST.model_copy(update={"spread": Spread(squared_error=0.08, variance=0.02, bias_squared=0.06)})
    plain = comparison({"l2": 0}, "Overfits").model_copy(
        update={"spread": Spread(squared_error=0.12, variance=0.07, bias_squared=0.05)}
    )
    pick = picked({"l2": 0}).model_copy(update={"difference": Levels(new_data=interval(-0.01, 0.04))})
    return analysis(
        of_best,
        plain,
        pick=None,
        best=Levels(new_data=interval(0.05, 0.15)),
        effects=Effects(shares=[share("l2", eta=0.77, by_chance=0.09)]),
        race=RaceStatus(reason=RaceReason.WON, racing=1, dropped=1, replicates=20, trained=30, full_grid=40),
        findings=[Finding(type=FindingType.ALL_OVERFIT)],
        tied_by_accuracy=["l2=1", "l2=0"],
        selection_optimism=Optimism(optimism=0.006, corrected=0.106, note="a lower bound"),
        notes=[note(NoteType.NO_BIAS_VARIANCE), note(NoteType.FEW_REPLICATES), note(NoteType.ROWS_UNKNOWN)],
    ).model_copy(update={"pick": pick})


def test_a_complete_sweep_says_what_matters_what_was_found_and_what_to_bear_in_mind_in_this_order() -> None:
    assert list(sentences(results(*ROWS, analysis_result=whole()))) == [
        "For other data of this kind and size expect the best's val_average_loss on average between 0.05 and 0.156 (95 %, "
        "approximate), of which 0.006 at the worse end is for the luck of having been chosen by these same numbers; the pick may be "
        "worse by up to 0.04 or better by up to 0.01.",
        "What matters: l2 explains 77 % of the differences (by chance alone: 9 %). The rest "
        "differs between replicates, or is not surely more than chance. All within "
        "the ranges swept.",
        "On rows that replicates had not seen, 0.02 of the best's squared error of 0.08 is that replicates predict differently; "
        "without regularisation 0.07 of 0.12. The rest is bias and the labels' own noise.",
        "The race was won by one combination: 1 combination dropped, 1 left, 30 of the 40 trainings of a full grid (75 %).",
        "In every combination that is compared, more than half of the validation loss is gap to the training loss: all of these overfit. "
        "Stronger regularisation, smaller networks or more training rows make the gap smaller; whether the loss follows, a sweep of them "
        "tells.",
        "Judged by val_accuracy, 2 of 2 combinations cannot be told from the most accurate.",
        "With fewer than 5 replicates little can be told of a combination, and what goes wrong in few replicates is not seen. One that "
        "is worse by three times the noise stays tied with the best in about half of such sweeps with 3 replicates, and in a quarter "
        "with 4, or in more.",
    ]


def test_after_a_refinement_what_matters_is_said_to_be_of_the_declared_grid() -> None:
    found = results(*ROWS, analysis_result=whole())
    status = found.status.model_copy(update={"refinement": RefinementStatus(rounds=[], contenders=["a", "b"])})
    said = list(sentences(replace(found, status=status)))
    assert any(
        each.endswith("All within the grid as declared, by the replicates before the new ones.") for each in said
    )
    assert any(
        each.endswith("5 new replicates of the 2 combinations tied by then, by which none was added or left out.")
        for each in said
    )


def test_a_sweep_that_still_runs_says_nothing_of_it() -> None:
    running = results(*ROWS, analysis_result=whole(), conditions=(), state=SweepState.RUNNING)
    assert list(sentences(running)) == []


def test_an_empty_analysis_says_nothing() -> None:
    assert list(sentences(results(*ROWS, analysis_result=analysis(BEST)))) == []


@pytest.mark.parametrize(
    ("optimism", "count"),
    [
        pytest.param(0.006, 1, id="clear beside the standard error"),
        pytest.param(0.001, 0, id="small beside the standard error"),
        pytest.param(-0.006, 0, id="none"),
    ],
)
def test_luck_in_the_choice_is_told_where_it_is_clear(optimism: float, count: int) -> None:
    found = Optimism(optimism=optimism, corrected=0.1 + optimism, note="a lower bound")
    assert len(list(sentences(results(*ROWS, analysis_result=analysis(BEST, selection_optimism=found))))) == count


def test_the_same_ties_by_accuracy_are_not_told_twice() -> None:
    same = analysis(BEST, comparison({"l2": 0}, "Balanced"), tied_by_accuracy=["l2=0", "l2=1"])
    assert list(sentences(results(*ROWS, analysis_result=same))) == []


@pytest.mark.parametrize("stale", [True, False])
def test_test_rows_are_told_with_their_notes_and_whether_they_are_out_of_date(stale: bool) -> None:
    few = note(NoteType.FINAL_TOO_FEW, subject="Best")
    result = FinalResult(label="l2=1", roles=[PickRole.BEST], replicates=2, metrics={"test_average_loss": 0.1})
    judged = analysis(BEST, final=FinalEvaluation(results=[result], notes=[few]))
    whole = results(*ROWS, analysis_result=judged)
    final = FinalStatus(rests_on="x", picks=[], replicates=2, stale=stale)
    report = replace(whole, status=whole.status.model_copy(update={"final": final}))
    out_of_date = ["This final evaluation is of what the sweep was before it changed."] if stale else []
    assert list(final_evaluation_sentences(report)) == [
        "On the test rows, which nothing was chosen by: the best (l2=1): loss 0.1.",
        *out_of_date,
        "The best: fewer than 3 final trainings have a test loss, too few for an interval.",
    ]


def test_without_a_final_evaluation_nothing_is_said_of_test_rows() -> None:
    assert list(final_evaluation_sentences(results(*ROWS, analysis_result=analysis(BEST)))) == []
    assert list(final_evaluation_sentences(results(*ROWS))) == []


@pytest.mark.parametrize(
    ("goal", "level", "words"),
    [
        pytest.param(
            Goal.MINIMIZE, (0.646, 0.695), "between 0.646 and 0.814 (95 %, approximate), of which 0.119", id="a loss"
        ),
        pytest.param(
            Goal.MAXIMIZE,
            (0.646, 0.695),
            "between 0.527 and 0.695 (95 %, approximate), of which 0.119",
            id="large is good",
        ),
        pytest.param(
            Goal.MAXIMIZE,
            (0.08, 0.95),
            "up to 0.95 (95 %, approximate), of which 0.119",
            id="not beyond what the metric can be",
        ),
    ],
)
def test_nothing_is_expected_outside_of_what_is_expected(goal: Goal, level: tuple[float, float], words: str) -> None:
    """An interval that the estimate without luck lies outside of would be contradicted by the next line."""
    found = analysis(
        BEST,
        best=Levels(new_data=interval(*level)),
        selection_optimism=Optimism(optimism=0.119, corrected=0.789, note="a lower bound"),
    )
    metric = "val_average_loss" if goal is Goal.MINIMIZE else "val_auc"
    said = list(sentences(results(*ROWS, goal=goal, metric=metric, analysis_result=found)))
    assert len(said) == 1
    assert words in said[0]


@pytest.mark.parametrize(
    ("contenders", "words"),
    [
        pytest.param(
            ["a", "b", "c"],
            "between 0.646 and 0.814 (95 %), with room at the worse end for having been chosen among 3 contenders by these same numbers.",
            id="among several",
        ),
        pytest.param(["a"], "between 0.646 and 0.814 (95 %).", id="one alone was not chosen"),
    ],
)
def test_luck_is_allowed_for_once_on_a_refined_page(contenders: list[str], words: str) -> None:
    """Its interval has room for the choice already."""
    found = analysis(
        BEST,
        best=Levels(new_data=interval(0.646, 0.814)),
        selection_optimism=Optimism(optimism=0.119, corrected=0.789, note="a lower bound"),
    )
    whole = results(*ROWS, analysis_result=found)
    refinement = RefinementStatus(contenders=contenders)
    said = next(iter(sentences(replace(whole, status=whole.status.model_copy(update={"refinement": refinement})))))
    assert said == f"For other data of this kind and size expect the best's val_average_loss on average {words}"
