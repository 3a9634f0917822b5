"""A Kubernetes API in memory, for tests: it behaves as a real one in what the operator uses, and passes the same contract suite.

Kept from the real one: resourceVersions that rise over all objects, conflicts, AlreadyExists, UID preconditions, merge patches,
label selectors, pages, watches with bookmarks and expiry, finalizers, and the garbage collection of what a deleted object owned.
Left out: schemas, defaults, admission and authorization, of which a test can play any part through `before_write`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import uuid4

from regsweep.adapters.kubeapi import (
    PAGE_SIZE,
    KubeObject,
    Page,
    Resource,
    WatchEvent,
    WatchType,
    is_deleting,
    namespace_of,
    uid_of,
)
from regsweep.adapters.memory_objects import (
    Labels,
    check_preconditions,
    copied,
    has_fields,
    matches,
    merged,
    parse_fields,
    parse_labels,
)
from regsweep.errors import AlreadyExists, Expired, NotFound, Unavailable

Key: TypeAlias = tuple[str, str, str]
"""Plural, namespace, name."""


@dataclass(frozen=True, slots=True)
class Write:
    """A requested write, as `before_write` and `writes` show it."""

    verb: str
    """create, update, patch or delete."""
    resource: str
    """Plural, with the subresource where there is one."""
    namespace: str
    name: str
    object: KubeObject | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Change:
    """One step of an object's life."""

    version: int
    resource: Resource
    before: KubeObject | None
    after: KubeObject | None
    last: KubeObject
    """The object after the change; for a deletion its last state, with the version of the deletion."""


@dataclass(slots=True)
class _Watcher:
    plural: str
    namespace: str | None
    selector: Labels
    queue: asyncio.Queue[WatchEvent | Exception] = field(default_factory=asyncio.Queue)


