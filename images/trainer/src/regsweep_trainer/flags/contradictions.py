"""What is wrong between flags, though each has a value that it may have. Judged on what was given, beside all wrong values."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from regsweep_trainer.flags.declaration import Flags
from regsweep_trainer.flags.words import shown, want

CLIPPING = ("clip_norm", "global_clip_norm", "clip_value")
OF_IMAGES = ("filters", "kernel_size", "pool_size", "image_shape")
OF_FILES = ("target", "split_column")


def contradictions(given: Mapping[str, Any]) -> dict[str, str]:
    """By flag, a sentence. Needs no valid values: what is not of its type is said elsewhere."""
    names = {name for name, value in given.items() if value is not None}
    problems: dict[str, str] = {}
    for check in (_of_source, _of_layers, _of_normalization):
        for name, text in check(given, names):
            problems.setdefault(name, f"flag {name}: {text}")
    return problems


def disagreements(flags: Flags) -> dict[str, str]:
    """The same of flags that are valid each, by their typed values."""
    problems: dict[str, str] = {}
    for check in (_by_layer, _of_clipping, _of_model) if flags.has_layers else (_of_clipping,):
        for name, text in check(flags):
            problems.setdefault(name, f"flag {name}: {text}")
    return problems


def idle(flags: Flags) -> Iterator[str]:
    """A sentence for each flag that was given and has no effect beside the others."""
    given = flags.model_fields_set
    if flags.schedule in ("constant", "linear", "cosine"):
        for name in sorted({"decay_rate", "decay_epochs"} & given):
            yield f"flag {name} has no effect: schedule is {flags.schedule}"
    if flags.model != "cnn":
        for name in sorted(set(OF_IMAGES) & given):
            yield f"flag {name} has no effect: model is {flags.model}"
    if flags.optimizer == "adamw" and flags.weight_decay == 0:
        yield "optimizer adamw is the same as adam: weight_decay is 0"


def _of_source(given: Mapping[str, Any], names: set[str]) -> Iterator[tuple[str, str]]:
    if {"dataset", "data_path"} <= names:
        yield "data_path", "given together with dataset; give only one of them"
    elif not {"dataset", "data_path"} & names:
        yield "dataset", f"missing, want {want('dataset')}, or give data_path and target"
    if "data_path" in names and "target" not in names:
        yield "target", "missing, data_path needs the name of the column to predict"
    if "data_path" not in names:
        for name in sorted(set(OF_FILES) & names):
            yield name, f"got {shown(given[name])}, but data_path is not set: it applies to CSV files only"
        if "dataset" in names and given.get("task", "auto") != "auto":
            yield "task", "it applies to data_path only: the task of a bundled dataset is fixed"
        if "dataset" in names and given.get("separator", "auto") != "auto":
            yield "separator", "it applies to data_path only, a CSV file"
    if {"target", "split_column"} <= names and given["target"] == given["split_column"]:
        yield "split_column", f"{shown(given['target'])} is the target"


def _of_layers(given: Mapping[str, Any], names: set[str]) -> Iterator[tuple[str, str]]:
    if "layers" in names and isinstance(given.get("units", []), list):
        yield (
            "layers",
            "it applies only if units is one number: a list of units already determines the number of layers",
        )


def _of_normalization(given: Mapping[str, Any], names: set[str]) -> Iterator[tuple[str, str]]:
    kind = given.get("normalization")
    if "normalization" in names and kind not in ("none", "batch") and given.get("batch_norm") is True:
        yield "normalization", f"got {shown(kind)}, but batch_norm is true; give only one of them"


def _by_layer(flags: Flags) -> Iterator[tuple[str, str]]:
    layers = len(flags.hidden_units)
    for name in ("activation", "dropout"):
        value = getattr(flags, name)
        if isinstance(value, list) and len(value) != layers:
            yield (
                name,
                f"got {len(value)} values ({shown(value)}) for {layers} hidden layers ({shown(list(flags.hidden_units))} units); give "
                "one for each hidden layer, or one for all",
            )


def _of_clipping(flags: Flags) -> Iterator[tuple[str, str]]:
    for one, other in combinations(CLIPPING, 2):
        if getattr(flags, one) and getattr(flags, other):
            yield other, f"given together with {one}; gradients are clipped in one way only"


def _of_model(flags: Flags) -> Iterator[tuple[str, str]]:
    if flags.spatial_dropout and flags.model != "cnn":
        yield (
            "spatial_dropout",
            f"got {shown(flags.spatial_dropout)}, but model is {flags.model}, which has no feature maps; set model: cnn, or use dropout",
        )
    if flags.orthogonal and not flags.hidden_units:
        yield "orthogonal", f"got {shown(flags.orthogonal)}, but there is no hidden layer; set units"
