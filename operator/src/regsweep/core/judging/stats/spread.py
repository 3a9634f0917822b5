"""Bias and variance of a combination's predictions, from rows that several replicates predict without having seen them.

    squared error = bias^2 + variance + noise of the labels

of predicted probabilities (or values), averaged over rows: Geman, Bienenstock & Doursat, "Neural networks and the
bias/variance dilemma", Neural Computation 4 (1992); for classes Kohavi & Wolpert, "Bias plus variance decomposition for
zero-one loss functions", ICML 1996. Bias^2 and noise cannot be told apart without two labels of one row.

A training process holds its own running mean of the predictions and reports, from its second replicate on, by how much
that replicate raised the sum of squared deviations (Welford, Technometrics 4 (1962)). Each such increase has the variance
as its expectation, so that their mean is the variance with n - 1 in the divisor. Plain Python.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import fsum

from regsweep.api.analysis import Spread
from regsweep.core.judging.stats.blocks import mean
from regsweep.core.judging.stats.ranking import finite
from regsweep.core.results.records import Outcome, Record

SQUARED_ERROR = "audit_squared_error"
SPREAD = "audit_spread"
DISAGREEMENT = "audit_disagreement"


def spread_of(records: Iterable[Record]) -> Spread | None:
    """Bias and variance of one combination; None where no process predicted a row twice.

    `records`: the combination's; those that are not sound are passed over. Disagreement counts pairs of replicates of one
    process: a replicate is held against every earlier one of its process, and counts for as many.
    """
    by_run: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.outcome is Outcome.OK:
            by_run[record.run].append(record)
    errors: list[float] = []
    increases: list[float] = []
    disagreements: list[float] = []
    pairs = 0
    for run in by_run.values():
        earlier = 0
        for record in sorted(run, key=lambda each: each.replicate):
            error, increase = (finite(record.metrics.get(name)) for name in (SQUARED_ERROR, SPREAD))
            if error is not None:
                errors.append(error)
            if increase is None:
                earlier = 1  # the first of its process
                continue
            earlier = max(earlier, 1)
            increases.append(increase)
            disagreement = finite(record.metrics.get(DISAGREEMENT))
            if disagreement is not None:
                disagreements.append(earlier * disagreement)
                pairs += earlier
            earlier += 1
    if not increases or not errors:
        return None
    squared_error, variance = mean(errors), mean(increases)
    return Spread(
        squared_error=squared_error,
        variance=variance,
        bias_squared=squared_error - variance,
        disagreement=fsum(disagreements) / pairs if pairs else None,
    )
