"""A cache of one resource that follows the API server: LIST by pages, then WATCH, and LIST again when the watch has lost its place.

Beside the server's own news it takes the answers to our own writes, so that a decision never rests on a cache that has not seen
them. What was deleted can be kept as a tombstone: a pod's termination message goes with the pod.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

from regsweep.adapters.kubeapi import PAGE_SIZE, KubeApi, KubeObject, Resource, WatchType, uid_of, version_of
from regsweep.errors import ApiError, Expired

logger = logging.getLogger(__name__)

WATCH_SECONDS: Final = 270.0
"""Longest watch; jittered by a fifth, so that the watches of all informers do not end together."""
SHORTEST_WATCH_SECONDS: Final = 5.0
"""A watch that ends sooner without any news counts as a failure."""
FIRST_BACKOFF_SECONDS: Final = 0.5
LONGEST_BACKOFF_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of the cache."""

    object: KubeObject
    gone: bool = False
    """It was deleted; this is the last that was seen of it."""


class Listener(Protocol):
    """Called with each entry that changed, in the event loop: it must return at once."""

    def __call__(self, entry: Entry, /) -> None: ...


def as_is(obj: KubeObject) -> KubeObject:
    """The object without `managedFields`, which are half of it and which nobody here reads."""
    obj["metadata"].pop("managedFields", None)
    return obj


