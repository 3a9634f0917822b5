"""A best epoch is read only for the objective whose rule chose it: otherwise losses would be ranked as accuracies."""

from __future__ import annotations

import pytest

from regsweep.api.objective import EpochRule
from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.judging.stats.ranking import objective_reader
from regsweep.core.results.records import BestEpoch, Outcome, Record

LOSS = EpochRule("val_average_loss", Goal.MINIMIZE)
METRICS = {"val_average_loss": 0.9, "val_accuracy": 0.7}


def value_of(metric: str, goal: Goal, rule: EpochRule | None, epoch: EpochChoice = EpochChoice.BEST) -> float | None:
    record = Record("key", 0, Outcome.OK, "run", metrics=METRICS, best=BestEpoch(3, 0.2, 0.4, rule))
    return objective_reader(ObjectiveStatus(metric=metric, goal=goal, epoch=epoch))(record)


@pytest.mark.parametrize(
    ("metric", "goal", "value"),
    [
        pytest.param("val_average_loss", Goal.MINIMIZE, 0.4, id="the rule that chose it"),
        pytest.param("val_average_loss", Goal.MAXIMIZE, None, id="the other goal: old minima are no maxima"),
        pytest.param("val_accuracy", Goal.MAXIMIZE, None, id="another metric: a loss is no accuracy"),
        pytest.param("val_accuracy", Goal.MINIMIZE, None, id="another metric with the same goal"),
        pytest.param("train_average_loss", Goal.MINIMIZE, None, id="another split: the rule names its own"),
    ],
)
def test_which_objective_reads_a_best_epoch(metric: str, goal: Goal, value: float | None) -> None:
    assert value_of(metric, goal, LOSS) == value


def test_a_rule_on_the_training_split_reads_its_value() -> None:
    rule = EpochRule("train_average_loss", Goal.MINIMIZE)
    assert value_of("train_average_loss", Goal.MINIMIZE, rule) == 0.2


def test_the_last_epoch_needs_no_rule() -> None:
    assert value_of("val_accuracy", Goal.MAXIMIZE, LOSS, EpochChoice.LAST) == 0.7


def test_an_old_record_without_a_rule_is_read_for_the_objective_that_acceptance_lets_stand() -> None:
    assert value_of("val_average_loss", Goal.MINIMIZE, None) == 0.4
