from __future__ import annotations

from dataclasses import replace

import pytest

from regsweep.api.analysis import Analysis
from regsweep.api.run_status import FailedRun
from regsweep.api.spec import EpochChoice
from regsweep.api.status import RankedResult, RefinementStatus
from regsweep.core.grid import combination_id
from regsweep.report.model import Divergence, SweepReport
from regsweep.report.notes import conclusion, legend_of, note_of
from unit.report.builders import analysis, comparison, ranked, reduction, results

BEST = ranked(1, {"l2": 0.01}, (0.10, 0.01), 0.08, (0.02, 0.005))
OF_BEST = comparison({"l2": 0.01}, "Balanced")
WORSE = ranked(2, {"l2": 0}, (0.20, 0.01), 0.01, (0.19, 0.01))
SIMPLER = "simpler: more regularised or smaller, and in no flag the reverse (pick.simplicityOrder)"


@pytest.mark.parametrize(
    ("row", "analysis_result", "note"),
    [
        pytest.param(BEST, None, "best", id="the first is the best"),
        pytest.param(
            BEST,
            analysis(OF_BEST, pick={"l2": 0.01}),
            "best, and the simplest within one standard error",
            id="the best may be the simplest itself",
        ),
        pytest.param(
            WORSE,
            analysis(OF_BEST, comparison({"l2": 0}, "Balanced"), pick={"l2": 0}),
            "pick: simplest within one standard error",
            id="the pick",
        ),
        pytest.param(WORSE, analysis(OF_BEST, comparison({"l2": 0}, "Overfits")), "overfits", id="the gap's fault"),
        pytest.param(WORSE, analysis(OF_BEST, comparison({"l2": 0}, "Underfits")), "underfits", id="the fit's fault"),
        pytest.param(WORSE, analysis(OF_BEST, comparison({"l2": 0}, "Balanced")), "", id="no label for what is tied"),
        pytest.param(WORSE, analysis(OF_BEST, comparison({"l2": 0})), "", id="no label where the data do not say why"),
        pytest.param(WORSE, None, "", id="no label without an analysis, however large the difference"),
        pytest.param(
            WORSE,
            analysis(OF_BEST, comparison({"l2": 0}, comparable=False)),
            "too few replicates in common with the best",
            id="what cannot be compared is not passed over in silence",
        ),
        pytest.param(ranked(None, {"l2": 9}, diverged=5), None, "diverged", id="all replicates diverged"),
        pytest.param(ranked(None, {"l2": 9}, diverged=2), None, "2 of 5 diverged", id="some replicates diverged"),
        pytest.param(ranked(None, {"l2": 9}, replicates=0, failed=5), None, "failed", id="a failure of unknown reason"),
        pytest.param(
            WORSE.model_copy(update={"violated": ["val_acc"]}),
            None,
            "does not meet the constraint on val_acc",
            id="a constraint, also on a metric that was not reported",
        ),
        pytest.param(
            WORSE.model_copy(update={"violated": ["val_auc", "train_loss"]}),
            None,
            "does not meet the constraint on val_auc and train_loss",
            id="two constraints",
        ),
        pytest.param(
            ranked(2, {"l2": 0}, (0.11, 0.01), 0.08, (0.02, 0.01), replicates=4, failed=1),
            None,
            "1 failed",
            id="a missing replicate is said",
        ),
    ],
)
def test_a_note_is_true_of_its_row(row: RankedResult, analysis_result: Analysis | None, note: str) -> None:
    rows = (BEST,) if row is BEST else (BEST, row)
    assert note_of(row, results(*rows, analysis_result=analysis_result)).text == note


def test_nothing_is_picked_before_the_sweep_is_complete() -> None:
    analysis_result = analysis(OF_BEST, comparison({"l2": 0}, "Balanced"), pick={"l2": 0})
    assert note_of(WORSE, results(BEST, WORSE, analysis_result=analysis_result, conditions=())).text == ""


WITH_L2 = ranked(2, {"l2": 1}, (0.4, 0.01))
PLAIN = ranked(2, {"l2": 0}, (0.40, 0.01), 0.01, (0.39, 0.01))


