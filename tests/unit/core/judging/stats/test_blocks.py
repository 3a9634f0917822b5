"""Replicate effects by least squares, however large the values are beside their differences."""

from __future__ import annotations

import numpy as np
import pytest

from regsweep.core.judging.stats.additive import fit_additive
from regsweep.core.judging.stats.blocks import adjusted_mean, block_effects


@pytest.mark.parametrize(
    ("level", "noise"),
    [(0.0, 1.0), (0.98, 0.003), (0.98, 0.00001), (2.3, 0.005), (3000.0, 10.0), (1e6, 50.0), (-1e9, 1.0)],
)
@pytest.mark.parametrize("missing", [1, 3, 12])
def test_adjusted_means_are_those_of_least_squares_wherever_the_values_lie(
    level: float, noise: float, missing: int
) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        values = level + 2 * noise * rng.standard_normal(5) + noise * rng.standard_normal((8, 5))
        values.flat[rng.choice(40, missing, replace=False)] = np.nan
        values = values[np.isfinite(values).any(axis=1)]
        rows = [{k: float(v) for k, v in enumerate(row) if np.isfinite(v)} for row in values]
        effects = block_effects(rows)
        found = [adjusted_mean(row, effects) for row in rows]
        rounding = 1e-12 * abs(level)
        assert found == pytest.approx(fit_additive(values).means.tolist(), abs=1e-9 * noise + rounding)
