"""The termination message: compact JSON with columns named once. Pure: `journal` writes it, `columns` decides what fits.

Every part has a greatest length, so that a message's room can be computed before anything is known of its values.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regsweep_kit.contract import USUAL_MESSAGE_BYTES
from regsweep_kit.objective import Rule
from regsweep_kit.record import Failure, Period, Record

VERSION = 1
MOST_ERROR_BYTES = 1500  # of an error's message, in UTF-8 as JSON
MOST_BACKEND_BYTES, MOST_DEVICE_BYTES, MOST_REASON_BYTES = 20, 64, 40  # as JSON
DIGEST_DIGITS = 16  # of a digest's 64
LARGEST_COUNT = 2**31 - 1  # of rows; what a reader takes
LONGEST_SECONDS = 999_999  # 11 days; later moments are left out


@dataclass(frozen=True, slots=True)
class Header:
    """What all records of the pod share. Parts that are not known yet, since training has not begun, are `None`."""

    columns: tuple[str, ...] = ()
    backend: str | None = None
    device: str | None = None
    gpus: int | None = None
    """GPUs that the training uses; 0 on the CPU."""
    rows: Mapping[str, int] | None = None
    """By part, of the pod's first replicate."""
    data: str | None = None
    """The digest of the data as they were read: pods with different ones must not be compared."""
    data_digest: str | None = None
    """The digest of the data's source bytes."""
    rule: Rule | None = None
    """By which the records' best epochs were chosen."""
    start: int | None = None
    """When the run began, in Unix seconds: the records' periods count from there. `None`: periods are left out."""
    test_rows: str | None = None
    """The digest of the test rows; `None`: no test losses by block."""


def encode(
    header: Header,
    records: Sequence[Record],
    failure: Failure | None = None,
    message_bytes: int = USUAL_MESSAGE_BYTES,
) -> bytes:
    """The message. Beside records that fill it a failure's text is cut, or the failure left out; never a record."""
    parts = [*_header(header), *_results(header, records)]
    if failure is not None:
        reason = _text(failure.reason, MOST_REASON_BYTES)
        room = message_bytes - len(_object([*parts, f'"error":{{"reason":{reason},"message":}}']))
        if room >= len('""'):
            message = _text(failure.message, min(MOST_ERROR_BYTES, room))
            parts.append(f'"error":{{"reason":{reason},"message":{message}}}')
    return _object(parts)


def number(value: float) -> str:
    """JSON of a number with 6 significant digits in at most 12 characters; null for NaN and infinity, 0 below 1e-99."""
    if not math.isfinite(value) or abs(value) >= 1e99:
        return "null"
    if abs(value) < 1e-99:
        return "0"
    return f"{value:.6g}"


LONGEST_NUMBER = -1.23457e-10
"""One of those that `number` writes at the greatest length."""


def _header(header: Header) -> list[str]:
    parts = [f'"version":{VERSION}']
    if header.backend is not None:
        parts.append(f'"backend":{_text(header.backend, MOST_BACKEND_BYTES)}')
    if header.device is not None:
        parts.append(f'"device":{_text(header.device, MOST_DEVICE_BYTES)}')
    if header.gpus is not None:
        parts.append(f'"gpus":{header.gpus}')
    if header.rows is not None:
        parts.append(f'"rows":{_json(dict(header.rows))}')
    if header.data is not None:
        parts.append(f'"data":{_json(header.data[:DIGEST_DIGITS])}')
    if header.data_digest is not None:
        parts.append(f'"dataDigest":{_json(header.data_digest[:DIGEST_DIGITS])}')
    if header.rule is not None:
        parts.append(f'"rule":{_json({"metric": header.rule.metric, "goal": header.rule.goal})}')
    return parts


def _results(header: Header, records: Sequence[Record]) -> list[str]:
    """Columns and records, and what is parallel to the records."""
    parts = [
        f'"columns":{_json(header.columns)}',
        f'"records":[{",".join(_record(record, header.columns) for record in records)}]',
    ]
    if header.start is not None:
        periods = ",".join(_period(record.period) for record in records)
        parts.append(f'"times":{{"start":{header.start},"replicates":[{periods}]}}')
    if header.test_rows is not None:
        losses = ",".join(_losses(record) for record in records)
        parts.append(f'"test":{{"rows":"{header.test_rows}","losses":[{losses}]}}')
    return parts


def _record(record: Record, columns: Sequence[str]) -> str:
    values = ",".join(number(record.values.get(column, math.nan)) for column in columns)
    best = record.best
    at_best = "null" if best is None else f"[{best.epoch},{number(best.train)},{number(best.val)}]"
    return f'[{record.replicate},"{record.outcome}",{record.epochs},[{values}],{at_best}]'


def _period(period: Period | None) -> str:
    if period is None or not 0 <= period.start <= period.end <= LONGEST_SECONDS:
        return "null"
    return f"[{_seconds(period.start)},{_seconds(period.end)}]"


def _seconds(value: float) -> str:
    """With one decimal, which is dropped where it is 0, and from 10,000 s on; so at most 6 characters."""
    rounded = round(float(value), 1)
    return f"{rounded:.0f}" if rounded >= 10_000 or rounded.is_integer() else f"{rounded:.1f}"


def _losses(record: Record) -> str:
    return "null" if record.test_losses is None else f'"{base64.b64encode(record.test_losses).decode()}"'


def _object(parts: Sequence[str]) -> bytes:
    return ("{" + ",".join(parts) + "}").encode()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _text(text: str, most: int) -> str:
    """JSON of a string, cut so that it has at most `most` bytes with its quotes."""
    encoded = json.dumps(text)
    if len(encoded) <= most:
        return encoded
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits: escapes make bytes and characters differ
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(json.dumps(text[:middle] + "...")) <= most else (low, middle - 1)
    return json.dumps(text[:low] + "...") if most >= 5 else '""'
