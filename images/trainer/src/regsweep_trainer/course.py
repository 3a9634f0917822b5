"""How the epochs of a replicate go. Pure."""

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from regsweep_kit.epochs import Watch
from regsweep_kit.record import Outcome
from regsweep_trainer.judging import Values

Weights = list[NDArray[Any]]


@dataclass
class Course:
    """How the epochs go."""

    best: Watch
    """By the objective's rule."""
    stopping: Watch
    """By the rule of early stopping."""
    epoch: int = 0
    """The last one that was trained."""
    plateaus: int = 0
    """How often `decay_epochs` epochs brought no improvement; see `schedules`."""
    best_weights: Weights | None = None
    """At the epoch that the objective's rule calls best; kept only where they are evaluated later."""
    stopping_weights: Weights | None = None
    """At the epoch that early stopping's rule calls best; kept only where they are restored."""
    outcome: Outcome = Outcome.OK
    values: Values = field(default_factory=dict)
    """Of the last epoch, or of the restored one; train on the live sample."""
    history: list[Any] = field(default_factory=list)
    """What was reported of each epoch, as JSON (see `resuming`); kept only where there are checkpoints."""
