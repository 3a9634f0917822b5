"""The stored records of one sweep: read once, kept, and written by nobody else while the lease is held.

Of the segments only the last is kept whole: ten thousand runs have hundreds of them, and only the last one is written again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from regsweep.adapters.kubeapi import RESULTS, KubeApi, KubeObject
from regsweep.adapters.listing import list_all
from regsweep.api.constants import SWEEP_UID_LABEL
from regsweep.core.ownership import owner_uid, result_owners
from regsweep.core.results.records import Record, Records
from regsweep.core.results.segments import Segment, append, merge, owned_as_wanted, read, with_owners
from regsweep.core.sweep import Point, Sweep
from regsweep.errors import AlreadyExists, Conflict, Expired, NotFound

SEGMENTS_PER_PAGE = 20
"""A segment may have 200 kB, more than what is read of it."""


class RecordStore:
    """Records of a sweep in its SweepResults."""

    def __init__(self, api: KubeApi, namespace: str, sweep_uid: str) -> None:
        self._api = api
        self._namespace = namespace
        self._sweep_uid = sweep_uid
        self._records: Records | None = None
        self._last: KubeObject | None = None
        self._owned: set[bool] = set()
        """Whether segments are deleted with the sweep: of all that are stored, both where they differ."""

    async def all(self) -> Records:
        """All stored records, read from the API server where that was not done yet.

        Raises ApiError.
        """
        if self._records is None:
            self._records = await self._read()
        return self._records

    async def add(self, records: Iterable[Record], sweep: Sweep, points: Iterable[Point]) -> tuple[Record, ...]:
        """Stores what is not stored yet; returns what was. It is stored when this returns.

        points: those that the records may be of; of any other point the flags are not stored.

        Raises Conflict when another has written (then all is read again the next time), and other ApiErrors.
        """
        present = await self.all()
        new = [r for r in records if _is_news(present, r)]
        flags = {point.key: point.combination.flags for point in points} if new else {}
        stored: list[Record] = []
        for write in append([self._last] if self._last else [], new, flags, sweep):
            try:
                if write.replaces:
                    self._last = await self._api.replace(RESULTS, write.manifest)
                else:
                    self._last = await self._api.create(RESULTS, write.manifest)
            except (AlreadyExists, NotFound, Conflict) as error:
                self.forget()
                raise Conflict(f"the stored records changed: {error}", error.status) from error
            self._records = present = present.plus(write.records)
            self._owned.add(bool(owner_uid(self._last)))
            stored += write.records
        return tuple(stored)

    async def set_owners(self, sweep: Sweep) -> None:
        """Lets the segments be deleted with the sweep, or outlive it, as its spec wants.

        Raises Conflict when another has written (then all is read again the next time), and other ApiErrors.
        """
        await self.all()
        if self._owned <= {bool(result_owners(sweep))}:
            return
        try:
            async for segment in self._segments():
                if not owned_as_wanted(segment, sweep):
                    await self._api.replace(RESULTS, with_owners(segment, sweep))
        finally:
            self.forget()

    def forget(self) -> None:
        """Drops what was read: it is read again when asked for."""
        self._records = None
        self._last = None
        self._owned = set()

    async def _read(self) -> Records:
        """Reads segment by segment; the list is in the order of names, which is not that of sequences above 10."""
        while True:
            segments: list[Segment] = []
            self.forget()
            try:
                async for segment in self._segments():
                    segments.append(read(segment))
                    self._owned.add(bool(owner_uid(segment)))
                    if self._last is None or int(segment["sequence"]) > int(self._last["sequence"]):
                        self._last = segment
                    await asyncio.sleep(0)  # others' slots do not wait until thousands of records are read
            except Expired:
                continue
            return merge(segments)

    def _segments(self) -> AsyncIterator[KubeObject]:
        """The segments as they are stored."""
        of_it = f"{SWEEP_UID_LABEL}={self._sweep_uid}"
        return list_all(self._api, RESULTS, self._namespace, label_selector=of_it, limit=SEGMENTS_PER_PAGE)


def _is_news(present: Records, record: Record) -> bool:
    """Whether the record would count beside what is stored."""
    stored = present.get(*record.key)
    return stored is None or not (stored.has_result or record.attempt <= stored.attempt)
