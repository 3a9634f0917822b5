"""Who is called the best: the first of the ranking, where it may be."""

from __future__ import annotations

import pytest

from regsweep.api.analysis import Analysis, PickRole
from regsweep.api.findings import NoteType
from regsweep.api.status import RankedResult
from regsweep.cli.exits import UsageError
from regsweep.cli.model import picked
from regsweep.export.trainings import models
from regsweep.report.notes import note_of
from unit.core.simulation import sweep_of
from unit.report.builders import note, ranked, results

FIRST = ranked(1, {"l2": 0}, (0.1, 0.01))
SECOND = ranked(2, {"l2": 0.1}, (0.2, 0.01))
NO_CANDIDATE = Analysis(notes=[note(NoteType.NO_CANDIDATE, count=2, of=2)])


@pytest.mark.parametrize(
    ("first", "analysis", "is_best"),
    [
        pytest.param(FIRST, None, True, id="the first of the ranking"),
        pytest.param(FIRST.model_copy(update={"diverged": 1}), None, False, id="all diverged"),
        pytest.param(FIRST.model_copy(update={"violated": ["val_auc"]}), None, False, id="none meets a constraint"),
        pytest.param(FIRST.model_copy(update={"dropped": True}), None, False, id="all have left the race"),
        pytest.param(FIRST, NO_CANDIDATE, False, id="the objective is no number in a replicate of each"),
    ],
)
def test_only_what_may_be_is_the_best_wherever_it_is_asked(
    first: RankedResult, analysis: Analysis | None, is_best: bool
) -> None:
    report, sweep = results(first, SECOND, analysis_result=analysis), sweep_of()
    assert [report.is_best(row) for row in report.ranking] == [is_best, False]
    assert report.best == (first if is_best else None)
    assert (note_of(first, report).text == "best") is is_best
    assert [PickRole.BEST in each.picks for each in models(sweep, report)] == [is_best, False]
    if is_best:
        assert picked(sweep, report, PickRole.BEST).combination.flags == first.flags
    else:
        with pytest.raises(UsageError, match="nothing is picked yet"):
            picked(sweep, report, PickRole.BEST)
