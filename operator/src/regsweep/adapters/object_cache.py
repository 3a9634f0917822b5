"""Objects of one resource, as last seen: by UID, grouped by a key such as their sweep's UID.

Beside the server's own news it takes the answers to our own writes, so that a decision never rests on a cache that has not seen
them. What was deleted can be kept as a tombstone: a pod's termination message goes with the pod.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Protocol

from regsweep.adapters.kubeapi import KubeObject, namespace_of, uid_of, version_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of the cache."""

    object: KubeObject
    gone: bool = False
    """It was deleted; this is the last that was seen of it."""
    by_us: bool = False
    """Our own delete has removed it."""


class Listener(Protocol):
    """Called with each entry that news have changed, and what it was before (None: it was not there), in the event loop: it must return
    at once."""

    def __call__(self, entry: Entry, before: Entry | None, /) -> None: ...


def as_is(obj: KubeObject) -> KubeObject:
    """The object without `managedFields`, which are half of it and are not used here."""
    obj["metadata"].pop("managedFields", None)
    return obj


class ObjectCache:
    """Objects are identified by UID, so an object recreated under the same name is another object.

    group_by: the key of an object's group. trim: what is kept of an object. keep_tombstones: until they are forgotten.
    """

    def __init__(
        self,
        *,
        group_by: Callable[[KubeObject], str],
        trim: Callable[[KubeObject], KubeObject] = as_is,
        keep_tombstones: bool = False,
    ) -> None:
        self._group_by = group_by
        self._trim = trim
        self._keep_tombstones = keep_tombstones
        self._entries: dict[str, Entry] = {}
        self._groups: dict[str, set[str]] = {}
        self._tombstones: dict[str, set[str]] = {}
        self._deleted_by_us: dict[str, str] = {}
        """UID to namespace of what our deletes have removed, until news of it come."""
        self._listeners: list[Listener] = []
        self._notes: list[Callable[[str, str], None]] = []

    # What others read

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, uid: str) -> bool:
        """Whether the cache has the object or its tombstone."""
        return uid in self._entries

    def get(self, uid: str) -> KubeObject | None:
        """The object, unless it is gone."""
        entry = self._entries.get(uid)
        return None if entry is None or entry.gone else entry.object

    def entry(self, uid: str) -> Entry | None:
        """The object's entry, be it a tombstone; None: the cache does not have it."""
        return self._entries.get(uid)

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
        """Calls it with all news from now on."""
        self._listeners.append(listener)

    def note_changes(self, note: Callable[[str, str], None]) -> None:
        """Calls it with group and UID of all that changes from now on, be it by news or by our own write."""
        self._notes.append(note)

    # What our own writes bring

    def upsert_from_write(self, obj: KubeObject) -> None:
        """Stores the server's answer to our create, patch or delete, unless the cache has a newer version."""
        self._put_newer(obj, notify=False)

    def remove_from_write(self, uid: str) -> None:
        """Records that our delete succeeded; earlier events do not restore the object."""
        entry = self._entries.get(uid)
        if entry is not None:
            self._deleted_by_us[uid] = namespace_of(entry.object)
            self._drop(uid)

    def forget(self, uid: str) -> None:
        """Drops a tombstone: nothing more is wanted of it."""
        entry = self._entries.get(uid)
        if entry is not None and entry.gone:
            self._drop(uid)

    # What the server brings

    def upsert(self, obj: KubeObject) -> None:
        """Takes an object that was listed, added or modified, unless the cache has seen a newer one."""
        self._put_newer(obj, notify=True)

    def delete(self, obj: KubeObject) -> None:
        """Takes it that the object was deleted; `obj`: its last state."""
        uid = uid_of(obj)
        by_us = uid in self._deleted_by_us
        if by_us:
            del self._deleted_by_us[uid]
            if not self._keep_tombstones:
                return
        present = self._entries.get(uid)
        if present is None or not present.gone:
            self._bury(uid, self._trim(obj), by_us=by_us)

    def delete_unlisted(self, namespace: str | None, listed: Set[str], version: int) -> None:
        """Takes it that all else was deleted than the UIDs `listed`, in a namespace (None: in all); `version`: the list's."""
        for uid, entry in list(self._entries.items()):
            if entry.gone or uid in listed or namespace not in (None, namespace_of(entry.object)):
                continue
            if version_of(entry.object) <= version:  # else: our own write, younger than the list
                self._bury(uid, entry.object)
        for uid, place in list(self._deleted_by_us.items()):
            if uid not in listed and namespace in (None, place):
                del self._deleted_by_us[uid]

    # The store

    def _put_newer(self, obj: KubeObject, *, notify: bool) -> None:
        uid = uid_of(obj)
        if uid in self._deleted_by_us:
            return
        present = self._entries.get(uid)
        if present is not None and (present.gone or version_of(present.object) >= version_of(obj)):
            return
        entry = Entry(self._trim(obj))
        self._put(uid, entry, present)
        if notify:
            self._notify(entry, present)

    def _bury(self, uid: str, obj: KubeObject, *, by_us: bool = False) -> None:
        present = self._entries.get(uid)
        entry = Entry(obj, gone=True, by_us=by_us)
        if self._keep_tombstones:
            self._put(uid, entry, present)
        elif present is not None:
            self._drop(uid)
        self._notify(entry, present)

    def _put(self, uid: str, entry: Entry, present: Entry | None) -> None:
        key = self._group_by(entry.object)
        if present is not None and self._group_by(present.object) != key:
            self._drop(uid)
        self._entries[uid] = entry
        self._groups.setdefault(key, set()).add(uid)
        if entry.gone:
            self._tombstones.setdefault(key, set()).add(uid)
        self._note(key, uid)

    def _drop(self, uid: str) -> None:
        entry = self._entries.pop(uid)
        key = self._group_by(entry.object)
        for groups in (self._groups, self._tombstones):
            members = groups.get(key)
            if members is not None:
                members.discard(uid)
                if not members:
                    del groups[key]
        self._note(key, uid)

    def _note(self, key: str, uid: str) -> None:
        for note in self._notes:
            note(key, uid)

    def _notify(self, entry: Entry, before: Entry | None) -> None:
        for listener in self._listeners:
            listener(entry, before)
