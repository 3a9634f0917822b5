"""Which epoch was best, and when to stop early: judged on the `stop` half alone, so that the ranked half stays untouched by it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from regsweep_kit.objective import Rule

LATE_GAIN: Final = ("late_gain", "")
"""(metric, split) of what the last tenth of a replicate's epochs brought; see `Watch.late_gain`. It is no metric of an epoch."""


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
    improvements: tuple[tuple[int, float], ...] = ()
    """(epoch, value on `stop`) of epochs that were the best so far: the last one before the last tenth, and those since."""

    def seen(
        self, epoch: int, train: Mapping[str, float], stop: Mapping[str, float], val: Mapping[str, float]
    ) -> "Watch":
        """After one more epoch, of which these are the metrics by name. A tie keeps the earlier epoch; a NaN never is the best."""
        name = self.rule.name
        value = stop[name]
        if not math.isnan(value) and (self.best is None or self.rule.better(value, self.best.stop)):
            improvements = _still_needed((*self.improvements, (epoch, value)), epoch)
            best = Best(epoch, value, train[name], val[name])
            return replace(self, best=best, epochs_since=0, improved=True, improvements=improvements)
        return replace(self, epochs_since=self.epochs_since + 1, improved=False)

    def exhausted(self, patience: int) -> bool:
        """Whether early stopping ends the replicate; patience 0 is off."""
        return 0 < patience <= self.epochs_since

    def late_gain(self, epochs: int) -> float | None:
        """By how much the best value on `stop` got better within the last tenth of so many epochs, which is never negative.

        0 where the best epoch is not among them; `None` where there is no finite number before them.
        """
        if self.best is None:
            return None
        if not _is_late(self.best.epoch, epochs):
            return 0.0
        before = [value for epoch, value in self.improvements if not _is_late(epoch, epochs)]
        gain = abs(self.best.stop - before[-1]) if before else math.nan
        return gain if math.isfinite(gain) else None


def _is_late(epoch: int, epochs: int) -> bool:
    """Whether the epoch is in the last tenth of so many."""
    return 10 * epoch > 9 * epochs


def _still_needed(improvements: tuple[tuple[int, float], ...], epochs: int) -> tuple[tuple[int, float], ...]:
    """Without those that no later number of epochs asks for: all but the last before the last tenth of so many."""
    before = sum(not _is_late(epoch, epochs) for epoch, _ in improvements)
    return improvements[max(before - 1, 0) :]
