"""Records as arrays: combination by replicate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from regsweep.core.grid import Combination
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ranking import TrainedGrid, finite
from regsweep.core.results.records import Outcome, Record


@dataclass(frozen=True, slots=True)
class Cells:
    """The records of some of a grid's combinations as a table: `rows` by replicate."""

    rows: Sequence[Combination]
    grid: TrainedGrid

    def of(self, rows: Sequence[int]) -> Cells:
        """Those of some of the rows."""
        return Cells([self.rows[row] for row in rows], self.grid)

    def collect(self, value_of: Callable[[Record], float | None]) -> Floats:
        """(G, replicates): what `value_of` reads from each record; NaN where there is none, or the replicate diverged.

        Raises KeyError where a combination has no point key.
        """
        replicates = self.grid.replicates
        table = np.full((len(self.rows), replicates), np.nan)
        for row, combination in enumerate(self.rows):
            for replicate, record in self.grid.records_of(combination).items():
                if 0 <= replicate < replicates and record.outcome is Outcome.OK:
                    value = value_of(record)
                    if value is not None:
                        table[row, replicate] = value
        return table

    def losses(self, value_of: Callable[[Record], float | None]) -> Floats:
        """The same of a reader of the objective, turned so that smaller is better."""
        return self.grid.sign * self.collect(value_of)

    def sound(self, row: int) -> list[Record]:
        """The row's records that trained to the end, by replicate."""
        of_row = self.grid.records_of(self.rows[row])
        return [of_row[k] for k in sorted(of_row) if 0 <= k < self.grid.replicates and of_row[k].outcome is Outcome.OK]


def metric_reader(metric: str) -> Callable[[Record], float | None]:
    """Reads a metric at the last epoch; None where it is absent or no number."""
    return lambda record: finite(record.metrics.get(metric))
