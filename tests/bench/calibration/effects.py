"""Effects: whether "what matters" names flags that do nothing, and whether it finds those that matter."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from math import prod

import numpy as np

from bench.calibration.cases import Case
from bench.calibration.figures import Figure, share
from bench.calibration.worlds import REAL, hard
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.effects import analyse_effects
from regsweep.core.judging.stats.moderation import Floats

AT_MOST, FOUND = 0.05, 0.95
GRIDS, REPLICATES = ((4, 2), (4, 4), (2, 6), (2, 2, 2), (3, 2, 2, 2)), (3, 5, 10, 20)
SHIFT = 3.0
"""What the first value of the first flag adds where power is measured, in noise standard deviations."""
SWEEPS = 600
NAMED, MATTERS = "any term named", "a flag that matters, named"
PARTIAL = (((4, 3, 2, 2), 24), ((4, 3, 2, 2), 46), ((2, 2, 2, 2), 12), ((5, 5, 5, 5), 40), ((10, 10, 10), 60))
"""Grids, and how many of their combinations are trained, drawn at random."""
IDLE_NAMED, FOUND_PARTIAL = (
    "of a partial grid, a term named with a flag that does nothing",
    "of a partial grid, a flag that matters, named",
)
Crossed = Callable[[np.random.Generator, tuple[int, ...], int], Floats]


def ideal(rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """Independent normal noise."""
    return rng.standard_normal((*shape, replicates))


def unequal(rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """Standard deviations that differ between combinations, by a factor of 6 between the 10 % and 90 % points."""
    return np.exp(0.7 * rng.standard_normal((*shape, 1))) * rng.standard_normal((*shape, replicates))


def slopes(rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """Values of the first flag react to hard splits by slopes of their own."""
    own = rng.uniform(-1, 1, (shape[0], *(1 for _ in shape)))
    return np.asarray(0.4 * rng.standard_normal((*shape, replicates)) + own * rng.standard_normal(replicates))


def idle(rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """All flags but the first do next to nothing."""
    first = rng.standard_normal((shape[0], *(1 for _ in shape[1:]), replicates))
    return np.asarray(first + 0.05 * rng.standard_normal((*shape, replicates)))


def smooth(rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """Along the first flag, neighbours correlate by 0.9."""
    places = np.arange(shape[0])
    root = np.linalg.cholesky(0.9 ** np.abs(places[:, None] - places))
    return np.asarray(np.tensordot(root, rng.standard_normal((*shape, replicates)), axes=1))


def heavy(rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """Student's t with 3 degrees of freedom."""
    return rng.standard_t(3, (*shape, replicates))


def discrete(rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """Values in steps of one standard deviation."""
    return np.round(rng.standard_normal((*shape, replicates)))


def missing(rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """A tenth of the cells is missing, whatever their values."""
    values = rng.standard_normal((*shape, replicates))
    return np.where(rng.random(values.shape) < 0.1, np.nan, values)


WORLDS: dict[str, Crossed] = {
    "equal normal noise": ideal,
    "unequal variances": unequal,
    "slope x replicate": slopes,
    "idle flags": idle,
    "smooth along a flag": smooth,
    "heavy tails (t, 3 df)": heavy,
    "discrete": discrete,
    "10 % missing": missing,
}


def cases() -> Iterator[Case]:
    """Every world with every grid; residuals of real sweeps with the grid that they are of."""
    for name in WORLDS:
        for shape in GRIDS:
            for n in REPLICATES:
                yield case(name, shape, n)
    for name in REAL:
        for n in REPLICATES:
            yield case(name, (4, 2), n)
    for shape, trained in PARTIAL:
        for n in REPLICATES:
            yield partial_case(shape, trained, n)


def case(name: str, shape: tuple[int, ...], replicates: int) -> Case:
    """One world and grid; in ideal noise with power beside it."""

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        def losses() -> Floats:
            if name in REAL:
                return REAL[name](rng, 8, replicates)
            return WORLDS[name](rng, shape, replicates).reshape(-1, replicates) + hard(rng, replicates)

        anything = sum(min(p_values(losses(), shape)) <= AT_MOST for _ in range(sweeps))
        yield share(NAMED, anything, sweeps, at_most=AT_MOST)
        if name != "equal normal noise":
            return
        found = 0
        for _ in range(max(sweeps // 3, 10)):
            shifted = losses()
            shifted[: len(shifted) // shape[0]] += SHIFT
            found += p_values(shifted, shape)[0] <= AT_MOST
        yield share(MATTERS, found, max(sweeps // 3, 10), at_least=FOUND if replicates >= 5 else None)

    labels = {"World": name, "Grid": " x ".join(map(str, shape)), "n": str(replicates)}
    return Case("effects", labels, SWEEPS, simulation)


def partial_case(shape: tuple[int, ...], trained: int, replicates: int) -> Case:
    """A partial grid in which the first two flags matter, by themselves and together, as much as the noise does, and no other."""

    def simulation(rng: np.random.Generator, sweeps: int) -> Iterator[Figure]:
        idle, found = 0, 0
        for _ in range(sweeps):
            rows = np.sort(rng.choice(prod(shape), trained, replace=False))
            means = sum(SHIFT / 2 * rng.standard_normal(size) for size in ((shape[0], 1), (1, shape[1]), shape[:2]))
            grid = np.broadcast_to(np.reshape(means, (*shape[:2], *(1 for _ in shape[2:]))), shape)
            noise = rng.standard_normal((trained, replicates)) + hard(rng, replicates)
            combinations = combinations_of(shape)
            effects = analyse_effects(
                [combinations[row] for row in rows], grid.reshape(-1)[rows, None] + noise, is_loss=False
            )
            shares = effects.shares if effects else []
            sure = [set(each.flags) for each in shares if each.p_value is not None and each.p_value <= AT_MOST]
            idle += any(flags - {"flag0", "flag1"} for flags in sure)
            found += {"flag0"} in sure
        yield share(IDLE_NAMED, idle, sweeps, at_most=AT_MOST)
        yield share(FOUND_PARTIAL, found, sweeps)

    labels = {"Trained": f"{trained} of {' x '.join(map(str, shape))}", "n": str(replicates)}
    return Case("effects", labels, SWEEPS, simulation)


def combinations_of(shape: Sequence[int]) -> list[Combination]:
    """The grid's combinations, in the order of the losses' rows; flags are called flag0, flag1 ... and count from 1."""
    grid = itertools.product(*(range(1, size + 1) for size in shape))
    return [
        Combination(f"{i:03x}", {f"flag{k}": value for k, value in enumerate(values)}, i)
        for i, values in enumerate(grid)
    ]


def p_values(losses: Floats, shape: Sequence[int]) -> list[float]:
    """Of each term, 1 where it is not tested."""
    found = analyse_effects(combinations_of(shape), losses, is_loss=False)
    return [1.0 if found is None or each.p_value is None else each.p_value for each in found.shares] if found else [1.0]
