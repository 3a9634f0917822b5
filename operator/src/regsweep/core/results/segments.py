"""Records as SweepResult objects and back. The stored record, not the Job, decides whether a replicate is done.

A sweep's records are stored in segments, each an object of its own: writing one more record rewrites at most 256. Records are
appended, never changed: a later attempt is stored beside the failure that it replaces, and `load` merges as `Records` does.
What a later version wrote stays as it is, fields and values that this one does not know included: reading skips such
fields, and shows such values as Unknown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Final

from pydantic import JsonValue

from regsweep.api.canonical import digest
from regsweep.api.conditions import Reason
from regsweep.api.constants import API_VERSION, MAX_NAME_LENGTH, RESULT_KIND
from regsweep.api.objective import EpochRule
from regsweep.api.spec import Flags, Goal
from regsweep.api.sweep_result import (
    MAX_MESSAGE_LENGTH,
    MAX_METRIC_NAME_LENGTH,
    MAX_METRICS,
    MAX_RECORDS,
    MAX_SEGMENT_BYTES,
)
from regsweep.api.wording import cut
from regsweep.core.ownership import JsonObject, KubeObject, child_labels, owner_uid, result_owners
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Records, Source, TestLosses
from regsweep.core.sweep import Sweep
from regsweep.core.timestamps import readable_timestamp, timestamp

ENVIRONMENT_KEY_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Segment:
    """What was read of a segment."""

    sequence: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class SegmentWrite:
    """One write that stores records."""

    manifest: JsonObject
    """The whole object. To replace a segment it carries the resourceVersion that it was read at: if that is not the
    newest any more, the server refuses (Conflict), and the records are appended to the new content."""
    replaces: bool
    """PUT to replace an existing segment; else POST a new one."""
    records: tuple[Record, ...]
    """Those that are stored once the write has landed."""

    @property
    def name(self) -> str:
        """The object's name."""
        metadata = self.manifest["metadata"]
        return str(metadata["name"]) if isinstance(metadata, dict) else ""


def append(
    segments: Iterable[KubeObject], records: Iterable[Record], flags_by_point: Mapping[str, Flags], sweep: Sweep
) -> list[SegmentWrite]:
    """The writes that store the records: the last segment filled up, then new ones; none for what is stored already.

    segments: the sweep's, in any order, as the API server has them. The last one alone will do for a caller that has left
    out of `records` what is stored. flags_by_point: of each new record's point, by its key; a point that is not named has
    no flags there.
    """
    present = sorted(segments, key=_sequence)
    stored = load(present)
    new = [record for record in records if stored.add(record)]
    writes: list[SegmentWrite] = []
    segment = _Segment.of(present[-1]) if present else _Segment.empty(sweep, 0)
    for record in new:
        point: JsonObject = {"key": record.point_key, "flags": dict(flags_by_point.get(record.point_key, {}))}
        environment = _environment_json(record)
        entry = _to_json(record)
        if environment is not None:
            entry["environment"] = environment["key"]
        if not segment.has_room_for(entry, point, environment):
            if segment.added:
                writes.append(segment.write())
            segment = _Segment.empty(sweep, segment.sequence + 1)
        segment.add(record, entry, point, environment)
    if segment.added:
        writes.append(segment.write())
    return writes


def load(segments: Iterable[KubeObject]) -> Records:
    """The records of the segments in any order: the first result of a replicate wins, as it was stored."""
    return merge(map(read, segments))


def read(segment: KubeObject) -> Segment:
    """The records of one segment: they take a fifth of its memory."""
    return Segment(_sequence(segment), tuple(_records_of(segment)))


def merge(segments: Iterable[Segment]) -> Records:
    """As `load`."""
    ordered = sorted(segments, key=lambda segment: segment.sequence)
    return Records(record for segment in ordered for record in segment.records)


def _records_of(segment: KubeObject) -> Iterator[Record]:
    shared = {entry["key"]: (_environment(entry), _rule(entry)) for entry in segment.get("environments") or ()}
    for entry in segment.get("records") or ():
        yield _from_json(entry, *shared.get(entry.get("environment"), _NOTHING_KNOWN))


def owned_as_wanted(segment: KubeObject, sweep: Sweep) -> bool:
    """Whether the segment is deleted with the sweep just if the spec wants that."""
    return bool(owner_uid(segment)) is bool(result_owners(sweep))


