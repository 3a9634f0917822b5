"""The training loop around a network that is made up: what is evaluated when, what ends a replicate, what is recorded."""

import math
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from regsweep_kit.objective import Epoch, Goal, Objective, Rule
from regsweep_kit.record import Outcome, Progress, Record
from regsweep_kit.splits import Division, Draw, split
from regsweep_kit.testlosses import deal
from regsweep_trainer.audit import Audit
from regsweep_trainer.data.dataset import Dataset, Head
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.flags.regularization import StoppingMetric
from regsweep_trainer.metrics import GOALS, METRICS
from regsweep_trainer.preparation import prepare
from regsweep_trainer.resuming import Saving
from regsweep_trainer.run import outline
from regsweep_trainer.task import Task
from regsweep_trainer.training import train_replicate

DEFAULT = Objective()


class Made:
    """Its logit is a function of the epoch alone, so every expected value is known."""

    def __init__(
        self, logits: dict[int, float] | None = None, stops_at: int = 0, stop: dict[int, float] | None = None
    ) -> None:
        """stop: where given, the logits on the stop rows, which come after 48 train rows and before 16 val rows."""
        self.epoch, self.logits, self.stops_at, self.stop = 0, logits or {}, stops_at, stop
        self.orders: list[list[int]] = []
        self.rates: list[float] = []
        self.seen_rows: list[int] = []

    def model(self) -> Any:
        raise AssertionError("nobody saves it")

    def reset(self, seed_base: int, replicate: int) -> None:
        self.epoch, self.orders, self.rates = 0, [], []

    def train_epoch(self, x: Any, y: Any, order: NDArray[np.int64], weights: Any, learning_rate: float) -> bool:
        self.epoch += 1
        self.orders.append(order.tolist())
        self.rates.append(learning_rate)
        return self.epoch != self.stops_at

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        self.seen_rows.append(len(x))
        outputs = np.full((len(x), 1), self.logits.get(self.epoch, 0.0), np.float32)
        if self.stop is not None:
            assert len(x) == 80
            outputs[48:64] = self.stop[self.epoch]
        return outputs

    def activity_penalties(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return x[:, 0] * np.float32(self.epoch)

    def summary(self) -> str:
        return ""

    def regularization_loss(self) -> float:
        return 0.125 * self.epoch

    def state(self) -> list[NDArray[Any]]:
        return [np.array(self.epoch)]

    def resume(self, state: list[NDArray[Any]]) -> None:
        self.epoch = int(state[0])

    def weights(self) -> list[NDArray[Any]]:
        return [np.array(self.epoch)]

    def restore(self, weights: list[NDArray[Any]]) -> None:
        self.epoch = int(weights[0])


def train(
    network: Made,
    *,
    rows: int = 100,
    objective: Objective = DEFAULT,
    score_test: bool = False,
    audit: Audit | None = None,
    saving: Saving | None = None,
    saved: list[int] | None = None,
    **flags: Any,
) -> tuple[Record, Progress, list[Progress]]:
    data = Dataset(
        "made", np.arange(rows, dtype=float).reshape(-1, 1), (np.arange(rows) % 4 > 0).astype(float), ("no", "yes")
    )
    parsed = parse_flags({"dataset": "iris", "epochs": 5, **flags})
    parts = split(outline(data), Division(), Draw(1))
    seen: list[Progress] = []
    task = Task(
        replicate=2,
        seed_base=7,
        head=data.head,
        flags=parsed,
        objective=objective,
        score_test=score_test,
        blocks=deal(data.digest, parts.test, 10) if score_test else None,
        audit=audit,
        saves=saved is not None,
    )
    prepared = prepare(data, parts, None if audit is None else parts.val)
    saves = [] if saved is None else saved
    record, final = train_replicate(network, prepared, task, seen.append, saving, lambda: saves.append(network.epoch))
    return record, final, seen


def log_loss(logit: float) -> float:
    """Of three quarters positives."""
    return 0.75 * math.log1p(math.exp(-logit)) + 0.25 * math.log1p(math.exp(logit))


def log_loss_of(logit: float, label: int) -> float:
    return math.log1p(math.exp(-logit if label else logit))


def test_the_record_is_of_the_last_epoch_and_best_of_the_best() -> None:
    record, final, seen = train(Made({1: 0.0, 2: 1.0, 3: 1.1, 4: 3.0, 5: 4.0}))
    assert (record.replicate, record.outcome, record.epochs) == (2, Outcome.OK, 5)
    assert record.values["val_average_loss"] == pytest.approx(log_loss(4.0))
    assert record.values["regularization_loss"] == 0.625
    assert record.values["val_loss"] == pytest.approx(log_loss(4.0) + 0.625)
    assert record.best is not None
    assert record.best.epoch == 3
    assert [record.best.train, record.best.val] == pytest.approx([log_loss(1.1)] * 2, rel=1e-6)
    assert [progress.epoch for progress in seen] == [1, 2, 3, 4, 5]
    assert final.values == {**seen[-1].values, ("late_gain", ""): 0.0}
    assert not any(name.startswith("test") for name in record.values)


@pytest.mark.parametrize(("patience", "epochs"), [(0, 5), (1, 3)])
def test_epochs_are_chosen_on_stop_and_reported_on_val(patience: int, epochs: int) -> None:
    """On val epoch 5 is the best, on stop epoch 2."""
    network = Made({1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4, 5: 1.1}, stop={1: 0.5, 2: 1.1, 3: 3.0, 4: 4.0, 5: 5.0})
    record, _, _ = train(network, early_stopping=patience)
    assert record.epochs == epochs
    assert record.best is not None
    assert record.best.epoch == 2
    assert record.best.stop == pytest.approx(log_loss(1.1), rel=1e-6)
    assert [record.best.train, record.best.val] == pytest.approx([log_loss(0.2)] * 2, rel=1e-6)


def test_the_order_of_rows_is_a_permutation_by_epoch_the_same_for_every_combination() -> None:
    one, other = Made(), Made()
    train(one)
    train(other, l2=1, dropout=0.5, batch_size=7)
    assert one.orders == other.orders
    assert all(sorted(order) == list(range(48)) for order in one.orders)
    assert len({tuple(order) for order in one.orders}) == 5


def test_early_stopping_ends_after_its_patience() -> None:
    record, _, _ = train(Made({1: 1.0, 2: 1.1, 3: 9.0, 4: 9.0, 5: 1.1}), early_stopping=2)
    assert record.epochs == 4
    assert record.best is not None
    assert record.best.epoch == 2


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(Made({1: 1.0, 2: 1.1}, stops_at=3), id="a loss that is not finite in the epoch"),
        pytest.param(Made({1: 1.0, 2: 1.1, 3: math.nan}), id="outputs that are no numbers after it"),
        pytest.param(Made({1: 1.0, 2: 1.1, 3: math.inf}), id="infinite outputs after it"),
    ],
)
def test_divergence_ends_the_replicate_with_what_was_reached(network: Made) -> None:
    record, final, seen = train(network, score_test=True)
    assert (record.outcome, record.epochs, final.epoch, len(seen)) == (Outcome.DIVERGED, 3, 3, 2)
    assert record.best is not None
    assert record.best.epoch == 2
    assert "test_average_loss" not in record.values
    assert record.test_losses is None


