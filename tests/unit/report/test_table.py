"""The table as a person sees it, whole: these texts are meant to be read."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from regsweep.api.analysis import Analysis, MarginalMean, RaceReason, RaceStatus
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import RefinementStatus, SweepState
from regsweep.report.model import SweepReport
from regsweep.report.table import print_results
from unit.report.builders import breast_cancer, condition, ranked, results


def shown(found: SweepReport, width: int, rows: int = 20) -> str:
    file = io.StringIO()
    print_results(found, Console(file=file, width=width, color_system=None), rows)
    return file.getvalue()


def test_at_120_columns_everything_is_there() -> None:
    assert (
        shown(breast_cancer(), 120)
        == """\
breast-cancer · 8 combinations x 5 replicates · val_average_loss, lower is better
  mean ± standard error over splits and seeds of this data set

  #       l2      dropout        val loss   train loss     overfit gap   runs
  1   =   0.01    0.3       0.071 ± 0.004        0.050   0.021 ± 0.003    5/5   best
  2   =   0.01    0.5       0.074 ± 0.005        0.062   0.012 ± 0.002    5/5   pick: simplest within one standard error
  3   =   0.001   0.5       0.079 ± 0.006        0.041   0.038 ± 0.005    5/5
  4       0.001   0.3       0.096 ± 0.005        0.022   0.074 ± 0.006    5/5   overfits
  5       0.1     0.3       0.143 ± 0.007        0.131   0.012 ± 0.002    5/5   underfits
  6       0       0         0.204 ± 0.019       <0.001   0.204 ± 0.019    5/5   overfits
  -       0.1     0.1         NaN                  NaN     NaN            0/5   diverged at epoch 3
  -       0       0.1           -                    -       -            0/5   failed: OutOfMemory

  =  cannot be told from the best with these data (95 % confidence set; it does not say that they are equal)
  Without regularisation (l2=0, dropout=0) the network ranks 6th; the best cuts validation loss by 65 % (95 %: 52 to 74)
  and the overfit gap by 90 % (81 to 96).
  What matters: l2 explains 77 % of the differences (by chance alone: 9 %); dropout 12 % (by chance alone: 3 %); the
  interplay of l2 and dropout not surely more than chance. All within the ranges swept; without 1 combination in which a
  replicate diverged or has no value; shares need not add up, since the grid is not complete.
  The pick has dropout=0.5, the largest value swept: sweep larger values too, such as 0.7, before taking it for an
  optimum.
  With fewer than 5 replicates little can be told of a combination, and what goes wrong in few replicates is not seen.
  One that is worse by three times the noise stays tied with the best in about half of such sweeps with 3 replicates,
  and in a quarter with 4, or in more.
  overfits: worse than the best, mostly by a larger overfit gap; underfits: worse than the best, mostly by fitting the
  training data less well; simpler: more regularised or smaller, and in no flag the reverse (pick.simplicityOrder).
  Failed l2=0, dropout=0.1 (OutOfMemory): its container was killed for want of memory; raise the trainer's memory limit
  All values from Prometheus.
