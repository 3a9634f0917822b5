"""Records as arrays: combination by replicate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regsweep.core.grid import Combination
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ranking import finite
from regsweep.core.results.records import Outcome, Record, Records


@dataclass(frozen=True, slots=True)
class Cells:
    """The records of some combinations, replicates 0 ... replicates - 1, as a table."""

    rows: Sequence[Combination]
    point_keys: Mapping[str, str]
    """The point's key by combination id."""
    records: Records
    replicates: int

    def collect(self, value_of: Callable[[Record], float | None]) -> Floats:
        """(G, replicates): what `value_of` reads from each record; NaN where there is none, or the replicate diverged.

        Raises KeyError where a combination has no point key.
        """
        table = np.full((len(self.rows), self.replicates), np.nan)
        for row, combination in enumerate(self.rows):
            for replicate, record in self.records.of(self.point_keys[combination.id]).items():
                if 0 <= replicate < self.replicates and record.outcome is Outcome.OK:
                    value = value_of(record)
                    if value is not None:
                        table[row, replicate] = value
        return table

    def sound(self, row: int) -> list[Record]:
        """The row's records that trained to the end, by replicate."""
        of_row = self.records.of(self.point_keys[self.rows[row].id])
        return [of_row[k] for k in sorted(of_row) if 0 <= k < self.replicates and of_row[k].outcome is Outcome.OK]


def metric_reader(metric: str) -> Callable[[Record], float | None]:
    """Reads a metric at the last epoch; None where it is absent or no number."""
    return lambda record: finite(record.metrics.get(metric))
