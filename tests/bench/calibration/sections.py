"""The sections of the calibration and their cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from bench.calibration import (
    effects,
    finals,
    findings,
    labels,
    levels,
    nested,
    notes,
    races,
    refinement,
    resplits,
    ties,
)
from bench.calibration.cases import Case
from bench.calibration.figures import Figure

CASES: dict[str, Callable[[], Iterator[Case]]] = {
    "ties": lambda: (case for case in ties.cases() if case.section == "ties"),
    "unpaired": lambda: (case for case in ties.cases() if case.section == "unpaired"),
    "races": races.cases,
    "effects": effects.cases,
    "findings": findings.cases,
    "notes": notes.cases,
    "labels": labels.cases,
    "levels": levels.cases,
    "resplits": resplits.cases,
    "finals": finals.cases,
    "nested": nested.cases,
    "refinement": refinement.cases,
}


@lru_cache(maxsize=len(CASES))
def cases_of(section: str) -> tuple[Case, ...]:
    """The section's cases, always in the same order."""
    return tuple(CASES[section]())


def figures_of(section: str, place: int, seed: int, scale: float) -> list[Figure]:
    """The figures of the section's case at this place."""
    return cases_of(section)[place].figures(seed, scale)
