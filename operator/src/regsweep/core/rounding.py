"""Figures as statuses and analyses hold them: six significant digits, as records do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, TypeVar, get_args

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


SIGNIFICANT_DIGITS: Final = 6


def six_digits(value: float) -> float:
    """The value in six significant digits."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def rounded(value: float | None) -> float | None:
    """The same; None for NaN and infinity, which a status cannot contain."""
    return six_digits(value) if value is not None and math.isfinite(value) else None


def in_six_digits(model: Model) -> Model:
    """The model with every figure in six significant digits, those of models, lists and maps within it too.

    A figure is what a field declares as `float`. Values that a person gave, such as flags, are not declared so and stay exact.
    """
    values = ((name, getattr(model, name)) for name in _fields_with_figures(type(model)))
    changed = {name: _in_six_digits(value) for name, value in values if value is not None}
    return model.model_copy(update=changed) if changed else model


def _in_six_digits(value: object) -> object:
    if isinstance(value, float):
        return six_digits(value)
    if isinstance(value, BaseModel):
        return in_six_digits(value)
    if isinstance(value, list):
        return [_in_six_digits(item) for item in value]
    if isinstance(value, dict):
        return {key: _in_six_digits(item) for key, item in value.items()}
    return value


@lru_cache(maxsize=256)
def _fields_with_figures(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(name for name, field in model.model_fields.items() if _has_figures(field.annotation))


def _has_figures(annotation: object) -> bool:
    """Whether values of the type can hold a `float`: it is one, or a model, list, map or alternative that holds one."""
    parts = list(_parts(annotation))
    return float in parts or any(
        isinstance(part, type) and issubclass(part, BaseModel) and bool(_fields_with_figures(part)) for part in parts
    )


def _parts(annotation: object) -> Iterator[object]:
    """The type and all types that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)
