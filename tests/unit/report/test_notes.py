from __future__ import annotations

from dataclasses import replace

import pytest

from regsweep.api.spec import Goal
from regsweep.api.status import RankedResult
from regsweep.report.notes import conclusion, note_of
from unit.report.builders import breast_cancer, ranked, results

BEST = ranked(1, {"l2": 0.01}, (0.10, 0.01), 0.08, (0.02, 0.005))


@pytest.mark.parametrize(
    ("row", "note"),
    [
        pytest.param(BEST, "best", id="the first is the best"),
        pytest.param(
            ranked(2, {"l2": 0}, (0.20, 0.01), 0.01, (0.19, 0.01)), "overfits", id="fits better, validates worse"
        ),
        pytest.param(
            ranked(2, {"l2": 1}, (0.20, 0.01), 0.19, (0.01, 0.01)), "underfits", id="fits worse and validates worse"
        ),
        pytest.param(
            ranked(2, {"l2": 0}, (0.11, 0.01), 0.01, (0.10, 0.01)), "", id="nothing is said within two standard errors"
        ),
        pytest.param(
            ranked(2, {"l2": 0}, (0.20, None), 0.01, (0.19, None)), "", id="nothing is said without standard errors"
        ),
        pytest.param(
            ranked(2, {"l2": 0}, (0.20, 0.01), 0.081, (0.12, 0.01)),
            "",
            id="a fit that is hardly worse does not explain a much worse validation",
        ),
        pytest.param(ranked(None, {"l2": 9}, diverged=5), "diverged", id="all replicates diverged"),
        pytest.param(ranked(None, {"l2": 9}, diverged=2), "2 of 5 diverged", id="some replicates diverged"),
        pytest.param(ranked(None, {"l2": 9}, replicates=0, failed=5), "failed", id="a failure of unknown reason"),
        pytest.param(
            ranked(2, {"l2": 0}, (0.11, 0.01), 0.08, (0.02, 0.01), replicates=4, failed=1),
            "1 failed",
            id="a missing replicate is said",
        ),
    ],
)
def test_a_note_is_true_of_its_row(row: RankedResult, note: str) -> None:
    assert note_of(row, results(BEST, row) if row is not BEST else results(BEST)) == note


def test_a_higher_accuracy_is_the_better_one() -> None:
    best = ranked(1, {"l2": 0.01}, (0.10, None), 0.08, (0.02, 0.01), objective=(0.95, 0.01))
    worse = ranked(2, {"l2": 0}, (0.30, None), 0.01, (0.29, 0.01), objective=(0.80, 0.01))
    found = results(best, worse, metric="val_accuracy", goal=Goal.MAXIMIZE)
    assert note_of(worse, found) == "overfits"


PLAIN = ranked(2, {"l2": 0}, (0.40, 0.01), 0.01, (0.39, 0.01))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        pytest.param(
            (BEST, PLAIN),
            "Without regularisation (l2=0) the network ranks 2nd; the best cuts validation loss by 75 % "
            "and the overfit gap by 95 %.",
            id="what regularisation brought",
        ),
        pytest.param(
            (ranked(1, {"l2": 0}, (0.10, 0.01), 0.08, (0.02, 0.01)), ranked(2, {"l2": 1}, (0.4, 0.01))),
            "Without regularisation (l2=0) the network ranks 1st: regularisation did not improve on it.",
            id="regularisation that does not help",
        ),
        pytest.param(
            (BEST, ranked(2, {"l2": 0}, (0.11, 0.01), 0.01, (0.10, 0.01))),
            "Without regularisation (l2=0) the network ranks 2nd, but not clearly worse than the best: "
            "within two standard errors, or too few replicates to tell.",
            id="a difference that may be chance",
        ),
        pytest.param((BEST, ranked(2, {"l2": 1}, (0.4, 0.01))), "", id="no combination without regularisation"),
        pytest.param(
            (ranked(1, {"units": 8}, (0.1, 0.01)), ranked(2, {"units": 0}, (0.4, 0.01))),
            "",
            id="a sweep of something else",
        ),
        pytest.param(
            (
                ranked(1, {"l2": 0.1, "units": 8}, (0.10, 0.01), 0.08, (0.02, 0.005)),
                ranked(2, {"l2": 0, "units": 8}, (0.40, 0.01), 0.01, (0.39, 0.01)),
                ranked(3, {"l2": 0, "units": 16}, (0.50, 0.01), 0.01, (0.49, 0.01)),
            ),
            "Without regularisation (l2=0) the best network (l2=0, units=8) ranks 2nd; the best cuts validation loss "
            "by 75 % and the overfit gap by 95 %.",
            id="of several without regularisation the best is compared",
        ),
    ],
)
def test_the_conclusion_says_what_the_numbers_bear(rows: tuple[RankedResult, ...], sentence: str) -> None:
    assert conclusion(results(*rows)) == sentence


def test_a_fixed_regularisation_is_not_called_none() -> None:
    found = replace(results(BEST, PLAIN), parameters={"dropout": 0.3, "epochs": 10})
    assert conclusion(found).startswith("Without l2 (l2=0) the network ranks 2nd")


def test_an_unfinished_sweep_concludes_nothing() -> None:
    assert conclusion(results(BEST, PLAIN, conditions=())) == ""


def test_what_the_caller_knows_of_a_divergence_is_said() -> None:
    found = breast_cancer()
    assert note_of(found.ranking[6], found) == "diverged at epoch 3"
