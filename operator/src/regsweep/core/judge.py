"""Stub until the statistics branch lands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from regsweep.api.judgement import Judgement


@dataclass(frozen=True, slots=True)
class Judged:
    """What the analysis came to, and what a race wants next."""

    judgement: Judgement
    wanted: Mapping[str, int]
    dropped: frozenset[str]
