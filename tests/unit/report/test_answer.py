"""What a sweep came to, in a sentence or two, and no more than the numbers bear."""

from __future__ import annotations

import pytest

from regsweep.api.analysis import Analysis
from regsweep.api.findings import NoteType
from regsweep.api.spec import EpochChoice, Flags
from regsweep.report.answer import answer
from regsweep.report.model import SweepReport
from unit.report.builders import analysis, breast_cancer, comparison, note, ranked, results

A: Flags = {"l2": 0.01}
B: Flags = {"l2": 0.1}
C: Flags = {"l2": 0}
ROWS = (ranked(1, A, (0.0712, 0.0041)), ranked(2, B, (0.0741, 0.0052)))
TIED, ALONE = comparison(A, "Balanced"), comparison(B, "Overfits")


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (results(), ""),
        (results(ranked(None, A, diverged=5)), ""),
        (results(ranked(1, A, (0.0712, None))), "Of 1 combination the best is l2=0.01 (val_average_loss 0.07120)."),
        (results(*ROWS), "Of 2 combinations the best is l2=0.01 (val_average_loss 0.071 ± 0.004)."),
        (
            results(*ROWS, analysis_result=analysis(TIED, comparison(B, "Balanced"))),
            "Of 2 combinations the best is l2=0.01 (val_average_loss 0.071 ± 0.004); 1 other cannot be told from it with these data.",
        ),
        (
            results(*ROWS, analysis_result=analysis(TIED, ALONE)),
            "Of 2 combinations the best is l2=0.01 (val_average_loss 0.071 ± 0.004); all others can be told from it.",
        ),
        (
            results(*ROWS, ranked(None, C, failed=5, replicates=0), analysis_result=analysis(TIED, ALONE)),
            "Of 3 combinations the best is l2=0.01 (val_average_loss 0.071 ± 0.004).",
        ),
        (
            results(*ROWS, analysis_result=analysis(TIED, comparison(B, comparable=False))),
            "Of 2 combinations the best is l2=0.01 (val_average_loss 0.071 ± 0.004).",
        ),
        (
            results(
                ROWS[0],
                ROWS[1].model_copy(update={"dropped": True, "failed": 1}),
                analysis_result=analysis(TIED, ALONE),
            ),
            "Of 2 combinations the best is l2=0.01 (val_average_loss 0.071 ± 0.004).",
        ),
        (
            results(*ROWS, epoch=EpochChoice.BEST),
            "Of 2 combinations the best is l2=0.01 (val_average_loss at its best epoch 0.071 ± 0.004).",
        ),
        (
            results(
                ranked(1, A, (0.0712, 0.0041), diverged=1),
                ranked(2, B, (0.0741, 0.0052), diverged=1),
                analysis_result=Analysis(notes=[note(NoteType.NO_CANDIDATE, count=2, of=2)]),
            ),
            "In every combination a replicate diverged or has no value: none is called best, tied or picked.",
        ),
        (
            results(
                ranked(None, A, diverged=5),
                analysis_result=Analysis(notes=[note(NoteType.NO_CANDIDATE, count=1, of=1)]),
            ),
            "In every combination a replicate diverged or has no value: none is called best, tied or picked.",
        ),
        (results(ranked(1, A, (0.07, 0.01)).model_copy(update={"violated": ["val_auc"]}), conditions=()), ""),
        (
            results(*ROWS, analysis_result=analysis(TIED, ALONE), conditions=(), total=12),
            "So far the best is l2=0.01 (val_average_loss 0.071 ± 0.004).",
        ),
        (results(*ROWS, conditions=()), "So far the best is l2=0.01 (val_average_loss 0.071 ± 0.004)."),
    ],
)
def test_the_answer_says_what_is_best_and_what_is_known_of_the_others(report: SweepReport, said: str) -> None:
    assert answer(report) == said


def test_what_regularisation_did_follows() -> None:
    assert ". Without regularisation (l2=0, dropout=0) the network ranks 6th" in answer(breast_cancer())
