"""What an objective means: its goal and its bounds by the metric's name, whether the penalty is in it, the rule of its best epoch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import Final

from regsweep.api.spec import EpochChoice, Goal, Objective
from regsweep.api.status import ObjectiveStatus
from regsweep.errors import InvalidSweep, Problem

_SMALL_IS_GOOD: Final = frozenset(
    {"deviance", "error", "logloss", "loss", "mae", "mape", "mse", "msle", "perplexity", "rmse"}
)
_LARGE_IS_GOOD: Final = frozenset({"accuracy", "acc", "auc", "f1", "precision", "prc", "r2", "recall"})
_SAYS_NOTHING: Final = frozenset({"baseline", "mean"})
"""As a name's last word: `accuracy_baseline`, `label_mean`, `prediction_mean` describe the data, and cannot be improved."""
_TURNS_ROUND: Final = frozenset({"1", "inverse", "neg", "negative"})
"""As a name's first word: `neg_log_loss` and `1-accuracy` are better the other way than the metric that they name."""
_SHARES: Final = frozenset({"accuracy", "acc", "auc", "f1", "precision", "prc", "recall"})
"""Words of metrics from 0 to 1."""
_WITH_PENALTY: Final = frozenset({"loss", "regularization_loss"})
"""Names, without the split, of metrics that contain the regularisation penalty; `average_loss` does not."""


@dataclass(frozen=True, slots=True)
class EpochRule:
    """The rule by which the best epoch of a training is chosen."""

    metric: str
    """Split first."""
    goal: Goal


def epoch_rule(objective: ObjectiveStatus) -> EpochRule:
    """The rule that a trainer is given with this objective. It chooses a best epoch by it, independently of the epoch that is ranked."""
    return EpochRule(objective.metric, objective.goal)


def ranked_rule(objective: ObjectiveStatus) -> EpochRule | None:
    """The rule that chose the epoch which is ranked; None where that is the last one, which no rule chooses."""
    return epoch_rule(objective) if objective.epoch is EpochChoice.BEST else None


def objective_goal(objective: Objective) -> Goal:
    """Whether the objective is minimised or maximised: as given, else derived from the words of the metric's name.

    Raises:
        InvalidSweep: where neither is the case.
    """
    if objective.goal is not None:
        return objective.goal
    words = _telling_words(objective.metric)
    if not words or words[-1] not in _SAYS_NOTHING:
        if _SMALL_IS_GOOD.intersection(words):
            return Goal.MINIMIZE
        if _LARGE_IS_GOOD.intersection(words):
            return Goal.MAXIMIZE
    message = f"is required: `{objective.metric}` does not tell whether smaller or larger is better. Write `Minimize` or `Maximize`."
    raise InvalidSweep([Problem("spec.objective.goal", message)])


def objective_status(objective: Objective) -> ObjectiveStatus:
    """The objective with its goal resolved. Raises InvalidSweep if the metric's name does not determine it."""
    return ObjectiveStatus(metric=objective.metric, goal=objective_goal(objective), epoch=objective.epoch)


def metric_bounds(metric: str) -> tuple[float, float]:
    """Minimum and maximum of the metric, derived from the words of its name; infinite if it has no bound.

    A loss whose densities exceed 1 may be negative all the same: values outside the bounds show that they do not hold.
    """
    words = _telling_words(metric)
    if _SHARES.intersection(words):
        return 0.0, 1.0
    return (0.0, inf) if _SMALL_IS_GOOD.intersection(words) else (-inf, inf)


def includes_penalty(metric: str) -> bool:
    """Whether the metric contains the regularisation penalty: it then favours weak regularisation, independently of generalisation."""
    return metric.partition("_")[2] in _WITH_PENALTY


def _telling_words(metric: str) -> list[str]:
    """The words of the metric's name without its split, in lower case; none where the first one turns their meaning round."""
    words = re.split(r"[_.-]", metric.partition("_")[2].lower())
    return [] if words[0] in _TURNS_ROUND or "minus" in words else words
