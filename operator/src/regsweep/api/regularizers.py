"""Flags that regularise: their names, the value that turns each off, and what the values are. The only list of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Regularizer:
    """A flag of the reference trainer, or a usual name elsewhere, that works against overfitting."""

    name: str
    off: float = 0
    """The number that means none. `false` and `null` mean none of any regulariser."""
    is_share: bool = False
    """Its values are shares: below 1."""
    is_integer: bool = False
    """Its values are whole numbers, such as epochs."""
    orders_pick: bool = False
    """Larger is simpler unless `spec.pick.simplicityOrder` says otherwise. Fixed for good: analyses and frozen picks rest on
    the default order. A sweep that varies another one names it in `simplicityOrder`."""


REGULARIZERS: Final[Mapping[str, Regularizer]] = {
    each.name: each
    for each in (
        Regularizer("l2", orders_pick=True),
        Regularizer("l1", orders_pick=True),
        Regularizer("dropout", is_share=True, orders_pick=True),
        Regularizer("noise"),
        Regularizer("weight_decay"),
        Regularizer("early_stopping", is_integer=True),
        Regularizer("orthogonal"),
        Regularizer("bias_l1"),
        Regularizer("bias_l2"),
        Regularizer("activity_l1"),
        Regularizer("activity_l2"),
        Regularizer("input_dropout", is_share=True),
        Regularizer("gaussian_dropout", is_share=True),
        Regularizer("alpha_dropout", is_share=True),
        Regularizer("spatial_dropout", is_share=True),
        Regularizer("hidden_noise"),
        Regularizer("max_norm"),
        Regularizer("label_smoothing", is_share=True),
    )
}
"""By name; those that order the pick are in the default order."""


def is_off(name: str, value: JsonValue) -> bool:
    """Whether the value of this regulariser means none: its `off`, false, null, or a list of those (one per layer)."""
    if isinstance(value, list):
        return all(is_off(name, item) for item in value)
    return value is None or (isinstance(value, bool | int | float) and value == REGULARIZERS[name].off)


def is_unregularized(flags: Mapping[str, JsonValue], varied: Iterable[str]) -> bool:
    """Whether every regulariser among the names that vary is off; False where none varies."""
    regularizers = [name for name in varied if name in REGULARIZERS]
    return bool(regularizers) and all(is_off(name, flags.get(name)) for name in regularizers)
