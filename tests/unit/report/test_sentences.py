"""The sentences that come from the analysis."""

from __future__ import annotations

import pytest

from regsweep.api.analysis import (
    Analysis,
    EffectsView,
    Interval,
    Levels,
    Optimism,
    PickView,
    RaceReason,
    RaceView,
    Remark,
    Spread,
)
from regsweep.report.sentences import ALONE, TIE_LEGEND, TOO_FEW, ties_line, told, what_matters
from unit.report.builders import analysis, ranked, results, share, verdict

ROWS = (ranked(1, {"l2": 1}, (0.10, 0.01), 0.08, (0.02, 0.01)), ranked(2, {"l2": 0}, (0.2, 0.01), 0.1, (0.1, 0.01)))
BEST = verdict({"l2": 1}, "Balanced")


@pytest.mark.parametrize(
    ("analysis_result", "line"),
    [
        pytest.param(analysis(BEST, verdict({"l2": 0}, "Balanced")), TIE_LEGEND, id="the sign is explained"),
        pytest.param(analysis(BEST, verdict({"l2": 0}, "Overfits")), ALONE, id="a best that stands alone"),
        pytest.param(
            analysis(BEST, verdict({"l2": 0}, comparable=False)), "", id="what cannot be compared may yet be tied"
        ),
        pytest.param(Analysis(), TOO_FEW, id="too few replicates"),
        pytest.param(None, "", id="nothing analysed, nothing said"),
    ],
)
def test_ties_are_put_in_words(analysis_result: Analysis | None, line: str) -> None:
    assert ties_line(results(*ROWS, analysis_result=analysis_result)) == line


TWO = (share("l2", eta=0.77, by_chance=0.09), share("dropout", eta=0.17, by_chance=0.03))
START = "What matters: "
WITHIN = "All within the ranges swept"


@pytest.mark.parametrize(
    ("effects", "line"),
    [
        pytest.param(
            EffectsView(shares=[*TWO, share("l2", "dropout", eta=0.04, by_chance=0.09, p=0.4)]),
            f"{START}l2 explains 77 % of the differences (by chance alone: 9 %); dropout 17 % (by chance alone: 3 %); "
            "the interplay of l2 and dropout not surely more than chance. "
            f"The rest is noise between replicates. {WITHIN}.",
            id="each share beside what chance brings",
        ),
        pytest.param(
            EffectsView(shares=list(TWO[::-1])),
            f"{START}l2 explains 77 % of the differences (by chance alone: 9 %); dropout 17 % (by chance alone: 3 %). "
            f"The rest is noise between replicates. {WITHIN}.",
            id="the largest comes first",
        ),
        pytest.param(
            EffectsView(shares=[share("l2", eta=0.3, by_chance=0.3, p=0.5)]),
            f"{START}nothing that was swept explains surely more than chance would. {WITHIN}.",
            id="a large share that chance brings too",
        ),
        pytest.param(
            EffectsView(shares=list(TWO[:1]), adds_up=False, log_scale=True, left_out=2),
            f"{START}l2 explains 77 % of the differences (by chance alone: 9 %). {WITHIN}; in ratios, since losses "
            "differ more than tenfold; without 2 combinations in which a replicate diverged; shares need not add up, "
            "since something is missing.",
            id="what the shares rest on",
        ),
        pytest.param(
            EffectsView(shares=[share(name, eta=0.15, by_chance=0.01) for name in "abcdef"]),
            f"{START}a explains 15 % of the differences (by chance alone: 1 %); b 15 % (by chance alone: 1 %); "
            "c 15 % (by chance alone: 1 %); d 15 % (by chance alone: 1 %); "
            "2 more together 30 % (by chance alone: 2 %). The rest is noise between replicates. All within the ranges swept.",
            id="many flags are summed up",
        ),
        pytest.param(
            EffectsView(shares=[share("l2", eta=0.9, p=None)]), "", id="without replicates noise is not known"
        ),
        pytest.param(EffectsView(shares=[share("l2", eta=None, p=None)]), "", id="what cannot be estimated"),
    ],
)
def test_effects_are_put_in_words(effects: EffectsView, line: str) -> None:
    assert what_matters(effects) == line


def edge(subject: str, value: float) -> Remark:
    return Remark(type="AtGridEdge", message=f"{subject} has l2={value}, the largest value swept.")


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        pytest.param(
            (edge("The best", 1), edge("The one-standard-error pick", 1)),
            ["The best and the pick have l2=1, the largest value swept."],
            id="what holds of both is said once",
        ),
        pytest.param(
            (edge("The best", 1), edge("The one-standard-error pick", 2)),
            ["The best has l2=1, the largest value swept.", "The pick has l2=2, the largest value swept."],
            id="what differs is said of each",
        ),
        pytest.param(
            (Remark(type="AllOverfit", message="All of them overfit."),), ["All of them overfit."], id="as it is"
        ),
    ],
)
def test_findings_are_told_a_line_each(found: tuple[Remark, ...], lines: list[str]) -> None:
    assert list(told(results(*ROWS, analysis_result=analysis(BEST, findings=found)))) == lines


