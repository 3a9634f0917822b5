"""Histograms of a model's weights, and its graph, in a file of JSON lines, from which `regsweep tensorboard` makes events.

For people, and only when asked for: whatever goes wrong here never ends a run. What is written is bounded: of the first replicate alone,
of at most so many epochs and weights, each as counts.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.console import say
from regsweep_kit.jsonlines import append_line

REPLICATE: Final = 0
"""The one of which they are."""
BUCKETS: Final = 30
"""As many as TensorBoard makes."""
MOST_EPOCHS: Final = 200
MOST_WEIGHTS: Final = 200
"""The first ones of a model, in its order."""
MOST_VALUES: Final = 1_000_000
"""Of larger weights every n-th value is taken."""
LONGEST_NAME: Final = 200
MOST_GRAPH: Final = 1024**2
"""Characters of a graph; a longer one is left out."""


class Histograms:
    """Those of one process."""

    def __init__(self, path: Path | None, every: int = 1) -> None:
        """path: None: none are written. every: so many epochs; the first one is always among them, as with Keras' `histogram_freq`."""
        self._path, self._every = path, every
        self._written = 0

    def add(self, replicate: int, epoch: int, model: Callable[[], Any]) -> None:
        """Adds the weights of a Keras model after this epoch (from 1), if they are wanted; the model is asked for only then."""
        if self._path is None or replicate != REPLICATE or (epoch - 1) % self._every or self._written >= MOST_EPOCHS:
            return
        try:
            keras_model = model()
            if not self._written:
                append_line(self._path, {"graph": _graph(keras_model)})
            weights = {
                name: counted for name, values in _weights(keras_model) if (counted := histogram(values)) is not None
            }
            at = round(time.time(), 3)
            append_line(self._path, {"replicate": replicate, "epoch": epoch, "at": at, "weights": weights})
            self._written += 1
        except Exception as error:  # noqa: BLE001 - somebody's model, for a picture
            reason = (
                error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
            )
            say(f"note: REGSWEEP_HISTOGRAMS: no histograms are written ({reason}); the results are whole", error=True)
            self._path = None


def histogram(values: NDArray[Any]) -> list[Any] | None:
    """[least, greatest, counts of as many buckets of one width], of the finite values; None where there are none."""
    flat = np.asarray(values).ravel()
    flat = flat[:: -(-flat.size // MOST_VALUES) or 1].astype(np.float64)
    finite = flat[np.isfinite(flat)]
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    counts = np.histogram(finite, BUCKETS, (low, high))[0] if low < high else [0] * (BUCKETS - 1) + [finite.size]
    return [low, high, [int(count) for count in counts]]


def _weights(model: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """(name, values), each name once."""
    names: dict[str, int] = {}
    for weight in model.weights[:MOST_WEIGHTS]:
        name = str(getattr(weight, "path", None) or weight.name)[:LONGEST_NAME]
        names[name] = number = names.get(name, 0) + 1
        yield name if number == 1 else f"{name}_{number}", np.asarray(_plain(weight))


def _plain(weight: Any) -> Any:
    """Its values as NumPy takes them, whatever the backend."""
    value = weight.numpy()
    return value.astype(np.float32) if value.dtype.kind not in "fiub" else value


def _graph(model: Any) -> str | None:
    """Keras' JSON of the model; None where it has none, as models that are written as classes."""
    try:
        text = model.to_json()
    except Exception:  # noqa: BLE001 - whatever somebody's layer does there
        return None
    return text if isinstance(text, str) and len(text) <= MOST_GRAPH else None
