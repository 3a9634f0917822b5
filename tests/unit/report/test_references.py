"""References in what a person and a program read: beside the ranking, and in no place of it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from regsweep.api.analysis import Interval, ReferenceComparison
from regsweep.api.run_status import FailedRun
from regsweep.api.spec import EpochChoice
from regsweep.api.status import Estimate, ReferenceResult
from regsweep.core.judging.words.outcome import reference_sentence
from regsweep.report.model import SweepReport
from regsweep.report.outputs import Output
from regsweep.report.render import render
from regsweep.report.table import report
from unit.report.builders import breast_cancer

CONSTANT = ReferenceResult(
    name="constant",
    flags={"model": "constant"},
    objective=Estimate(mean=0.6609, standard_error=0.0021),
    train_loss=0.659,
    val_loss=0.6609,
    overfit_gap=Estimate(mean=0.002, standard_error=0.0001),
    replicates=5,
    source="Record",
)
FAILED = ReferenceResult(name="lniear", flags={"model": "lniear"}, failed=5)


def with_references() -> SweepReport:
    whole = breast_cancer()
    assert whole.analysis is not None
    comparisons = [
        ReferenceComparison(name="constant", difference=interval(0.5, 0.68), pick_difference=interval(0.49, 0.68)),
        ReferenceComparison(name="lniear"),
    ]
    return replace(
        whole,
        references=(CONSTANT, FAILED),
        analysis=whole.analysis.model_copy(update={"references": comparisons}),
    )


def interval(low: float, high: float) -> Interval:
    return Interval(mean=(low + high) / 2, standard_error=0.01, low=low, high=high)


def lines(of: SweepReport, width: int = 120) -> list[str]:
    return [line.plain for line in report(of, width)]


def test_at_the_best_epoch_their_figures_say_of_which_epoch_they_are() -> None:
    found = with_references()
    objective = found.objective.model_copy(update={"epoch": EpochChoice.BEST})
    said = lines(replace(found, status=found.status.model_copy(update={"objective": objective})), width=200)
    (title,) = [line for line in said if line.split()[:1] == ["reference"]]
    assert "val loss (best epoch)" in title and "overfit gap (last epoch)" in title
    assert any(
        each.strip().startswith("Beside reference constant, by val_average_loss at its best epoch (95 %)")
        for each in said
    )


def test_they_stand_in_a_table_of_their_own_below_the_ranking() -> None:
    alone, beside = lines(breast_cancer()), lines(with_references())
    start = next(place for place, line in enumerate(beside) if line.split()[:1] == ["reference"])
    words = [" ".join(line.split()) for line in beside[start : start + 3]]
    assert words == [
        "reference val loss train loss overfit gap runs",
        "constant 0.6609 ± 0.0021 0.65900 0.00200 ± 0.00010 5/5",
        "lniear - - - 0/5",
    ]
    assert beside[:start] == alone[:start], "the ranking is as it is without them"


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_columns_are_left_out_where_the_terminal_is_narrow(width: int) -> None:
    row = next(line for line in lines(with_references(), width) if line.strip().startswith("constant"))
    assert len(row) <= max(width, 32), "the name and the objective are always there"
    assert "0.6609" in row


def test_programs_get_them_outside_the_results() -> None:
    found = json.loads(render(with_references(), Output.JSON))
    assert [each["name"] for each in found["references"]] == ["constant", "lniear"]
    assert found["references"][0]["flags"] == {"model": "constant"}
    assert len(found["results"]) == 8
    assert found["analysis"]["references"][0]["difference"]["low"] == 0.5
    assert "references" not in json.loads(render(breast_cancer(), Output.JSON))
    assert len(list(csv.reader(io.StringIO(render(with_references(), Output.CSV))))) == 9


def test_a_failed_reference_is_no_note_of_a_combination() -> None:
    whole = with_references()
    same = whole.ranking[0]
    failure = FailedRun(
        run="r", combination=same.combination, label="reference lniear", reference="lniear", reason="InvalidFlags"
    )
    changed = replace(whole, status=whole.status.model_copy(update={"failures": [failure]}))
    assert changed.failure(same) is None
    assert any("Failed reference lniear (InvalidFlags)" in line for line in lines(changed))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            ReferenceComparison(name="a", difference=interval(0.5, 0.68)),
            "Beside reference a, by val_average_loss (95 %): the best is better by 0.5 to 0.68.",
        ),
        (
            ReferenceComparison(name="a", difference=interval(0.5, 0.68), pick_difference=interval(-0.2, 0.3)),
            "Beside reference a, by val_average_loss (95 %): the best is better by 0.5 to 0.68; the pick cannot be told from it "
            "(from 0.2 worse to 0.3 better).",
        ),
        (
            ReferenceComparison(name="a", difference=interval(-0.4, -0.1)),
            "Beside reference a, by val_average_loss (95 %): the best is worse by 0.1 to 0.4.",
        ),
        (
            ReferenceComparison(name="a", difference=interval(0.5, 0.68), still_improving=True),
            "Beside reference a, by val_average_loss (95 %): the best is better by 0.5 to 0.68. The reference was still getting "
            "better when its training ended: give it more `epochs` among its flags.",
        ),
        (ReferenceComparison(name="a", is_best=True), "Reference a is the best combination itself."),
        (
            ReferenceComparison(name="a", constant_difference=0.0),
            "Reference a has the same value as the best in every replicate.",
        ),
        (
            ReferenceComparison(name="a", constant_difference=0.25),
            "The best is better than reference a by 0.25 in every replicate: that does not tell how sure it is.",
        ),
        (
            ReferenceComparison(name="a"),
            "Reference a cannot be compared with the best: a replicate diverged, or fewer than 3 are in common.",
        ),
    ],
)
def test_one_sentence_says_how_the_best_does_beside_it(found: ReferenceComparison, words: str) -> None:
    assert reference_sentence(found, "val_average_loss") == words
