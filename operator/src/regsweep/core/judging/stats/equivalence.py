"""How probable it is that a combination is better than another one, practically the same, or worse, on new data.

The correlated Bayesian t test: with a flat prior, the true mean difference given n paired differences (mean m, variance s^2)
follows Student's t with n - 1 degrees of freedom, location m and squared scale

    s^2 (1/n + rho / (1 - rho)),    rho = n_val / (n_train + n_val), so that rho / (1 - rho) = n_val / n_train,

since replicates share rows. What lies within the region of practical equivalence counts as the same. Corani & Benavoli, "A Bayesian
approach for comparing cross-validated algorithms on multiple data sets", Machine Learning 100 (2015); Benavoli, Corani, Demsar &
Zaffalon, "Time for a change", Journal of Machine Learning Research 18 (2017). With folds n_val / n_train is 1 / (folds - 1), as theirs.

Where replicates are not paired, the scale and the degrees of freedom are Welch's, with the same correction of each mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from regsweep.api.analysis import Equivalence
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.core.judging.stats.differences import welch
from regsweep.core.judging.stats.levels import rows_ratio
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.scores import Cells


def equivalences(
    losses: Floats, reference: int, ratios: Floats, minimum_difference: float, paired: bool = True
) -> list[Equivalence | None]:
    """Each row beside row `reference`; None for that one itself, below 3 common replicates and where a ratio is not known.

    `losses`: (G, n), smaller is better, NaN for a missing cell. `ratios`: (G,) validation rows per training row, NaN: not known.
    Of two rows the larger ratio counts.
    """
    means, errors, df, replicates = (_paired if paired else _unpaired)(losses, reference, ratios)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = student.sf(minimum_difference, df, means, errors)
        below = student.cdf(-minimum_difference, df, means, errors)
    exact = errors == 0
    above = np.where(exact, means > minimum_difference, above)
    below = np.where(exact, means < -minimum_difference, below)
    known = (replicates >= MIN_REPLICATES_FOR_ERROR) & np.isfinite(errors)
    known[reference] = False
    return [
        Equivalence(better=b, equivalent=max(1 - b - w, 0.0), worse=w) if there else None
        for b, w, there in zip(below.tolist(), above.tolist(), known.tolist(), strict=True)
    ]


def ratios_of(cells: Cells, known: float | None) -> Floats:
    """(G,) validation rows per training row of each row's replicates, NaN where not known. `known`: that of folds."""
    if known is not None:
        return np.full(len(cells.rows), known)
    found: Sequence[float | None] = [rows_ratio(cells.sound(row)) for row in range(len(cells.rows))]
    return np.array(found, dtype=np.float64)


def _paired(losses: Floats, reference: int, ratios: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean difference, scale, degrees of freedom and common replicates of each row."""
    gaps = losses - losses[reference]
    common = np.isfinite(gaps)
    counts = common.sum(axis=1).astype(np.float64)
    n, df = np.maximum(counts, 1), np.maximum(counts - 1, 1)
    means = np.where(common, gaps, 0.0).sum(axis=1) / n
    variances = np.where(common, (gaps - means[:, None]) ** 2, 0.0).sum(axis=1) / df
    return means, np.sqrt(variances * (1 / n + np.fmax(ratios, ratios[reference]))), df, counts


def _unpaired(losses: Floats, reference: int, ratios: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    there = np.isfinite(losses)
    counts = there.sum(axis=1).astype(np.float64)
    n, df = np.maximum(counts, 1), np.maximum(counts - 1, 1)
    means = np.where(there, losses, 0.0).sum(axis=1) / n
    variances = np.where(there, (losses - means[:, None]) ** 2, 0.0).sum(axis=1) / df
    factors = 1 / n + np.fmax(ratios, ratios[reference])
    of_reference = np.fmax(ratios, ratios[reference]) + 1 / n[reference]
    errors, freedom = welch(
        np.array([variances, np.full_like(variances, variances[reference])]),
        np.array([factors, of_reference]),
        np.array([df, np.full_like(df, df[reference])]),
        float((df + df[reference]).max()),
    )
    freedom = np.minimum(freedom, df + df[reference])
    return means - means[reference], errors, freedom, np.minimum(counts, counts[reference])
