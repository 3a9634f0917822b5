"""The way between an operator and the API in memory: it takes time, loses requests and answers, and can be cut."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from regsweep.adapters.kubeapi import LEASES, PAGE_SIZE, KubeApi, KubeObject, Page, Resource, WatchEvent, name_of
from regsweep.errors import Conflict, Unavailable

A = TypeVar("A")
SECONDS = 0.01
"""That a request or an answer is under way."""


class Trouble(Enum):
    """What may happen to a request."""

    REFUSED = "500"
    """The server has an error of its own, and did nothing."""
    THROTTLED = "429"
    """It asks to come again in two seconds."""
    CONFLICT = "409"
    """It says that somebody was faster; of a read, that it has an error."""
    LOST = "answer lost"
    """It does what was asked for, and the connection breaks before its answer."""
    SLOW = "slow"
    """Its answer takes two seconds."""


@dataclass(frozen=True)
class Landed:
    """A write that has reached the API."""

    verb: str
    resource: str
    name: str
    """Of the object that was written."""


class Wire:
    """Serves KubeApi from another. Leases pass untouched unless it is cut."""

    def __init__(self, api: KubeApi, *, on_landed: Callable[[Landed], None] | None = None) -> None:
        self._api = api
        self._on_landed = on_landed
        self.is_cut = False
        self.troubles: deque[Trouble] = deque()
        """What happens to the next requests, one after the other."""
        self.dropped: set[str] = set()
        """Plurals of resources of which no event of a watch arrives."""
        self.late: dict[str, float] = {}
        """Plural of a resource to the seconds that each event of its watch takes."""

    async def get(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        """See KubeApi."""
        return await self._carry("get", resource, name, lambda: self._api.get(resource, namespace, name))

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

        def page() -> Awaitable[Page]:
            return self._api.list_page(
                resource,
                namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                limit=limit,
                continue_token=continue_token,
            )

        return await self._carry("list", resource, "", page)

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
        if self.is_cut:
            raise Unavailable("cut")
        events = self._api.watch(
            resource,
            namespace,
            label_selector=label_selector,
            resource_version=resource_version,
            timeout_seconds=timeout_seconds,
        )
        async for event in events:
            await asyncio.sleep(self.late.get(resource.plural, SECONDS))
            if resource.plural not in self.dropped:
                yield event

    async def create(self, resource: Resource, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
        """See KubeApi."""
        verb = "dry run" if dry_run else "create"
        return await self._carry(verb, resource, name_of(obj), lambda: self._api.create(resource, obj, dry_run=dry_run))

    async def replace(self, resource: Resource, obj: KubeObject, *, subresource: str = "") -> KubeObject:
        """See KubeApi."""

        def replaced() -> Awaitable[KubeObject]:
            return self._api.replace(resource, obj, subresource=subresource)

        return await self._carry("update", resource, name_of(obj), replaced)

    async def patch(self, resource: Resource, namespace: str, name: str, patch: KubeObject) -> KubeObject:
        """See KubeApi."""
        return await self._carry("patch", resource, name, lambda: self._api.patch(resource, namespace, name, patch))

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str = ""
    ) -> KubeObject | None:
        """See KubeApi."""

        def gone() -> Awaitable[KubeObject | None]:
            return self._api.delete(resource, namespace, name, uid=uid, resource_version=resource_version)

        return await self._carry("delete", resource, name, gone)

    async def _carry(self, verb: str, resource: Resource, name: str, ask: Callable[[], Awaitable[A]]) -> A:
        is_spared = resource is LEASES or not self.troubles
        trouble = None if is_spared else self.troubles.popleft()
        await asyncio.sleep(SECONDS)
        self._fail_before(trouble, verb)
        answer = await ask()
        if self._on_landed is not None and verb in ("create", "update", "patch", "delete"):
            self._on_landed(Landed(verb, resource.plural, name))
        await asyncio.sleep(2.0 if trouble is Trouble.SLOW else SECONDS)
        if trouble is Trouble.LOST or self.is_cut:
            raise Unavailable("the connection was closed before the answer")
        return answer

    def _fail_before(self, trouble: Trouble | None, verb: str) -> None:
        if self.is_cut:
            raise Unavailable("cut")
        if trouble is Trouble.CONFLICT and verb in ("update", "patch"):
            raise Conflict("the object has been modified", 409)
        if trouble in (Trouble.REFUSED, Trouble.CONFLICT):
            raise Unavailable("internal error", 500)
        if trouble is Trouble.THROTTLED:
            raise Unavailable("too many requests", 429, 2.0)
