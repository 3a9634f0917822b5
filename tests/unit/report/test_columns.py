"""The columns of the table: which there are, and that no two are called the same."""

from __future__ import annotations

import pytest

from regsweep.api.spec import EpochChoice
from regsweep.report.columns import columns_of, metric_title
from unit.report.builders import analysis, comparison, ranked, results


@pytest.mark.parametrize(
    ("metric", "epoch", "headers"),
    [
        pytest.param(
            "val_average_loss",
            EpochChoice.LAST,
            ["#", "l2", "val loss", "train loss", "overfit gap", "runs", ""],
            id="the validation loss stands once where it is the objective",
        ),
        pytest.param(
            "val_average_loss",
            EpochChoice.BEST,
            ["#", "l2", "val loss (best epoch)", "val loss", "train loss", "overfit gap (last epoch)", "runs", ""],
            id="at its best epoch it is another figure",
        ),
        pytest.param(
            "val_loss",
            EpochChoice.LAST,
            ["#", "l2", "val loss + penalty", "val loss", "train loss", "overfit gap", "runs", ""],
            id="a loss with the penalty is called so",
        ),
        pytest.param(
            "train_loss",
            EpochChoice.LAST,
            ["#", "l2", "train loss + penalty", "val loss", "train loss", "overfit gap", "runs", ""],
            id="of the training rows too",
        ),
        pytest.param(
            "train_average_loss",
            EpochChoice.LAST,
            ["#", "l2", "train loss", "val loss", "overfit gap", "runs", ""],
            id="the training loss stands once where it is the objective",
        ),
        pytest.param(
            "val_auc_precision_recall",
            EpochChoice.LAST,
            ["#", "l2", "val auc precision recall", "val loss", "train loss", "overfit gap", "runs", ""],
            id="another metric",
        ),
    ],
)
def test_no_two_columns_have_one_name(metric: str, epoch: EpochChoice, headers: list[str]) -> None:
    row = ranked(1, {"l2": 0}, (0.2, 0.01), 0.1, (0.1, 0.01), objective=(0.3, 0.01))
    assert [column.header for column in columns_of([row], results(row, metric=metric, epoch=epoch))] == headers
    assert len(set(headers)) == len(headers)


@pytest.mark.parametrize("name", ["runs", "note", "rank", "source"])
def test_a_flag_called_like_a_column_is_distinguished(name: str) -> None:
    row = ranked(1, {name: 3}, (0.2, 0.01), 0.1, (0.1, 0.01))
    columns = columns_of([row], results(row))
    headers = [column.header for column in columns]
    assert len(set(headers)) == len(headers)
    assert next(c for c in columns if c.header.startswith(name)).cells == ("3",), "the flag's value"


def test_ties_have_a_column_where_something_is_tied_and_notes_where_there_are_some() -> None:
    rows = [ranked(1, {"l2": 1}, (0.1, 0.01)), ranked(2, {"l2": 0}, (0.2, 0.01))]
    tied = analysis(comparison({"l2": 1}, "Balanced"), comparison({"l2": 0}, "Balanced"))
    alone = analysis(comparison({"l2": 1}, "Balanced"), comparison({"l2": 0}, "Overfits"))
    assert [c.cells for c in columns_of(rows, results(*rows, analysis_result=tied)) if c.header == ""] == [
        ("=", "="),
        ("best", ""),
    ]
    assert [c.cells for c in columns_of(rows, results(*rows, analysis_result=alone)) if c.header == ""] == [
        ("best", "overfits")
    ]
    running = results(*rows, conditions=())
    assert [c.cells for c in columns_of(rows[1:], running) if c.header == ""] == []


def test_a_header_is_the_metric_in_words() -> None:
    assert metric_title("val_average_loss") == "val loss"
    assert metric_title("val_loss", EpochChoice.BEST) == "val loss + penalty (best epoch)"


def test_what_the_ranking_is_ordered_by_is_shown_where_it_is_not_the_plain_mean() -> None:
    first, second = ranked(1, {"l2": 1}, (0.30, 0.01)), ranked(2, {"l2": 0}, (0.20, 0.01), replicates=3)
    assert "adjusted" not in [column.header for column in columns_of((first, second), results(first, second))]
    second = second.model_copy(update={"adjusted_mean": 0.35})
    (column,) = [each for each in columns_of((first, second), results(first, second)) if each.header == "adjusted"]
    assert [cell.strip() for cell in column.cells] == ["0.300", "0.350"]
