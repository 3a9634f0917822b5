"""Findings in words: what a person reads in the status and below the table."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from regsweep.api.findings import Finding, FindingType, GridEnd, Subject
from regsweep.core.judging.words.findings import finding_message, finding_sentences


def edge(
    subject: Subject, value: JsonValue, suggestion: JsonValue = None, end: GridEnd = GridEnd.LARGEST, flag: str = "l2"
) -> Finding:
    return Finding(
        type=FindingType.AT_GRID_EDGE, subject=subject, flag=flag, value=value, end=end, suggestion=suggestion
    )


LATE = Finding(type=FindingType.NOT_CONVERGED, subject=Subject.BEST, count=4, of=5)


@pytest.mark.parametrize(
    ("finding", "message"),
    [
        pytest.param(
            edge(Subject.BEST, 0.1, 1),
            "The best has l2=0.1, the largest value swept: sweep larger values too, such as 1, before taking it for an optimum.",
            id="at the largest value",
        ),
        pytest.param(
            edge(Subject.PICK, 3072, 2048, GridEnd.SMALLEST, "units"),
            "The one-standard-error pick has units=3072, the smallest value swept: sweep smaller values too, such as 2048, before "
            "taking it for an optimum.",
            id="at the smallest; figures as the table prints them",
        ),
        pytest.param(
            edge(Subject.BEST, 0.00001234567),
            "The best has l2=0.00001234567, the largest value swept: sweep larger values too before taking it for an optimum.",
            id="nothing to suggest; no digit of the value is lost",
        ),
        pytest.param(
            Finding(type=FindingType.ALL_OVERFIT),
            "In every combination that is compared, more than half of the validation loss is gap to the training loss: all of these "
            "overfit. Stronger regularisation, smaller networks or more training rows make the gap smaller; whether the loss follows, "
            "a sweep of them tells.",
            id="all overfit; of what diverged nothing is said",
        ),
        pytest.param(
            Finding(type=FindingType.NO_BETTER_THAN_PRIOR, subject=Subject.BEST, loss=0.71234, prior_loss=0.6931),
            "In no combination that is compared is validation loss, accuracy or area under the curve surely better than always "
            "predicting the labels' frequencies (their loss is 0.6931, that of the best 0.7123): nothing shows that anything was "
            "learnt. Look at the learning rate, the epochs and the data.",
            id="nothing learnt",
        ),
        pytest.param(
            LATE,
            "The best was still getting better when training ended: in 4 of 5 replicates the best epoch is in the last tenth. Train "
            "for more epochs, or the comparison favours what learns fast.",
            id="not converged",
        ),
        pytest.param(
            LATE.model_copy(update={"gain": 0.0041236, "gain_share": 0.0206}),
            "The best was still getting better when training ended: in 4 of 5 replicates the best epoch is in the last tenth, which "
            "still brought 0.00412 (2 %) on average. Train for more epochs, or the comparison favours what learns fast.",
            id="not converged, and how much that cost",
        ),
        pytest.param(
            LATE.model_copy(update={"gain": 0.5}),
            "The best was still getting better when training ended: in 4 of 5 replicates the best epoch is in the last tenth, which "
            "still brought 0.5 on average. Train for more epochs, or the comparison favours what learns fast.",
            id="how much, without a share",
        ),
        pytest.param(
            Finding(type=FindingType.OBJECTIVE_SENSITIVE, count=1, of=8),
            "Whether runs are judged at the last or at the best epoch changes for at least 1 combination whether it is tied with the best: "
            "part of the ranking is about when training stops, not about regularisation.",
            id="one combination is sensitive to the epoch",
        ),
        pytest.param(
            Finding(type=FindingType.OBJECTIVE_SENSITIVE, count=3, of=8),
            "Whether runs are judged at the last or at the best epoch changes for at least 3 combinations whether they are tied with the "
            "best: part of the ranking is about when training stops, not about regularisation.",
            id="several are",
        ),
    ],
)
def test_a_finding_says_what_it_is_and_what_to_do(finding: Finding, message: str) -> None:
    assert finding_message(finding) == message


def test_every_kind_of_finding_has_words() -> None:
    for kind in FindingType:
        assert finding_message(Finding(type=kind)).endswith("."), kind


ENDING = "the largest value swept: sweep larger values too, such as 4, before taking it for an optimum."


@pytest.mark.parametrize(
    ("findings", "lines"),
    [
        pytest.param(
            (edge(Subject.BEST, 2, 4), edge(Subject.PICK, 2, 4)),
            [f"The best and the pick have l2=2, {ENDING}"],
            id="what holds of both is said once",
        ),
        pytest.param(
            (edge(Subject.BEST, 2, 4), edge(Subject.PICK, 3, 4)),
            [f"The best has l2=2, {ENDING}", f"The pick has l2=3, {ENDING}"],
            id="what differs is said of each",
        ),
        pytest.param(
            (edge(Subject.BEST, 2, 4), LATE, edge(Subject.PICK, 2, 4)),
            [f"The best and the pick have l2=2, {ENDING}", finding_message(LATE)],
            id="where the first of the two stood",
        ),
        pytest.param(
            (edge(Subject.BEST, 2, 4, flag="a"), edge(Subject.PICK, 2, 4, flag="b")),
            [f"The best has a=2, {ENDING}", f"The pick has b=2, {ENDING}"],
            id="the same value of different flags",
        ),
        pytest.param((), [], id="nothing"),
    ],
)
def test_below_the_table_a_finding_is_a_sentence(findings: tuple[Finding, ...], lines: list[str]) -> None:
    assert list(finding_sentences(findings)) == lines


def test_a_message_that_is_there_already_does_not_keep_findings_apart() -> None:
    both = [
        each.model_copy(update={"message": finding_message(each)})
        for each in (edge(Subject.BEST, 2, 4), edge(Subject.PICK, 2, 4))
    ]
    assert list(finding_sentences(both)) == [f"The best and the pick have l2=2, {ENDING}"]
