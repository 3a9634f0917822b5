"""The Estimator's feature columns, by keras.utils.FeatureSpace, adapted to the training rows of a replicate alone.

Numbers, dates and truth values are standardised as for every model; FeatureSpace makes ones and zeros, or the numbers of embedded
vectors, of categories, buckets, hashed values and crosses. x has the former first, then ones and zeros, then a column for each embedding.
A vocabulary has as many columns for every replicate (its categories in all rows, and one for what the training rows lack): networks keep
one shape, and what a replicate does not know is in the first of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from regsweep_kit.errors import InvalidFlagsError
from regsweep_kit.splits import Rows
from regsweep_trainer.data.columns import show
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.typed import MISSING_CATEGORY
from regsweep_trainer.encoding import BLOCK_ROWS, Encoded, Encoding, encode, encoding_of, rules
from regsweep_trainer.flags import Flags
from regsweep_trainer.flags.columns import Column
from regsweep_trainer.models.inputs import Embedded, Inputs
from regsweep_trainer.models.preprocessing import NO_GAP, TEXT, Entry, add_input, add_numbers, chosen_row

FeatureSpace = keras.utils.FeatureSpace
CATEGORICAL = partial(FeatureSpace.string_categorical, None, 1)


@dataclass(frozen=True, slots=True)
class _Feature:
    """A feature of the space."""

    name: str
    """In errors and notes."""
    values: NDArray[Any] | None
    """Shape (rows,): text, or numbers of a column that is cut into buckets by their frequency; `None`: of a cross."""
    size: int
    """How many values it has, the unknown one included."""
    embedding: int | None
    definition: Any
    """Makes the FeatureSpace's own, given "int" or "one_hot"."""
    boundaries: tuple[float, ...] | None = None
    """Of a column of numbers that is cut into buckets at them, whose values are the buckets' numbers as text; `None`: it is not."""
    crossed: tuple[str, ...] = ()
    """Of a cross, the columns."""


