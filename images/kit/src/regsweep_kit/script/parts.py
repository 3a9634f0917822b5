"""The rows of a replicate's parts, of data in any form: arrays, data frames, and lists or mappings of them (several inputs).

Test rows are drawn once for all: by the targets and the number of rows, never by the replicate. Where there are groups, whole groups are
drawn in the place of rows, so that none is on both sides.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.contract import Contract
from regsweep_kit.errors import BadDataError, InvalidFlagsError
from regsweep_kit.seeds import stream_seed
from regsweep_kit.splits import FEWEST_ROWS, Division, Draw, Outline, Rows, Splits, split

MOST_CLASSES: Final = 100
FEWEST_OF_A_CLASS: Final = 10
"""With fewer rows of a class, rows are drawn without regard to classes: a part could lack it."""
MOST_DIGESTED_BYTES: Final = 64 * 1024**2
"""Of targets; of larger ones evenly spaced rows count."""
SAMPLED_ROWS: Final = 4096
MOST_PLACES: Final = 5
"""Rows that a message names."""
NO_VALUE: Final = ("None", "nan", "NaT", "<NA>")
"""Texts of what is no value, where it is no text."""

Stratify = Literal["auto"] | None | Sequence[Any] | NDArray[Any]


class Part(tuple[Any, Any]):
    """A part's `(x, y)`, as `model.fit(*part)` and `validation_data=part` take it."""

    rows: Rows
    """Their numbers in the whole data, ascending."""
    weights: Any
    """Of the rows; `None`: all count alike."""

    def __new__(cls, x: Any, y: Any, weights: Any, rows: Rows) -> "Part":
        part = super().__new__(cls, (x, y))
        part.weights, part.rows = weights, rows
        return part

    @property
    def x(self) -> Any:
        return self[0]

    @property
    def y(self) -> Any:
        return self[1]

    @property
    def weighted(self) -> tuple[Any, ...]:
        """`(x, y, weights)`, or `(x, y)` where there are none: what `validation_data` takes."""
        return (self.x, self.y) if self.weights is None else (self.x, self.y, self.weights)


@dataclass(frozen=True, slots=True)
class Parts:
    """A replicate's rows. A part has each row once, and no two parts share one."""

    train: Any
    stop: Any
    """Half of the validation rows: what the script may look at while it trains, such as for early stopping."""
    val: Any
    """The other half, which is ranked: nothing that trains may depend on it."""
    test: Any
    """`None` unless this run is to be scored on the test rows."""

    def map(self, function: Callable[[Any], Any]) -> "Parts":
        """The parts with `function` applied to each x, such as a scaler's `transform` that was fitted on `train.x`."""

        def mapped(part: Any) -> Any:
            return None if part is None else Part(function(part.x), part.y, part.weights, part.rows)

        return Parts(*(mapped(part) for part in (self.train, self.stop, self.val, self.test)))


@dataclass(frozen=True, slots=True)
class Asked:
    """How a script wants its rows divided."""

    rows: int
    y: Any = None
    groups: Any = None
    stratify: Stratify = "auto"
    val_fraction: float = 0.4
    """Of the rows outside test; half of it is `stop`. Ignored with folds."""
    test_fraction: float = 0.2
    """Of all rows; ignored with outer folds."""


