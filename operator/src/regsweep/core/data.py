"""The data that a sweep's results rest on: which they are, and results of other data kept out.

Nobody but a trainer sees the data. It reports a digest of their source bytes with its records, and the earliest stored result of
the present data revision pins it. Later runs are given it and refuse to train on other data; what the first runs disagree
about is told apart here. A trainer that reports no digest is not guarded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from regsweep.api.conditions import Reason
from regsweep.api.constants import EXIT_INVALID_FLAGS
from regsweep.core.results.messages import Message, parse_message
from regsweep.core.results.records import Environment, Outcome, Record
from regsweep.core.runs import ObservedRun

FEWEST_DIGITS = 4
"""Of a displayed digest, if so many distinguish two digests."""


def pinned_digest(point_keys: Collection[str], records: Iterable[Record], known: str = "") -> str:
    """Digest of the data that all results of these points must rest on; empty while no result names any.

    records: the earliest stored first.
    known: where it is known otherwise, as to a local run, which has asked before.
    """
    if known:
        return known
    named = (record.environment.data_digest for record in records if record.point_key in point_keys and _names(record))
    return next(named, "")


def is_unguarded(point_keys: Collection[str], records: Iterable[Record]) -> bool:
    """Whether there are results of these points, and none of them names its data."""
    results = [record for record in records if record.point_key in point_keys and record.has_result]
    return bool(results) and not any(map(_names, results))


def with_same_data(records: Iterable[Record], point_keys: Collection[str], pinned: str) -> tuple[Record, ...]:
    """The records, and in place of results of these points that rest on other data, failures that say so.

    pinned: as `pinned_digest` has it; where it is empty the first of the records pins.
    """
    kept = []
    for record in records:
        if record.point_key in point_keys and _names(record):
            pinned = pinned or record.environment.data_digest
            record = record if record.environment.data_digest == pinned else _refused(record, pinned)
        kept.append(record)
    return tuple(kept)


def with_refused_data(records: Iterable[Record], run: ObservedRun) -> tuple[Record, ...]:
    """The run's records; those that failed because the trainer refused changed data carry the digest of these data."""
    return tuple(
        replace(record, environment=_refused_by(run)) if record.reason is Reason.DATA_CHANGED else record
        for record in records
    )


def _refused_by(run: ObservedRun) -> Environment:
    for pod in run.pods:
        message = parse_message(pod.message) if pod.exit_code == EXIT_INVALID_FLAGS else None
        if isinstance(message, Message):
            return message.environment
    return Environment()


def change_of(old: str, new: str) -> str:
    """Such as `1f0c -> 9a3e`: as many digits as distinguish the two; the old one alone if the new one is unknown."""
    if not new:
        return f"from {old[:FEWEST_DIGITS]}" if old else ""
    digits = FEWEST_DIGITS
    while digits < len(old) and old[:digits] == new[:digits]:
        digits += 1
    return f"{old[:digits]} -> {new[:digits]}"


def _names(record: Record) -> bool:
    return record.has_result and bool(record.environment.data_digest)


def _refused(record: Record, pinned: str) -> Record:
    """The failure that replaces a result of other data."""
    change = change_of(pinned, record.environment.data_digest)
    return Record(
        record.point_key,
        record.replicate,
        Outcome.FAILED,
        run=record.run,
        attempt=record.attempt,
        environment=replace(record.environment, train_rows=None, val_rows=None),
        reason=Reason.DATA_CHANGED,
        message=f"It was trained on other data than the earlier results ({change}).",
    )
