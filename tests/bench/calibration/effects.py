"""Effects: whether "what matters" names flags that do nothing, and whether it finds those that matter."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

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
