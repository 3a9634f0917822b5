"""A trainer that keeps the training contract and trains nothing: its values are a formula of its flags.

What it does otherwise is asked of it by flags:
  behave: one of ok, diverge, invalid, killed, crash, garbage, silent, wait
  wait_for: with `wait`, a file whose coming ends the wait; it tells by a file `<run>.waiting` beside it that it waits
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path


def main() -> int:
    flags = json.loads(os.environ["REGSWEEP_FLAGS"])
    first = int(os.environ["REGSWEEP_FIRST_REPLICATE"])
    count = int(os.environ["REGSWEEP_REPLICATES"])
    start = first + int(os.environ["JOB_COMPLETION_INDEX"]) * count
    replicates = range(start, min(start + count, int(os.environ["REGSWEEP_LAST_REPLICATE"]) + 1))
    log = Path(os.environ["REGSWEEP_TERMINATION_LOG"])
    behave = flags.get("behave", "ok")
    print("training", os.environ["REGSWEEP_RUN"], flush=True)
    if behave == "invalid":
        error = {"reason": "InvalidFlags", "message": f"behave: {behave} is none of ok, diverge"}
        log.write_text(json.dumps({"version": 1, "error": error}))
        return 64
    if behave == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if behave == "crash":
        print("cannot read the data", file=sys.stderr)
        return 1
    if behave == "garbage":
        log.write_text("{not json")
        return 0
    if behave == "silent":
        return 0
    done: list[int] = []
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    for replicate in replicates:
        done.append(replicate)
        if behave == "wait" and not Path(flags["wait_for"]).exists():
            Path(f"{flags['wait_for']}.{os.environ['REGSWEEP_RUN']}.waiting").touch()
            stop.wait()
            write(log, flags, done)
            return 143
    write(log, flags, done)
    return 0


def write(log: Path, flags: dict[str, object], replicates: list[int]) -> None:
    score_test = os.environ["REGSWEEP_SCORE_TEST"] == "1"
    records: list[object] = []
    for k in replicates:
        if flags.get("behave") == "diverge":
            records.append([k, "Diverged", 3, [None, None], None])
            continue
        gap = max(0.01, 0.2 - 10 * float(str(flags.get("l2", 0)))) + 0.001 * k
        train = 0.2 - gap / 2
        tests = [train + gap] if score_test else []
        records.append([k, "Ok", 30, [train, train + gap, *tests], [21, train, train + gap]])
    columns = ["train_average_loss", "val_average_loss", *(["test_average_loss"] if score_test else [])]
    log.write_text(
        json.dumps({"version": 1, "backend": "fake", "device": "cpu", "columns": columns, "records": records})
    )


if __name__ == "__main__":
    sys.exit(main())
