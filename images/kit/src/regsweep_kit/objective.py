"""What a sweep ranks by: a metric, which way it is better, and at which epoch it is taken."""

from dataclasses import dataclass
from enum import StrEnum

LONGEST_METRIC = 63
"""Characters of a metric's name; so many does a reader of the termination message allow."""
METRIC_NAME = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
"""Of a metric's name, with or without its split."""
METRIC_CHARACTERS = "letters, digits, _, . and -"


class Goal(StrEnum):
    MINIMIZE = "Minimize"
    MAXIMIZE = "Maximize"


class Epoch(StrEnum):
    """At which epoch a replicate is judged: the last one, or the best one on the `stop` half."""

    LAST = "Last"
    BEST = "Best"


@dataclass(frozen=True, slots=True)
class Rule:
    """Which of two values of a metric is better."""

    metric: str
    goal: Goal

    @property
    def name(self) -> str:
        """The metric without its split."""
        for split in ("train_", "val_", "test_"):
            if self.metric.startswith(split):
                return self.metric.removeprefix(split)
        return self.metric

    def better(self, value: float, than: float) -> bool:
        """Whether `value` is strictly better than `than`; false where either is NaN."""
        return value < than if self.goal is Goal.MINIMIZE else value > than


@dataclass(frozen=True, slots=True)
class Objective:
    """What the sweep ranks by. The rule's metric is written split first, such as `val_average_loss`."""

    rule: Rule = Rule("val_average_loss", Goal.MINIMIZE)
    epoch: Epoch = Epoch.LAST

    @property
    def name(self) -> str:
        """The metric without its split."""
        return self.rule.name
