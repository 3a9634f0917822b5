"""What ranking and analysing 10,000 combinations of 5 replicates takes: `PYTHONPATH=tests python -m bench.analysis_cost`."""

from __future__ import annotations

import resource
import sys
import time
from random import Random

from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import ObjectiveStatus
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.ranking import rank
from regsweep.core.results.records import Outcome, Record, Records

COMBINATIONS, REPLICATES = 10_000, 5
SECONDS_AT_MOST, MIB_AT_MOST = 2.0, 300.0


def main() -> int:
    """Prints CPU seconds and the process' largest memory; exit status 1 where a goal is missed."""
    random = Random(1)
    combinations = [
        Combination(f"{i:012x}", {"l2": i // 100 / 1000, "dropout": i % 100 / 100}, i) for i in range(COMBINATIONS)
    ]
    keys = {combination.id: combination.id for combination in combinations}
    records = Records(
        Record(f"{i:012x}", k, Outcome.OK, "run", metrics={"train_average_loss": 0.1, "val_average_loss": loss})
        for i in range(COMBINATIONS)
        for k in range(REPLICATES)
        for loss in [1 + i / COMBINATIONS + random.random()]
    )
    objective = ObjectiveStatus(metric="val_average_loss", goal=Goal.MINIMIZE, epoch=EpochChoice.LAST)
    start = time.process_time()
    rank(combinations, keys, records, objective, REPLICATES)
    ranked = time.process_time() - start

    from regsweep.core.judging.stats.pipeline import analyse

    start = time.process_time()
    analyse(combinations, keys, records, objective, REPLICATES)
    analysed = time.process_time() - start
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"ranked alone      {ranked:6.2f} s CPU")
    print(f"all of it         {analysed:6.2f} s CPU  (goal: at most {SECONDS_AT_MOST:g})")
    print(f"largest memory    {mib:6.0f} MiB    (goal: at most {MIB_AT_MOST:g})")
    return 0 if analysed <= SECONDS_AT_MOST and mib <= MIB_AT_MOST else 1


if __name__ == "__main__":
    sys.exit(main())
