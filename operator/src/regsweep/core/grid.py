"""Flags to combinations: the grid, in a stable order, with identities that come from content alone."""

from __future__ import annotations

from dataclasses import dataclass

from regsweep.api.spec import Flags


@dataclass(frozen=True, slots=True)
class Combination:
    """One choice of all flags."""

    id: str
    """12 hex digits of a hash of the flags' canonical JSON: neither order nor spelling (1, 1.0) of the grid changes it."""
    flags: Flags
    """Name to value, in the order of the spec."""
    index: int
    """Place in the grid, from 0; for order and display only, never for identity."""
