"""A script's epochs become a record: divergence, the best epoch, test rows, columns; and what cannot be ranked is refused at once."""

import math
from typing import Any

import numpy as np
import pytest

from regsweep_kit.contract import Contract, read_contract
from regsweep_kit.errors import InvalidContractError, NothingReportedError
from regsweep_kit.objective import Epoch, Goal, Objective, Rule
from regsweep_kit.record import Outcome
from regsweep_kit.script.course import Course, columns, metric_name, metric_names, reported

LOSS = "average_loss"
BEST = Objective(Rule("val_average_loss", Goal.MINIMIZE), Epoch.BEST)


def course(
    *vals: float, objective: Objective | None = None, score_test: bool = False, stop: bool = True, test: bool = False
) -> Course:
    """A replicate whose val loss is this, epoch by epoch; stop is val + 1, train val / 2, test val * 10."""
    done = Course(objective or Objective(), score_test)
    for epoch, val in enumerate(vals, start=1):
        told = reported(
            epoch,
            {LOSS: val / 2},
            {LOSS: val},
            {LOSS: val + 1} if stop else None,
            {LOSS: val * 10} if test else None,
            None,
        )
        done = done.after(told, {"train": 10, "val": 5})
    return done


def test_the_record_has_the_last_epoch_and_the_best_one_by_stop() -> None:
    record = course(0.5, 0.2, 0.3).record(4)
    assert (record.replicate, record.outcome, record.epochs) == (4, Outcome.OK, 3)
    assert record.values == {"train_average_loss": 0.15, "val_average_loss": 0.3, "late_gain": 0.0}
    assert record.best is not None
    assert (record.best.epoch, record.best.stop, record.best.val, record.best.train) == (2, 1.2, 0.2, 0.1)


def test_without_stop_no_best_epoch_is_known() -> None:
    record = course(0.5, 0.2, stop=False).record(0)
    assert (record.best, "late_gain" in record.values) == (None, False)


def test_the_end_says_what_the_last_tenth_of_the_epochs_brought() -> None:
    done = course(*[0.5] * 9, 0.25)
    assert done.record(0).values["late_gain"] == 0.25
    assert done.end().values["late_gain", ""] == 0.25
    assert ("late_gain", "") not in done.progress().values, "it is no metric of an epoch"
    assert "late_gain" not in course(*[0.5] * 9, math.nan).record(0).values, "of what diverged there is nothing to say"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_divergence_and_stays_so(value: float) -> None:
    done = course(0.5, value, 0.3)
    record = done.record(0)
    assert (record.outcome, record.epochs) == (Outcome.DIVERGED, 2)
    assert record.best is not None
    assert record.best.epoch == 1


def test_another_metric_that_is_no_number_is_no_divergence() -> None:
    told = reported(1, {LOSS: 1, "auc": math.nan}, {LOSS: 1, "auc": math.nan}, None, None, None)
    assert Course(Objective()).after(told, {}).outcome is Outcome.OK


@pytest.mark.parametrize(("objective", "test"), [(Objective(), 3.0), (BEST, 2.0)])
def test_the_test_rows_count_at_the_objectives_epoch(objective: Objective, test: float) -> None:
    record = course(0.5, 0.2, 0.3, objective=objective, score_test=True, test=True).record(0)
    assert record.values["test_average_loss"] == test


def test_test_rows_that_were_asked_for_are_missed() -> None:
    with pytest.raises(NothingReportedError, match="REGSWEEP_SCORE_TEST asks"):
        course(0.5, score_test=True).record(0)


def test_a_replicate_that_diverged_need_not_score_the_test_rows() -> None:
    assert course(math.nan, score_test=True).record(0).outcome is Outcome.DIVERGED


def test_a_replicate_without_an_epoch_is_refused() -> None:
    with pytest.raises(NothingReportedError, match="without reporting an epoch"):
        Course(Objective()).record(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epoch": 0}, "epoch is 0, want an integer from 1"),
        ({"epoch": True}, "epoch is True"),
        ({"epoch": 10**7}, "epoch is 10000000"),
        ({"train": {}}, "train is {}"),
        ({"val": 0.3}, "val is 0.3, want metrics by name"),
        ({"val": {LOSS: "x"}}, "val average_loss is 'x', want a number"),
        ({"val": {LOSS: None}}, "val average_loss is 'None', want a number"),
        ({"val": {LOSS: [1, 2]}}, "val average_loss is"),
        ({"val": {"f1 score": 1}}, "val has a metric 'f1 score'"),
        ({"val": {"x" * 60: 1}}, "want a name of at most 57 letters"),
        ({"val": {f"m{i}": i for i in range(101)}}, "val has 101 metrics, want at most 100"),
        ({"penalty": "x"}, "regularization_loss is 'x'"),
    ],
)
def test_what_is_no_report_is_refused(arguments: dict[str, Any], message: str) -> None:
    usual: dict[str, Any] = {
        "epoch": 1,
        "train": {LOSS: 1},
        "val": {LOSS: 1},
        "stop": None,
        "test": None,
        "penalty": None,
    }
    with pytest.raises(InvalidContractError) as refused:
        reported(**{**usual, **arguments})
    assert message in str(refused.value)


