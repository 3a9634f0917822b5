"""Whole LISTs: all objects of a kind, of which one page is held at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator

from regsweep.adapters.kubeapi import PAGE_SIZE, KubeApi, KubeObject, Resource


async def list_all(
    api: KubeApi,
    resource: Resource,
    namespace: str | None,
    *,
    label_selector: str = "",
    field_selector: str = "",
    limit: int = PAGE_SIZE,
) -> AsyncIterator[KubeObject]:
    """The objects, page by page; `namespace` None: of all namespaces. limit: objects of a page.

    Raises ApiError, Expired among them where whoever reads takes too long over a page: list again.
    """
    token = ""
    while True:
        page = await api.list_page(
            resource,
            namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            continue_token=token,
        )
        for obj in page.items:
            yield obj
        token = page.continue_token
        if not token:
            return
