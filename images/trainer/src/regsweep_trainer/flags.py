"""The flags that a sweep may vary or fix: one typed model is the source of validation, of --help and of --describe.

A number may arrive as a string, since YAML reads `1e-4` as one; it is coerced by the declared type. Any other wrong type is refused.
"""

import difflib
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from regsweep_kit.errors import InvalidFlagsError

Dataset = Literal["breast_cancer", "digits", "wine", "iris", "diabetes"]
Task = Literal["auto", "classification", "regression"]
Separator = Literal["auto", "comma", "semicolon", "tab", "pipe"]
Model = Literal["dense", "linear", "constant"]
Optimizer = Literal["adam", "adamax", "nadam", "adagrad", "rmsprop", "sgd"]
StoppingMetric = Literal[
    "average_loss", "loss", "accuracy", "auc", "auc_precision_recall", "precision", "recall",
    "estimator_auc", "estimator_auc_pr", "estimator_loss",
]  # fmt: skip
Activation = Literal[
    "relu", "elu", "exponential", "gelu", "hard_sigmoid", "leaky_relu", "linear", "mish",
    "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh",
]  # fmt: skip


def _number(value: Any) -> Any:
    """A string becomes the number it spells; true and false are no numbers, though Python thinks so."""
    if isinstance(value, bool):
        raise ValueError("not a number")
    if isinstance(value, str):
        return float(value)
    return value


def _units(value: Any) -> Any:
    return [_number(item) for item in value] if isinstance(value, list) else _number(value)


