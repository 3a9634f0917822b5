"""Rules of the grid as a whole: how large it may be, and how much of it one sweep may train."""

from __future__ import annotations

from regsweep.api.constants import MAX_GRID
from regsweep.api.spec import SweepSpec
from regsweep.api.values import flag_size, grid, grid_size
from regsweep.errors import Problem


def grid_problems(spec: SweepSpec, max_combinations: int, how_to_raise: str = "") -> list[Problem]:
    """A grid that is too large, of which too much would be trained, or of which nothing is left.

    max_combinations: how many may be trained, after `exclude` and `sample`.
    how_to_raise: how a person has that limit raised, as part of a sentence; empty: it cannot be raised.
    """
    size, most = grid_size(spec), max(MAX_GRID, max_combinations)
    sizes = [str(flag_size(flag)) for flag in spec.flags]
    of_the_grid = f"the grid has {size:,} combinations" + (f" ({' x '.join(sizes)})" if len(sizes) > 1 else "")
    if size > most:
        text = (
            f"{of_the_grid}; at most {most:,} are allowed, also with `sample` or `exclude`. Use fewer values or flags."
        )
        return [Problem("spec.flags", text)]
    if next(grid(spec), None) is None:
        return [Problem("spec.exclude", f"excludes all {size:,} combinations of the grid. Remove an entry.")]
    wanted = min(size, spec.sample.size if spec.sample is not None else size)
    if spec.outer_folds and wanted <= max_combinations:
        return _nested_problems(spec, wanted, max_combinations)
    if spec.refinement is not None and wanted <= max_combinations:
        return _refinement_problems(spec, wanted, max_combinations)
    if wanted <= max_combinations:
        return []
    left = sum(1 for _ in grid(spec)) if spec.exclude else size
    if min(wanted, left) <= max_combinations:
        return []
    limit = f"a sweep may train at most {max_combinations:,}"
    raised = f", or {how_to_raise}" if how_to_raise else ""
    if spec.sample is not None:
        text = f"is {spec.sample.size:,}, but {limit} combinations. Use a smaller sample{raised}."
        return [Problem("spec.sample.size", text)]
    excluded = f", {left:,} of them not excluded" if left < size else ""
    advice = f"Use fewer values or flags, train a random part with `sample`, such as {{size: 50}}{raised}."
    return [Problem("spec.flags", f"{of_the_grid}{excluded}, but {limit}. {advice}")]


def _nested_problems(spec: SweepSpec, wanted: int, max_combinations: int) -> list[Problem]:
    """A grid that is small enough by itself, but not in every outer fold. `wanted`: its combinations, excluded ones included."""
    grids = spec.outer_folds + 1
    left = wanted if spec.sample is not None or not spec.exclude else sum(1 for _ in grid(spec))
    if left * grids <= max_combinations:
        return []
    text = (
        f"is {spec.outer_folds}, so that {left:,} combinations are trained {grids} times: {left * grids:,} runs, but a sweep may train "
        f"at most {max_combinations:,}. Use fewer folds, fewer values or `sample`."
    )
    return [Problem("spec.final.folds", text)]


def _refinement_problems(spec: SweepSpec, wanted: int, max_combinations: int) -> list[Problem]:
    """A grid that leaves no room for what refinement may add."""
    added = spec.refinement.max_runs if spec.refinement is not None else 0
    if wanted + added <= max_combinations:
        return []
    text = f"is {added}, beside {wanted:,} combinations of the grid, but a sweep may train at most {max_combinations:,}. Use fewer."
    return [Problem("spec.refinement.maxRuns", text)]
