"""A trainer that keeps the contract with the kit alone: it trains nothing, and imports no framework.

Flags: `epochs`; `seconds`, how long an epoch takes; `fail`, text of an error in the first epoch; `data`, a file to digest;
`say`, a line to log; `noise`, text that a library writes to descriptors 1 and 2, past Python.
"""

import contextlib
import math
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regsweep_kit import console, digests, process
from regsweep_kit.columns import Room, choose_columns
from regsweep_kit.contract import Contract
from regsweep_kit.epochs import Watch
from regsweep_kit.errors import InvalidFlagsError
from regsweep_kit.exposition import Exposition, Run
from regsweep_kit.journal import Journal
from regsweep_kit.record import Outcome, Progress, Record, column_name
from regsweep_kit.reporting import Reporter
from regsweep_kit.seeds import stream_seed
from regsweep_kit.splits import Division, Draw, Outline, split
from regsweep_kit.stopping import Stopping
from regsweep_kit.timing import Stopwatch

FRAMEWORKS = ("keras", "tensorflow", "torch", "jax", "sklearn", "scipy", "pandas", "pyarrow", "pydantic")
KNOWN = {"epochs": 3, "seconds": 0.0, "fail": "", "data": "", "say": "", "noise": ""}


def parse_flags(given: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := sorted(given.keys() - KNOWN.keys()):
        raise InvalidFlagsError(f"unknown flag {unknown[0]!r}")
    return {**KNOWN, **given}


def train(contract: Contract, flags: dict[str, Any], journal: Journal) -> None:
    digest = digests.source_digest([Path(flags["data"])]) if flags["data"] else ""
    if digest:
        journal.describe(data_digest=digest)
        digests.check_pinned(digest, contract.data_digest)
    if flags["say"]:
        console.say(flags["say"])
    for descriptor in (1, 2) if flags["noise"] else ():
        with contextlib.suppress(OSError):
            os.write(descriptor, flags["noise"].encode())
    rule = contract.objective.rule
    room = Room(contract.replicates_per_pod, rule, contract.message_bytes)
    groups = [("train_average_loss", "val_average_loss"), ("train_rows", "val_rows")]
    journal.describe(columns=choose_columns(groups, room), rule=rule, backend="none", device="cpu", gpus=0)
    labels = {name: str(flags[name]) for name in contract.flag_names}
    run = Run(contract.sweep, contract.run, contract.replicates, flags["epochs"], labels, digest)
    reporter = Reporter(journal, Exposition(run), contract.metrics_port, Stopwatch())
    for replicate in contract.replicates:
        train_one(contract, flags, replicate, reporter)
    reporter.linger(contract.linger_seconds)


def train_one(contract: Contract, flags: dict[str, Any], replicate: int, reporter: Reporter) -> None:
    resampling = contract.resampling
    draw = Draw(stream_seed(contract.seed_base, resampling.draw(replicate), "split"), resampling.fold(replicate))
    rows = split(Outline("made", 100, "0f" * 32), Division(outer=resampling.outer), draw)
    reporter.begin()
    watch, progress = Watch(contract.objective.rule), Progress(0, {}, {}, None)
    for epoch in range(1, flags["epochs"] + 1):
        if flags["fail"]:
            raise RuntimeError(flags["fail"])
        threading.Event().wait(flags["seconds"])
        metrics = {"average_loss": (epoch - 2.5) ** 2 + replicate, "rows": math.nan}
        watch = watch.seen(epoch, metrics, metrics, metrics)
        values = {(name, part): value for name, value in metrics.items() for part in ("train", "val")}
        progress = Progress(epoch, values, {"train": len(rows.train), "val": len(rows.val)}, watch.best)
        reporter.epoch(replicate, progress)
    columns = {column_name(metric, part): value for (metric, part), value in progress.values.items()}
    reporter.finish(Record(replicate, Outcome.OK, progress.epoch, columns, watch.best), progress)


if __name__ == "__main__":
    code = process.run(os.environ, Stopping(), parse_flags, train)
    console.say(f"frameworks: {[name for name in FRAMEWORKS if name in sys.modules]}")
    console.flush()
    os._exit(code)
