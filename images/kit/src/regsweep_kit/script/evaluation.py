"""Evaluates a Keras model in inference mode: the compiled loss without penalties, and the compiled metrics.

`model.evaluate` does the work, so that whatever the model defines itself (test_step, compute_loss, several outputs, jit_compile) counts.
Meanwhile the model is of a class that has no penalties, with an evaluation function of its own: the model's is compiled with them.
"""

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import keras
import numpy as np

from regsweep_kit.errors import BadDataError
from regsweep_kit.script.parts import Part, as_array, count, take

ROWS_PER_BATCH: Final = 512
LIVE_TRAIN_ROWS: Final = 2000
"""Train metrics of every epoch come from at most so many rows; at the end from all."""
MOST_BATCHES: Final = 100_000
"""Of a generator, in one evaluation."""
ENDLESS: Final = -1
"""TensorFlow's cardinality of a dataset that repeats for ever."""


class Evaluator:
    """Of one model."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._test_function: Any = None
        self._compiled: tuple[Any, ...] = ()
        """What that function evaluates by."""

    def metrics(self, data: "Data") -> dict[str, float]:
        """By Keras' names; `loss` without any penalty."""
        with self._without_penalties():
            values = self.model.evaluate(**data.arguments(), verbose=0, return_dict=True)
        if data.cut:
            raise BadDataError(data.cut[0])
        return {name: float(np.mean(value)) for name, value in values.items()}

    def weight_penalty(self) -> float:
        """The penalties on the present weights; those on activations depend on the rows, and are not in it."""
        return float(sum(float(weight.regularizer(weight)) for weight in _penalised(self.model)))

    @contextmanager
    def _without_penalties(self) -> Iterator[None]:
        model, own, theirs = self.model, type(self.model), self.model.test_function
        if not _same(self._compiled, compiled := _compiled(model)):
            # A function of before a compile goes on with what that has replaced.
            self._test_function, self._compiled = None, compiled
        object.__setattr__(model, "__class__", _class_without_penalties(own))
        model.test_function = self._test_function
        try:
            yield
        finally:
            self._test_function = model.test_function
            model.test_function = theirs
            object.__setattr__(model, "__class__", own)


def _compiled(model: Any) -> tuple[Any, ...]:
    """What `compile` has given the model."""
    return tuple(
        getattr(model, name, None) for name in ("_compile_loss", "_compile_metrics", "_loss_tracker", "optimizer")
    )


