"""Writes only while the lease is held: checked when they are asked for, and once more when they are sent, after all waiting.

A write ends before the lease does: an answer that takes longer is not waited for, since another operator may act by then.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from math import inf

from regsweep.adapters.kubeapi import PAGE_SIZE, KubeApi, KubeObject, Page, Resource, WatchEvent
from regsweep.adapters.permits import Permit, under
from regsweep.errors import Unavailable


class FencedApi:
    """A KubeApi whose writes raise Unavailable once `may_write` says no. seconds_left: how long a write may take."""

    def __init__(
        self, api: KubeApi, may_write: Callable[[], bool], seconds_left: Callable[[], float] = lambda: inf
    ) -> None:
        self._api = api
        self._may_write = may_write
        self._permit = Permit(self._check, seconds_left)

    async def get(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        """See KubeApi."""
        return await self._api.get(resource, namespace, name)

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
        return await self._api.list_page(
            resource,
            namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            continue_token=continue_token,
        )

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        resource_version: str,
        timeout_seconds: float,
    ) -> AsyncGenerator[WatchEvent, None]:
        """See KubeApi."""
        return self._api.watch(
            resource,
            namespace,
            label_selector=label_selector,
            resource_version=resource_version,
            timeout_seconds=timeout_seconds,
        )

    async def create(self, resource: Resource, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
        """See KubeApi."""
        self._check()
        with under(self._permit):
            return await self._api.create(resource, obj, dry_run=dry_run)

    async def replace(self, resource: Resource, obj: KubeObject, *, subresource: str = "") -> KubeObject:
        """See KubeApi."""
        self._check()
        with under(self._permit):
            return await self._api.replace(resource, obj, subresource=subresource)

    async def patch(self, resource: Resource, namespace: str, name: str, patch: KubeObject) -> KubeObject:
        """See KubeApi."""
        self._check()
        with under(self._permit):
            return await self._api.patch(resource, namespace, name, patch)

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str = ""
    ) -> KubeObject | None:
        """See KubeApi."""
        self._check()
        with under(self._permit):
            return await self._api.delete(resource, namespace, name, uid=uid, resource_version=resource_version)

    def _check(self) -> None:
        if not self._may_write():
            raise Unavailable("the lease is no longer held: another operator may be active")