def test_train_is_sampled_live_and_whole_at_the_end() -> None:
    network = Made({1: 0.5, 2: 1.1, 3: 2.0, 4: 3.0, 5: 4.0})
    record, final, seen = train(network, rows=10_000)
    assert {progress.rows["train"] for progress in seen} == {2000}
    assert final.rows == {"train": 4800, "val": 1600}
    assert final.values is not seen[-1].values  # what a scrape may still be reading is never changed
    assert network.seen_rows == [2000 + 1600 + 1600] * 5 + [4800, 4800]
    assert record.best is not None
    assert record.best.train == pytest.approx(log_loss(1.1), rel=1e-6)
    assert record.values["train_average_loss"] == pytest.approx(log_loss(4.0), rel=1e-6)


@pytest.mark.parametrize(("epoch", "logit"), [(Epoch.LAST, 4.0), (Epoch.BEST, 1.1)])
@pytest.mark.parametrize("rows", [100, 10_000])
def test_test_is_scored_only_when_asked_and_at_the_objectives_epoch(epoch: Epoch, logit: float, rows: int) -> None:
    objective = Objective(epoch=epoch)
    network = Made({1: 0.5, 2: 1.1, 3: 2.0, 4: 3.0, 5: 4.0})
    record, final, seen = train(network, rows=rows, objective=objective, score_test=True)
    assert record.values["test_average_loss"] == pytest.approx(log_loss(logit), rel=1e-6)
    assert record.test_losses is not None
    relative = np.frombuffer(record.test_losses, "<f2").astype(float)
    assert len(relative) == 10
    assert relative.mean() == pytest.approx(1, rel=1e-3)
    losses = relative * record.values["test_average_loss"]  # a block's loss tells how many of its rows are positives
    positives = (losses - log_loss_of(logit, 0)) / (log_loss_of(logit, 1) - log_loss_of(logit, 0)) * rows / 50
    assert positives == pytest.approx(positives.round(), abs=0.1)
    assert positives.sum() == pytest.approx(0.75 * rows / 5, abs=0.1)
    assert record.values["val_average_loss"] == pytest.approx(log_loss(4.0), rel=1e-6)
    assert final.rows["test"] == rows // 5
    assert not any(split == "test" for progress in seen for _, split in progress.values)


