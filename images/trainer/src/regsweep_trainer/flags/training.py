"""Flags that say how the network is trained."""

from typing import Literal, TypeAlias, get_args

from pydantic import BaseModel

from regsweep_trainer.flags.values import PENALTY, ClassWeight, Integer, Real, flag

Optimizer = Literal["adam", "adamw", "adamax", "nadam", "adagrad", "rmsprop", "sgd"]
Schedule = Literal["constant", "linear", "cosine", "exponential", "step", "inverse_time", "plateau"]
ClassWeights: TypeAlias = Literal["none", "balanced"] | dict[str, ClassWeight]


class TrainingFlags(BaseModel):
    optimizer: Optimizer = flag(
        "adam",
        "one of " + ", ".join(get_args(Optimizer)),
        "Optimizer, with Keras' defaults except for learning rate and weight decay; adamw is adam, for which weight_decay is usual.",
    )
    learning_rate: Real = flag(0.001, "a number above 0", "Learning rate of the optimizer, before any schedule.", gt=0)
    schedule: Schedule = flag(
        "constant",
        "one of " + ", ".join(get_args(Schedule)),
        "How the learning rate changes from epoch to epoch; see the table of schedules.",
    )
    decay_rate: Real = flag(
        0.5,
        "a number above 0 and at most 1",
        "exponential, step, plateau: factor of the learning rate per decay_epochs; inverse_time: share by which its divisor grows.",
        gt=0,
        le=1,
    )
    decay_epochs: Integer = flag(
        10,
        "an integer from 1 to 100000",
        "Epochs per decay of exponential, step and inverse_time; plateau: epochs without improvement on the `stop` half.",
        ge=1,
        le=100_000,
    )
    warmup_epochs: Integer = flag(
        0,
        "an integer from 0 to 100000",
        "Number of epochs over which the learning rate rises evenly to that of the schedule.",
        ge=0,
        le=100_000,
    )
    clip_norm: Real = flag(0.0, PENALTY, "Largest norm of the gradient of each variable; 0: off.", ge=0)
    global_clip_norm: Real = flag(0.0, PENALTY, "Largest norm of the gradient of all variables together; 0: off.", ge=0)
    clip_value: Real = flag(0.0, PENALTY, "Largest absolute value of each component of the gradient; 0: off.", ge=0)
    class_weights: ClassWeights = flag(
        "none",
        'none, balanced, or a weight above 0 by class, such as {"no": 1, "yes": 5}',
        "Weight of a row in the loss that is trained, by its class; balanced: training rows / (classes x training rows of the class).",
    )
    batch_size: Integer = flag(
        32,
        "an integer from 1 to 1048576",
        "Number of rows per training step; the last step may have fewer.",
        ge=1,
        le=2**20,
    )
    epochs: Integer = flag(
        50, "an integer from 1 to 100000", "Number of passes over the training rows.", ge=1, le=100_000
    )