class Informer:
    """Keeps the objects of a resource that a selector chooses, grouped by a key such as their sweep's UID.

    Objects are told apart by UID, so that one name created anew is another object. `run` never ends by itself.
    """

    def __init__(
        self,
        api: KubeApi,
        resource: Resource,
        *,
        group_by: Callable[[KubeObject], str],
        label_selector: str = "",
        namespaces: Sequence[str | None] = (None,),
        trim: Callable[[KubeObject], KubeObject] = as_is,
        keep_tombstones: bool = False,
        watch_seconds: float = WATCH_SECONDS,
        first_backoff_seconds: float = FIRST_BACKOFF_SECONDS,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.resource = resource
        self._api = api
        self._group_by = group_by
        self._label_selector = label_selector
        self._namespaces = tuple(namespaces)
        self._trim = trim
        self._keep_tombstones = keep_tombstones
        self._watch_seconds = watch_seconds
        self._first_backoff = first_backoff_seconds
        self._clock = clock
        self._sleep = sleep
        self._entries: dict[str, Entry] = {}
        self._groups: dict[str, set[str]] = {}
        self._tombstones: dict[str, set[str]] = {}
        self._deleted_by_us: set[str] = set()
        self._listeners: list[Listener] = []
        self._unsynced = set(self._namespaces)
        self._synced = asyncio.Event()
        self._heard_at: dict[str | None, float] = {}

    # What others read

    @property
    def synced(self) -> bool:
        """Whether the first LIST is complete in every namespace."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        """Waits for the first complete LIST."""
        await self._synced.wait()

    @property
    def age_seconds(self) -> float | None:
        """Seconds since the server was last heard of (the longest over namespaces); None before the first LIST."""
        if not self.synced:
            return None
        return self._clock() - min(self._heard_at.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, uid: str) -> bool:
        """Whether the cache has the object or its tombstone."""
        return uid in self._entries

    def get(self, uid: str) -> KubeObject | None:
        """The object, unless it is gone."""
        entry = self._entries.get(uid)
        return None if entry is None or entry.gone else entry.object

    def group(self, key: str) -> Iterator[Entry]:
        """The objects of a group, tombstones included."""
        for uid in self._groups.get(key, ()):
            yield self._entries[uid]

    def tombstones(self, key: str) -> list[KubeObject]:
        """What is gone of a group and not forgotten."""
        return [self._entries[uid].object for uid in self._tombstones.get(key, ())]

    def groups(self) -> list[str]:
        """The keys of all groups that are not empty."""
        return list(self._groups)

    def add_listener(self, listener: Listener) -> None:
        """Calls it with every change from now on."""
        self._listeners.append(listener)

    # What our own writes tell

    def upsert_from_write(self, obj: KubeObject) -> None:
        """Takes the server's answer to a create, patch or delete of ours, unless the cache has seen a newer one."""
        self._upsert(obj, notify=False)

    def remove_from_write(self, uid: str) -> None:
        """Takes it that a delete of ours has gone through; news from before it do not bring the object back."""
        if uid in self._entries:
            self._deleted_by_us.add(uid)
            self._drop(uid)

    def forget(self, uid: str) -> None:
        """Drops a tombstone: nothing more is wanted of it."""
        entry = self._entries.get(uid)
        if entry is not None and entry.gone:
            self._drop(uid)

    # What the server tells

    async def run(self) -> None:
        """Follows the server until cancelled, through every failure."""
        async with asyncio.TaskGroup() as group:
            for namespace in self._namespaces:
                group.create_task(self._follow(namespace), name=f"informer {self.resource.plural} {namespace or '*'}")

    async def _follow(self, namespace: str | None) -> None:
        version: str | None = None
        failures = 0
        while True:
            try:
                if version is None:
                    version = await self._list(namespace)
                    failures = 0
                before, began = version, self._clock()
                version, broke = await self._watch(namespace, version)
                progressed = version != before
                if broke is not None:
                    failures = 1 if progressed else failures + 1
                    self._log_failure(broke, failures)
                else:
                    # A watch that ends at once without any event must not be repeated in a tight loop.
                    ended_at_once = not progressed and self._clock() - began < SHORTEST_WATCH_SECONDS
                    failures = failures + 1 if ended_at_once else 0
            except Expired:
                logger.info("%s: the watch lost its place, listing again", self.resource.plural)
                version = None
                failures += 1
            except ApiError as error:
                failures += 1
                self._log_failure(error, failures)
            if failures > 1:
                await self._sleep(self._backoff(failures - 1))

    def _log_failure(self, error: ApiError, failures: int) -> None:
        level = logging.WARNING if failures > 1 else logging.INFO
        logger.log(level, "%s: %s (failure %d in a row)", self.resource.plural, error, failures)

    def _backoff(self, failures: int) -> float:
        longest = min(LONGEST_BACKOFF_SECONDS, self._first_backoff * 2.0 ** min(failures - 1, 16))
        return longest * random.uniform(0.5, 1.0)

    async def _list(self, namespace: str | None) -> str:
        seen: set[str] = set()
        token = ""
        while True:
            page = await self._api.list_page(
                self.resource,
                namespace,
                label_selector=self._label_selector,
                limit=PAGE_SIZE,
                continue_token=token,
            )
            self._heard_at[namespace] = self._clock()
            for obj in page.items:
                seen.add(uid_of(obj))
                self._upsert(obj)
            token = page.continue_token
            if not token:
                break
            await asyncio.sleep(0)
        self._remove_vanished(namespace, seen, int(page.resource_version))
        self._deleted_by_us &= seen
        self._unsynced.discard(namespace)
        if not self._unsynced:
            self._synced.set()
        return page.resource_version

    def _remove_vanished(self, namespace: str | None, seen: set[str], listed_version: int) -> None:
        for uid, entry in list(self._entries.items()):
            if entry.gone or uid in seen or namespace not in (None, entry.object["metadata"]["namespace"]):
                continue
            if version_of(entry.object) <= listed_version:  # else: our own write, younger than the list
                self._bury(uid, entry.object)

    async def _watch(self, namespace: str | None, version: str) -> tuple[str, ApiError | None]:
        """Watches until it ends; returns the version to go on from, and the error that broke it (None: the server ended it).

        Raises Expired.
        """
        try:
            events = self._api.watch(
                self.resource,
                namespace,
                label_selector=self._label_selector,
                resource_version=version,
                timeout_seconds=self._watch_seconds * random.uniform(0.8, 1.0),
            )
            async with aclosing(events) as stream:
                async for event in stream:
                    self._heard_at[namespace] = self._clock()
                    version = event.object["metadata"]["resourceVersion"]
                    if event.type is WatchType.DELETED:
                        self._take_deleted(event.object)
                    elif event.type is not WatchType.BOOKMARK:
                        self._upsert(event.object)
        except Expired:
            raise
        except ApiError as error:
            return version, error
        self._heard_at[namespace] = self._clock()
        return version, None

    def _take_deleted(self, obj: KubeObject) -> None:
        uid = uid_of(obj)
        if uid in self._deleted_by_us:
            self._deleted_by_us.discard(uid)
            if not self._keep_tombstones:
                return
        present = self._entries.get(uid)
        if present is None or not present.gone:
            self._bury(uid, self._trim(obj))

    # The store

    def _upsert(self, obj: KubeObject, *, notify: bool = True) -> None:
        uid = uid_of(obj)
        if uid in self._deleted_by_us:
            return
        present = self._entries.get(uid)
        if present is not None and (present.gone or version_of(present.object) >= version_of(obj)):
            return
        entry = Entry(self._trim(obj))
        self._put(uid, entry, present)
        if notify:
            self._notify(entry)

    def _bury(self, uid: str, obj: KubeObject) -> None:
        present = self._entries.get(uid)
        entry = Entry(obj, gone=True)
        if self._keep_tombstones:
            self._put(uid, entry, present)
        elif present is not None:
            self._drop(uid)
        self._notify(entry)

    def _put(self, uid: str, entry: Entry, present: Entry | None) -> None:
        key = self._group_by(entry.object)
        if present is not None and self._group_by(present.object) != key:
            self._drop(uid)
        self._entries[uid] = entry
        self._groups.setdefault(key, set()).add(uid)
        if entry.gone:
            self._tombstones.setdefault(key, set()).add(uid)

    def _drop(self, uid: str) -> None:
        entry = self._entries.pop(uid)
        key = self._group_by(entry.object)
        for groups in (self._groups, self._tombstones):
            members = groups.get(key)
            if members is not None:
                members.discard(uid)
                if not members:
                    del groups[key]

    def _notify(self, entry: Entry) -> None:
        for listener in self._listeners:
            listener(entry)
