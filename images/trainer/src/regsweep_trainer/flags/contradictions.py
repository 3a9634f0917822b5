"""What is wrong between flags, though each has a value that it may have. Judged on what was given, beside all wrong values."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from regsweep_trainer.flags.declaration import Flags
from regsweep_trainer.flags.words import shown, want

CLIPPING = ("clip_norm", "global_clip_norm", "clip_value")
OF_IMAGES = ("filters", "kernel_size", "pool_size", "image_shape")
ROLES = ("target", "split_column", "weight_column", "group_column", "time_column", "stratify_column")
OF_FILES = (*ROLES, "columns", "crosses", "label_vocabulary")
OF_TABLES = {"task": "auto", "separator": "auto", "encoding": "utf-8", "column_kinds": "declared"}
"""By flag, its default."""


def contradictions(given: Mapping[str, Any]) -> dict[str, str]:
    """By flag, a sentence. Needs no valid values: what is not of its type is said elsewhere."""
    names = {name for name, value in given.items() if value is not None}
    problems: dict[str, str] = {}
    for check in (_of_source, _of_roles, _of_layers, _of_normalization):
        for name, text in check(given, names):
            problems.setdefault(name, f"flag {name}: {text}")
    return problems


def disagreements(flags: Flags) -> dict[str, str]:
    """The same of flags that are valid each, by their typed values."""
    problems: dict[str, str] = {}
    layered = (_by_layer, _of_model) if flags.has_layers else ()
    for check in (*layered, _of_estimators, _of_feature_columns, _of_time, _of_clipping):
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
        yield "dataset", f"missing, want {want('dataset')}, or give data_path"
    if "data_path" not in names:
        for name in sorted(name for name in OF_FILES if given.get(name)):
            yield name, f"got {shown(given[name])}, but data_path is not set: it applies to files only"
        if "dataset" in names:
            for name, default in OF_TABLES.items():
                if given.get(name, default) != default:
                    yield (
                        name,
                        f"got {shown(given[name])}: it applies to data_path only; what a bundled dataset is, is fixed",
                    )


def _of_roles(given: Mapping[str, Any], names: set[str]) -> Iterator[tuple[str, str]]:
    """A column has one part to play; only the one that groups may stratify too."""
    for one, other in combinations(ROLES, 2):
        both = (one, other) == ("group_column", "stratify_column")
        if {one, other} <= names and given[one] == given[other] and not both:
            yield other, f"{shown(given[one])} is the {one.replace('_', ' ')}"
    columns = given.get("columns")
    for name in ROLES:
        if name in names and isinstance(columns, Mapping) and given[name] in columns:
            yield "columns", f"{shown(given[name])} is the {name}; it has no kind"
    if "label_vocabulary" in names and given.get("task") == "regression":
        yield "label_vocabulary", "given together with task: regression, which has no classes; give only one of them"
    if {"time_column", "group_column"} <= names:
        yield (
            "time_column",
            "given together with group_column; a group may last longer than a part of the time: give only one of them",
        )
    if {"time_column", "stratify_column"} <= names:
        yield "stratify_column", "given together with time_column; rows in order of time cannot be stratified"


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
    layers = len(flags.hidden_layers)
    for name in ("activation", "dropout"):
        value = getattr(flags, name)
        if isinstance(value, list) and len(value) != layers:
            yield (
                name,
                f"got {len(value)} values ({shown(value)}) for {layers} hidden layers ({shown(list(flags.hidden_layers))} units); give "
                "one for each hidden layer, or one for all",
            )


def _of_estimators(flags: Flags) -> Iterator[tuple[str, str]]:
    given = flags.model_fields_set
    if not flags.is_estimator:
        for name in sorted({"hidden_units", "n_classes"} & given if flags.has_layers else ()):
            if getattr(flags, name) is not None:
                yield (
                    name,
                    f"got {shown(getattr(flags, name))}, but model is {flags.model}; it is for dnn_classifier and dnn_regressor",
                )
        return
    if flags.hidden_units is None:
        yield (
            "hidden_units",
            f"missing, model {flags.model} needs the number of units of each hidden layer, such as [64, 32]",
        )
    for name in sorted({"units", "layers"} & given):
        yield name, f"model {flags.model} has hidden_units instead"
    yield from _of_estimators_target(flags)


def _of_estimators_target(flags: Flags) -> Iterator[tuple[str, str]]:
    if flags.task not in ("auto", flags.wanted_task):
        yield "task", f"got {flags.task}, but model {flags.model} is for a {flags.wanted_task}; remove the flag"
    if flags.model == "dnn_regressor":
        for name in ("n_classes", "label_vocabulary"):
            if getattr(flags, name) is not None:
                yield name, "model dnn_regressor has no classes; remove the flag"
    elif flags.n_classes and flags.label_vocabulary and flags.n_classes != len(flags.label_vocabulary):
        yield (
            "n_classes",
            f"got {flags.n_classes}, but label_vocabulary has {len(flags.label_vocabulary)} labels; remove one of them",
        )


def _of_feature_columns(flags: Flags) -> Iterator[tuple[str, str]]:
    crossed = [tuple(cross.columns) for cross in flags.crosses]
    for columns in sorted({columns for columns in crossed if crossed.count(columns) > 1}):
        yield "crosses", f"columns {shown(list(columns))} are crossed twice; remove one of them"
    if flags.model == "cnn" and flags.uses_feature_space:
        name = "crosses" if flags.crosses else "columns"
        yield name, "model cnn takes images alone: no column is bucketized, hashed, embedded or crossed"


def _of_time(flags: Flags) -> Iterator[tuple[str, str]]:
    if flags.time_column is not None and flags.split_column is not None:
        yield "time_column", "given together with split_column, which divides the rows already; give only one of them"
    if flags.time_column is not None and flags.audit_fraction:
        yield (
            "audit_fraction",
            "given together with time_column; rows set aside would come out of the middle of the time",
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
    if flags.orthogonal and not flags.hidden_layers:
        yield "orthogonal", f"got {shown(flags.orthogonal)}, but there is no hidden layer; set units"