LAST, AT_BEST = reduction(0.75, 0.6, 0.85), reduction(0.1, -0.08, 0.31, epoch=EpochChoice.BEST)
GAP = reduction(0.95, 0.9, 0.98, "overfit_gap")
JUDGED = analysis(OF_BEST, comparison({"l2": 0}, "Overfits"), reductions=[LAST, GAP])


@pytest.mark.parametrize(
    ("rows", "analysis_result", "sentence"),
    [
        pytest.param(
            (BEST, PLAIN),
            JUDGED,
            "Without regularisation (l2=0) the network ranks 2nd; the best cuts validation loss by 75 % (95 %: 60 to 85) "
            "and the overfit gap by 95 % (90 to 98).",
            id="what regularisation brought",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(OF_BEST, comparison({"l2": 0}), reductions=[LAST, reduction(0.2, -0.1, 0.4, "overfit_gap")]),
            "Without regularisation (l2=0) the network ranks 2nd; the best cuts validation loss by 75 % (95 %: 60 to 85) and the "
            "overfit gap by 20 % (-10 to 40).",
            id="a share is not said only where it is significant",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(OF_BEST, comparison({"l2": 0}), reductions=[LAST, AT_BEST]),
            "Without regularisation (l2=0) the network ranks 2nd; the best cuts validation loss by 75 % (95 %: 60 to 85); with "
            "each run at its best epoch, which patient early stopping would keep, it cuts validation loss by 10 % (-8 to 31).",
            id="early stopping is the fair opponent",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(OF_BEST, comparison({"l2": 0}), reductions=[reduction(-0.2, -0.5, 0.1), AT_BEST]),
            "Without regularisation (l2=0) the network ranks 2nd; the best raises validation loss by 20 % (95 %: -10 to 50); "
            "with each run at its best epoch, which patient early stopping would keep, it cuts validation loss by 10 % (-8 to 31).",
            id="the best by another objective may have a larger loss",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(OF_BEST, comparison({"l2": 0}), reductions=[reduction(0.004, -0.0004, 0.0061)]),
            "Without regularisation (l2=0) the network ranks 2nd; the best cuts validation loss by under 1 % (95 %: -0.04 to 1).",
            id="an end that is about 0 keeps its sign",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(OF_BEST, comparison({"l2": 0}), reductions=[reduction(0.3, -0.00004, 0.6)]),
            "Without regularisation (l2=0) the network ranks 2nd; the best cuts validation loss by 30 % (95 %: just below 0 to 60).",
            id="an end that is next to 0 keeps its side",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(OF_BEST, comparison({"l2": 0})),
            "Without regularisation (l2=0) the network ranks 2nd, and is worse than the best.",
            id="no share without an interval",
        ),
        pytest.param(
            (ranked(1, {"l2": 0}, (0.10, 0.01), 0.08, (0.02, 0.01)), ranked(2, {"l2": 1}, (0.4, 0.01))),
            analysis(comparison({"l2": 0}, "Balanced"), comparison({"l2": 1}, "Underfits")),
            "Without regularisation (l2=0) the network ranks 1st: regularisation did not improve on it.",
            id="regularisation that does not help",
        ),
        pytest.param(
            (ranked(1, {"l2": 0}, (0.10, 0.01)), ranked(2, {"l2": 1}, (0.01, 0.01), diverged=1)),
            analysis(comparison({"l2": 0}, "Balanced")),
            "Without regularisation (l2=0) the network ranks 1st; these data do not tell whether regularisation improves on it: no "
            "combination with it can be compared.",
            id="regularisation that broke in one replicate each",
        ),
        pytest.param(
            (ranked(1, {"l2": 0}, (0.10, None)), ranked(2, {"l2": 1}, (0.11, None))),
            analysis(),
            "Without regularisation (l2=0) the network ranks 1st; these data do not tell whether regularisation improves on it: no "
            "combination with it can be compared.",
            id="too few replicates to say that it does not help",
        ),
        pytest.param(
            (
                ranked(1, {"l2": 0}, (0.10, 0.01)),
                ranked(2, {"l2": 1}, (0.4, 0.01)),
                ranked(3, {"l2": 2}, (0.05, 0.01), diverged=1),
            ),
            analysis(comparison({"l2": 0}, "Balanced"), comparison({"l2": 1}, "Underfits")),
            "Without regularisation (l2=0) the network ranks 1st: no combination with regularisation that can be compared improved on it.",
            id="regularisation of which some cannot be compared",
        ),
        pytest.param(
            (ranked(1, {"l2": 0}, (0.10, 0.01), 0.08, (0.02, 0.01)), ranked(2, {"l2": 1}, (0.11, 0.01))),
            analysis(comparison({"l2": 0}, "Balanced"), comparison({"l2": 1}, "Balanced")),
            "Without regularisation (l2=0) the network ranks 1st; these data do not tell whether regularisation improves on it: "
            "1 combination with it is tied.",
            id="regularisation that may help after all",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(OF_BEST, comparison({"l2": 0}, "Balanced")),
            "Without regularisation (l2=0) the network ranks 2nd, but cannot be told from the best with these data.",
            id="a tie is no loss, however far apart the means",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(OF_BEST, comparison({"l2": 0}, "Balanced"), reductions=[reduction(0.12, -0.05, 0.29)]),
            "Without regularisation (l2=0) the network ranks 2nd, but cannot be told from the best with these data; by the "
            "means, which also chose it, the best cuts validation loss by 12 % (95 %: -5 to 29).",
            id="of a tie the share is said with its interval",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(),
            "Without regularisation (l2=0) the network ranks 2nd; too few common replicates to say whether it is worse than the best.",
            id="too few replicates for ties",
        ),
        pytest.param(
            (BEST, ranked(2, {"l2": 0}, (0.40, 0.01), 0.01, (0.39, 0.01), diverged=1)),
            analysis(OF_BEST),
            "Without regularisation (l2=0) the network ranks 2nd: in 1 of 5 replicates it diverged.",
            id="a network that breaks without regularisation",
        ),
        pytest.param(
            (BEST, ranked(2, {"l2": 0}, (0.40, 0.01)).model_copy(update={"violated": ["val_accuracy"]})),
            analysis(OF_BEST),
            "Without regularisation (l2=0) the network ranks 2nd, and does not meet the constraint on val_accuracy.",
            id="a network that breaks a constraint without regularisation",
        ),
        pytest.param(
            (BEST.model_copy(update={"violated": ["val_accuracy"]}), ranked(2, {"l2": 0}, (0.40, 0.01))),
            analysis(),
            "",
            id="nothing that meets the constraints",
        ),
        pytest.param((BEST, ranked(2, {"l2": 1}, (0.4, 0.01))), JUDGED, "", id="no combination without regularisation"),
        pytest.param(
            (ranked(1, {"units": 8}, (0.1, 0.01)), ranked(2, {"units": 0}, (0.4, 0.01))),
            analysis(comparison({"units": 8}, "Balanced"), comparison({"units": 0}, "Underfits")),
            "",
            id="a sweep of something else",
        ),
        pytest.param(
            (
                ranked(1, {"l2": 0.1, "units": 8}, (0.10, 0.01), 0.08, (0.02, 0.005)),
                ranked(2, {"l2": 0, "units": 8}, (0.40, 0.01), 0.01, (0.39, 0.01)),
                ranked(3, {"l2": 0, "units": 16}, (0.50, 0.01), 0.01, (0.49, 0.01)),
            ),
            analysis(
                comparison({"l2": 0.1, "units": 8}, "Balanced"),
                comparison({"l2": 0, "units": 8}, "Overfits"),
                comparison({"l2": 0, "units": 16}, "Overfits"),
                reductions=[LAST, GAP],
            ),
            "Without regularisation (l2=0) the best network (l2=0, units=8) ranks 2nd; the best cuts validation loss "
            "by 75 % (95 %: 60 to 85) and the overfit gap by 95 % (90 to 98).",
            id="of several without regularisation the best is compared",
        ),
    ],
)
def test_the_conclusion_says_what_the_numbers_bear(
    rows: tuple[RankedResult, ...], analysis_result: Analysis, sentence: str
) -> None:
    assert conclusion(results(*rows, analysis_result=analysis_result)) == sentence


