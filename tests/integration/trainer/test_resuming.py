"""A replicate that was interrupted goes on from its checkpoint and ends as one that was not, to the bit."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from regsweep_kit.checkpoints import Checkpoint
from regsweep_kit.objective import Epoch, Goal, Objective, Rule
from regsweep_trainer import backend
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.task import Task
from regsweep_trainer.training import train_replicate
from support.networks import data, network
from support.trainer_process import Start, poll

FLAGS: dict[str, Any] = {
    "dropout": 0.3, "noise": 0.1, "gaussian_dropout": 0.1, "hidden_noise": 0.1, "normalization": "batch", "l2": 0.01,
    "restore_best": True, "schedule": "plateau", "decay_epochs": 1, "epochs": 8, "early_stopping": 6,
}  # fmt: skip


class InterruptedHereError(Exception):
    """As if the process had ended."""


class Kept:
    """Keeps every checkpoint; ends the training after the one of this epoch."""

    def __init__(self, begin: Checkpoint | None = None, stop_at: int = 0) -> None:
        self.begin, self.stop_at, self.last = begin, stop_at, begin

    def load(self) -> Checkpoint | None:
        return self.begin

    def keep(self, epoch: int, state: Any, arrays: Any, *, last: bool) -> None:
        self.last = Checkpoint("", epoch, state, [array.copy() for array in arrays])
        if epoch == self.stop_at:
            raise InterruptedHereError


def train(kept: Kept | None, flags: dict[str, Any]) -> Any:
    backend.start(0, allow_cpu=False)
    prepared, loaded = data()
    objective = Objective(Rule("val_accuracy", Goal.MAXIMIZE), Epoch.BEST)
    task = Task(3, 7, loaded.head, parse_flags({"dataset": "breast_cancer", **flags}), objective, score_test=True)
    seen: list[Any] = []
    record, final = train_replicate(network(**flags), prepared, task, seen.append, kept)
    return record, final, [(each.epoch, dict(each.values), each.best) for each in seen]


@pytest.mark.parametrize(("optimizer", "stop_at"), [("adam", 4), ("adagrad", 1), ("rmsprop", 8), ("sgd", 3)])
def test_a_resumed_replicate_is_an_uninterrupted_one_to_the_bit(optimizer: str, stop_at: int) -> None:
    flags = {**FLAGS, "optimizer": optimizer}
    whole = train(None, flags)
    stop_at = min(stop_at, whole[0].epochs)
    first = Kept(stop_at=stop_at)
    with pytest.raises(InterruptedHereError):
        train(first, flags)
    assert first.last is not None
    assert first.last.epoch == stop_at
    assert train(Kept(first.last), flags) == whole


def histograms(path: Path) -> dict[tuple[int, int], Any]:
    """Those of the weights, by replicate and epoch."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {(line["replicate"], line["epoch"]): line["weights"] for line in lines if "epoch" in line}


def test_a_process_that_is_terminated_goes_on_where_it_was(start: Start, tmp_path: Path) -> None:
    flags = {"dataset": "digits", "units": [64], "dropout": 0.3, "epochs": 40, "l2": 0.001}
    folder = tmp_path / "checkpoints"
    environment = {"REGSWEEP_REPLICATES": "2", "REGSWEEP_CHECKPOINT_EPOCHS": "1000", "REGSWEEP_HISTOGRAM_EPOCHS": "13"}
    whole = start(flags, **environment, REGSWEEP_HISTOGRAMS=str(tmp_path / "whole"))
    assert whole.wait() == 0, whole.err
    expected = whole.message["records"]

    kept = {**environment, "REGSWEEP_CHECKPOINTS": str(folder), "REGSWEEP_HISTORY": str(tmp_path / "history")}
    kept["REGSWEEP_HISTOGRAMS"] = str(tmp_path / "histograms")
    first = start(flags, **kept)
    poll(lambda: (tmp_path / "history").exists() and (tmp_path / "history").read_text().count('"epoch":') >= 3)
    first.process.send_signal(signal.SIGTERM)
    assert first.wait() == 143, first.err
    assert first.message["error"]["reason"] == "Terminated"
    assert (folder / "replicate-0.npz").exists()

    second = start(flags, **kept)
    assert second.wait() == 0, second.err
    assert "goes on after epoch" in second.out
    assert second.message["records"] == expected
    assert histograms(tmp_path / "histograms") == histograms(tmp_path / "whole")
    assert list(histograms(tmp_path / "whole")) == [(0, 1), (0, 14), (0, 27), (0, 40)]

    third = start(flags, **kept)
    assert third.wait() == 0, third.err
    assert third.out.count("goes on after epoch 40") == 2
    assert third.message["records"] == expected
