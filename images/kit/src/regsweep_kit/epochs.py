"""Which epoch was best, and when to stop early: judged on the `stop` half alone, so that the ranked half stays untouched by it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from regsweep_kit.objective import Rule


@dataclass(frozen=True, slots=True)
class Best:
    """A metric at the epoch that was best on `stop`; `train` and `val` are of that same epoch and the same weights."""

    epoch: int
    stop: float
    train: float
    val: float


@dataclass(frozen=True, slots=True)
class Watch:
    """What has been seen of a replicate so far, by one rule. `best` is `None` until the rule's metric was a number."""

    rule: Rule
    best: Best | None = None
    epochs_since: int = 0
    """Epochs seen since the best one."""
    improved: bool = False
    """Whether the last epoch seen was the best so far."""

    def seen(
        self, epoch: int, train: Mapping[str, float], stop: Mapping[str, float], val: Mapping[str, float]
    ) -> "Watch":
        """After one more epoch, of which these are the metrics by name. A tie keeps the earlier epoch; a NaN never is the best."""
        name = self.rule.name
        value = stop[name]
        if not math.isnan(value) and (self.best is None or self.rule.better(value, self.best.stop)):
            return replace(self, best=Best(epoch, value, train[name], val[name]), epochs_since=0, improved=True)
        return replace(self, epochs_since=self.epochs_since + 1, improved=False)

    def exhausted(self, patience: int) -> bool:
        """Whether early stopping ends the replicate; patience 0 is off."""
        return 0 < patience <= self.epochs_since