"""
    )


def test_at_80_columns_a_column_that_others_imply_is_left_out_and_named() -> None:
    text = shown(breast_cancer(), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "train loss" not in text.splitlines()[4]
    assert "Columns omitted because the terminal is too narrow: train loss." in text
    assert "  1  =  0.01   0.3      0.071 ± 0.004  0.021 ± 0.003   5/5  best" in text.splitlines()
    assert "  2  =  0.01   0.5      0.074 ± 0.005  0.012 ± 0.002   5/5  pick" in text.splitlines()
    assert "pick: simplest combination within one standard error of the best" in text


def test_rows_that_are_cut_are_announced_and_the_unregularised_one_stays() -> None:
    text = shown(breast_cancer(), 120, rows=2)
    assert "4 more combinations" not in text
    assert "5 more combinations not shown: --rows 0 shows all" in text
    lines = [line.strip() for line in text.splitlines()]
    assert lines.count("…") == 2
    assert any(line.split()[:3] == ["6", "0", "0"] for line in lines)


@pytest.mark.parametrize(
    ("width", "widest_prose", "widest_row"),
    [
        pytest.param(40, 40, 37, id="40 columns: notes stand below their rows"),
        pytest.param(80, 80, 79, id="80 columns"),
        pytest.param(120, 120, 120, id="120 columns"),
        pytest.param(200, 120, 120, id="prose is no wider than can be read"),
    ],
)
def test_prose_keeps_to_the_width_and_no_line_has_trailing_blanks(
    width: int, widest_prose: int, widest_row: int
) -> None:
    lines = shown(breast_cancer(), width).splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    first = next(number for number, line in enumerate(lines) if line.startswith("  #"))
    table, prose = lines[first : lines.index("", first)], lines[lines.index("", first) :]
    assert (max(map(len, prose)), max(map(len, table))) == (widest_prose, widest_row)
    assert max(map(len, lines[:first])) <= width


def test_ranks_follow_the_status_and_not_the_values() -> None:
    found = results(
        ranked(1, {"l2": 1}, (0.9, 0.1), 0.1, (0.8, 0.1)), ranked(2, {"l2": 2}, (0.1, 0.1), 0.1, (0.0, 0.1))
    )
    lines = shown(found, 120).splitlines()
    assert lines[4].split()[:3] == ["1", "1", "0.90"]
    assert lines[5].split()[:3] == ["2", "2", "0.10"]


def test_another_objective_has_its_own_column_beside_the_losses() -> None:
    found = results(
        ranked(1, {"l2": 0.1}, (0.2, None), 0.1, (0.1, 0.01), objective=(0.974, 0.004)),
        metric="val_accuracy",
        goal=Goal.MAXIMIZE,
    )
    text = shown(found, 120)
    assert "val_accuracy, higher is better" in text
    assert "val accuracy" in text.splitlines()[3] and "val loss" in text.splitlines()[3]
    assert "0.974 ± 0.004" in text


def test_the_best_epoch_is_named_in_header_and_column() -> None:
    found = results(
        ranked(1, {"l2": 0.1}, (0.2, 0.01), 0.1, (0.1, 0.01), objective=(0.15, 0.01)), epoch=EpochChoice.BEST
    )
    text = shown(found, 140)
    assert "val_average_loss at its best epoch, lower is better" in text
    assert "val loss (best epoch)" in text


def test_a_race_does_not_train_all_replicates_of_all() -> None:
    race = RaceStatus(reason=RaceReason.WON, racing=1, dropped=1, replicates=10, trained=13, full_grid=20)
    rows = (ranked(1, {"l2": 0.1}, (0.2, 0.01), replicates=10), ranked(2, {"l2": 0}, (0.4, 0.01), replicates=3))
    assert "2 combinations x up to 10 replicates" in shown(
        results(*rows, replicates=10, analysis_result=Analysis(race=race)), 120
    )


def test_below_three_replicates_no_standard_error_is_spoken_of() -> None:
    text = shown(results(ranked(1, {"l2": 0.1}, (0.2, None), 0.1, (0.1, None), replicates=2), replicates=2), 120)
    assert "mean over replicates (no standard error below 3)" in text
    assert "±" not in text


def test_a_running_sweep_says_so_and_calls_nothing_the_best_for_good() -> None:
    found = results(
        ranked(1, {"l2": 0.1}, (0.2, 0.01), 0.1, (0.1, 0.01)),
        ranked(2, {"l2": 0}, (0.4, 0.01), 0.1, (0.3, 0.01)),
        state=SweepState.RUNNING,
        conditions=(),
        total=4,
    )
    text = shown(found, 120)
    assert "Running: 2 of 4 runs ended" in text
    assert "best so far" in text
    assert "Without regularisation" not in text


def test_what_stopped_the_sweep_comes_before_the_table() -> None:
    message = "3 of 4 runs failed. Mend the cause."
    found = results(
        ranked(1, {"l2": 0.1}, (0.2, 0.01), 0.1, (0.1, 0.01)),
        state=SweepState.FAILED,
        conditions=(condition(ConditionType.FAILED, ConditionStatus.TRUE, Reason.TOO_MANY_FAILED_RUNS, message),),
    )
    lines = shown(found, 120).splitlines()
    place = lines.index(f"  TooManyFailedRuns: {message}")
    assert place < next(i for i, line in enumerate(lines) if "#" in line)


def test_a_sweep_without_results_says_so() -> None:
    assert "No combination has a result yet." in shown(results(state=SweepState.PENDING, conditions=(), total=4), 80)


@pytest.mark.parametrize(
    ("sources", "line"),
    [
        pytest.param(["Prometheus"] * 2, "All values from Prometheus.", id="one source"),
        pytest.param(["Record"] * 2, "All values from the runs' own records.", id="records alone"),
        pytest.param(
            ["Prometheus", "Record"],
            "Values of 2 combinations: 1 from Prometheus, 1 from the runs' own records.",
            id="several sources are counted",
        ),
    ],
)
def test_every_value_has_a_source(sources: list[str], line: str) -> None:
    rows = [ranked(i + 1, {"l2": i}, (0.2, 0.1), 0.1, (0.1, 0.1), source=source) for i, source in enumerate(sources)]
    assert line in shown(results(*rows), 120)


ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_what_is_first_where_none_may_be_best_is_not_marked_as_the_best() -> None:
    file = io.StringIO()
    broke = results(ranked(1, {"l2": 1}, (0.1, 0.01), diverged=1), ranked(2, {"l2": 0}, (0.2, 0.01), diverged=1))
    print_results(broke, Console(file=file, width=120, color_system="standard", force_terminal=True))
    assert "\n  1   1" in file.getvalue()


def test_means_of_a_refined_page_say_that_they_rest_on_other_replicates_than_its_rows() -> None:
    found = breast_cancer()
    assert found.analysis is not None and found.analysis.effects is not None
    means = [MarginalMean(flag="l2", value=value, combinations=4, mean=0.1 + value) for value in (0, 0.01)]
    effects = found.analysis.effects.model_copy(update={"means": means, "adds_up": True})
    with_means = replace(found, analysis=found.analysis.model_copy(update={"effects": effects}))
    assert "  l2     mean val loss\n" in shown(with_means, 120)
    status = found.status.model_copy(update={"refinement": RefinementStatus(rounds=[], contenders=["a"])})
    assert "  l2     mean val loss before the new replicates\n" in shown(replace(with_means, status=status), 120)


def test_colour_changes_no_character_and_marks_the_best_what_overfits_and_what_has_no_value() -> None:
    file = io.StringIO()
    print_results(breast_cancer(), Console(file=file, width=120, color_system="standard", force_terminal=True))
    coloured = file.getvalue()
    assert ANSI.sub("", coloured) == shown(breast_cancer(), 120)
    assert "\x1b[1;32m  1   =   0.01" in coloured, "the best is bold and green"
    assert "\x1b[33m  4       0.001   0.3" in coloured, "what overfits is yellow"
    assert "\x1b[31m  -       0.1     0.1" in coloured, "what has no value is red"
    assert "\n  2   =   0.01    0.5" in coloured, "other rows are plain"
