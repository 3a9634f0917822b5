"""Which combination of a sweep is meant."""

from __future__ import annotations

from enum import StrEnum


class Pick(StrEnum):
    """How it is picked."""

    BEST = "best"
    ONE_SE = "one-se"
