from __future__ import annotations

import pytest

from regsweep.api.analysis import Analysis, PickRole, RaceReason, RaceStatus
from regsweep.api.spec import Flags
from regsweep.api.status import Estimate, FinalPick, FinalStatus, RankedResult, RunCounts, SweepStatus
from regsweep.core.grid import label
from regsweep.report.progress import bar, moving_line, plain_line, seconds_left

FLAGS = {"l2": 0.01, "dropout": 0.5}
BEST = RankedResult(rank=1, flags=FLAGS, label="l2=0.01, dropout=0.5", objective=Estimate(mean=0.0741))
STATUS = SweepStatus(runs=RunCounts(total=24, pending=6, running=4, succeeded=14, failed=0), best=BEST)


def test_the_plain_line_has_all_facts() -> None:
    assert plain_line("breast-cancer", STATUS, 180.0).plain == (
        "breast-cancer  14/24 runs · 4 running · 0 failed · best 0.0741 l2=0.01 dropout=0.5 · about 3 min left"
    )


@pytest.mark.parametrize(
    ("width", "text"),
    [
        pytest.param(
            130,
            "breast-cancer  ━━━━━━━━━━━╸────────  14/24 runs · 4 running · 0 failed · best 0.0741 l2=0.01 dropout=0.5 "
            "· about 3 min left",
            id="wide",
        ),
        pytest.param(
            110,
            "breast-cancer  ━━━━━━────  14/24 runs · 4 running · best 0.0741 l2=0.01 dropout=0.5 · about 3 min left",
            id="the bar is halved, then that nothing failed goes",
        ),
        pytest.param(
            100,
            "breast-cancer  ━━━━━━────  14/24 runs · best 0.0741 l2=0.01 dropout=0.5 · about 3 min left",
            id="then what is running",
        ),
        pytest.param(80, "breast-cancer  ━━━━━━────  14/24 runs · about 3 min left", id="80 columns: then the best"),
        pytest.param(50, "breast-cancer  ━━━━━━────  14/24 runs", id="then the time that is left"),
        pytest.param(24, "breast-cancer  14/24 runs", id="very narrow: the bar too"),
    ],
)
def test_the_moving_line_fits_and_drops_what_is_least_needed(width: int, text: str) -> None:
    assert moving_line("breast-cancer", STATUS, 180.0, width).plain == text


def test_the_line_says_how_far_a_race_and_the_final_evaluation_are() -> None:
    race = RaceStatus(reason=RaceReason.RACING, racing=5, dropped=19, replicates=7, trained=99, full_grid=480)
    racing = STATUS.model_copy(update={"analysis": Analysis(race=race)})
    assert "5 still race" in plain_line("demo", racing, None).plain
    pick = FinalPick(roles=[PickRole.BEST], flags=FLAGS)
    final = FinalStatus(rests_on="x", picks=[pick], replicates=5, ended=2)
    assert "final evaluation 2/5" in plain_line("demo", STATUS.model_copy(update={"final": final}), None).plain
    over = final.model_copy(update={"ended": 5})
    assert "final evaluation" not in plain_line("demo", STATUS.model_copy(update={"final": over}), None).plain


def test_values_in_the_line_are_what_they_are_in_labels() -> None:
    flags: Flags = {"units": [64, 32], "tag": "a, b"}
    best = RankedResult(rank=1, flags=flags, label=label(flags), objective=Estimate(mean=0.1))
    line = plain_line("demo", STATUS.model_copy(update={"best": best}), None).plain
    assert line.endswith('best 0.1 units=[64, 32] tag="a, b"')


def test_failures_stay_in_a_narrow_line() -> None:
    failed = STATUS.model_copy(update={"runs": RunCounts(total=24, running=4, succeeded=12, failed=2, pending=6)})
    assert "2 failed" in moving_line("breast-cancer", failed, 180.0, 60).plain


@pytest.mark.parametrize(("done", "full"), [(0.0, 0), (0.5, 5), (1.0, 10)])
def test_the_bar_is_as_full_as_the_work_is_done(done: float, full: int) -> None:
    text = bar(done, 10)
    assert len(text.plain) == 10
    assert [span.start for span in text.spans if span.style == "bright_black"] == ([full] if full < 10 else [])


@pytest.mark.parametrize(
    ("before", "ended", "total", "elapsed", "left"),
    [
        pytest.param(0, 1, 10, 30.0, None, id="one run says nothing about speed"),
        pytest.param(0, 2, 10, 20.0, 80.0, id="from the runs that ended"),
        pytest.param(6, 8, 10, 20.0, 20.0, id="runs of an earlier start do not count"),
        pytest.param(0, 10, 10, 20.0, None, id="nothing is left"),
    ],
)
def test_the_rest_is_estimated_from_this_start(
    before: int, ended: int, total: int, elapsed: float, left: float | None
) -> None:
    assert seconds_left(before, ended, total, elapsed) == left