@pytest.mark.parametrize("epoch", list(Epoch))
def test_predictions_are_audited_at_the_last_epoch_whatever_the_objectives(epoch: Epoch) -> None:
    objective = Objective(epoch=epoch)
    audit = Audit(Head.BINARY, 100, 2)
    firsts, seconds = Made({1: 0.5, 2: 1.1, 3: 2.0, 4: 3.0, 5: 4.0}), Made({1: 0.5, 2: 1.1, 3: 2.0, 4: 3.0, 5: -1.0})
    first, final, seen = train(firsts, objective=objective, audit=audit, score_test=True)
    second, _, _ = train(seconds, objective=objective, audit=audit)
    p, q = 1 / (1 + math.exp(-4.0)), 1 / (1 + math.exp(1.0))
    assert first.values["audit_squared_error"] == pytest.approx(2 * (0.75 * (1 - p) ** 2 + 0.25 * p**2), rel=1e-6)
    assert math.isnan(first.values["audit_spread"])
    assert math.isnan(first.values["audit_disagreement"])
    assert second.values["audit_spread"] == pytest.approx((p - q) ** 2, rel=1e-6)
    assert second.values["audit_disagreement"] == 1
    assert final.rows["audit"] == 16
    assert ("squared_error", "audit") in final.values
    assert not any(split == "audit" for progress in seen for _, split in progress.values)


def test_a_replicate_that_diverged_is_not_audited() -> None:
    audit = Audit(Head.BINARY, 100, 2)
    diverged, _, _ = train(Made({1: 1.0, 2: 1.1}, stops_at=3), audit=audit)
    assert not any(name.startswith("audit") for name in diverged.values)
    after, _, _ = train(Made(), audit=audit)
    assert math.isnan(after.values["audit_spread"])


def test_an_objective_that_the_head_lacks_leaves_no_best() -> None:
    network = Made({1: 1.1, 2: 2.0, 3: 3.0})
    record, _, seen = train(network, objective=Objective(Rule("val_f1", Goal.MAXIMIZE)), early_stopping=2)
    assert record.best is None
    assert record.epochs == 3
    assert all(progress.best is None for progress in seen)