class FeatureColumns:
    def __init__(self, flags: Flags, data: Dataset) -> None:
        """Raises InvalidFlagsError where a cross names a column that cannot be crossed."""
        buckets = [index for index, name in enumerate(data.columns) if _kind(data, name) == "bucketized"]
        numbers = [index for index in range(data.features.shape[1]) if index not in buckets]
        self._numbers = replace(
            data,
            features=data.features[:, numbers],
            columns=tuple(data.columns[index] for index in numbers) if data.columns else (),
            gaps={position: data.gaps[index] for position, index in enumerate(numbers) if index in data.gaps},
            categories=(),
        )
        self._features = {f"feature{k}": feature for k, feature in enumerate(_features(data, buckets))}
        self._crosses = dict(_crosses(flags, self._features))
        every = [*self._features.values(), *self._crosses.values()]
        ones = sum(feature.size for feature in every if feature.embedding is None)
        embedded = [Embedded(each.name, each.size, each.embedding) for each in every if each.embedding is not None]
        self.inputs = Inputs(self._numbers.width + ones + len(embedded), embedded=tuple(embedded))

    def fit(self, train: Rows) -> Encoded:
        """The encoding by these rows."""
        numbers = encoding_of(self._numbers, train)
        space = self._space()
        if space is not None:
            space.adapt(tf.data.Dataset.from_tensor_slices(self._inputs(train)).batch(BLOCK_ROWS))
        return Encoded(
            lambda rows: self._encode(rows, numbers, space),
            (*rules(self._numbers, numbers), *self._rules(space)),
            lambda: self._layers(numbers, space),
        )

    def _layers(self, numbers: Encoding, space: Any) -> Entry:
        """The same as layers of Keras. Raises InvalidFlagsError where a column's boundaries are crossed."""
        entry = Entry()
        add_numbers(entry, self._numbers, numbers)
        every = self._features | self._crosses
        found = {} if space is None else self._spread(entry, space)
        encoded = [(every[name], array) for name, array in found.items()]
        entry.parts += [array for feature, array in encoded if feature.embedding is None]
        entry.parts += [array for feature, array in encoded if feature.embedding is not None]
        return entry

    def _spread(self, entry: Entry, space: Any) -> dict[str, Any]:
        """The features' encoded columns, by name; their inputs are added to the entry."""
        self._check_crosses()
        cut = {name: feature for name, feature in self._features.items() if feature.boundaries is not None}
        found = {name: _bucket(entry, cut[name], space.preprocessors[name].get_vocabulary()) for name in cut}
        given, encoded = {}, space.get_encoded_features()
        for name, feature in self._features.items():
            if name not in cut:
                dtype = space.get_inputs()[name].dtype
                given[name] = add_input(entry, feature.name, dtype)
                if dtype == "string" and feature.values is not None:
                    entry.meanings[feature.name] = TEXT
                    entry.missing[feature.name] = MISSING_CATEGORY if MISSING_CATEGORY in set(feature.values) else ""
        others = {name: encoded[name] for name in (*given, *self._crosses)}
        if others:
            features = keras.Model({name: space.get_inputs()[name] for name in given}, others, name="features")
            found |= {name: keras.ops.cast(array, "float32") for name, array in features(given).items()}
        return {name: found[name] for name in (*self._features, *self._crosses)}

    def _check_crosses(self) -> None:
        """Raises InvalidFlagsError where a column that is cut at boundaries is crossed."""
        for cross in self._crosses.values():
            for feature in self._features.values():
                if feature.boundaries is not None and feature.name in cross.crossed:
                    raise InvalidFlagsError(
                        f"{cross.name}: Keras has no layer for crosses of buckets with boundaries, as column {show(feature.name)} has"
                    )

    def _space(self) -> Any:
        """The features' FeatureSpace, not adapted; `None`: there are no features for one."""
        if not self._features:
            return None
        return FeatureSpace(
            features={name: feature.definition(_mode(feature)) for name, feature in self._features.items()},
            crosses=[cross.definition(_mode(cross)) for cross in self._crosses.values()],
            output_mode="dict",
        )

    def _inputs(self, rows: Rows) -> dict[str, NDArray[Any]]:
        return {name: feature.values[rows] for name, feature in self._features.items() if feature.values is not None}

    def _encode(self, rows: Rows, numbers: Encoding, space: Any) -> NDArray[np.float32]:
        whole = np.zeros((len(rows), self.inputs.columns), np.float32)
        whole[:, : self._numbers.width] = encode(self._numbers, rows, numbers)
        for start in range(0, len(rows) if space is not None else 0, BLOCK_ROWS):
            block = rows[start : start + BLOCK_ROWS]
            found = space({name: tf.constant(values) for name, values in self._inputs(block).items()})
            self._place(whole[start : start + len(block)], found)
        return whole

    def _place(self, block: NDArray[np.float32], found: Mapping[str, Any]) -> None:
        """Puts what the space has found into the block; ones and zeros first, then embedded numbers."""
        first, last = self._numbers.width, self.inputs.columns - len(self.inputs.embedded)
        for name, feature in (self._features | self._crosses).items():
            array = np.asarray(found[name], np.float32)
            if feature.embedding is not None:
                block[:, last] = array[:, 0]
                last += 1
            else:
                block[:, first : first + array.shape[1]] = array
                first += feature.size

    def _rules(self, space: Any) -> Iterator[str]:
        for name, feature in self._features.items():
            what = type(space.preprocessors[name]).__name__ if name in space.preprocessors else "Hashing"
            known = f", {len(space.preprocessors[name].get_vocabulary()) - 1} known" if what == "StringLookup" else ""
            yield f"column {show(feature.name)}: {what}, {feature.size} values{known}{_vector(feature)}"
        for cross in self._crosses.values():
            yield f"{cross.name}: HashedCrossing, {cross.size} values{_vector(cross)}"


