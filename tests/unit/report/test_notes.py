from __future__ import annotations

from dataclasses import replace

import pytest

from regsweep.api.analysis import Analysis
from regsweep.api.status import RankedResult
from regsweep.report.notes import conclusion, note_of
from unit.report.builders import analysis, breast_cancer, ranked, results, verdict

BEST = ranked(1, {"l2": 0.01}, (0.10, 0.01), 0.08, (0.02, 0.005))
OF_BEST = verdict({"l2": 0.01}, "Balanced")
WORSE = ranked(2, {"l2": 0}, (0.20, 0.01), 0.01, (0.19, 0.01))


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
            analysis(OF_BEST, verdict({"l2": 0}, "Balanced"), pick={"l2": 0}),
            "pick: simplest within one standard error",
            id="the pick",
        ),
        pytest.param(WORSE, analysis(OF_BEST, verdict({"l2": 0}, "Overfits")), "overfits", id="the gap's fault"),
        pytest.param(WORSE, analysis(OF_BEST, verdict({"l2": 0}, "Underfits")), "underfits", id="the fit's fault"),
        pytest.param(WORSE, analysis(OF_BEST, verdict({"l2": 0}, "Balanced")), "", id="no label for what is tied"),
        pytest.param(WORSE, analysis(OF_BEST, verdict({"l2": 0})), "", id="no label where the data do not say why"),
        pytest.param(WORSE, None, "", id="no label without an analysis, however large the difference"),
        pytest.param(
            WORSE,
            analysis(OF_BEST, verdict({"l2": 0}, comparable=False)),
            "too few replicates in common with the best",
            id="what cannot be compared is not passed over in silence",
        ),
        pytest.param(ranked(None, {"l2": 9}, diverged=5), None, "diverged", id="all replicates diverged"),
        pytest.param(ranked(None, {"l2": 9}, diverged=2), None, "2 of 5 diverged", id="some replicates diverged"),
        pytest.param(ranked(None, {"l2": 9}, replicates=0, failed=5), None, "failed", id="a failure of unknown reason"),
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
    assert note_of(row, results(*rows, analysis_result=analysis_result)) == note


def test_nothing_is_picked_before_the_sweep_is_complete() -> None:
    analysis_result = analysis(OF_BEST, verdict({"l2": 0}, "Balanced"), pick={"l2": 0})
    assert note_of(WORSE, results(BEST, WORSE, analysis_result=analysis_result, conditions=())) == ""


PLAIN = ranked(2, {"l2": 0}, (0.40, 0.01), 0.01, (0.39, 0.01))


JUDGED = analysis(OF_BEST, verdict({"l2": 0}, "Overfits"))


@pytest.mark.parametrize(
    ("rows", "analysis_result", "sentence"),
    [
        pytest.param(
            (BEST, PLAIN),
            JUDGED,
            "Without regularisation (l2=0) the network ranks 2nd; the best cuts validation loss by 75 % "
            "and the overfit gap by 95 %.",
            id="what regularisation brought",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(OF_BEST, verdict({"l2": 0}, gap_larger=False)),
            "Without regularisation (l2=0) the network ranks 2nd; the best cuts validation loss by 75 %.",
            id="a gap that may be larger by chance is not spoken of",
        ),
        pytest.param(
            (ranked(1, {"l2": 0}, (0.10, 0.01), 0.08, (0.02, 0.01)), ranked(2, {"l2": 1}, (0.4, 0.01))),
            analysis(verdict({"l2": 0}, "Balanced"), verdict({"l2": 1}, "Underfits")),
            "Without regularisation (l2=0) the network ranks 1st: regularisation did not improve on it.",
            id="regularisation that does not help",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(OF_BEST, verdict({"l2": 0}, "Balanced")),
            "Without regularisation (l2=0) the network ranks 2nd, but cannot be told from the best with these data.",
            id="a tie is no loss, however far apart the means",
        ),
        pytest.param(
            (BEST, PLAIN),
            analysis(),
            "Without regularisation (l2=0) the network ranks 2nd; whether it is worse than the best, too few replicates tell.",
            id="too few replicates for ties",
        ),
        pytest.param(
            (BEST, ranked(2, {"l2": 0}, (0.40, 0.01), 0.01, (0.39, 0.01), diverged=1)),
            analysis(OF_BEST),
            "Without regularisation (l2=0) the network ranks 2nd: in 1 of 5 replicates it diverged.",
            id="a network that breaks without regularisation",
        ),
        pytest.param((BEST, ranked(2, {"l2": 1}, (0.4, 0.01))), JUDGED, "", id="no combination without regularisation"),
        pytest.param(
            (ranked(1, {"units": 8}, (0.1, 0.01)), ranked(2, {"units": 0}, (0.4, 0.01))),
            analysis(verdict({"units": 8}, "Balanced"), verdict({"units": 0}, "Underfits")),
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
                verdict({"l2": 0.1, "units": 8}, "Balanced"),
                verdict({"l2": 0, "units": 8}, "Overfits"),
                verdict({"l2": 0, "units": 16}, "Overfits"),
            ),
            "Without regularisation (l2=0) the best network (l2=0, units=8) ranks 2nd; the best cuts validation loss "
            "by 75 % and the overfit gap by 95 %.",
            id="of several without regularisation the best is compared",
        ),
    ],
)
def test_the_conclusion_says_what_the_numbers_bear(
    rows: tuple[RankedResult, ...], analysis_result: Analysis, sentence: str
) -> None:
    assert conclusion(results(*rows, analysis_result=analysis_result)) == sentence


def test_a_fixed_regularisation_is_not_called_none() -> None:
    found = replace(results(BEST, PLAIN, analysis_result=JUDGED), parameters={"dropout": 0.3, "epochs": 10})
    assert conclusion(found).startswith("Without l2 (l2=0) the network ranks 2nd")


def test_an_unfinished_sweep_concludes_nothing() -> None:
    assert conclusion(results(BEST, PLAIN, analysis_result=JUDGED, conditions=())) == ""


def test_what_the_caller_knows_of_a_divergence_is_said() -> None:
    found = breast_cancer()
    assert note_of(found.ranking[6], found) == "diverged at epoch 3"
