"""Flags that work against overfitting."""

from typing import Literal, get_args

from pydantic import BaseModel

from regsweep_trainer.flags.values import PENALTY, SHARE, SHARES, Integer, Real, SharesByLayer, flag

StoppingMetric = Literal[
    "average_loss", "loss", "accuracy", "auc", "auc_precision_recall", "precision", "recall",
    "estimator_auc", "estimator_auc_pr", "estimator_loss",
]  # fmt: skip


class RegularizationFlags(BaseModel):
    l1: Real = flag(0.0, PENALTY, "L1 penalty: l1 x sum of |weight|, all kernels, no biases.", ge=0)
    l2: Real = flag(0.0, PENALTY, "L2 penalty: l2 x sum of weight squared, all kernels, no biases.", ge=0)
    orthogonal: Real = flag(
        0.0,
        PENALTY,
        "Orthogonality penalty: orthogonal x mean |cosine| of each two rows of a kernel, hidden dense layers of at least two inputs.",
        ge=0,
    )
    bias_l1: Real = flag(0.0, PENALTY, "L1 penalty of the biases: bias_l1 x sum of |bias|, all layers.", ge=0)
    bias_l2: Real = flag(0.0, PENALTY, "L2 penalty of the biases: bias_l2 x sum of bias squared, all layers.", ge=0)
    activity_l1: Real = flag(
        0.0,
        PENALTY,
        "Activity penalty: activity_l1 x mean over rows of the sum of |output| of all hidden layers.",
        ge=0,
    )
    activity_l2: Real = flag(
        0.0,
        PENALTY,
        "Activity penalty: activity_l2 x mean over rows of the sum of output squared of all hidden layers.",
        ge=0,
    )
    dropout: SharesByLayer = flag(0.0, SHARES, "Fraction of units dropped after each hidden layer.")
    input_dropout: Real = flag(0.0, SHARE, "Fraction of the standardised inputs dropped.", ge=0, lt=1)
    gaussian_dropout: Real = flag(
        0.0,
        SHARE,
        "Rate p of multiplicative noise after each hidden layer: normal, mean 1, standard deviation sqrt(p / (1 - p)).",
        ge=0,
        lt=1,
    )
    alpha_dropout: Real = flag(
        0.0,
        SHARE,
        "Rate of alpha dropout after each hidden layer, which keeps mean and variance of activation selu.",
        ge=0,
        lt=1,
    )
    spatial_dropout: Real = flag(
        0.0, SHARE, "cnn: fraction of whole feature maps dropped after each convolution.", ge=0, lt=1
    )
    noise: Real = flag(
        0.0,
        PENALTY,
        "Standard deviation of the Gaussian noise added to each standardised input during training.",
        ge=0,
    )
    hidden_noise: Real = flag(
        0.0,
        PENALTY,
        "Standard deviation of the Gaussian noise added to the output of each hidden layer during training.",
        ge=0,
    )
    max_norm: Real = flag(
        0.0,
        PENALTY,
        "Largest Euclidean norm of each unit's or filter's weights, all kernels; larger ones are scaled down after each step; 0: off.",
        ge=0,
    )
    label_smoothing: Real = flag(
        0.0,
        SHARE,
        "Share of each label that is spread evenly over all classes in the loss that is trained; metrics take labels as they are.",
        ge=0,
        lt=1,
    )
    weight_decay: Real = flag(
        0.0,
        "a number from 0 to below 1",
        "Decoupled weight decay (AdamW): before each step, kernels lose the share learning rate x weight_decay; no penalty, no part of "
        "any loss, and with adaptive optimizers not the same as l2.",
        ge=0,
        lt=1,
    )
    early_stopping: Integer = flag(
        0,
        "an integer from 0 to 100000",
        "Number of epochs without improvement on the `stop` half after which training ends; 0: off.",
        ge=0,
        le=100_000,
    )
    early_stopping_metric: StoppingMetric = flag(
        "average_loss",
        "one of " + ", ".join(get_args(StoppingMetric)),
        "Metric of early stopping, evaluated on the `stop` half; independent of the sweep's objective.",
    )
    restore_best: bool = flag(
        False,
        "true or false",
        "At the end the weights of the epoch that is best by early_stopping_metric on the `stop` half are restored, and evaluated.",
    )
