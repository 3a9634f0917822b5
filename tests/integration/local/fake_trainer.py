"""A trainer that keeps the training contract and trains nothing: its values are a formula of its flags.

What it does otherwise is asked of it by flags:
  behave: one of ok, diverge, invalid, killed, crash, garbage, silent, wait
  wait_for: with `wait`, a file whose coming ends the wait; it tells by a file `<run>.waiting` beside it that it waits
  data_path: a file that it reads; absent: data of its own
and by arguments:
  --identify: the digest of its data and its generation, as the contract says
  --generation N: its generation, 1 where it is not given
  --mute: it knows nothing of --identify, nor of data digests and rules, as older trainers
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

MUTE = "--mute" in sys.argv
GENERATION = int(sys.argv[sys.argv.index("--generation") + 1]) if "--generation" in sys.argv else 1


def main() -> int:
    flags = json.loads(os.environ["REGSWEEP_FLAGS"])
    if "--identify" in sys.argv:
        return identify(flags)
    log = Path(os.environ["REGSWEEP_TERMINATION_LOG"])
    if (refusal := refused(flags)) is not None:
        log.write_text(json.dumps({"version": 1, "error": refusal}))
        return 64
    first = int(os.environ["REGSWEEP_FIRST_REPLICATE"])
    count = int(os.environ["REGSWEEP_REPLICATES"])
    start = first + int(os.environ["JOB_COMPLETION_INDEX"]) * count
    replicates = range(start, min(start + count, int(os.environ["REGSWEEP_LAST_REPLICATE"]) + 1))
    behave = flags.get("behave", "ok")
    print("training", os.environ["REGSWEEP_RUN"], flush=True)
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


def identify(flags: dict[str, object]) -> int:
    if MUTE:
        print("usage: fake_trainer.py [--mute]", file=sys.stderr)
        return 2
    try:
        print(json.dumps({"dataDigest": digest(flags), "generation": GENERATION}))
    except OSError as error:
        print(f"flag data_path: cannot read {error.filename}: {error.strerror}", file=sys.stderr)
        return 64
    return 0


def refused(flags: dict[str, object]) -> dict[str, str] | None:
    """Why it does not train at all; None where it does."""
    if flags.get("behave") == "invalid":
        return {"reason": "InvalidFlags", "message": "behave: invalid is none of ok, diverge"}
    if MUTE:
        return None
    if os.environ["REGSWEEP_FINAL"] == "1" and flags.get("test_fraction") == 0:
        return {
            "reason": "InvalidFlags",
            "message": "flag test_fraction: got 0, and a final evaluation needs test rows",
        }
    try:
        found, pinned = digest(flags), os.environ["REGSWEEP_DATA_DIGEST"]
    except OSError as error:
        return {"reason": "BadData", "message": f"flag data_path: cannot read {error.filename}: {error.strerror}"}
    if pinned and not found.startswith(pinned):
        return {"reason": "DataChanged", "message": f"the data have changed: {pinned[:4]} before, {found[:4]} now"}
    return None


def digest(flags: dict[str, object]) -> str:
    """SHA-256 of the data, in hex."""
    path = flags.get("data_path")
    return hashlib.sha256(b"its own" if path is None else Path(str(path)).read_bytes()).hexdigest()


def header(flags: dict[str, object], replicates: list[int]) -> dict[str, object]:
    if MUTE:
        return {}
    objective = json.loads(os.environ["REGSWEEP_OBJECTIVE"])
    return {
        "dataDigest": digest(flags)[:16],
        "rule": {"metric": objective["metric"], "goal": objective["goal"]},
        "gpus": 0,
        "times": {"start": int(time.time()), "replicates": [[k, k + 0.5] for k in range(len(replicates))]},
    }


def write(log: Path, flags: dict[str, object], replicates: list[int]) -> None:
    score_test = os.environ["REGSWEEP_SCORE_TEST"] == "1"
    objective = json.loads(os.environ["REGSWEEP_OBJECTIVE"])
    records: list[object] = []
    for k in replicates:
        if flags.get("behave") == "diverge":
            records.append([k, "Diverged", 3, [None] * 4, None])
            continue
        gap = max(0.01, 0.2 - 10 * float(str(flags.get("l2", 0)))) + 0.001 * k
        train = 0.2 - gap / 2
        tests = [train + gap] if score_test else []
        losses = [train, train + gap]
        accuracies = [1 - train, 1 - (train + gap) / 2]
        best = losses if objective["metric"].endswith("loss") else accuracies
        records.append([k, "Ok", 30, [*losses, *accuracies, *tests], [21, *best]])
    columns = ["train_average_loss", "val_average_loss", "train_accuracy", "val_accuracy"]
    columns += ["test_average_loss"] if score_test else []
    message = {"version": 1, "backend": "fake", "device": "cpu", "columns": columns, "records": records}
    log.write_text(json.dumps(message | header(flags, replicates)))
    if history := os.environ.get("REGSWEEP_HISTORY"):
        lines = [
            {"replicate": k, "epoch": epoch, "values": {"val_average_loss": 1 / epoch}}
            for k in replicates
            for epoch in range(1, 31)
        ]
        Path(history).write_text("".join(f"{json.dumps(line)}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
