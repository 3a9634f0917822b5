"""Whether the flags fit the data: what can be known only once these are read, and must be refused before anything trains. Pure."""

from dataclasses import replace

from regsweep_kit.errors import InvalidFlagsError
from regsweep_trainer.data.columns import MOST_SHOWN, show
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.flags import Flags
from regsweep_trainer.metrics import METRICS
from regsweep_trainer.models.inputs import Image
from regsweep_trainer.weighting import check_class_weights


def fit(flags: Flags, data: Dataset) -> Dataset:
    """The data with what the flags say of them. Raises InvalidFlagsError where a flag asks for what the data do not have."""
    metrics = METRICS[data.head]
    if flags.early_stopping_metric not in metrics:
        raise InvalidFlagsError(
            f"flag early_stopping_metric: got {flags.early_stopping_metric!r}, but {data.name} ({data.head}) has {', '.join(metrics)}"
        )
    if flags.label_smoothing and data.classes is None:
        raise InvalidFlagsError(
            f"flag label_smoothing: {data.name} is a regression, which has no classes; remove the flag"
        )
    _check_estimator(flags, data)
    check_class_weights(data, flags.class_weights)
    return _with_images(flags, data) if flags.model == "cnn" else data


def _check_estimator(flags: Flags, data: Dataset) -> None:
    """Raises InvalidFlagsError where one of the Estimator's models is for another target."""
    if flags.is_estimator and flags.wanted_task == ("regression" if data.classes else "classification"):
        what = "a classification" if data.classes else "a regression"
        raise InvalidFlagsError(f"flag model: {flags.model} is for a {flags.wanted_task}, and {data.name} is {what}")
    if flags.n_classes is not None and flags.n_classes != len(data.classes or ()):
        shown = ", ".join(map(show, (data.classes or ())[:MOST_SHOWN]))
        raise InvalidFlagsError(
            f"flag n_classes: got {flags.n_classes}, but {data.name} has {len(data.classes or ())} classes ({shown}); correct it, or set "
            "label_vocabulary"
        )


def _with_images(flags: Flags, data: Dataset) -> Dataset:
    columns = data.width
    if flags.image_shape is None:
        if data.image is None:
            raise InvalidFlagsError(
                f"flag model: cnn needs images, and {data.name} is a table of {columns} columns; set image_shape if they are the pixels "
                "of an image, or use model: dense"
            )
        return data
    height, width, *channels = flags.image_shape
    image = Image(height, width, *(channels or [1]))
    if image.size != columns:
        raise InvalidFlagsError(
            f"flag image_shape: {list(flags.image_shape)} are {image.size} numbers, but {data.name} has {columns} columns; the product "
            "must be their number"
        )
    return replace(data, image=image)
