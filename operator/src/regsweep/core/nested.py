"""Nested resampling: the choice is repeated inside each outer fold, on the rows outside it, and scored on the fold.

What is chosen by the rows that it is scored on looks better than it is. Here nothing is: an outer fold's rows are the test rows of
every training in that fold (Varma & Simon, "Bias in error estimation when using cross-validation for model selection", BMC
Bioinformatics 7, 2006). What is estimated is how well this way of choosing does, not how well one combination does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from regsweep.core.sweep import Sweep


def fold_sweeps(sweep: Sweep) -> Iterator[Sweep]:
    """The choice of each outer fold as a sweep of its own, whose grid is the fold's; none without nested resampling."""
    size = len(sweep.points)
    alone = sweep.spec.model_copy(update={"final": None, "references": []})
    for start in range(0, len(sweep.outer), size or 1):
        yield replace(sweep, spec=alone, points=sweep.outer[start : start + size], references=(), outer=())