def refined(*rows: RankedResult, analysis_result: Analysis) -> SweepReport:
    """Of which the last row is none of the contenders."""
    behind = rows[-1].model_copy(update={"dropped": True})
    found = results(*rows[:-1], behind, analysis_result=analysis_result)
    contenders = [row.combination for row in rows[:-1] if row.combination is not None]
    status = found.status.model_copy(update={"refinement": RefinementStatus(rounds=[], contenders=contenders)})
    return replace(found, status=status)


def test_what_a_refinement_has_left_behind_was_told_from_the_best_before() -> None:
    assert conclusion(refined(BEST, PLAIN, analysis_result=analysis(OF_BEST))) == (
        "Without regularisation (l2=0) the network ranks 2nd: it was not tied with the best before the new replicates, and is not "
        "compared with it by these."
    )
    plain = ranked(1, {"l2": 0}, (0.10, 0.01))
    found = refined(plain, WITH_L2, analysis_result=analysis(comparison({"l2": 0}, "Balanced")))
    assert (
        conclusion(found)
        == "Without regularisation (l2=0) the network ranks 1st: regularisation did not improve on it."
    )


@pytest.mark.parametrize(
    ("metric", "words"),
    [("val_average_loss", "by the means, which also chose it, the best"), ("val_auc", "by the means, the best")],
)
def test_only_the_loss_has_chosen_the_best_where_it_is_the_objective(metric: str, words: str) -> None:
    judged = analysis(OF_BEST, comparison({"l2": 0}, "Balanced"), reductions=[reduction(0.12, -0.05, 0.29)])
    assert f"; {words} cuts validation loss by 12 %" in conclusion(
        results(BEST, PLAIN, metric=metric, analysis_result=judged)
    )


