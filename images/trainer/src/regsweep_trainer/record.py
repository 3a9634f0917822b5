"""The termination message: compact JSON of at most 4,096 bytes, columns named once. Pure: `journal` writes it.

Which columns there are depends on the head, the objective and the number of replicates per pod, never on the values: every pod of a
sweep has the same ones. They are taken by priority until a message with the longest possible values would be full: on train and val the
objective's metric, then average_loss; regularization_loss; with REGSWEEP_SCORE_TEST the same two on test; the audit's, where there is one;
with REGSWEEP_SCORE_TEST the rest of test; then on train and val, in pairs, the other metrics as METRICS orders them, `loss`, which is the
sum of average_loss and regularization_loss, last.
With REGSWEEP_SCORE_TEST some room is kept for the test losses by block, which also get what the columns leave.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from regsweep_trainer.audit import AUDIT_METRICS
from regsweep_trainer.dataset import Head
from regsweep_trainer.epochs import Best
from regsweep_trainer.metrics import METRICS

MOST_BYTES = 4096  # what the kubelet keeps of one container's termination message
VERSION = 1
LONGEST_NUMBER = 12  # -1.23457e-10; `number` writes nothing longer
MOST_ERROR_BYTES = 1500  # of an error's message, in UTF-8 as JSON
MOST_HEADER_BYTES = 350  # version, backend, device, rows, data: everything but columns and records
MOST_RECORD_BYTES = (
    len('[9999999,"Diverged",100000,[],[100000,,]],') + 2 * LONGEST_NUMBER
)  # without its columns' values

LEAST_TEST_BYTES = 800  # kept for `test`: 16 blocks for each of 16 replicates
TEST_FRAME_BYTES = len(',"test":{"rows":"ffffffff","losses":[]}')


class Outcome(StrEnum):
    OK = "Ok"
    DIVERGED = "Diverged"


@dataclass(frozen=True, slots=True)
class Record:
    """One replicate's result. `values` by column name, at the last epoch; NaN and infinity become null."""

    replicate: int
    outcome: Outcome
    epochs: int
    values: Mapping[str, float]
    best: Best | None
    test_losses: bytes | None = None
    """See `testlosses.relative_losses`; `None` where test was not scored, or not to a finite loss."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the run could not be trained, or not to its end."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Header:
    """What all records of the pod share. Parts that are not known yet, since training has not begun, are `None`."""

    columns: tuple[str, ...] = ()
    backend: str | None = None
    device: str | None = None
    rows: Mapping[str, int] | None = None
    data: str | None = None
    """The data's digest: pods that saw other data must not be compared."""
    test_rows: str | None = None
    """The digest of the test rows; `None`: no test losses by block."""


def choose_columns(
    head: Head, objective: str, replicates: int, *, score_test: bool = False, audited: bool = False
) -> tuple[str, ...]:
    """Names of the columns, the most important first, so many that `replicates` records always fit.

    objective: the metric without its split; one that the head does not have is left out.
    audited: whether predictions are audited (see `audit`).
    """
    metrics = METRICS[head]
    first = [objective] if objective in metrics else []
    groups = [(f"train_{metric}", f"val_{metric}") for metric in dict.fromkeys([*first, *metrics])]
    sure = 1 + (bool(first) and objective != "average_loss")  # the objective's metric and average_loss
    tests = [(f"test_{metric}",) for metric in dict.fromkeys([*first, *metrics])] if score_test else []
    audits = [(f"audit_{metric}",) for metric in AUDIT_METRICS[head]] if audited else []
    order = [*groups[:sure], ("regularization_loss",), *tests[:sure], *audits, *tests[sure:], *groups[sure:]]
    least = LEAST_TEST_BYTES if score_test else 0
    chosen: list[str] = []
    for group in order:
        if _room([*chosen, *group], replicates) < least:
            break
        chosen += group
    return tuple(chosen)


def most_blocks(columns: Sequence[str], replicates: int) -> int:
    """How many blocks' test losses always fit beside `replicates` records with these columns."""
    for_each = (_room(columns, replicates) - TEST_FRAME_BYTES) // replicates - len('"",')
    return max(for_each, 0) // 4 * 3 // 2  # base64 makes 4 characters of 3 bytes; a half-precision number has 2 bytes


def _room(columns: Sequence[str], replicates: int) -> int:
    """Bytes that `replicates` records with these columns leave at the least; negative where they do not fit."""
    values = sum(len(name) + len('"",') + replicates * (LONGEST_NUMBER + 1) for name in columns)
    return MOST_BYTES - MOST_HEADER_BYTES - replicates * MOST_RECORD_BYTES - values


def encode(header: Header, records: Sequence[Record], failure: Failure | None = None) -> bytes:
    """The message. With a failure beside records that fill it, the failure's text is cut, never a record."""
    parts = [f'"version":{VERSION}']
    if header.backend is not None:
        parts.append(f'"backend":{_text(header.backend, 40)}')
    if header.device is not None:
        parts.append(f'"device":{_text(header.device, 64)}')
    if header.rows is not None:
        parts.append(f'"rows":{json.dumps(dict(header.rows), separators=(",", ":"))}')
    if header.data is not None:
        parts.append(f'"data":{_text(header.data[:16], 40)}')
    parts.append(f'"columns":{json.dumps(header.columns, separators=(",", ":"))}')
    parts.append(f'"records":[{",".join(_record(record, header.columns) for record in records)}]')
    if header.test_rows is not None:
        losses = ",".join(_losses(record) for record in records)
        parts.append(f'"test":{{"rows":"{header.test_rows}","losses":[{losses}]}}')
    if failure is not None:
        room = MOST_BYTES - len(("{" + ",".join(parts) + "}").encode()) - len(',"error":{"reason":,"message":}') - 42
        message = _text(failure.message, min(MOST_ERROR_BYTES, room))
        parts.append(f'"error":{{"reason":{_text(failure.reason, 40)},"message":{message}}}')
    return ("{" + ",".join(parts) + "}").encode()


def number(value: float) -> str:
    """JSON of a number with 6 significant digits in at most 12 characters; null for NaN and infinity, 0 below 1e-99."""
    if not math.isfinite(value) or abs(value) >= 1e99:
        return "null"
    if abs(value) < 1e-99:
        return "0"
    return f"{value:.6g}"


def _record(record: Record, columns: Sequence[str]) -> str:
    values = ",".join(number(record.values.get(column, math.nan)) for column in columns)
    best = record.best
    at_best = "null" if best is None else f"[{best.epoch},{number(best.train)},{number(best.val)}]"
    return f'[{record.replicate},"{record.outcome}",{record.epochs},[{values}],{at_best}]'


def _losses(record: Record) -> str:
    return "null" if record.test_losses is None else f'"{base64.b64encode(record.test_losses).decode()}"'


def _text(text: str, most: int) -> str:
    """JSON of a text, cut so that it has at most `most` bytes with its quotes."""
    encoded = json.dumps(text)
    if len(encoded) <= most:
        return encoded
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits: escapes make bytes and characters differ
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(json.dumps(text[:middle] + "...")) <= most else (low, middle - 1)
    return json.dumps(text[:low] + "...") if most >= 5 else '""'
