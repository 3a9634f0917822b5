"""Case (i): whether "what matters" names flags that do nothing, and whether it finds those that matter."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from bench.calibration.figures import Figure, share
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.effects import analyse_effects
from regsweep.core.judging.stats.moderation import Floats

ALPHA = 0.05
GRIDS = ((4, 2), (4, 4), (2, 6), (2, 2, 2), (3, 2, 2, 2))
REPLICATES = (3, 5)
SHIFT, FOUND = 3.0, 0.95
"""What the first value of the first flag adds where power is measured, in noise standard deviations; and how often that is found."""
Crossed = Callable[[np.random.Generator, tuple[int, ...], int], Floats]


def ideal(rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """Independent normal noise."""
    return rng.standard_normal((*shape, replicates))


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


def missing(rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """A tenth of the cells is missing, whatever their values."""
    values = rng.standard_normal((*shape, replicates))
    return np.where(rng.random(values.shape) < 0.1, np.nan, values)


WORLDS: dict[str, Crossed] = {
    "equal normal noise": ideal,
    "slope x replicate": slopes,
    "idle flags": idle,
    "smooth along a flag": smooth,
    "10 % missing": missing,
}


def figures(sweeps: int, seed: int) -> Iterator[Figure]:
    """For each world and grid: the share of sweeps in which any flag, pair or higher order is named though all are equal."""
    for place, (name, world) in enumerate(WORLDS.items()):
        for shape in GRIDS:
            for replicates in REPLICATES:
                rng = np.random.default_rng([seed, 55, place, *shape, replicates])
                yield from named(name, world, shape, replicates, sweeps, rng)


def named(
    name: str, world: Crossed, shape: tuple[int, ...], replicates: int, sweeps: int, rng: np.random.Generator
) -> Iterator[Figure]:
    """Of one world and grid; in ideal noise with power beside it."""
    where = f"{name}, {' x '.join(map(str, shape))}, n={replicates}"
    anything = sum(min(_p_values(_sweep(world, rng, shape, replicates), shape)) <= ALPHA for _ in range(sweeps))
    yield Figure(f"{where}: any term named", *share(anything, sweeps), at_most=ALPHA)
    if world is not ideal:
        return
    found = 0
    for _ in range(sweeps):
        losses = _sweep(world, rng, shape, replicates)
        losses[: len(losses) // shape[0]] += SHIFT
        found += _p_values(losses, shape)[0] <= ALPHA
    goal = FOUND if replicates >= 5 else None
    yield Figure(f"{where}: a flag that matters named", *share(found, sweeps), at_least=goal)


def _sweep(world: Crossed, rng: np.random.Generator, shape: tuple[int, ...], replicates: int) -> Floats:
    """(G, n) losses of combinations that are all equal, with the replicates' own effects."""
    own = world(rng, shape, replicates).reshape(-1, replicates)
    return np.asarray(own + 3 * rng.standard_normal(replicates))


def _p_values(losses: Floats, shape: tuple[int, ...]) -> list[float]:
    grid = itertools.product(*map(range, shape))
    combinations = [
        Combination(f"{i:03x}", {f"flag{k}": value for k, value in enumerate(values)}, i)
        for i, values in enumerate(grid)
    ]
    effects = analyse_effects(combinations, losses, is_loss=False)
    assert effects is not None
    return [1.0 if each.p_value is None else each.p_value for each in effects.shares]