class MemoryApi:
    """Serves KubeApi from a dictionary."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_uid: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        self._now = now
        self._new_uid = new_uid
        self._objects: dict[Key, KubeObject] = {}
        self._version = 1000
        self._history: list[_Change] = []
        self._oldest = 1000
        self._watchers: list[_Watcher] = []
        self.writes: list[Write] = []
        """Every write that came in, refused ones and dry runs included."""
        self.before_write: Callable[[Write], None] | None = None
        """Called before each write is carried out; what it raises is what the caller gets."""
        self.after_write: Callable[[Write], None] | None = None
        """Called after each write was carried out; what it raises is what the caller gets: a lost answer."""
        self.before_read: Callable[[str, Resource], None] | None = None
        """Called before each get, list and watch with the verb; what it raises is what the caller gets."""

    # For tests: the world beside the operator

    def objects(
        self,
        resource: Resource,
        namespace: str | None = None,
        where: Callable[[KubeObject], bool] | None = None,
    ) -> list[KubeObject]:
        """Copies of the objects in the order in which they were created: those for which `where` holds, which may change none.
        None: all."""
        return [
            copied(obj)
            for (plural, ns, _), obj in self._objects.items()
            if plural == resource.plural and namespace in (None, ns) and (where is None or where(obj))
        ]

    def copy(self, *, now: Callable[[], datetime], new_uid: Callable[[], str]) -> MemoryApi:
        """Another one with the same objects, of which nobody has heard yet."""
        other = MemoryApi(now=now, new_uid=new_uid)
        other._objects = {key: copied(obj) for key, obj in self._objects.items()}
        other._version = other._oldest = self._version
        return other

    @property
    def version(self) -> int:
        """The resourceVersion of the last change."""
        return self._version

    def expire_history(self) -> None:
        """Forgets the past: a watch from before now gets Expired, as after etcd's compaction."""
        self._history.clear()
        self._oldest = self._version

    def break_watches(self, error: Exception | None = None) -> None:
        """Ends every open watch, by default as a connection that dropped."""
        for watcher in self._watchers:
            watcher.queue.put_nowait(error or Unavailable("connection reset by peer"))

    def bookmark(self) -> None:
        """Sends every watch a bookmark."""
        for watcher in self._watchers:
            watcher.queue.put_nowait(self._bookmark())

    # KubeApi

    async def get(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        """See KubeApi."""
        self._read("get", resource)
        return copied(self._find(resource, namespace, name))

    async def list_page(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = PAGE_SIZE,
        continue_token: str = "",
    ) -> Page:
        """See KubeApi."""
        self._read("list", resource)
        version, start = self._version, 0
        if continue_token:
            version, start = (int(part) for part in continue_token.split("/"))
            if version < self._oldest:
                raise Expired("The provided continue parameter is too old.", 410)
        selector = parse_labels(label_selector)
        fields = parse_fields(field_selector)
        matching = [o for o in self._sorted(resource, namespace) if matches(o, selector) and has_fields(o, fields)]
        end = start + limit
        token = f"{version}/{end}" if end < len(matching) else ""
        return Page(copied(matching[start:end]), str(version), token)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        resource_version: str,
        timeout_seconds: float,
    ) -> AsyncGenerator[WatchEvent, None]:
        """See KubeApi."""
        self._read("watch", resource)
        since = int(resource_version)
        if since < self._oldest:
            raise Expired(f"too old resource version: {since} ({self._oldest})", 410)
        watcher = _Watcher(resource.plural, namespace, parse_labels(label_selector))
        for change in self._history:
            if change.version > since:
                _offer(watcher, change)
        self._watchers.append(watcher)
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    item = await watcher.queue.get()
                    if isinstance(item, Exception):
                        raise item
                    yield WatchEvent(item.type, copied(item.object))
        except TimeoutError:
            return
        finally:
            self._watchers.remove(watcher)

    async def create(self, resource: Resource, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
        """See KubeApi."""
        obj = copied(obj)
        meta = obj["metadata"]
        if "generateName" in meta and "name" not in meta:
            meta["name"] = meta["generateName"] + uuid4().hex[:5]
        write = self._write("create", resource.plural, meta["namespace"], meta["name"], obj, dry_run=dry_run)
        key = (resource.plural, meta["namespace"], meta["name"])
        if key in self._objects:
            raise AlreadyExists(f'{resource.plural} "{meta["name"]}" already exists', 409)
        obj["apiVersion"], obj["kind"] = resource.api_version, resource.kind
        meta["uid"] = self._new_uid()
        meta["creationTimestamp"] = self._timestamp()
        meta["generation"] = 1
        meta["resourceVersion"] = str(self._version)
        if not dry_run:
            self._store(resource, key, obj)
        self._written(write)
        return copied(obj)

    async def replace(self, resource: Resource, obj: KubeObject, *, subresource: str = "") -> KubeObject:
        """See KubeApi."""
        obj = copied(obj)
        namespace, name = namespace_of(obj), obj["metadata"]["name"]
        plural = f"{resource.plural}/{subresource}" if subresource else resource.plural
        write = self._write("update", plural, namespace, name, obj)
        present = self._find(resource, namespace, name)
        check_preconditions(present, obj["metadata"])
        if subresource:
            changed = copied(present)
            changed[subresource] = obj.get(subresource, {})
        else:
            changed = obj
            changed["metadata"] = {
                **obj["metadata"],
                **{k: present["metadata"][k] for k in _SERVERS if k in present["metadata"]},
            }
            if "status" in present:
                changed["status"] = present["status"]
        answer = self._change(resource, present, changed)
        self._written(write)
        return answer

    async def patch(self, resource: Resource, namespace: str, name: str, patch: KubeObject) -> KubeObject:
        """See KubeApi."""
        write = self._write("patch", resource.plural, namespace, name, copied(patch))
        present = self._find(resource, namespace, name)
        check_preconditions(present, patch.get("metadata", {}))
        answer = self._change(resource, present, merged(present, patch))
        self._written(write)
        return answer

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str = ""
    ) -> KubeObject | None:
        """See KubeApi."""
        write = self._write("delete", resource.plural, namespace, name)
        present = self._find(resource, namespace, name)
        check_preconditions(present, {"uid": uid, "resourceVersion": resource_version or None})
        if present["metadata"].get("finalizers"):
            answer = self._mark(resource, present)
            self._written(write)
            return answer
        self._remove(resource, present)
        self._written(write)
        return None

    # Inside

    def _read(self, verb: str, resource: Resource) -> None:
        if self.before_read:
            self.before_read(verb, resource)

    def _write(
        self,
        verb: str,
        resource: str,
        namespace: str,
        name: str,
        obj: KubeObject | None = None,
        *,
        dry_run: bool = False,
    ) -> Write:
        write = Write(verb, resource, namespace, name, obj, dry_run)
        self.writes.append(write)
        if self.before_write:
            self.before_write(write)
        return write

    def _written(self, write: Write) -> None:
        if self.after_write:
            self.after_write(write)

    def _find(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        obj = self._objects.get((resource.plural, namespace, name))
        if obj is None:
            raise NotFound(f'{resource.plural} "{name}" not found', 404)
        return obj

    def _sorted(self, resource: Resource, namespace: str | None) -> list[KubeObject]:
        keys = sorted(k for k in self._objects if k[0] == resource.plural and namespace in (None, k[1]))
        return [self._objects[key] for key in keys]

    def _change(self, resource: Resource, present: KubeObject, changed: KubeObject) -> KubeObject:
        meta = changed["metadata"]
        if changed == present:
            return copied(present)
        if changed.get("spec") != present.get("spec"):
            meta["generation"] = present["metadata"]["generation"] + 1
        if is_deleting(changed) and not meta.get("finalizers"):
            self._remove(resource, changed)
            return copied(changed)
        self._store(resource, (resource.plural, meta["namespace"], meta["name"]), changed)
        return copied(changed)

    def _mark(self, resource: Resource, present: KubeObject) -> KubeObject:
        """Asks for the deletion of an object that finalizers hold; once is enough."""
        marked = copied(present)
        marked["metadata"].setdefault("deletionTimestamp", self._timestamp())
        return self._change(resource, present, marked)

    def _store(self, resource: Resource, key: Key, obj: KubeObject) -> None:
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        before = self._objects.get(key)
        self._objects[key] = obj
        last = copied(obj)
        self._publish(_Change(self._version, resource, before, last, last))

    def _remove(self, resource: Resource, obj: KubeObject) -> None:
        self._version += 1
        before = self._objects.pop((resource.plural, namespace_of(obj), obj["metadata"]["name"]))
        last = copied(obj)
        last["metadata"]["resourceVersion"] = str(self._version)
        self._publish(_Change(self._version, resource, before, None, last))
        self._collect_garbage(uid_of(obj))

    def _collect_garbage(self, owner_uid: str) -> None:
        """Deletes what the object owned, as far as no finalizer holds it: what the garbage collector of a real cluster does soon."""
        for (plural, _, _), child in list(self._objects.items()):
            if any(owner["uid"] == owner_uid for owner in child["metadata"].get("ownerReferences") or ()):
                group, _, version = child["apiVersion"].rpartition("/")
                resource = Resource(group, version, plural, child["kind"])
                if child["metadata"].get("finalizers"):
                    self._mark(resource, child)
                else:
                    self._remove(resource, child)

    def _publish(self, change: _Change) -> None:
        self._history.append(change)
        for watcher in self._watchers:
            _offer(watcher, change)

    def _bookmark(self) -> WatchEvent:
        return WatchEvent(WatchType.BOOKMARK, {"metadata": {"resourceVersion": str(self._version)}})

    def _timestamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _offer(watcher: _Watcher, change: _Change) -> None:
    """Puts the change as this watch sees it: an object that begins or ceases to match is added or deleted to it."""
    if change.resource.plural != watcher.plural or watcher.namespace not in (None, namespace_of(change.last)):
        return
    was = change.before is not None and matches(change.before, watcher.selector)
    is_now = change.after is not None and matches(change.after, watcher.selector)
    if was or is_now:
        kind = WatchType.MODIFIED if was and is_now else WatchType.ADDED if is_now else WatchType.DELETED
        watcher.queue.put_nowait(WatchEvent(kind, change.last))


_SERVERS = ("uid", "creationTimestamp", "deletionTimestamp", "generation")
"""Metadata that a writer cannot change."""
