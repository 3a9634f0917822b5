"""Records as arrays: combination by replicate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from regsweep.core.grid import Combination
from regsweep.core.records import Outcome, Record, Records
from regsweep.core.stats.moderation import Floats
from regsweep.core.stats.ranking import finite


def collect(
    combinations: Sequence[Combination],
    point_keys: Mapping[str, str],
    records: Records,
    replicates: int,
    value_of: Callable[[Record], float | None],
) -> Floats:
    """(G, replicates): what `value_of` reads from each record; NaN where there is none, or the replicate diverged."""
    table = np.full((len(combinations), replicates), np.nan)
    for row, combination in enumerate(combinations):
        for replicate, record in records.of(point_keys[combination.id]).items():
            if 0 <= replicate < replicates and record.outcome is Outcome.OK:
                value = value_of(record)
                if value is not None:
                    table[row, replicate] = value
    return table


def metric_reader(metric: str) -> Callable[[Record], float | None]:
    """Reads a metric at the last epoch; None where it is absent or no number."""
    return lambda record: finite(record.metrics.get(metric))