def with_owners(segment: KubeObject, sweep: Sweep) -> JsonObject:
    """The segment, deleted with the sweep or not, as the spec wants it."""
    metadata = {name: value for name, value in segment["metadata"].items() if name != "managedFields"}
    metadata["ownerReferences"] = result_owners(sweep)
    return {**segment, "apiVersion": API_VERSION, "kind": RESULT_KIND, "metadata": metadata}


def segment_name(sweep_uid: str, sequence: int) -> str:
    """Name of the segment: never that of another sweep, be it one of the same name."""
    return f"{sweep_uid}-{sequence}"


@dataclass(slots=True)
class _Segment:
    """A segment that is being filled."""

    manifest: JsonObject
    replaces: bool
    sequence: int
    points: list[JsonValue]
    environments: list[JsonValue]
    records: list[JsonValue]
    keys: set[str]
    """Of its points and environments, whose lengths differ."""
    size: int
    """Bytes of the object as compact JSON."""
    added: list[Record]

    @classmethod
    def empty(cls, sweep: Sweep, sequence: int) -> _Segment:
        manifest: JsonObject = {
            "apiVersion": API_VERSION,
            "kind": RESULT_KIND,
            "metadata": {
                "name": segment_name(sweep.uid, sequence),
                "namespace": sweep.namespace,
                "labels": dict(child_labels(sweep)),
                "ownerReferences": result_owners(sweep),
            },
            "sweepName": sweep.name,
            "sequence": sequence,
            "points": [],
            "environments": [],
            "records": [],
        }
        return cls(manifest, False, sequence, [], [], [], set(), _size(manifest), [])

    @classmethod
    def of(cls, stored: KubeObject) -> _Segment:
        points, environments, records = (list(stored.get(name) or ()) for name in ("points", "environments", "records"))
        # A list's items leave out apiVersion and kind; managedFields are the server's, and absent they stay as they are.
        metadata = {name: value for name, value in stored["metadata"].items() if name != "managedFields"}
        manifest: JsonObject = {**stored, "apiVersion": API_VERSION, "kind": RESULT_KIND, "metadata": metadata}
        keys = {item["key"] for item in (*points, *environments)}
        return cls(manifest, True, _sequence(stored), points, environments, records, keys, _size(manifest), [])

    def has_room_for(self, entry: JsonObject, point: JsonObject, environment: JsonObject | None) -> bool:
        """Whether it takes the record; an empty segment takes any."""
        if not self.records:
            return True
        more = _size(entry) + sum(_size(item) for item in (point, environment) if item and item["key"] not in self.keys)
        return len(self.records) < MAX_RECORDS and self.size + more <= MAX_SEGMENT_BYTES

    def add(self, record: Record, entry: JsonObject, point: JsonObject, environment: JsonObject | None) -> None:
        for item, items in ((point, self.points), (environment, self.environments)):
            if item is not None and item["key"] not in self.keys:
                self.keys.add(str(item["key"]))
                items.append(item)
                self.size += _size(item)
        self.records.append(entry)
        self.size += _size(entry)
        self.added.append(record)

    def write(self) -> SegmentWrite:
        manifest: JsonObject = {
            **self.manifest,
            "points": self.points,
            "environments": self.environments,
            "records": self.records,
        }
        return SegmentWrite(manifest, self.replaces, tuple(self.added))


def _sequence(segment: KubeObject) -> int:
    return int(segment.get("sequence", 0))


def _size(value: JsonValue) -> int:
    """Bytes as compact JSON, with a comma after it."""
    return len(json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()) + 1


def _to_json(record: Record) -> JsonObject:
    """The record as the CRD has it. What is empty is left out; what is not a number is absent, never NaN."""
    metrics = [
        (name, value)
        for name, value in record.metrics.items()
        if math.isfinite(value) and len(name) <= MAX_METRIC_NAME_LENGTH
    ]
    entry: JsonObject = {
        "point": record.point_key,
        "replicate": record.replicate,
        "outcome": record.outcome.value,
        "run": record.run,
        "attempt": record.attempt,
        "epochs": record.epochs,
        "metrics": dict(metrics[:MAX_METRICS]),
        "source": record.source.value,
    }
    if record.best is not None and record.best.epoch >= 1:
        best: JsonObject = {"epoch": record.best.epoch}
        for split, value in (("train", record.best.train), ("val", record.best.val)):
            if value is not None and math.isfinite(value):
                best[split] = value
        entry["best"] = best
    if record.reason is not None:
        entry["reason"] = record.reason.value
    if record.message:
        entry["message"] = cut(record.message, MAX_MESSAGE_LENGTH)
    for field, moment in (("start", record.started_at), ("end", record.ended_at)):
        if moment is not None:
            entry[field] = timestamp(moment)
    if record.gpu_seconds is not None and math.isfinite(record.gpu_seconds):
        entry["gpuSeconds"] = record.gpu_seconds
    if record.test is not None:
        entry["test"] = {"rows": cut(record.test.rows, MAX_NAME_LENGTH), "losses": record.test.losses}
    return entry


