"""Which epoch was best, and when to stop early: judged on the `stop` half alone, so that the ranked half stays untouched by it."""

import math
from dataclasses import dataclass, replace

from regsweep_trainer.contract import Objective


@dataclass(frozen=True, slots=True)
class Best:
    """The objective's metric at the epoch that was best on `stop`; `train` and `val` are of that same epoch and the same weights."""

    epoch: int
    stop: float
    train: float
    val: float


@dataclass(frozen=True, slots=True)
class Watch:
    """What has been seen of a replicate so far. `best` is `None` until the objective's metric was a number."""

    best: Best | None = None
    epochs_since: int = 0
    improved: bool = False
    """Whether the last epoch seen was the best so far."""

    def seen(self, objective: Objective, epoch: int, stop: float, train: float, val: float) -> "Watch":
        """After one more epoch. A tie keeps the earlier epoch; a NaN never is the best."""
        if not math.isnan(stop) and (self.best is None or objective.better(stop, self.best.stop)):
            return Watch(Best(epoch, stop, train, val), 0, True)
        return replace(self, epochs_since=self.epochs_since + 1, improved=False)

    def exhausted(self, patience: int) -> bool:
        """Whether early stopping ends the replicate; patience 0 is off."""
        return 0 < patience <= self.epochs_since
