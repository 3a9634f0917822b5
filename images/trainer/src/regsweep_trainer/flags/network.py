"""Flags that say what the network is."""

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BaseModel, Field

from regsweep_trainer.flags.columns import WANT_CROSSES, Crosses
from regsweep_trainer.flags.values import MOST_LAYERS, Filters, HiddenUnits, Image, Integer, Units, flag

Model = Literal["dense", "cnn", "linear", "constant", "dnn_classifier", "dnn_regressor"]
Activation = Literal[
    "relu", "elu", "exponential", "gelu", "hard_sigmoid", "leaky_relu", "linear", "mish",
    "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh",
]  # fmt: skip
Activations: TypeAlias = Activation | Annotated[list[Activation], Field(max_length=MOST_LAYERS)]
Normalization = Literal["none", "batch", "layer", "unit"]


class NetworkFlags(BaseModel):
    model: Model = flag(
        "dense",
        "one of " + ", ".join(get_args(Model)),
        "Dense layers, convolutions over images before them, no hidden layer (linear), one prediction for all rows (constant), or the "
        "Estimator's networks (dnn_*).",
    )
    units: Units = flag(
        [64, 64],
        "an integer from 1 to 65536, or a list of at most 64 of them",
        "Number of units of each hidden layer; [] is a linear model.",
    )
    hidden_units: HiddenUnits | None = flag(
        None, "a list of 1 to 64 integers from 1 to 65536", "dnn_*: number of units of each hidden layer.", min_length=1
    )
    n_classes: Integer | None = flag(
        None,
        "an integer from 2 to 1000",
        "dnn_classifier: number of classes that the target must have; absent: any.",
        ge=2,
        le=1000,
    )
    crosses: Crosses = flag(
        [], WANT_CROSSES, "Combinations of categorical, hashed and bucketized columns, hashed into bins."
    )
    layers: Integer | None = flag(
        None, "an integer from 0 to 64", "Number of hidden layers if units is one number (absent: 1).", ge=0, le=64
    )
    activation: Activations = flag(
        "relu",
        "one of " + ", ".join(get_args(Activation)) + ", or a list of one for each hidden layer",
        "Activation of the hidden layers; of the convolutions too if it is one name, else these have relu.",
    )
    filters: Filters = flag(
        [32, 64],
        "a list of 1 to 64 integers from 1 to 65536",
        "cnn: number of filters of each convolution.",
        min_length=1,
    )
    kernel_size: Integer = flag(
        3, "an integer from 1 to 64", "cnn: height and width of the convolutions' kernels, in pixels.", ge=1, le=64
    )
    pool_size: Integer = flag(
        2,
        "an integer from 1 to 64",
        "cnn: height and width of the maximum pooling after each convolution, as long as the image is as large; 1: no pooling.",
        ge=1,
        le=64,
    )
    image_shape: Image | None = flag(
        None,
        "[height, width] or [height, width, channels]",
        "cnn: how the features make an image, row by row, the channels of a pixel together; absent: as the data set says.",
    )
    normalization: Normalization = flag(
        "none",
        "none, batch, layer or unit",
        "Normalisation between each hidden layer or convolution and its activation: over the batch, over the units, or to unit length.",
    )
    batch_norm: bool = flag(False, "true or false", "The same as normalization: batch.")