def _same(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


_classes: dict[type, type] = {}


def _class_without_penalties(own: type) -> type:
    if own not in _classes:

        def losses(model: Any) -> list[Any]:
            every = list(own.losses.fget(model))  # type: ignore[attr-defined]
            if getattr(model, "loss", None) is not None:
                return []
            # All of the loss is what layers add: only the weights' penalties, which come last, can be told apart.
            return every[: len(every) - len(_penalised(model))]

        _classes[own] = type(own.__name__, (own,), {"losses": property(losses), "__module__": own.__module__})
    return _classes[own]


def _penalised(model: Any) -> list[Any]:
    """The weights that have a regularizer and are trained."""
    return [weight for weight in model.trainable_weights if getattr(weight, "regularizer", None) is not None]


class Data:
    """One part, in a form that is evaluated again and again without being prepared again."""

    def __init__(self, arguments: Callable[[], dict[str, Any]], rows: int | None) -> None:
        """rows: their number; `None`: not known."""
        self.arguments, self.rows = arguments, rows
        self.cut: list[str] = []
        """Why not all of it was evaluated; empty: it was."""


def whole(part: Any, name: str) -> Data:
    """All of the part: what `Replicate.split` gave, or arrays, or any dataset that `model.evaluate` takes. Raises BadDataError."""
    arrays = _arrays(part)
    if arrays is not None:
        columns = {key: _without_series(value) for key, value in arrays.items()}
        return Data(lambda: {**columns, "batch_size": ROWS_PER_BATCH}, count(arrays["x"]))
    if callable(part) and not hasattr(part, "__len__") and not hasattr(part, "__iter__"):
        data = Data(lambda: {"x": _ending(part(), name, data.cut)}, None)
        return data
    if isinstance(part, Iterator):
        raise BadDataError(
            f"{name} is a generator, which can be read only once, and every epoch is evaluated; give the function that makes it, a "
            "keras.utils.PyDataset or a tf.data.Dataset"
        )
    if hasattr(part, "cardinality") and int(part.cardinality()) == ENDLESS:
        raise BadDataError(
            f"{name} repeats for ever, and is evaluated to its end; give the dataset as it is before .repeat()"
        )
    return Data(lambda: {"x": part}, None)


def kept(part: Any, name: str) -> Data:
    """As `whole`, prepared once where the backend gains by it: for parts that are evaluated in every epoch."""
    arrays = _arrays(part)
    if arrays is None or keras.backend.backend() != "tensorflow":
        return whole(part, name)
    return _prepared(arrays)


def sample(part: Any, name: str) -> tuple[Data, bool]:
    """(at most LIVE_TRAIN_ROWS of the part, the same ones every time; whether that is less than all)."""
    arrays = _arrays(part)
    if arrays is not None:
        rows = count(arrays["x"])
        if rows <= LIVE_TRAIN_ROWS:
            return kept(part, name), False
        chosen = np.linspace(0, rows - 1, LIVE_TRAIN_ROWS).astype(np.int64)
        some = {key: take(value, chosen) for key, value in arrays.items()}
        if keras.backend.backend() != "tensorflow":
            return Data(lambda: {**some, "batch_size": ROWS_PER_BATCH}, LIVE_TRAIN_ROWS), True
        return _prepared(some), True
    data = whole(part, name)
    batches = _Batches(list(_first_batches(data.arguments()["x"])))
    return Data(lambda: {"x": batches}, batches.rows), True


def _ending(data: Any, name: str, cut: list[str]) -> Any:
    """A generator that ends, and says in `cut` where it is not by itself: what it raised would be TensorFlow's. Anything else as it is."""
    return _at_most(data, name, cut) if isinstance(data, Iterator) else data


def _at_most(batches: Iterator[Any], name: str, cut: list[str]) -> Iterator[Any]:
    yield from itertools.islice(batches, MOST_BATCHES)
    if next(batches, None) is not None:
        given = f"{name}: the generator has given {MOST_BATCHES:,} batches and goes on"
        cut.append(f"{given}; it has to end after one pass over the rows")


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches that are in memory."""

    def __init__(self, batches: list[Any]) -> None:
        super().__init__()
        self._batches = batches
        self.rows = sum(count(batch[0] if isinstance(batch, tuple | list) else batch) for batch in batches)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Any:
        return self._batches[index]


def _first_batches(dataset: Any) -> Iterator[Any]:
    rows = 0
    batches = (dataset[index] for index in range(len(dataset))) if hasattr(dataset, "__getitem__") else iter(dataset)
    for batch in itertools.islice(batches, LIVE_TRAIN_ROWS):
        batch = tuple(batch) if isinstance(batch, list) else batch
        yield batch
        rows += count(batch[0] if isinstance(batch, tuple) else batch)
        if rows >= LIVE_TRAIN_ROWS:
            return


def _arrays(part: Any) -> dict[str, Any] | None:
    """The arguments of `evaluate`, weights scaled to a mean of 1; `None` where it is no arrays.

    Keras divides the weighted losses by the number of rows: with a mean of 1 that is the weighted mean.
    """
    if isinstance(part, tuple) and len(part) in (2, 3):
        x, y = part[0], part[1]
        weights = part.weights if isinstance(part, Part) else (part[2] if len(part) == 3 else None)
        if weights is not None and not isinstance(weights, Mapping | list | tuple):
            weights = as_array(weights).astype(np.float64)
            weights = (weights / weights.mean()).astype(np.float32)
        return {"x": x, "y": y, **({} if weights is None else {"sample_weight": weights})}
    return None


def _prepared(arrays: Mapping[str, Any]) -> Data:
    """The arrays as a TensorFlow dataset; as they are where it takes no such arrays."""
    tensorflow: Any = sys.modules["tensorflow"]
    parts = tuple(_plain(arrays[name]) for name in ("x", "y", "sample_weight") if arrays.get(name) is not None)
    try:
        dataset = tensorflow.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else (parts[0],)).batch(
            ROWS_PER_BATCH
        )
    except (ValueError, TypeError):
        return Data(lambda: {**arrays, "batch_size": ROWS_PER_BATCH}, count(arrays["x"]))
    return Data(lambda: {"x": dataset}, count(arrays["x"]))


def _without_series(data: Any) -> Any:
    """Columns of a data frame in lists and mappings as arrays: Keras evaluates a model of several inputs on no others."""
    if isinstance(data, Mapping) and not hasattr(data, "iloc"):
        return {key: _without_series(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(_without_series(each) for each in data)
    return data.to_numpy() if hasattr(data, "iloc") and data.ndim == 1 else data


def _plain(data: Any) -> Any:
    """Arrays in tuples and mappings, floats as Keras would cast them."""
    if isinstance(data, list | tuple):
        return tuple(_plain(each) for each in data)
    if isinstance(data, Mapping) and not hasattr(data, "iloc"):
        return {key: _plain(value) for key, value in data.items()}
    array = np.asarray(data)
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array
