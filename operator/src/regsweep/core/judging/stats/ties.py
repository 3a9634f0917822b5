"""Which combinations may be the best: a confidence set, shown unordered.

With 95 % probability no combination that is truly equal to the best is left out: the guarantee of a model confidence set
(Hansen, Lunde & Nason, "The model confidence set", Econometrica 79, 2011). Being in the set does not say that two
combinations are equivalent: with few replicates the set is large because little is known.

The best is chosen by the same data, so that a t-test against it, Holm-corrected or not, drops true equals too often.
A combination leaves when its distance to the best is more than the largest distance would be, in 95 % of cases, if all that remain
were equal. How large that is follows from the data themselves, however noisy combinations are and however they move together
(see `rotations`). After each round of leaving the comparison is made again among those that remain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.core.judging.stats.additive import Bools, fit_additive, fit_means
from regsweep.core.judging.stats.differences import differences_to
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.noise import pool_of
from regsweep.core.judging.stats.rotations import Contrasts, critical_value, observed


@dataclass(frozen=True, slots=True)
class TiedSet:
    """The combinations that cannot be told from the best."""

    best: int
    """Row of the best adjusted mean."""
    tied: Bools
    """(G,) in the set; the best itself is."""
    comparable: Bools
    """(G,) has at least 3 replicates in common with the best (unpaired: 3 replicates). What is not comparable is not in the
    set, nor ruled out."""
    difference: Floats
    """(G,) mean difference to the best over common replicates (unpaired: of the means); positive is worse. NaN where not
    comparable."""
    standard_error: Floats
    """(G,) of that difference, by its own replicates: s / sqrt(n) (unpaired: Welch's)."""
    degrees_of_freedom: Floats
    """(G,) of that standard error."""
    scale: Floats
    """(G,) the error, from all that is pooled, that differences are compared by: difference +- critical_value x scale holds for
    all of the set at once. Of what has left, as it was when it left; NaN where nothing was compared."""
    critical_value: float
    """What a difference was last compared with, in units of its scale; 0 where the best was alone from the start."""
    pooled_degrees_of_freedom: float
    """Of all that was pooled for that comparison; 0 where there was none."""


def tied_with_best(
    losses: Floats, candidates: Bools | None = None, paired: bool = True, alpha: float = 1 - CONFIDENCE_LEVEL
) -> TiedSet | None:
    """The confidence set of the best.

    `losses`: (G, n), smaller is better, NaN for a missing cell; row i, column k is combination i's replicate k. Only rows
    that may be called best (none of their replicates diverged) belong in here. `candidates`: (G,) the rows among which the best
    is looked for and that may be tied with it; the others help to estimate the noise, and are compared with the best.
    `alpha`: the error that is allowed.

    None where no set can be given: no combination has 3 replicates, or none at all is there.
    """
    enough = np.isfinite(losses).sum(axis=1) >= MIN_REPLICATES_FOR_ERROR
    candidates = enough if candidates is None else enough & candidates
    if not candidates.any():
        return None
    means = (fit_additive(losses) if paired else fit_means(losses)).means
    best = int(np.nanargmin(np.where(candidates, means, np.nan)))
    beside = differences_to(losses, best, paired)
    comparable = enough & (beside.replicates >= MIN_REPLICATES_FOR_ERROR)
    tied = comparable & candidates
    scale, critical, pooled_df = np.full(len(losses), np.nan), 0.0, 0.0
    while tied.sum() > 1:
        members = np.flatnonzero(tied)
        contrasts = Contrasts.of(losses[members], paired)
        pool = pool_of(losses, tied, paired)
        found = observed(contrasts, pool, int(np.searchsorted(members, best)))
        critical = critical_value(contrasts, pool, alpha)
        pooled_df = contrasts.degrees_of_freedom + pool.degrees_of_freedom
        scale[members] = found.scale[:, 0]
        leaving = members[(found.statistic[:, 0] > critical) & (members != best)]
        if len(leaving) == 0:
            break
        tied[leaving] = False
    return TiedSet(
        best=best,
        tied=tied,
        comparable=comparable,
        difference=np.where(comparable, beside.means, np.nan),
        standard_error=np.where(comparable, beside.standard_errors, np.nan),
        degrees_of_freedom=beside.degrees_of_freedom,
        scale=scale,
        critical_value=critical,
        pooled_degrees_of_freedom=pooled_df,
    )
