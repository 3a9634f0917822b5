"""What tests play of training, once for all of them: the trainer's termination message, and which pods a Job controller starts."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

COLUMNS = ("train_average_loss", "val_average_loss")


def message_of(replicates: Iterable[int], loss: float = 0.5, *, spread: float = 0.0, **more: object) -> str:
    """A trainer's termination message with these replicates. Their validation loss is 0.1 above `loss`, and `spread` apart."""
    rows = [[k, "Ok", 3, [loss, loss + 0.1 + spread * k], [2, loss, loss + 0.05]] for k in replicates]
    head = {"version": 1, "backend": "tensorflow", "device": "cpu"}
    return json.dumps({**head, "columns": COLUMNS, "records": rows, **more})


def indexes_to_start(completions: int, parallelism: int, busy: Collection[int], flying: int) -> list[int]:
    """Indexes of a Job that get a pod now: those not `busy`, up to its parallelism of which `flying` are in flight."""
    return [index for index in range(completions) if index not in busy][: max(0, parallelism - flying)]