@pytest.mark.parametrize(
    ("optimism", "lines"),
    [
        pytest.param(
            0.006,
            [
                "The best was chosen by these same numbers, so luck flatters it: expect val_average_loss near 0.106 "
                "or higher, not 0.1."
            ],
            id="clear beside the standard error",
        ),
        pytest.param(0.001, [], id="small beside the standard error"),
        pytest.param(-0.006, [], id="none"),
    ],
)
def test_luck_in_the_choice_is_told_where_it_is_clear(optimism: float, lines: list[str]) -> None:
    found = Optimism(optimism=optimism, corrected=0.1 + optimism, note="a lower bound")
    assert list(told(results(*ROWS, analysis_result=analysis(BEST, selection_optimism=found)))) == lines


def interval(low: float, high: float, *, approximate: bool = False) -> Interval:
    return Interval(mean=(low + high) / 2, standard_error=0.01, low=low, high=high, approximate=approximate)


PICK = PickView(
    label="l2=0", is_best=False, candidates=2, rule="Paired", difference=Levels(new_data=interval(-0.01, 0.04))
)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        pytest.param(
            {"best": Levels(new_data=interval(0.05, 0.15))},
            "For other data of this kind and size expect the best's val_average_loss between 0.05 and 0.15 (95 %).",
            id="the best",
        ),
        pytest.param(
            {"best": Levels(new_data=interval(-0.05, 0.25, approximate=True)), "pick": PICK},
            "For other data of this kind and size expect the best's val_average_loss up to 0.25 (95 %, approximate); the pick may "
            "be worse by 0.04 or better by 0.01.",
            id="no loss is below nought; the pick beside it",
        ),
        pytest.param({"best": Levels(given_data=interval(0.05, 0.15))}, None, id="rows that nobody knows"),
    ],
)
def test_other_data_are_told_apart_from_these(fields: dict[str, object], line: str | None) -> None:
    analysis_result = analysis(BEST, verdict({"l2": 0}, "Balanced")).model_copy(update=fields)
    assert list(told(results(*ROWS, analysis_result=analysis_result))) == ([line] if line else [])


@pytest.mark.parametrize(
    ("reason", "start"),
    [
        (RaceReason.WON, "The race was won by one combination: "),
        (RaceReason.EQUIVALENT, "The race ended when all that were left lay within minimumDifference: "),
        (RaceReason.BUDGET_SPENT, "The race ended when all that were left had the most replicates: "),
    ],
)
def test_a_race_is_told_beside_what_a_full_grid_would_have_cost(reason: RaceReason, start: str) -> None:
    race = RaceView(reason=reason, racing=3, dropped=57, replicates=20, trained=240, full_grid=1200)
    assert list(told(results(*ROWS, analysis_result=analysis(BEST, race=race)))) == [
        f"{start}57 combinations dropped, 3 left, 240 of the 1200 trainings of a full grid (20 %)."
    ]


def test_bias_and_variance_are_told_of_the_best_and_without_regularisation() -> None:
    best = BEST.model_copy(update={"spread": Spread(squared_error=0.08, variance=0.02, bias_squared=0.06)})
    plain = verdict({"l2": 0}, "Overfits").model_copy(
        update={"spread": Spread(squared_error=0.12, variance=0.07, bias_squared=0.05)}
    )
    assert list(told(results(*ROWS, analysis_result=analysis(best, plain)))) == [
        "On rows that replicates had not seen, 0.02 of the best's squared error of 0.08 is that replicates predict differently; "
        "without regularisation 0.07 of 0.12. The rest is bias and the labels' own noise."
    ]


def test_nothing_is_told_of_a_sweep_that_still_runs() -> None:
    analysis_result = analysis(
        BEST, findings=(Remark(type="AllOverfit", message="All of them overfit."),), notes=("Few.",)
    )
    assert list(told(results(*ROWS, analysis_result=analysis_result, conditions=(), state="Running"))) == []


def test_another_metric_with_other_ties_is_named() -> None:
    analysis_result = analysis(BEST, verdict({"l2": 0}, "Overfits"), tied_by_accuracy=("l2=1", "l2=0"))
    assert list(told(results(*ROWS, analysis_result=analysis_result))) == [
        "Judged by val_accuracy, 2 of 2 combinations cannot be told from the best."
    ]
