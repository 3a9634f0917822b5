"""Means that stay comparable when replicates are missing: least squares on combination + replicate, in plain Python.

Replicate k has the same split and seeds in every combination, so a replicate is a block of the design. Where every
combination has every replicate, plain means compare. Where one lacks a replicate, its plain mean also carries how easy
its own replicates happened to be; the least-squares ("adjusted") mean takes that out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import fsum

FENCE = 10.0
"""A combination whose standard deviation over replicates is more than this many times the lower third's does not estimate
replicate effects: one loss of 10^6 would otherwise move the adjusted mean of every incomplete combination."""
RELATIVE_TOLERANCE = 1e-28
"""Squared residual, relative to the start, at which the equations count as solved: float64's limit, squared."""
ROUNDING = 2.0**-52
"""Of float64, relative to a value."""


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, the same for any order of the values."""
    return fsum(values) / len(values)


def fence_place(count: int) -> int:
    """Which of so many spreads, in ascending order, the fence is measured by: the one a third of the way up."""
    return (count - 1) // 3


def within_fence(
    rows: Sequence[Mapping[int, float]], spreads: Sequence[float] | None = None
) -> list[Mapping[int, float]]:
    """The rows whose spread over replicates is not out of all proportion to the others'. `spreads`: as `variance` gives them."""
    if spreads is None:
        spreads = [variance(list(row.values())) for row in rows]
    positive = sorted(spread for spread in spreads if spread > 0)
    if not positive:
        return list(rows)
    limit = FENCE**2 * positive[fence_place(len(positive))]
    return [row for row, spread in zip(rows, spreads, strict=True) if spread <= limit]


def variance(values: Sequence[float]) -> float:
    """The sample variance; 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    centre = mean(values)
    return fsum([(value - centre) ** 2 for value in values]) / (len(values) - 1)


def block_effects(rows: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """The replicates' effects b in the additive model y[i, k] = a[i] + b[k], by least squares over the cells there are.

    `rows`: per combination its values by replicate; an absent key is a missing cell. Combinations are eliminated, so
    that one equation per replicate remains, which conjugate gradients solve without forming the matrix.

    The effects add up to 0 within each set of replicates that combinations connect; between sets that no combination
    connects nothing can be said, and nothing is adjusted.

    Source: Searle, "Linear Models for Unbalanced Data" (1987), chapter 4 (two-way crossed, no interaction).
    """
    residuals: dict[int, list[float]] = defaultdict(list)
    patterns: dict[tuple[int, ...], int] = defaultdict(int)
    for row in rows:
        if not row:
            continue
        centre = mean(list(row.values()))
        for block, value in row.items():
            residuals[block].append(value - centre)
        patterns[tuple(sorted(row))] += 1
    blocks = sorted(residuals)
    at = {block: place for place, block in enumerate(blocks)}
    designs = [([at[block] for block in pattern], count) for pattern, count in sorted(patterns.items())]
    right = [fsum(residuals[block]) for block in blocks]
    largest = max((abs(value) for row in rows for value in row.values()), default=0.0)
    return dict(zip(blocks, _solve(designs, right, len(rows) * largest * ROUNDING), strict=True))


def adjusted_mean(row: Mapping[int, float], effects: Mapping[int, float]) -> float:
    """The combination's least-squares mean: what its mean over all the replicates of `effects` would have been.

    Equal to its plain mean, to the last bit, where none of them is missing.
    """
    if all(block in row for block in effects):
        return mean(list(row.values()))
    return mean([value - effects.get(block, 0.0) for block, value in row.items()])


def _solve(designs: Sequence[tuple[list[int], int]], right: list[float], rounding: float) -> list[float]:
    """Conjugate gradients from 0 on the (singular, consistent) equations: the solution of least norm.

    rounding: what each of `right` may be off by. Beyond that the equations are not consistent, and further steps lead away.
    """

    def times(vector: list[float]) -> list[float]:
        terms: list[list[float]] = [[] for _ in vector]
        for places, count in designs:
            centre = fsum(vector[place] for place in places) / len(places)
            for place in places:
                terms[place].append(count * (vector[place] - centre))
        return [fsum(of_place) for of_place in terms]

    solution = [0.0] * len(right)
    residual = list(right)
    direction = list(right)
    norm = fsum(value * value for value in residual)
    enough = max(norm * RELATIVE_TOLERANCE, rounding**2 * len(right))
    for _ in range(2 * len(right)):
        if norm <= enough:
            break
        image = times(direction)
        curvature = fsum(a * b for a, b in zip(direction, image, strict=True))
        if curvature <= 0:
            break
        step = norm / curvature
        solution = [s + step * d for s, d in zip(solution, direction, strict=True)]
        residual = [r - step * i for r, i in zip(residual, image, strict=True)]
        previous, norm = norm, fsum(value * value for value in residual)
        direction = [r + norm / previous * d for r, d in zip(residual, direction, strict=True)]
    return solution
