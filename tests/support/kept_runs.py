"""Folders of runs as `regsweep run` leaves them, without training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from regsweep.api.canonical import digest
from regsweep.local.directory import RunsDirectory
from regsweep.local.facts import ProcessFacts, RunFacts, history_file, message_file, output_file
from regsweep.local.provenance import SWEEP_FILE, Keepsakes, Provenance

COLUMNS = ("train_average_loss", "val_average_loss", "train_accuracy", "val_accuracy")
Values = Sequence[float | None]


def keep_run(
    runs_dir: Path,
    flags: Mapping[str, JsonValue],
    *replicates: Values | None,
    sweep: str = "mine",
    started: str = "2026-11-25T10:00:00Z",
    ended: str | None = "2026-11-25T10:01:00Z",
    exit_code: int | None = 0,
    console: str = "training\n",
    source: Mapping[str, str] | None = None,
    epochs: int = 3,
    columns: Sequence[str] = COLUMNS,
    **changes: object,
) -> Path:
    """A run's folder. replicates: the values of `columns` of each, from 0 on; None: it diverged. changes: of its facts."""
    key = digest({"sweep": sweep, "flags": flags, "changes": {k: str(v) for k, v in changes.items()}}, 16)
    name = f"{sweep}-{key[:12]}"
    fields: dict[str, object] = {
        "sweep": sweep,
        "run": name,
        "flags": flags,
        "parameters": {"dataset": "iris"},
        "seed": 0,
        "trainer": "process:x",
        "point_key": key,
        "first_replicate": 0,
        "replicates": len(replicates) or 1,
        "replicates_per_pod": len(replicates) or 1,
        "attempt": 0,
        "command": ["python", "train.py"],
        "processes": [ProcessFacts(index=0, started_at=started, ended_at=ended, exit_code=exit_code)],
        "completed": exit_code == 0,
    }
    facts = RunFacts.model_validate(fields | changes)
    directory = RunsDirectory(runs_dir / sweep)
    directory.path.mkdir(parents=True, exist_ok=True)
    kept = Keepsakes(Provenance(python="3.11.7", packages={"keras": "3.15.1"}), source or {SWEEP_FILE: "{}"})
    folder = directory.begin(facts, kept)
    if replicates:
        (folder / message_file(0)).write_text(_message(replicates, columns, epochs))
    (folder / output_file(0)).write_text(console)
    (folder / history_file(0)).write_text(_history(replicates, columns, epochs))
    return folder


def _message(replicates: Sequence[Values | None], columns: Sequence[str], epochs: int) -> str:
    records = [
        [k, "Ok", epochs, list(values), None] if values is not None else [k, "Diverged", 2, [None] * len(columns), None]
        for k, values in enumerate(replicates)
    ]
    rows = {"train": 90, "val": 30}
    return json.dumps({"version": 1, "device": "cpu", "rows": rows, "columns": columns, "records": records})


def _history(replicates: Sequence[Values | None], columns: Sequence[str], epochs: int) -> str:
    properties = {"model": "Dense\nDense", "optimizer": "adam", "learning_rate": 0.003, "epochs": epochs}
    lines: list[object] = [{"properties": properties}]
    lines += [
        {"replicate": k, "epoch": epoch, "values": dict(zip(columns, values, strict=True))}
        for k, values in enumerate(replicates)
        if values is not None
        for epoch in range(1, epochs + 1)
    ]
    return "".join(f"{json.dumps(line)}\n" for line in lines)
