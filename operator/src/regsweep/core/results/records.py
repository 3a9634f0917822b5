"""What a replicate's training came to: the record, and the store of all records of a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from regsweep.api.conditions import Reason
from regsweep.api.objective import EpochRule
from regsweep.api.sweep_result import Outcome, Source

__all__ = ["LATE_GAIN", "BestEpoch", "Environment", "Outcome", "Record", "Records", "Source", "TestLosses"]

LATE_GAIN: Final = "late_gain"
"""Among a record's metrics: by how much its best value, on the rows that choose epochs, got better within the last tenth of the
epochs. It says when training ended, not how good the model is: nothing shows it as a metric, or ranks by it."""


@dataclass(frozen=True, slots=True)
class BestEpoch:
    """A metric at its best epoch; both values come from that one epoch."""

    epoch: int
    train: float | None
    val: float | None
    rule: EpochRule | None = None
    """The rule that chose the epoch, and so the metric; None: an old record, without it (see `accept`)."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What trained a replicate, and on how many rows. Empty or None: not known."""

    backend: str = ""
    device: str = ""
    """Device class, such as `cpu` or a GPU's model."""
    image: str = ""
    """Digest of the image that ran, as its node names it."""
    data: str = ""
    """Beginning of the digest of the data as the trainer read them."""
    train_rows: int | None = None
    val_rows: int | None = None
    """Rows that the ranked validation metrics come from."""
    data_digest: str = ""
    """Beginning of the SHA-256 of the data's source bytes: results of other bytes are never ranked together."""


@dataclass(frozen=True, slots=True)
class TestLosses:
    """Losses of a replicate on blocks of the test rows, in one order for all replicates."""

    __test__ = False  # pytest would take it for a test

    rows: str
    """Digest of the test rows: losses of other rows are not comparable."""
    losses: str
    """Base64 of little-endian half-precision numbers: each block's mean loss in multiples of the replicate's test_average_loss."""


@dataclass(frozen=True, slots=True)
class Record:
    """One (point, replicate) that has ended."""

    point_key: str
    replicate: int
    outcome: Outcome
    run: str
    """Name of the Job or local run that trained it."""
    attempt: int = 0
    epochs: int = 0
    """Epochs trained."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Values at the last epoch, split first (`val_average_loss`). An absent name: not reported, or not a number."""
    best: BestEpoch | None = None
    source: Source = Source.RECORD
    environment: Environment = Environment()
    test: TestLosses | None = None
    """Only of the final evaluation."""
    reason: Reason | None = None
    """Why it failed; None unless `outcome` is Failed."""
    message: str = ""
    """Why it failed, in words."""
    started_at: datetime | None = None
    """When its training started; None: not known."""
    ended_at: datetime | None = None
    gpu_seconds: float | None = None
    """GPU-seconds that it is charged with (`gputime`); None: not known."""

    @property
    def shown_metrics(self) -> Mapping[str, float]:
        """Its metrics but `LATE_GAIN`: those that say how good the model is."""
        return {name: value for name, value in self.metrics.items() if name != LATE_GAIN}

    @property
    def key(self) -> tuple[str, int]:
        """What the store merges by."""
        return self.point_key, self.replicate

    @property
    def seconds(self) -> float | None:
        """How long its training took; None: not known."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def has_result(self) -> bool:
        """Whether training came to a result, be it divergence."""
        return self.outcome is not Outcome.FAILED


@dataclass(frozen=True, slots=True, eq=False)
class _Version:
    """Which points' records were added to an earlier version of them."""

    parent: _Version | None
    keys: frozenset[str]
    depth: int


_NO_RECORDS: Final[Mapping[int, Record]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Costs:
    """What records have cost. Every record counts that was ever stored, those that a later attempt has replaced too."""

    gpu_seconds: float = 0.0
    """Of all of them."""
    most_gpu_seconds: float | None = None
    """Of the costliest training with a result; None: no result says so."""
    most_seconds: float | None = None
    """Of the longest training with a result."""

    def plus(self, record: Record) -> Costs:
        """These and the record's."""
        total = self.gpu_seconds + (record.gpu_seconds or 0.0)
        if not record.has_result:
            return Costs(total, self.most_gpu_seconds, self.most_seconds)
        most_gpu = _larger(self.most_gpu_seconds, record.gpu_seconds)
        return Costs(total, most_gpu, _larger(self.most_seconds, record.seconds))


def _larger(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


class Records:
    """All stored records of a sweep, in the order in which they were stored, merged by (point key, replicate).

    The first result of a replicate wins. A failure is replaced only by a later attempt's result or failure.
    """

    __slots__ = ("_by_point", "_counted", "_uncounted", "_version")

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._by_point: dict[str, dict[int, Record]] = {}
        self._counted = Costs()
        self._uncounted: list[Record] = []
        """Those whose costs are added when somebody asks."""
        self._version = _Version(None, frozenset(), 0)
        for record in records:
            self._add(record)

    @property
    def costs(self) -> Costs:
        """What they have cost."""
        for record in self._uncounted:
            self._counted = self._counted.plus(record)
        self._uncounted = []
        return self._counted

    @property
    def points(self) -> Set[str]:
        """Keys of the points that have records."""
        return self._by_point.keys()

    def add(self, record: Record) -> bool:
        """Adds the record; False if the present one wins."""
        self._version = _Version(None, frozenset(), 0)
        self._by_point[record.point_key] = dict(self.of(record.point_key))
        return self._add(record)

    def _add(self, record: Record) -> bool:
        replicates = self._by_point.setdefault(record.point_key, {})
        present = replicates.get(record.replicate)
        if present is not None and (present.has_result or record.attempt <= present.attempt):
            return False
        replicates[record.replicate] = record
        self._uncounted.append(record)
        return True

    def get(self, point_key: str, replicate: int) -> Record | None:
        """The record, or None."""
        return self._by_point.get(point_key, {}).get(replicate)

    def of(self, point_key: str) -> Mapping[int, Record]:
        """The point's records by replicate; the same object for as long as they are the same."""
        return self._by_point.get(point_key, _NO_RECORDS)

    def plus(self, more: Iterable[Record]) -> Records:
        """These and more, merged; in a new object, unless there are no more."""
        more = tuple(more)
        if not more:
            return self
        joined = Records()
        joined._by_point = dict(self._by_point)
        joined._counted = self.costs
        copied: set[str] = set()
        for record in more:
            if record.point_key not in copied:
                copied.add(record.point_key)
                joined._by_point[record.point_key] = dict(joined._by_point.get(record.point_key, {}))
            joined._add(record)
        joined._version = _Version(self._version, frozenset(copied), self._version.depth + 1)
        return joined

    def changed_since(self, earlier: Records) -> frozenset[str] | None:
        """Keys of the points whose records may differ from those of `earlier`; None: of all, as neither has come from the other by
        `plus`, nor both from a third."""
        mine: _Version | None = self._version
        theirs: _Version | None = earlier._version
        changed: set[str] = set()
        while mine is not theirs:
            if mine is None or theirs is None:
                return None
            if mine.depth >= theirs.depth:
                changed |= mine.keys
                mine = mine.parent
            else:
                changed |= theirs.keys
                theirs = theirs.parent
        return frozenset(changed)

    def latest_first(self) -> Iterator[Record]:
        """Records by point, the point that was first stored last coming first."""
        for replicates in reversed(self._by_point.values()):
            yield from replicates.values()

    def __iter__(self) -> Iterator[Record]:
        for replicates in self._by_point.values():
            yield from replicates.values()

    def __len__(self) -> int:
        return sum(len(replicates) for replicates in self._by_point.values())
