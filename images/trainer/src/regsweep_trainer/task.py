"""What is asked of a replicate's training, and of the network that is trained. Pure."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.objective import Epoch, Goal, Objective, Rule
from regsweep_kit.testlosses import Blocks
from regsweep_trainer.audit import Audit
from regsweep_trainer.data.dataset import Head
from regsweep_trainer.flags import Flags
from regsweep_trainer.metrics import GOALS, METRICS


class Trainable(Protocol):
    """What is asked of a network; `models.network.Network` is one."""

    def summary(self) -> str: ...
    def model(self) -> Any: ...
    def reset(self, seed_base: int, replicate: int) -> None: ...
    def train_epoch(
        self, x: Any, y: Any, order: NDArray[np.int64], weights: NDArray[np.float32] | None, learning_rate: float
    ) -> bool: ...
    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def activity_penalties(self, x: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def regularization_loss(self) -> float: ...
    def state(self) -> list[NDArray[Any]]: ...
    def resume(self, state: list[NDArray[Any]]) -> None: ...
    def weights(self) -> list[NDArray[Any]]: ...
    def restore(self, weights: list[NDArray[Any]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of a replicate's training, but for its data."""

    replicate: int
    seed_base: int
    head: Head
    flags: Flags
    objective: Objective
    score_test: bool = False
    blocks: Blocks | None = None
    """Of the test rows, whose losses the record is to have where test is scored; `None`: it has none."""
    audit: Audit | None = None
    """What earlier replicates predicted; a replicate that does not diverge adds its predictions at its last epoch. `None`: no audit."""

    saves: bool = False
    """The model is saved, with the weights that count: those of the objective's epoch."""

    @property
    def evaluates_objective(self) -> bool:
        """Whether the objective's metric is one that the head has; else no best epoch is reported."""
        return self.objective.name in METRICS[self.head]

    @property
    def best_rule(self) -> Rule:
        """By which the best epoch is chosen: the objective's, or the loss where the head lacks that metric."""
        return self.objective.rule if self.evaluates_objective else Rule("val_average_loss", Goal.MINIMIZE)

    @property
    def stopping_rule(self) -> Rule:
        """By which early stopping judges: a flag's, so that another objective never changes a training."""
        metric = self.flags.early_stopping_metric
        return Rule(f"val_{metric}", GOALS[metric])

    @property
    def keeps_best(self) -> bool:
        """Whether the weights of the best epoch are what test is scored with, and what is saved, instead of the last one's."""
        return (self.score_test or self.saves) and self.objective.epoch is Epoch.BEST
