"""What the last tenth of the epochs brought: in the record, once a replicate has ended, however often it was interrupted."""

import json
from typing import Any

import pytest

from regsweep_kit.checkpoints import Checkpoint
from regsweep_kit.objective import Goal, Objective, Rule
from regsweep_kit.record import Outcome

from .test_trainer_training import DEFAULT, Made, log_loss, train


@pytest.mark.parametrize(
    ("epochs", "logits", "objective", "gain"),
    [
        pytest.param(10, {9: 0.2, 10: 0.5}, DEFAULT, log_loss(0.2) - log_loss(0.5), id="the last of ten brought this"),
        pytest.param(10, {9: 0.5, 10: 0.2}, DEFAULT, 0, id="nothing"),
        pytest.param(1, {1: 0.5}, DEFAULT, None, id="nothing came before"),
        pytest.param(10, {10: 0.5}, Objective(Rule("val_r2", Goal.MAXIMIZE)), None, id="the head lacks the objective"),
    ],
)
def test_the_record_says_what_the_last_tenth_of_the_epochs_brought(
    epochs: int, logits: dict[int, float], objective: Objective, gain: float | None
) -> None:
    record, final, seen = train(Made(logits), epochs=epochs, objective=objective)
    assert record.values.get("late_gain") == (None if gain is None else pytest.approx(gain, rel=1e-5))
    assert final.values.get(("late_gain", "")) == record.values.get("late_gain")
    assert not any(("late_gain", "") in each.values for each in seen), "it is no metric of an epoch"


def test_a_replicate_that_diverged_says_nothing_of_its_last_epochs() -> None:
    record, _, _ = train(Made({1: 0.1, 2: 0.2}, stops_at=3))
    assert (record.outcome, "late_gain" in record.values) == (Outcome.DIVERGED, False)


class Kept:
    """Keeps every checkpoint, and begins from one."""

    def __init__(self, begin: Checkpoint | None = None) -> None:
        self.begin = begin
        self.all: dict[int, Checkpoint] = {}

    def load(self) -> Checkpoint | None:
        return self.begin

    def keep(self, epoch: int, state: Any, arrays: Any, *, last: bool) -> None:
        self.all[epoch] = Checkpoint("", epoch, json.loads(json.dumps(state)), [each.copy() for each in arrays])


def test_a_resumed_replicate_says_the_same_of_its_last_epochs() -> None:
    logits = {epoch: epoch / 25 for epoch in range(1, 21)}
    kept = Kept()
    whole, _, _ = train(Made(logits), epochs=20, saving=kept)
    assert whole.values["late_gain"] > 0
    for checkpoint in kept.all.values():
        resumed, _, _ = train(Made(logits), epochs=20, saving=Kept(checkpoint))
        assert resumed == whole, checkpoint.epoch


@pytest.mark.parametrize(
    ("epoch", "known"), [(10, True), (18, True), (19, False), (20, False)], ids=lambda each: str(each)
)
def test_of_an_older_checkpoint_it_is_said_where_it_can_be_known(epoch: int, known: bool) -> None:
    logits = {each: each / 25 for each in range(1, 21)}
    kept = Kept()
    whole, _, _ = train(Made(logits), epochs=20, saving=kept)
    older = kept.all[epoch]
    for watch in ("best", "stopping"):
        del older.state[watch]["improvements"]
    resumed, _, _ = train(Made(logits), epochs=20, saving=Kept(older))
    assert resumed.values.get("late_gain") == (whole.values["late_gain"] if known else None)
    assert resumed.best == whole.best