def _environment_json(record: Record) -> JsonObject | None:
    """What is known of the record's environment and of its rule, under the hash of that; None where nothing is."""
    environment = record.environment
    texts = {
        "backend": environment.backend,
        "device": environment.device,
        "image": environment.image,
        "data": environment.data,
        "dataDigest": environment.data_digest,
    }
    known: JsonObject = {name: cut(text, MAX_NAME_LENGTH) for name, text in texts.items() if text}
    if record.best is not None and record.best.rule is not None:
        known["rule"] = {"metric": record.best.rule.metric, "goal": record.best.rule.goal.value}
    for name, count in (("trainRows", environment.train_rows), ("valRows", environment.val_rows)):
        if count is not None:
            known[name] = count
    return {"key": digest(known, ENVIRONMENT_KEY_LENGTH), **known} if known else None


def _environment(entry: KubeObject) -> Environment:
    return Environment(
        backend=entry.get("backend", ""),
        device=entry.get("device", ""),
        image=entry.get("image", ""),
        data=entry.get("data", ""),
        data_digest=entry.get("dataDigest", ""),
        train_rows=entry.get("trainRows"),
        val_rows=entry.get("valRows"),
    )


def _rule(entry: KubeObject) -> EpochRule | None:
    rule = entry.get("rule")
    if not rule:
        return None
    try:
        return EpochRule(rule["metric"], Goal(rule["goal"]))
    except (KeyError, ValueError):  # a later version's: no objective of this one is chosen by it
        return UNKNOWN_RULE


UNKNOWN_RULE: Final = EpochRule("", Goal.MINIMIZE)
"""A rule that cannot be read."""
_NOTHING_KNOWN: Final = (Environment(), None)


def _from_json(entry: KubeObject, environment: Environment, rule: EpochRule | None) -> Record:
    outcome = Outcome(entry["outcome"]) if entry["outcome"] in _OUTCOMES else Outcome.UNKNOWN
    source = entry.get("source", Source.RECORD)
    best = entry.get("best") if outcome is not Outcome.UNKNOWN else None
    reason = entry.get("reason")
    return Record(
        point_key=intern(entry["point"]),  # thousands have the same
        replicate=entry["replicate"],
        outcome=outcome,
        run=intern(entry["run"]),
        attempt=entry.get("attempt", 0),
        epochs=entry.get("epochs", 0),
        metrics=_metrics(entry) if outcome is not Outcome.UNKNOWN else {},
        best=BestEpoch(best["epoch"], _float(best.get("train")), _float(best.get("val")), rule) if best else None,
        source=Source(source) if source in _SOURCES else Source.UNKNOWN,
        environment=environment,
        test=TestLosses(test["rows"], test["losses"]) if (test := entry.get("test")) else None,
        reason=None if reason is None else Reason(reason) if reason in _REASONS else Reason.UNKNOWN,
        message=_message(reason, entry.get("message", "")),
        started_at=readable_timestamp(entry.get("start")),
        ended_at=readable_timestamp(entry.get("end")),
        gpu_seconds=_float(entry.get("gpuSeconds")),
    )


def _metrics(entry: KubeObject) -> dict[str, float]:
    return {name: float(value) for name, value in (entry.get("metrics") or {}).items()}


def _message(reason: str | None, message: str) -> str:
    """The message, with the reason in its own word where that is Unknown here."""
    return message if reason is None or reason in _REASONS else f"{cut(reason, MAX_NAME_LENGTH)}: {message}"


_REASONS: Final = frozenset(reason.value for reason in Reason)
_OUTCOMES: Final = frozenset(outcome.value for outcome in Outcome)
_SOURCES: Final = frozenset(source.value for source in Source)


def _float(value: float | None) -> float | None:
    """The number as a float: the API server writes 1.0 as 1."""
    return float(value) if value is not None else None