def draw(asked: Asked, contract: Contract, replicate: int) -> tuple[Splits, str]:
    """(the replicate's rows, the digest of the data that they were drawn by). Raises BadDataError and InvalidFlagsError."""
    for name, value in (("val_fraction", asked.val_fraction), ("test_fraction", asked.test_fraction)):
        if not 0 <= value < 1:
            raise InvalidFlagsError(f"{name}: got {value}, want a number from 0 to below 1")
    digest = data_digest(asked)
    groups = None if asked.groups is None else _group_codes(asked.groups, asked.rows)
    labels = None if groups is not None else _labels(asked)
    outline = Outline(
        name="the data" if groups is None else "the data (in groups)",
        rows=asked.rows if groups is None else int(groups.max()) + 1,
        digest=digest,
        labels=labels,
        classes=() if labels is None else tuple(map(str, range(int(labels.max()) + 1))),
    )
    division = Division(asked.val_fraction, asked.test_fraction, outer=contract.resampling.outer)
    resampling = contract.resampling
    seed = stream_seed(contract.seed_base, resampling.draw(replicate), "split")
    drawn = split(outline, division, Draw(seed, resampling.fold(replicate)))
    _check_test(len(drawn.test), contract, asked)
    return drawn if groups is None else _rows_of(drawn, groups), digest


def whole(drawn: Splits, x: Any, y: Any, weights: Any, *, score_test: bool) -> Parts:
    """The rows' data by part."""

    def part(rows: Rows) -> Part:
        return Part(take(x, rows), take(y, rows), take(weights, rows), rows)

    return Parts(part(drawn.train), part(drawn.stop), part(drawn.val), part(drawn.test) if score_test else None)


def count(data: Any, name: str = "x") -> int:
    """The number of rows; of several inputs they must have the same. Raises BadDataError."""
    if isinstance(data, Mapping) and not _is_table(data):
        counts = {f"{name}[{key!r}]": count(value) for key, value in data.items()}
    elif _is_several(data):
        counts = {f"{name}[{index}]": count(value) for index, value in enumerate(data)}
    elif hasattr(data, "shape"):
        if not len(data.shape):
            raise BadDataError(f"{name} is a single number, want rows")
        return int(data.shape[0])
    elif hasattr(data, "__len__"):
        return len(data)
    else:
        raise BadDataError(
            f"{name} is a {type(data).__name__}, whose rows cannot be taken by number; use replicate.rows(n) and take them yourself"
        )
    if len(set(counts.values())) != 1:
        raise BadDataError(f"the inputs differ in their rows: {', '.join(f'{key} {n}' for key, n in counts.items())}")
    return next(iter(counts.values()))


def take(data: Any, rows: Rows) -> Any:
    """These rows of the data, in its own form; `None` of `None`."""
    if data is None:
        return None
    if isinstance(data, Mapping) and not _is_table(data):
        return {key: take(value, rows) for key, value in data.items()}
    if _is_several(data):
        return type(data)([take(value, rows) for value in data])
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    if isinstance(data, np.ndarray) or _package(data) in ("torch", "scipy"):
        return data[rows]
    return np.asarray(data)[rows]


def data_digest(asked: Asked) -> str:
    """SHA-256 of the number of rows, the targets and the groups."""
    digest = hashlib.sha256(f"regsweep-rows\n{asked.rows}\n".encode())
    for data in (asked.y, asked.groups):
        _add(digest, data)
    return digest.hexdigest()


def _add(digest: Any, data: Any) -> None:
    if isinstance(data, Mapping) and not _is_table(data):
        for key in data:
            _add(digest, data[key])
    elif _is_several(data):
        for each in data:
            _add(digest, each)
    elif data is not None:
        values = as_array(data)
        if values.nbytes > MOST_DIGESTED_BYTES:
            values = values[np.linspace(0, len(values) - 1, SAMPLED_ROWS).astype(np.int64)]
        digest.update(f"{values.shape}\n".encode())
        digest.update(
            repr(values.tolist()).encode() if values.dtype == object else np.ascontiguousarray(values).tobytes()
        )