def test_numbers_of_any_library_are_taken() -> None:
    told = reported(1, {LOSS: np.float32(0.5)}, {LOSS: np.array(0.25)}, None, None, np.int64(2))
    assert (told.train[LOSS], told.val[LOSS], told.regularization_loss) == (0.5, 0.25, 2.0)


@pytest.mark.parametrize(
    ("objective", "train", "val", "stop", "message"),
    [
        (
            Objective(),
            {"loss": 1},
            {"loss": 1},
            None,
            "ranks by val_average_loss, but the script reports loss on train",
        ),
        (Objective(), {LOSS: 1}, {"loss": 1}, None, "but the script reports nothing on train"),
        (BEST, {LOSS: 1}, {LOSS: 1}, None, "pass stop={'average_loss': ...}"),
        (Objective(), {LOSS: 1}, {LOSS: 1}, {"loss": 1}, "stop lacks average_loss"),
    ],
)
def test_what_cannot_be_ranked_is_refused_at_the_first_epoch(
    objective: Objective, train: Any, val: Any, stop: Any, message: str
) -> None:
    with pytest.raises(InvalidContractError) as refused:
        Course(objective).after(reported(1, train, val, stop, None, None), {})
    assert message in str(refused.value)


def test_epochs_ascend() -> None:
    done = course(0.5, 0.4)
    with pytest.raises(InvalidContractError, match="epoch 2 after epoch 2"):
        done.after(reported(2, {LOSS: 1}, {LOSS: 1}, {LOSS: 1}, None, None), {})


def contract(**environment: str) -> Contract:
    return read_contract(environment)


def test_the_objectives_metric_comes_first_then_the_losses_and_those_of_one_split_last() -> None:
    told = reported(1, {"auc": 1, LOSS: 1, "lr": 1}, {"auc": 1, LOSS: 1}, None, None, 0.1)
    objective = '{"metric":"val_auc","goal":"Maximize","epoch":"Last"}'
    assert columns(told, contract(REGSWEEP_OBJECTIVE=objective)) == (
        *("train_auc", "val_auc", "train_average_loss", "val_average_loss", "regularization_loss", "train_lr"),
    )


@pytest.mark.parametrize(
    ("stop", "environment", "there"),
    [
        pytest.param({LOSS: 1}, {}, True, id="stop is reported"),
        pytest.param(None, {}, False, id="it is not"),
        pytest.param({LOSS: 1}, {"REGSWEEP_SCORE_TEST": "1"}, False, id="a final training"),
    ],
)
def test_the_gain_of_the_last_epochs_is_the_last_column(stop: Any, environment: dict[str, str], there: bool) -> None:
    told = reported(1, {LOSS: 1, "lr": 1}, {LOSS: 1}, stop, None, None)
    chosen = columns(told, contract(**environment))
    assert (chosen[-1] == "late_gain", "late_gain" in chosen) == (there, there)


def test_so_many_columns_as_always_fit_and_the_objectives_at_least() -> None:
    names = {f"metric_{i}": 1.0 for i in range(90)} | {LOSS: 1.0}
    told = reported(1, names, names, None, None, None)
    chosen = columns(told, contract(REGSWEEP_REPLICATES="16", REGSWEEP_SCORE_TEST="1"))
    assert chosen[:3] == ("train_average_loss", "val_average_loss", "test_average_loss")
    assert len(chosen) < 20
    with pytest.raises(InvalidContractError, match="are not enough"):
        columns(told, contract(REGSWEEP_REPLICATES="16", REGSWEEP_MESSAGE_BYTES="1024"))


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("accuracy", "accuracy"),
        ("f1/score@5", "f1_score_5"),
        ("F1-macro", "F1-macro"),
        ("AUC", "AUC"),
        ("ndcg.10", "ndcg.10"),
        ("5_best", "5_best"),
        ("-x", "x"),
        ("", "metric"),
        ("é", "metric"),
        ("x" * 99, "x" * 57),
    ],
)
def test_a_frameworks_name_of_a_metric_becomes_one_that_a_column_can_have(name: str, column: str) -> None:
    assert metric_name(name) == column


def test_metrics_that_would_become_one_are_refused() -> None:
    assert metric_names(["F1 macro", "F1-macro", "f1"]) == ("F1_macro", "F1-macro", "f1")
    with pytest.raises(
        InvalidContractError, match="'f1 macro' and 'f1/macro' would both be reported as f1_macro; rename one"
    ):
        metric_names(["f1 macro", "auc", "f1/macro"])


def test_an_objective_that_is_reported_in_another_spelling_is_said() -> None:
    told = reported(1, {"AUC": 1, LOSS: 1}, {"AUC": 1, LOSS: 1}, None, None, None)
    ranked_by = Objective(Rule("val_auc", Goal.MAXIMIZE))
    with pytest.raises(
        InvalidContractError, match="the script reports AUC, average_loss on train and val, did you mean AUC"
    ):
        Course(ranked_by).after(told, {})
