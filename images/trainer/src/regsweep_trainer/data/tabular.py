"""A table becomes a data set: the parts that its columns play, and what each column is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import MOST_SHOWN, find_column, show
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.plausibility import check_features, check_scale
from regsweep_trainer.data.roles import codes_of, marks_of, times_of, weights_of
from regsweep_trainer.data.tables import Table, TableFile
from regsweep_trainer.data.targets import Places, Target, TextColumn, encode_target
from regsweep_trainer.data.typed import Categories, Numbers, Typed, infer, read_column
from regsweep_trainer.flags import Flags
from regsweep_trainer.flags.columns import Column

T = TypeVar("T")

ROLES = ("target", "split_column", "weight_column", "group_column", "time_column", "stratify_column")
IMPUTED = {"numeric": "mean", "boolean": "most_frequent", "date": "mean", "categorical": "category"}
"""What becomes of the missing values of columns whose kind is inferred or as stored, where kinds are to be inferred."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What each column is, by its index."""

    roles: Mapping[str, int]
    numbers: tuple[int, ...]
    """Features that are numbers in every row."""
    typed: Mapping[int, Column | None]
    """Features of declared kinds; `None`: the kind is to be inferred."""

    @property
    def texts(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys([*self.roles.values(), *self.typed]))


def load_table(file: TableFile, flags: Flags, where: str) -> Dataset:
    """where: the file in errors. Raises BadDataError."""
    layout = layout_of(file, flags, where)
    table = file.read([index for index in range(len(file.names)) if index not in layout.numbers])
    others = [index for index in range(len(file.names)) if index not in layout.numbers]
    texts = dict(zip(others, table.texts, strict=True))
    kinds = {
        index: spec or infer(texts[index], file.names[index], _told(file.names[index], where), table.places)
        for index, spec in layout.typed.items()
    }
    typed = [
        read_column(texts[index], file.names[index], spec, _told(file.names[index], where), table.places)
        for index, spec in kinds.items()
    ]
    names, features, gaps = _features(file, layout, table, typed)
    notes = _check(features, names, gaps, where, table.places)
    target, more = _target(texts, file, layout, flags, where, table.places)

    def read(role: str, reader: Callable[[TextColumn, str, Places], T]) -> T | None:
        """What the column of that role is read as; `None`: there is none."""
        index = layout.roles.get(role)
        return None if index is None else reader(texts[index], file.names[index], table.places)

    return Dataset(
        where.rpartition("/")[2],
        features,
        target.values,
        target.classes,
        columns=names,
        kinds={file.names[index]: spec for index, spec in kinds.items()},
        gaps=gaps,
        categories=tuple(column for column in typed if isinstance(column, Categories)),
        notes=(*_inferred(file, layout, kinds), *target.notes, *notes, *more),
        marks=read("split_column", marks_of),
        weights=read("weight_column", weights_of),
        groups=read("group_column", partial(codes_of, "group_column")),
        times=read("time_column", times_of),
        strata=read("stratify_column", partial(codes_of, "stratify_column")),
    )


def layout_of(file: TableFile, flags: Flags, where: str) -> Layout:
    """Raises BadDataError where a flag names a column that is not there, or nothing is left to learn from."""
    roles = {
        name: find_column(name, getattr(flags, name), file.names, where)
        for name in ROLES
        if getattr(flags, name) is not None
    }
    taken: dict[int, str] = {}
    for name, index in roles.items():
        if index in taken and {name, taken[index]} != {"group_column", "stratify_column"}:
            raise BadDataError(f"flag {name}: {show(file.names[index])} is the {taken[index].replace('_', ' ')}")
        taken[index] = name
    declared = {find_column("columns", name, file.names, where): column for name, column in flags.columns.items()}
    numbers: list[int] = []
    typed: dict[int, Column | None] = {}
    for index, stored in enumerate(file.kinds):
        if index in taken:
            continue
        column = declared.get(index) or _undeclared(stored, flags)
        if column is None and flags.column_kinds == "inferred":
            typed[index] = None
        elif column is None or (column.kind == "numeric" and column.missing == "refuse"):
            numbers.append(index)
        elif column.kind != "ignored":
            typed[index] = column
    if not numbers and not typed:
        raise BadDataError(
            f"flag data_path: {where} has no column beside {', '.join(map(show, file.names))}; there are no features"
        )
    return Layout(roles, tuple(numbers), typed)


def _undeclared(stored: str | None, flags: Flags) -> Column | None:
    """As the file stores it; `None`: it does not say."""
    if stored is None:
        return None
    missing = IMPUTED[stored] if flags.column_kinds == "inferred" else "refuse"
    return Column.model_validate({"kind": stored, "missing": missing})


def _told(name: str, where: str) -> str:
    """The column in errors."""
    return f"flag data_path: column {show(name)} of {where}"


def _inferred(file: TableFile, layout: Layout, kinds: Mapping[int, Column]) -> tuple[str, ...]:
    """A note that says which kinds were inferred."""
    names = [f"{show(file.names[index])} {kinds[index].kind}" for index, spec in layout.typed.items() if spec is None]
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return (f"kinds of columns, by their cells: {', '.join(names[:MOST_SHOWN])}{more}",) if names else ()


def _features(
    file: TableFile, layout: Layout, table: Table, typed: list[Typed]
) -> tuple[tuple[str, ...], NDArray[np.float64], dict[int, str]]:
    """(names, values, and what fills the gaps by index) of all columns of numbers."""
    numbers = [column for column in typed if isinstance(column, Numbers)]
    names = (*(file.names[index] for index in layout.numbers), *(column.name for column in numbers))
    features = table.numbers
    if numbers:
        features = np.concatenate([features, np.stack([column.values for column in numbers], axis=1)], axis=1)
    first = len(layout.numbers)
    gaps = {index: column.missing for index, column in enumerate(numbers, start=first) if np.isnan(column.values).any()}
    return names, features, gaps


def _check(
    features: NDArray[np.float64], names: tuple[str, ...], gaps: Mapping[int, str], where: str, places: Places
) -> tuple[str, ...]:
    whole = [index for index in range(len(names)) if index not in gaps]
    complete = features if not gaps else features[:, whole]
    notes = check_features(complete, [names[index] for index in whole], where, places)
    for index in gaps:
        present = np.flatnonzero(~np.isnan(features[:, index]))
        note = check_scale(
            features[present, index],
            _told(names[index], where),
            lambda rows, present=present: places(present[rows]),  # type: ignore[misc]
        )
        notes += (note,) if note else ()
    return notes


def _target(
    texts: Mapping[int, TextColumn], file: TableFile, layout: Layout, flags: Flags, where: str, places: Places
) -> tuple[Target, tuple[str, ...]]:
    """(the target, what else to note about it)"""
    index = layout.roles["target"]
    told = f"flag target: column {show(file.names[index])} of {where}"
    target = encode_target(texts[index], flags.wanted_task, told, places, flags.label_vocabulary)
    note = check_scale(target.values, told, places) if target.classes is None else None
    return target, (note,) if note else ()