def _text(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("empty")
    return value


Integer = Annotated[int, BeforeValidator(_number)]
Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Text = Annotated[str, BeforeValidator(_text)]
Width = Annotated[int, Field(ge=1, le=65536)]


def _flag(default: Any, want: str, description: str, **bounds: Any) -> Any:
    """A flag's default, the values it may have in words (for people), the same as bounds (for the check), and its meaning."""
    return Field(default, description=description, json_schema_extra={"want": want}, **bounds)


class Flags(BaseModel):
    """Every flag of the reference trainer. `None` means: not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: Dataset | None = _flag(
        None, "one of " + ", ".join(get_args(Dataset)), "Bundled data set; diabetes is a regression."
    )
    data_path: Text | None = _flag(
        None, "a path to a CSV file", "CSV file with a header in a mounted volume, instead of dataset."
    )
    target: Text | None = _flag(None, "a column's name", "Column of data_path to predict.")
    split_column: Text | None = _flag(
        None,
        "a column's name",
        "Column of data_path that marks each row train, val or test; replaces test_fraction and, if any row is val, val_fraction.",
    )
    separator: Separator = _flag(
        "auto",
        "auto, comma, semicolon, tab or pipe",
        "Separator of the cells of data_path; auto: detected from the header and the first rows.",
    )
    task: Task = _flag(
        "auto",
        "auto, classification or regression",
        "Task that the target of data_path defines; auto: regression if it has fractions or more than 20 distinct numbers.",
    )
    model: Model = _flag(
        "dense",
        "one of " + ", ".join(get_args(Model)),
        "dense: a network with hidden layers; linear: one without (of classes: a logistic model); constant: one prediction for all rows.",
    )
    units: Annotated[Width | Annotated[list[Width], Field(max_length=64)], BeforeValidator(_units)] = _flag(
        [64, 64],
        "an integer from 1 to 65536, or a list of at most 64 of them",
        "Number of units of each hidden layer; [] is a linear model.",
    )
    layers: Integer | None = _flag(
        None, "an integer from 0 to 64", "Number of hidden layers if units is one number (absent: 1).", ge=0, le=64
    )
    activation: Activation = _flag(
        "relu", "one of " + ", ".join(get_args(Activation)), "Activation of the hidden layers."
    )
    l1: Real = _flag(0.0, "a number of at least 0", "L1 penalty: l1 x sum of |weight|, all kernels, no biases.", ge=0)
    l2: Real = _flag(
        0.0, "a number of at least 0", "L2 penalty: l2 x sum of weight squared, all kernels, no biases.", ge=0
    )
    dropout: Real = _flag(
        0.0, "a number from 0 to below 1", "Fraction of units dropped after each hidden layer.", ge=0, lt=1
    )
    noise: Real = _flag(
        0.0,
        "a number of at least 0",
        "Standard deviation of the Gaussian noise added to each standardised input during training.",
        ge=0,
    )
    batch_norm: bool = _flag(
        False, "true or false", "Batch normalisation between each hidden layer and its activation."
    )
    optimizer: Optimizer = _flag(
        "adam",
        "one of " + ", ".join(get_args(Optimizer)),
        "Optimizer, with Keras' defaults except for the learning rate.",
    )
    learning_rate: Real = _flag(0.001, "a number above 0", "Learning rate of the optimizer.", gt=0)
    batch_size: Integer = _flag(
        32,
        "an integer from 1 to 1048576",
        "Number of rows per training step; the last step may have fewer.",
        ge=1,
        le=2**20,
    )
    epochs: Integer = _flag(
        50, "an integer from 1 to 100000", "Number of passes over the training rows.", ge=1, le=100_000
    )
    early_stopping: Integer = _flag(
        0,
        "an integer from 0 to 100000",
        "Number of epochs without improvement on the `stop` half after which training ends; 0: off.",
        ge=0,
        le=100_000,
    )
    early_stopping_metric: StoppingMetric = _flag(
        "average_loss",
        "one of " + ", ".join(get_args(StoppingMetric)),
        "Metric of early stopping, evaluated on the `stop` half; independent of the sweep's objective.",
    )
    train_rows: Integer | None = _flag(
        None, "an integer of at least 2", "Maximum number of training rows, to show overfitting; absent: all.", ge=2
    )
    val_fraction: Real = _flag(
        0.4,
        "a number above 0 and below 1",
        "Fraction of the rows outside test that are validation rows; half of them are ranked, half (`stop`) choose epochs.",
        gt=0,
        lt=1,
    )
    test_fraction: Real = _flag(
        0.2,
        "a number from 0 to below 1",
        "Fraction of all rows that are test rows, used neither for training nor for ranking.",
        ge=0,
        lt=1,
    )
    audit_fraction: Real = _flag(
        0.0,
        "a number from 0 to below 1",
        "Fraction of all rows, taken after test and neither trained on nor ranked, on which predictions of replicates are compared.",
        ge=0,
        lt=1,
    )
    test_seed: Integer = _flag(
        0, "an integer", "Seed that determines, with the data's digest, the test and audit rows of every replicate."
    )

    @property
    def hidden_units(self) -> tuple[int, ...]:
        """Units of each hidden layer, first to last; none of a linear model."""
        if self.model != "dense":
            return ()
        if isinstance(self.units, list):
            return tuple(self.units)
        return (self.units,) * (1 if self.layers is None else self.layers)


def parse_flags(given: Mapping[str, Any]) -> Flags:
    """The typed flags. Raises InvalidFlagsError with all that is wrong, one sentence per flag, and not only the first."""
    problems: dict[str, str] = {}
    flags = None
    try:
        flags = Flags.model_validate(dict(given))
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False):
            name = str(detail["loc"][0])
            problems[name] = (
                _wrong_value(name, given[name]) if name in Flags.model_fields else _unknown(name, given[name])
            )
    problems |= {name: text for name, text in _contradictions(given).items() if name not in problems}
    if problems or flags is None:
        sentences = [problems[name] for name in sorted(problems)]
        if any(name not in Flags.model_fields for name in problems):
            sentences.append("the flags are " + ", ".join(sorted(Flags.model_fields)))
        raise InvalidFlagsError("; ".join(sentences))
    return flags


def describe() -> dict[str, Any]:
    """JSON schema of the flags, for whoever wants to check them early. Numbers may also come as strings that spell them."""
    schema = Flags.model_json_schema()
    schema["title"] = "Flags of regsweep-trainer"
    return schema


def flag_lines() -> list[tuple[str, str, str, str]]:
    """One (name, default, values, description) per flag, in the order of declaration."""
    lines = []
    for name, field in Flags.model_fields.items():
        default = "-" if field.default is None else _shown(field.default)
        lines.append((name, default, _want(name), field.description or ""))
    return lines


def label_value(value: Any) -> str:
    """A flag's value as a Prometheus label: a string unchanged, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _want(name: str) -> str:
    extra = Flags.model_fields[name].json_schema_extra
    return str(extra["want"]) if isinstance(extra, dict) else ""


def _shown(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _meant(got: str, there_is: list[str]) -> str:
    close = difflib.get_close_matches(got, there_is, n=1)
    return f", did you mean {close[0]}?" if close else ""


def _unknown(name: str, value: Any) -> str:
    return f"unknown flag {_shown(name)} (got {_shown(value)}){_meant(name, sorted(Flags.model_fields))}"


def _wrong_value(name: str, value: Any) -> str:
    choices = [
        choice for option in get_args(Flags.model_fields[name].annotation) for choice in get_args(option) or (option,)
    ]
    names = [choice for choice in choices if isinstance(choice, str)]
    meant = _meant(value, names) if isinstance(value, str) else ""
    unquoted = "" if names else _unquoted(name, value)
    return f"flag {name}: got {_shown(value)}, want {_want(name)}{meant}{unquoted}"


def _unquoted(name: str, value: Any) -> str:
    """What to do where YAML has read a name without quotes as something else."""
    if Flags.model_fields[name].annotation != Text | None:
        return ""
    match value:
        case True:
            return '; YAML reads an unquoted y, yes, on or true as true: quote it, as in "y"'
        case False:
            return '; YAML reads an unquoted n, no, off or false as false: quote it, as in "n"'
        case int() | float():
            return f'; YAML reads it as a number without quotes: quote it, as in "{_shown(value)}"'
    return ""


def _contradictions(given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong between flags, judged on what was given, so that it is said beside all wrong values."""
    given_names = {name for name, value in given.items() if value is not None}
    problems = {}
    if {"dataset", "data_path"} <= given_names:
        problems["data_path"] = "flag data_path: given together with dataset; give only one of them"
    elif not {"dataset", "data_path"} & given_names:
        problems["dataset"] = f"flag dataset: missing, want {_want('dataset')}, or give data_path and target"
    if "data_path" in given_names and "target" not in given_names:
        problems["target"] = "flag target: missing, data_path needs the name of the column to predict"
    if "data_path" not in given_names:
        for name in {"target", "split_column"} & given_names:
            problems[name] = (
                f"flag {name}: got {_shown(given[name])}, but data_path is not set: it applies to CSV files only"
            )
        if "dataset" in given_names and given.get("task", "auto") != "auto":
            problems["task"] = "flag task: it applies to data_path only: the task of a bundled dataset is fixed"
        if "dataset" in given_names and given.get("separator", "auto") != "auto":
            problems["separator"] = "flag separator: it applies to data_path only, a CSV file"
    if "layers" in given_names and isinstance(given.get("units", []), list):
        problems["layers"] = (
            "flag layers: it applies only if units is one number: a list of units already determines the number of layers"
        )
    if {"target", "split_column"} <= given_names and given["target"] == given["split_column"]:
        problems["split_column"] = f"flag split_column: {_shown(given['target'])} is the target"
    return problems