LOSS, ACCURACY = Rule("val_average_loss", Goal.MINIMIZE), Rule("val_accuracy", Goal.MAXIMIZE)
# Three quarters of the rows are positive: the loss is least at 1.1, and accuracy is 0.75 for every logit above 0.
LOGITS = {1: -1.0, 2: 0.5, 3: 1.1, 4: 2.0, 5: 3.0, 6: 4.0}


@pytest.mark.parametrize(
    ("metric", "ends"),
    [
        pytest.param("average_loss", 5, id="the loss is best at epoch 3"),
        pytest.param("accuracy", 4, id="accuracy is at its best from epoch 2 on"),
        pytest.param("loss", 4, id="the penalty rises by 0.125 an epoch: loss is least at epoch 2"),
    ],
)
@pytest.mark.parametrize("objective", [LOSS, ACCURACY, Rule("train_auc", Goal.MAXIMIZE), Rule("val_f1", Goal.MINIMIZE)])
@pytest.mark.parametrize("epoch", list(Epoch))
def test_early_stopping_goes_by_its_own_flag_whatever_the_objective(
    metric: str, ends: int, objective: Rule, epoch: Epoch
) -> None:
    record, _, seen = train(
        Made(LOGITS),
        objective=Objective(objective, epoch),
        epochs=6,
        early_stopping=2,
        early_stopping_metric=metric,
    )
    assert record.epochs == len(seen) == ends


@pytest.mark.parametrize(
    ("rule", "best"),
    [(LOSS, 3), (ACCURACY, 2), (Rule("val_loss", Goal.MINIMIZE), 2), (Rule("val_average_loss", Goal.MAXIMIZE), 1)],
)
def test_the_best_epoch_goes_by_the_objective_whatever_early_stopping_does(rule: Rule, best: int) -> None:
    for metric in ("average_loss", "accuracy"):
        record, _, _ = train(Made(LOGITS), objective=Objective(rule), early_stopping=2, early_stopping_metric=metric)
        assert record.best is not None
        assert record.best.epoch == best


def test_train_is_evaluated_with_the_weights_of_the_objectives_best_epoch() -> None:
    """Early stopping's metric is at its best one epoch earlier."""
    record, _, _ = train(Made(LOGITS), rows=10_000, early_stopping_metric="accuracy")
    assert record.best is not None
    assert record.best.epoch == 3
    assert record.best.train == pytest.approx(log_loss(1.1), rel=1e-6)


def test_another_objective_changes_nothing_of_the_training() -> None:
    records = []
    for rule in (LOSS, ACCURACY):
        network = Made(LOGITS)
        record, _, _ = train(network, objective=Objective(rule), epochs=6, early_stopping=2)
        records.append((record.epochs, record.values, network.orders, network.seen_rows))
    assert records[0] == records[1]


def test_every_metric_that_early_stopping_may_go_by_has_a_direction() -> None:
    assert set(get_args(StoppingMetric)) == set(GOALS)
    assert set(GOALS) <= {metric for metrics in METRICS.values() for metric in metrics}


def test_best_weights_of_early_stopping_are_restored_and_evaluated() -> None:
    record, final, seen = train(Made({1: 1.0, 2: 1.1, 3: 9.0, 4: 9.0, 5: 1.1}), early_stopping=2, restore_best=True)
    assert record.epochs == 4
    assert record.values["val_average_loss"] == pytest.approx(log_loss(1.1), rel=1e-6)
    assert record.values["regularization_loss"] == 0.25
    assert final.values["average_loss", "val"] == record.values["val_average_loss"]
    assert seen[-1].values["average_loss", "val"] == pytest.approx(log_loss(9.0), rel=1e-6)


def test_best_weights_are_restored_without_early_stopping_too() -> None:
    record, _, _ = train(Made({1: 1.0, 2: 1.1, 3: 9.0, 4: 9.0, 5: 3.0}), restore_best=True)
    assert record.epochs == 5
    assert record.values["val_average_loss"] == pytest.approx(log_loss(1.1), rel=1e-6)


