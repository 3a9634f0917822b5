"""A script's names of metrics, as ours: by the mapping that the sweep gives, or by what they are called."""

from collections.abc import Mapping
from typing import Any, Final

from regsweep_kit.errors import InvalidContractError
from regsweep_kit.foreign import SPLITS, ForeignReport, ReportFormat
from regsweep_kit.script.course import metric_name

NO_METRICS: Final = frozenset({"epoch", "epochs", "step", "time", "lr", "learning_rate"})
FOLDERS: Final = {"train": "train", "validation": "val", "val": "val", "test": "test"}
"""TensorBoard's folders of Keras and others."""

Epoch = Mapping[str, float | None]
"""Values by the script's own names; None: it says of this epoch that it has none, as of one without validation."""


def by_split(epoch: Epoch, report: ForeignReport) -> dict[str, dict[str, float]]:
    """Metrics of one epoch by split; `regularization_loss` under "". Raises InvalidContractError where two would have one name."""
    parts: dict[str, dict[str, float]] = {}
    for ours, theirs in _named(epoch, report).items():
        value = epoch[theirs]
        if value is None:
            continue
        split, _, metric = ours.partition("_")
        if split in SPLITS and metric:
            parts.setdefault(split, {})[metric] = value
        else:
            parts.setdefault("", {})[ours] = value
    return parts


def missing(report: ForeignReport, epoch: Epoch) -> list[str]:
    """Names of the mapping that an epoch does not have."""
    return sorted({theirs for theirs in report.metrics.values() if theirs not in epoch})


def lacking(report: ForeignReport, epoch: Epoch, parts: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What an epoch needs to be ranked and has not, in the script's words."""
    if report.metrics:
        return sorted({theirs for theirs in report.metrics.values() if epoch.get(theirs) is None})
    return [f"metric of {split}" for split in ("train", "val") if split not in parts]


def needs_test(report: ForeignReport) -> bool:
    """Whether it names no metric of test rows, although it names metrics."""
    return bool(report.metrics) and not any(ours.startswith("test_") for ours in report.metrics)


def _named(epoch: Epoch, report: ForeignReport) -> Mapping[str, str]:
    """The script's names by ours, of those that the epoch has."""
    if report.metrics:
        return {ours: theirs for ours, theirs in report.metrics.items() if theirs in epoch}
    ours_of = _of_tag if report.format is ReportFormat.TENSOR_BOARD else _of_name
    named: dict[str, str] = {}
    for theirs in epoch:
        ours = ours_of(theirs)
        if ours is not None and (other := named.setdefault(ours, theirs)) != theirs:
            raise InvalidContractError(
                f"trainer.report: the script's {other} and {theirs} would both be {ours}; say which one is meant in "
                f"trainer.report.metrics, such as {{{ours}: {theirs}}}"
            )
    return named


def _of_name(name: str) -> str | None:
    """Keras' names: `val_loss` is of val, `loss` of train; what counts epochs or time is none."""
    if name.lower() in NO_METRICS:
        return None
    if name == "regularization_loss":
        return name
    split, _, metric = name.partition("_")
    return f"{split}_{metric_name(metric)}" if split in SPLITS and metric else f"train_{metric_name(name)}"


def _of_tag(name: str) -> str | None:
    """`validation/epoch_loss` is of val; tags of other folders, and those of batches, are none."""
    folder, _, tag = name.rpartition("/")
    split: Any = FOLDERS.get(folder.rpartition("/")[2])
    by_batch = tag.startswith("batch_") or (tag.startswith("evaluation_") and tag.endswith("_vs_iterations"))
    if split is None or by_batch or tag.lower() in NO_METRICS or tag == "epoch_learning_rate":
        return None
    return f"{split}_{metric_name(tag.removeprefix('epoch_'))}"