def _labels(asked: Asked) -> NDArray[np.int64] | None:
    """Each row's class as a number; `None`: rows have no classes."""
    if asked.stratify is None:
        return None
    if not isinstance(asked.stratify, str):
        return _codes(asked.stratify, asked.rows, "stratify")
    if asked.stratify != "auto":
        raise InvalidFlagsError(f"stratify: got {asked.stratify!r}, want 'auto', None or a class for each row")
    if asked.y is None or isinstance(asked.y, Mapping) or _is_several(asked.y):
        return None
    y = as_array(asked.y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and 1 < y.shape[1] <= MOST_CLASSES and ((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all():
        y = y.argmax(axis=1)
    are_classes = y.ndim == 1 and (y.dtype.kind in "biuUSO" or bool(((y == 0) | (y == 1)).all()))
    if not are_classes:
        return None
    _, codes, counts = np.unique(y.astype(str) if y.dtype == object else y, return_inverse=True, return_counts=True)
    if not 2 <= len(counts) <= MOST_CLASSES or counts.min() < FEWEST_OF_A_CLASS:
        return None
    return codes.astype(np.int64)


def _codes(values: Any, rows: int, name: str) -> NDArray[np.int64]:
    array = as_array(values)
    if array.ndim != 1 or len(array) != rows:
        raise BadDataError(f"{name}: has the shape {array.shape}, want one value for each of the {rows} rows")
    return np.unique(array.astype(str) if array.dtype == object else array, return_inverse=True)[1].astype(np.int64)


def _group_codes(values: Any, rows: int) -> NDArray[np.int64]:
    """Each row's group. Raises BadDataError where a row has none, or where one group would be two."""
    codes = _codes(values, rows, "groups")
    array = as_array(values)
    if len(none := np.flatnonzero(_missing(array))):
        more = f" and {len(none) - MOST_PLACES} more" if len(none) > MOST_PLACES else ""
        raise BadDataError(
            f"groups: has no value in row {', '.join(map(str, none[:MOST_PLACES]))}{more} (from 0); every row needs one"
        )
    if array.dtype == object and len(set(array.tolist())) <= codes.max():
        raise BadDataError("groups: has one value in two types, such as 1 and 1.0; give all of them one type")
    return codes


def _missing(array: NDArray[Any]) -> NDArray[np.bool_]:
    """Where there is no value: None, NaN, NaT, or pandas' NA."""
    if array.dtype == object:
        return np.array([not isinstance(value, str) and str(value) in NO_VALUE for value in array], bool)
    if array.dtype.kind in "mM":
        return np.asarray(np.isnat(array))
    return np.asarray(array != array)  # NaN alone is not what it is


def _rows_of(drawn: Splits, groups: NDArray[np.int64]) -> Splits:
    """The rows of the drawn groups."""

    def rows(members: Rows) -> Rows:
        return np.flatnonzero(np.isin(groups, members)).astype(np.int64)

    return replace(drawn, **{part: rows(getattr(drawn, part)) for part in ("train", "stop", "val", "test", "audit")})


def _check_test(count: int, contract: Contract, asked: Asked) -> None:
    """Rows for the final evaluation are missed before the sweep is trained, not after."""
    if count >= FEWEST_ROWS or not (contract.final or contract.score_test):
        return
    variable = "REGSWEEP_SCORE_TEST" if contract.score_test else "REGSWEEP_FINAL"
    raise InvalidFlagsError(
        f"test_fraction: {asked.test_fraction:g} leaves {count} test rows, but {variable} asks for a final evaluation on test rows, "
        f"which needs at least {FEWEST_ROWS}; raise it, or remove the final evaluation"
    )


def as_array(data: Any) -> NDArray[Any]:
    """As an array of NumPy's. PyTorch gives none of a tensor on a GPU, or of one that has gradients."""
    return np.asarray(data.detach().cpu() if _package(data) == "torch" else data)


def _package(data: Any) -> str:
    return type(data).__module__.partition(".")[0]


def _is_table(data: Any) -> bool:
    """A data frame, which some take for a mapping of columns."""
    return hasattr(data, "iloc")


def _is_several(data: Any) -> bool:
    """A list or tuple of inputs, each with rows, rather than of rows."""
    return (
        isinstance(data, list | tuple)
        and bool(data)
        and all(hasattr(each, "shape") and len(each.shape) for each in data)
    )
