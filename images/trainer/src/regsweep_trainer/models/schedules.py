"""The learning rate of each epoch. Pure; formulas as in Keras' schedules of the same names, by epoch instead of by step."""

import math

from regsweep_trainer.flags import Flags


def learning_rate(flags: Flags, epoch: int, plateaus: int = 0) -> float:
    """The learning rate of this epoch, counted from 1.

    plateaus: how often so far `decay_epochs` epochs in a row brought no improvement on the `stop` half.
    """
    warmup = min(1.0, epoch / flags.warmup_epochs) if flags.warmup_epochs else 1.0
    return flags.learning_rate * _factor(flags, epoch - 1, plateaus) * warmup


def _factor(flags: Flags, done: int, plateaus: int) -> float:
    """done: epochs before this one."""
    progress = done / flags.epochs
    decays = done / flags.decay_epochs
    match flags.schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1 - progress
        case "cosine":
            return (1 + math.cos(math.pi * progress)) / 2
        case "exponential":
            return float(flags.decay_rate**decays)
        case "step":
            return float(flags.decay_rate ** math.floor(decays))
        case "inverse_time":
            return 1 / (1 + flags.decay_rate * decays)
        case "plateau":
            return float(flags.decay_rate**plateaus)
