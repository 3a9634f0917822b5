"""TensorBoard's event files: scalars by folder and tag, epoch by epoch. Needs tensorboard or tensorflow."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from regsweep_kit.errors import InvalidContractError
from regsweep_kit.wrapper.naming import Epoch


class EventReader:
    """The epochs of a folder."""

    def __init__(self, folder: Path) -> None:
        """Raises InvalidContractError where neither tensorboard nor tensorflow is installed."""
        self._folder, self._events = folder, _library()
        self._given = 0

    def epochs(self) -> Iterator[Epoch]:
        """Those that have come since the last time, by steps in ascending order; each has all names, None where a step has no value."""
        by_step: dict[int, dict[str, float]] = {}
        for path in sorted(self._folder.rglob("*tfevents*")):
            run = path.parent.relative_to(self._folder).as_posix()
            for step, tag, value in self._events(path):
                name = tag if run == "." else f"{run}/{tag}"
                by_step.setdefault(step, {})[name] = value
        steps = sorted(by_step)
        names = dict.fromkeys(name for step in steps for name in by_step[step])
        yield from ({name: by_step[step].get(name) for name in names} for step in steps[self._given :])
        self._given = max(self._given, len(steps))


def _library() -> Callable[[Path], Iterator[tuple[int, str, float]]]:
    try:
        import tensorflow as tf
    except ImportError:
        return _by_tensorboard()

    def events(path: Path) -> Iterator[tuple[int, str, float]]:
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                yield from _scalar(event.step, value, tf.make_ndarray)

    return events


def _by_tensorboard() -> Callable[[Path], Iterator[tuple[int, str, float]]]:
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise InvalidContractError(
            "REGSWEEP_REPORT: format TensorBoard needs the package tensorboard or tensorflow in this image; install one, or have the "
            "script write CSVLogger or JSONLines"
        ) from None

    def events(path: Path) -> Iterator[tuple[int, str, float]]:
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                yield from _scalar(event.step, value, make_ndarray)

    return events


def _scalar(step: int, value: Any, to_array: Callable[[Any], Any]) -> Iterator[tuple[int, str, float]]:
    if value.HasField("simple_value"):
        yield step, value.tag, float(value.simple_value)
    elif value.HasField("tensor"):
        array = to_array(value.tensor)
        if array.ndim == 0 and array.dtype.kind in "fiu":
            yield step, value.tag, float(array)