def _vector(feature: _Feature) -> str:
    return "" if feature.embedding is None else f", each a vector of {feature.embedding}"


def _mode(feature: _Feature) -> str:
    return "one_hot" if feature.embedding is None else "int"


def _kind(data: Dataset, name: str) -> str:
    return data.kinds[name].kind if name in data.kinds else "numeric"


def _features(data: Dataset, buckets: list[int]) -> Iterator[_Feature]:
    for index in buckets:
        name = data.columns[index]
        yield _bucketized(name, data.features[:, index], data.kinds[name])
    for column in data.categories:
        spec = data.kinds[column.name]
        cells = np.array(column.cells, dtype=object)
        text = np.where(column.codes < 0, "", cells[column.codes]).astype(object)
        if spec.kind == "hashed":
            assert spec.bins is not None  # flags.columns has seen to it
            yield _Feature(column.name, text, spec.bins, spec.embedding, partial(FeatureSpace.string_hashed, spec.bins))
        else:
            yield _Feature(column.name, text, len(column.cells) + 1, spec.embedding, CATEGORICAL)


def _bucketized(name: str, values: NDArray[np.float64], spec: Column) -> _Feature:
    if spec.boundaries is None:
        assert spec.bins is not None  # flags.columns has seen to it
        bins = spec.bins
        return _Feature(name, values, bins, spec.embedding, partial(FeatureSpace.float_discretized, bins, None))
    # FeatureSpace would adapt boundaries that are given, and fails: so buckets are named here.
    names = np.array([f"{k}" for k in range(len(spec.boundaries) + 1)], dtype=object)
    cut = tuple(spec.boundaries)
    return _Feature(name, names[np.digitize(values, cut)], len(names) + 1, spec.embedding, CATEGORICAL, cut)


def _bucket(entry: Entry, feature: _Feature, vocabulary: list[str]) -> Any:
    """Ones and zeros of the number's bucket, or its number in the vocabulary, whose first word is for what is not in it."""
    assert feature.boundaries is not None  # the caller's
    given = add_input(entry, feature.name, "float64")
    entry.missing[feature.name] = NO_GAP
    # As np.digitize does, in float64: the layer Discretization would round to float32.
    reached = keras.ops.logical_not(keras.ops.less(given, np.array(feature.boundaries, np.float64)))
    bucket = keras.ops.sum(keras.ops.cast(reached, "int32"), axis=1, keepdims=True)
    known = [vocabulary.index(str(k)) if str(k) in vocabulary else 0 for k in range(len(feature.boundaries) + 1)]
    if feature.embedding is not None:
        return chosen_row(bucket, np.array(known, np.float32).reshape(-1, 1))
    return chosen_row(bucket, np.eye(feature.size, dtype=np.float32)[known])


def _crosses(flags: Flags, features: Mapping[str, _Feature]) -> Iterator[tuple[str, _Feature]]:
    """(FeatureSpace's name, cross)"""
    by_name = {feature.name: (key, feature) for key, feature in features.items()}
    for cross in flags.crosses:
        for name in cross.columns:
            if name not in by_name or by_name[name][1].values.dtype != object:  # type: ignore[union-attr]
                raise InvalidFlagsError(
                    f"flag crosses: column {show(name)} cannot be crossed; columns that are categorical, hashed, or bucketized with "
                    f"boundaries can: {', '.join(show(key) for key, (_, f) in by_name.items() if f.values.dtype == object)}"  # type: ignore[union-attr]
                )
        keys = tuple(by_name[name][0] for name in cross.columns)
        crossed = partial(FeatureSpace.cross, keys, cross.bins)
        name = f"cross of {', '.join(map(show, cross.columns))}"
        yield "_X_".join(keys), _Feature(name, None, cross.bins, cross.embedding, crossed, None, tuple(cross.columns))