def test_what_the_objectives_epoch_shows_comes_first() -> None:
    judged = analysis(OF_BEST, comparison({"l2": 0}), reductions=[LAST, AT_BEST, GAP])
    assert conclusion(results(BEST, PLAIN, analysis_result=judged, epoch=EpochChoice.BEST)) == (
        "Without regularisation (l2=0) the network ranks 2nd; the best cuts validation loss by 10 % (95 %: -8 to 31) with each run "
        "at its best epoch; at the last epoch it cuts validation loss by 75 % (60 to 85) and the overfit gap by 95 % (90 to 98)."
    )


def test_a_fixed_regularisation_is_not_called_none() -> None:
    found = replace(results(BEST, PLAIN, analysis_result=JUDGED), parameters={"dropout": 0.3, "epochs": 10})
    assert conclusion(found).startswith("Without l2 (l2=0) the network ranks 2nd")


def test_an_unfinished_sweep_concludes_nothing() -> None:
    assert conclusion(results(BEST, PLAIN, analysis_result=JUDGED, conditions=())) == ""


@pytest.mark.parametrize(
    ("divergence", "text"),
    [
        pytest.param(Divergence(5, 5, 3, 3), "diverged at epoch 3", id="all at one epoch"),
        pytest.param(Divergence(5, 5, 3, 9), "diverged at epochs 3 to 9", id="all, at several epochs"),
        pytest.param(Divergence(2, 5, 7, 9), "2 of 5 diverged, first at epoch 7", id="some"),
    ],
)
def test_when_replicates_diverged_is_reported_if_the_records_have_it(divergence: Divergence, text: str) -> None:
    row = ranked(None, {"l2": 9}, diverged=divergence.diverged)
    found = results(BEST, row, divergences={combination_id({"l2": 9}): divergence})
    assert note_of(row, found).text == text