def test_restored_weights_are_those_that_are_scored_on_test() -> None:
    record, _, _ = train(Made({1: 1.0, 2: 1.1, 3: 9.0, 4: 9.0, 5: 3.0}), restore_best=True, score_test=True)
    assert record.values["test_average_loss"] == pytest.approx(log_loss(1.1), rel=1e-6)


def test_a_replicate_that_diverged_keeps_the_weights_it_diverged_with() -> None:
    record, _, _ = train(Made({1: 1.0, 2: math.nan}), restore_best=True)
    assert record.outcome is Outcome.DIVERGED
    assert math.isnan(record.values["val_average_loss"])


def test_the_learning_rate_falls_at_each_plateau_on_stop() -> None:
    """On stop epoch 2 is the best: two epochs without improvement are a plateau, and so are the next two."""
    network = Made({}, stop={1: 0.5, 2: 1.1, 3: 3.0, 4: 4.0, 5: 5.0, 6: 5.0, 7: 5.0})
    train(network, epochs=7, schedule="plateau", decay_epochs=2, decay_rate=0.5, learning_rate=0.8)
    assert network.rates == [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2]


def test_the_activity_penalty_is_in_the_loss_of_its_own_rows_alone() -> None:
    """Made rows have the penalty epoch x (standardised row number); the weights' penalty is epoch / 8."""
    record, _, _ = train(Made(), activity_l2=0.1)
    values = record.values
    assert values["train_loss"] == pytest.approx(values["train_average_loss"] + values["regularization_loss"])
    assert values["regularization_loss"] == pytest.approx(0.625, abs=1e-6)  # standardised train rows have mean 0
    assert values["val_loss"] - values["val_average_loss"] != pytest.approx(0.625, abs=1e-3)
    assert values["val_average_loss"] == pytest.approx(log_loss(0.0))


@pytest.mark.parametrize(("flags", "steps"), [({}, 5 * 4), ({"restore_best": True}, 2 * 4)])
def test_the_estimators_models_count_their_steps(flags: dict[str, Any], steps: int) -> None:
    """48 training rows in batches of 13 are 4 steps; restored weights have those of their epoch."""
    made = Made({1: 0.0, 2: 1.1, 3: 9.0, 4: 9.0, 5: 9.0})
    record, final, _ = train(made, model="dnn_classifier", hidden_units=[4], batch_size=13, **flags)
    assert record.values["global_step"] == steps
    assert final.values["global_step", ""] == steps
    assert "global_step" not in train(Made())[0].values


@pytest.mark.parametrize("score_test", [False, True])
@pytest.mark.parametrize("rows", [100, 5000], ids=["train is seen whole", "train is sampled"])
@pytest.mark.parametrize(
    ("epoch", "flags", "saved"),
    [
        pytest.param(Epoch.LAST, {}, [5], id="the last epoch"),
        pytest.param(Epoch.BEST, {}, [2], id="the best epoch, where it counts"),
        pytest.param(Epoch.LAST, {"restore_best": True}, [2], id="the epoch that early stopping restores"),
        pytest.param(Epoch.BEST, {"early_stopping": 1}, [2], id="the best epoch before training was stopped"),
    ],
)
def test_a_model_is_saved_once_with_the_weights_that_count(
    epoch: Epoch, flags: dict[str, Any], saved: list[int], rows: int, score_test: bool
) -> None:
    found: list[int] = []
    network = Made({1: 1.0, 2: 1.1, 3: 9.0, 4: 9.0, 5: 3.0})
    train(network, rows=rows, objective=Objective(DEFAULT.rule, epoch), score_test=score_test, saved=found, **flags)
    assert found == saved


def test_a_diverged_training_saves_no_model() -> None:
    found: list[int] = []
    train(Made({1: 1.0, 2: math.nan}), saved=found)
    assert found == []
