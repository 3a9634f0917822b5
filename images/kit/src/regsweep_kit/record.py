"""A replicate's result, while it is made and when it is final; and why a run could not be trained to its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from regsweep_kit.contract import LARGEST_REPLICATE
from regsweep_kit.epochs import Best

MOST_EPOCHS = 999_999  # a number of at most 6 digits: the message's room is computed with it


class Outcome(StrEnum):
    OK = "Ok"
    DIVERGED = "Diverged"


@dataclass(frozen=True, slots=True)
class Progress:
    """A replicate after an epoch, or at its end (then `train` is evaluated in full, and `test` where it was requested)."""

    epoch: int
    values: Mapping[tuple[str, str], float]
    """By (metric, split); `regularization_loss` has the split ""."""
    rows: Mapping[str, int]
    """By split: number of rows of the values; for `train` a sample during training."""
    best: Best | None


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, in seconds since the run's start."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Record:
    """One replicate's result. `values` by column name, at the last epoch; NaN and infinity become null."""

    replicate: int
    outcome: Outcome
    epochs: int
    """Epochs trained."""
    values: Mapping[str, float]
    best: Best | None
    test_losses: bytes | None = None
    """See `testlosses.relative_losses`; `None` where test was not scored, or not to a finite loss."""
    period: Period | None = None
    """When it was trained; `None`: not measured."""

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that the termination message has no room for."""
        if not 0 <= self.replicate <= LARGEST_REPLICATE:
            raise ValueError(f"replicate {self.replicate}: want 0 to {LARGEST_REPLICATE}")
        last = max(self.epochs, self.best.epoch if self.best is not None else 0)
        if not 0 <= last <= MOST_EPOCHS:
            raise ValueError(f"replicate {self.replicate}: epoch {last}, want at most {MOST_EPOCHS}")


def column_name(metric: str, split: str) -> str:
    """A metric's column: split first; a metric of no split has its own name."""
    return f"{split}_{metric}" if split else metric


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the run could not be trained, or not to its end."""

    reason: str
    message: str