def test_combinations_that_differ_in_the_type_of_a_value_alone_have_notes_of_their_own() -> None:
    """A list of the number 1 and a list of the text 1."""
    number, text = ranked(2, {"units": [1]}, (0.2, 0.01)), ranked(3, {"units": ["1"]}, (0.3, 0.01))
    judged = analysis(
        comparison({"units": [2]}, "Balanced"),
        comparison({"units": [1]}, "Overfits"),
        comparison({"units": ["1"]}, "Underfits"),
    )
    failed = ranked(None, {"units": ["2"]}, replicates=0, failed=5)
    failures = [FailedRun(run="r", combination=failed.combination, label=failed.label, reason="OutOfMemory")]
    found = results(BEST, number, text, failed, analysis_result=judged, failures=failures)
    assert [note_of(row, found).text for row in (number, text, failed)] == [
        "overfits",
        "underfits",
        "failed: OutOfMemory",
    ]
    assert len({row.label for row in (number, text)}) == 2


def test_a_failed_final_evaluation_is_no_note_of_the_grids_combination() -> None:
    row = ranked(None, {"l2": 9}, replicates=0, failed=5)
    of_final = FailedRun(run="r", combination=row.combination, label="l2=9 (final evaluation)", final=True, reason="X")
    assert note_of(row, results(BEST, row, failures=[of_final])).text == "failed"


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        pytest.param(
            "val_loss",
            "Without regularisation (l2=0) the network ranks 1st by val_loss. That contains the penalty, so it does not say "
            "whether regularisation helps.",
            id="the penalty is in it",
        ),
        pytest.param(
            "train_loss",
            "Without regularisation (l2=0) the network ranks 1st by train_loss. That contains the penalty, so it does not say "
            "whether regularisation helps.",
            id="of the training rows, and the penalty is in it",
        ),
        pytest.param(
            "train_accuracy",
            "Without regularisation (l2=0) the network ranks 1st by train_accuracy. That is of the training rows, so it does not "
            "say whether regularisation helps on others.",
            id="of the training rows",
        ),
        pytest.param(
            "val_accuracy",
            "Without regularisation (l2=0) the network ranks 1st: regularisation did not improve on it.",
            id="of other rows",
        ),
    ],
)
def test_only_a_metric_that_can_show_it_says_that_regularisation_did_not_help(metric: str, sentence: str) -> None:
    rows = (ranked(1, {"l2": 0}, (0.10, 0.01)), ranked(2, {"l2": 1}, (0.4, 0.01)))
    judged = analysis(comparison({"l2": 0}, "Balanced"), comparison({"l2": 1}, "Underfits"))
    assert conclusion(results(*rows, metric=metric, analysis_result=judged)) == sentence


def test_what_is_cut_almost_to_nothing_is_not_called_cut_by_all_of_it() -> None:
    rows = (ranked(1, {"l2": 1}, (0.0001, 0.00001)), ranked(2, {"l2": 0}, (0.4, 0.01)))
    judged = analysis(
        comparison({"l2": 1}, "Balanced"),
        comparison({"l2": 0}, "Overfits"),
        reductions=[reduction(0.9998, 0.99, 0.9999)],
    )
    assert "the best cuts validation loss by over 99 % (95 %: 99 to 100)." in conclusion(
        results(*rows, analysis_result=judged)
    )


@pytest.mark.parametrize(
    ("rows", "brief", "legend"),
    [
        pytest.param((), False, "", id="nothing to explain"),
        pytest.param((BEST,), True, "", id="best explains itself"),
        pytest.param(
            (WORSE,),
            True,
            f"pick: simplest combination within one standard error of the best; {SIMPLER}.",
            id="a pick in a word",
        ),
        pytest.param((WORSE,), False, f"{SIMPLER}.", id="a pick spelled out: the plain network is not what is meant"),
    ],
)
def test_the_legend_explains_what_stands_in_a_word(rows: tuple[RankedResult, ...], brief: bool, legend: str) -> None:
    found = results(BEST, WORSE, analysis_result=analysis(OF_BEST, comparison({"l2": 0}, "Balanced"), pick={"l2": 0}))
    assert legend_of([note_of(row, found) for row in rows], brief) == legend
