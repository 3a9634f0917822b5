"""A real Kubernetes API: raw JSON over one aiohttp session, whose errors do not leave this module.

The models of the official client cost three times the CPU of the JSON itself, and a LIST of them ten times its memory; what it knows of
kubeconfigs is what is wanted of it (`kubeconfig_access`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from regsweep.adapters.access import Access
from regsweep.adapters.fieldmask import FieldMask
from regsweep.adapters.kube_errors import error_of, reason_of
from regsweep.adapters.kubeapi import EVENTS, JOBS, LEASES, PAGE_SIZE, KubeObject, Page, Resource, WatchEvent, WatchType
from regsweep.adapters.permits import check_permit
from regsweep.adapters.proxies import proxy_for
from regsweep.adapters.sockets import kept_alive
from regsweep.adapters.throttle import TokenBucket, Urgency, asking_for
from regsweep.errors import ApiError, Unavailable

MAX_PAGE: Final = 4 * 2**20
"""Bytes of a page of several objects: the objects that it makes may take 25 times as much. It is read on the event loop, since a thread
would keep the interpreter from it for just as long."""
MAX_ANSWER: Final = 32 * 2**20
"""Of any other answer. etcd takes 1.5 MB of an object, and JSON may need six characters for one."""
WATCH_GRACE_SECONDS: Final = 15.0
"""How long past its own time-out a watch may stay open before it counts as dead."""

Observer = Callable[[str, str, int], None]
"""Called after each request with verb (get, list, watch, create, update, patch, delete), plural (with subresource), and HTTP
status (0: no answer)."""


def _ignore(verb: str, resource: str, status: int) -> None:
    """Observes nothing."""


async def authorization_header(access: Access) -> dict[str, str]:
    """The header that authenticates a request, with a token that is fresh; empty with client certificates."""
    value = await access.authorization()
    return {"Authorization": value} if value else {}


@dataclass(frozen=True, slots=True)
class _Request:
    """A request of KubeApi over HTTP."""

    verb: str
    method: str
    resource: Resource
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: KubeObject | None = None
    content_type: str = "application/json"
    subresource: str = ""

    @property
    def plural(self) -> str:
        """What observers call its resource."""
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural

    @property
    def urgency(self) -> Urgency:
        """How long it may wait behind others, unless whoever asks is not in a hurry: a GPU is idle until its Job is created."""
        return Urgency.FIRST if self.verb == "create" and self.resource is JOBS else Urgency.NORMAL


class KubeClient:
    """Serves KubeApi from a real API server. Close it when done."""

    def __init__(
        self,
        access: Access,
        *,
        qps: float = 50.0,
        burst: int = 100,
        request_timeout_seconds: float = 30.0,
        user_agent: str = "regsweep",
        observer: Observer = _ignore,
        masks: Mapping[Resource, FieldMask] | None = None,
    ) -> None:
        """`masks`: of resources of whose lists and watches only some fields are wanted."""
        self._access = access
        self._masks = masks or {}
        self._base = access.host.rstrip("/")
        self._proxy = access.proxy or proxy_for(self._base)
        self._observer = observer
        self._bucket = TokenBucket(qps, burst)
        self._timeout = aiohttp.ClientTimeout(
            total=request_timeout_seconds, sock_connect=min(10.0, request_timeout_seconds)
        )
        self._page_sizes: dict[Resource, int] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=access.tls(), limit=0, socket_factory=kept_alive),
            headers={"User-Agent": user_agent, "Accept": "application/json"},
            # It would read the environment and ~/.netrc in a thread before each request: two waits for a CPU.
            trust_env=False,
        )

    @property
    def access(self) -> Access:
        """What it was made from."""
        return self._access

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        """See KubeApi."""
        return await self._call(_Request("get", "GET", resource, resource.path(namespace, name)))

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
        """See KubeApi. A page that is too large is asked for with half as many objects, down to a single one."""
        given = {"labelSelector": label_selector, "fieldSelector": field_selector, "continue": continue_token}
        query = {name: value for name, value in given.items() if value}
        while True:
            size = min(limit, self._page_sizes.get(resource, limit))
            request = _Request("list", "GET", resource, resource.path(namespace), {"limit": str(size), **query})
            try:
                return await self._page(request, size)
            except TooLarge:
                if size == 1:
                    raise
                self._page_sizes[resource] = size // 2

    async def _page(self, request: _Request, size: int) -> Page:
        """A page of so many objects. Raises ApiError."""
        resource, path = request.resource, request.path
        mask = self._masks.get(resource)
        parse = json.loads if mask is None else mask.page

        def read(body: bytes) -> Any:
            # A quarter: at half of it every second question would be in vain.
            if len(body) < MAX_PAGE // 4 and resource in self._page_sizes:
                self._page_sizes[resource] = 2 * size
            return parse(body)

        answer = await self._call(request, read, MAX_PAGE if size > 1 else MAX_ANSWER)
        meta = answer["metadata"]
        if not isinstance(answer.get("items"), list | None) or "resourceVersion" not in meta:
            raise Unavailable(f"no usable answer to GET {path}: it is not a list of {resource.kind}")
        return Page(answer.get("items") or [], meta["resourceVersion"], meta.get("continue", ""))

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
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, round(timeout_seconds))),
        }
        if label_selector:
            query["labelSelector"] = label_selector
        # It may be silent all the while: of what has not changed since it started, the server does not even send bookmarks.
        timeout = aiohttp.ClientTimeout(total=timeout_seconds + WATCH_GRACE_SECONDS, sock_connect=10.0)
        request = _Request("watch", "GET", resource, resource.path(namespace), query)
        mask = self._masks.get(resource)
        read = json.loads if mask is None else mask.event
        async with self._answered(request, timeout) as response:
            async for line in _lines(response):
                event = read(line)
                if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
                    raise ValueError("it is not a watch event")
                if event.get("type") == "ERROR":
                    raise error_of(int(event["object"].get("code") or 500), event["object"], None)
                yield WatchEvent(WatchType(str(event.get("type"))), event["object"])

    async def create(self, resource: Resource, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
        """See KubeApi."""
        query = {"dryRun": "All"} if dry_run else {}
        path = resource.path(obj["metadata"]["namespace"])
        return await self._call(_Request("create", "POST", resource, path, query, obj))

    async def replace(self, resource: Resource, obj: KubeObject, *, subresource: str = "") -> KubeObject:
        """See KubeApi."""
        path = resource.path(obj["metadata"]["namespace"], obj["metadata"]["name"], subresource)
        return await self._call(_Request("update", "PUT", resource, path, body=obj, subresource=subresource))

    async def patch(self, resource: Resource, namespace: str, name: str, patch: KubeObject) -> KubeObject:
        """See KubeApi."""
        path, content_type = resource.path(namespace, name), "application/merge-patch+json"
        return await self._call(_Request("patch", "PATCH", resource, path, body=patch, content_type=content_type))

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str = ""
    ) -> KubeObject | None:
        """See KubeApi."""
        preconditions = {"uid": uid} | ({"resourceVersion": resource_version} if resource_version else {})
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": preconditions,
        }
        answer = await self._call(_Request("delete", "DELETE", resource, resource.path(namespace, name), body=options))
        return None if answer.get("kind") == "Status" else answer

    async def _call(
        self, request: _Request, read: Callable[[bytes], Any] = json.loads, max_bytes: int = MAX_ANSWER
    ) -> KubeObject:
        """The object that answers the request.

        Raises ApiError, TooLarge among them.
        """
        async with self._answered(request, self._timeout) as response:
            answer = read(await _body(response, request, max_bytes))
            if not isinstance(answer, dict) or not isinstance(answer.get("metadata"), dict):
                raise ValueError("it is not a Kubernetes object")
            return answer

    @asynccontextmanager
    async def _answered(
        self,
        request: _Request,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (handed to aiohttp, which applies it to each phase)
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The good answer to a request; everything else is raised as an ApiError."""
        data = None if request.body is None else json.dumps(request.body, allow_nan=False, separators=(",", ":"))
        if request.resource is not LEASES:  # a lease that waits behind a thousand creates is lost
            with asking_for("events") if request.resource is EVENTS else nullcontext():
                await self._bucket.take(request.urgency)  # events decide nothing: together they wait in one queue
        status = 0
        try:
            headers = await authorization_header(self._access)
            if data is not None:
                headers["Content-Type"] = request.content_type
            left = check_permit()  # only now: the wait for a token, or as long as the server asked for, is over
            async with self._session.request(
                request.method,
                self._base + request.path,
                params=request.query,
                data=data,
                headers=headers,
                timeout=timeout if left is None else _within(timeout, left),
                proxy=self._proxy,
                server_hostname=self._access.server_name,
                allow_redirects=False,
            ) as response:
                status = response.status
                if status >= 300:
                    raise await self._failure(response)
                yield response
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:  # a time-out is an OSError
            raise Unavailable(
                f"no usable answer to {request.method} {request.path}: {reason_of(error)}", status
            ) from error
        finally:
            self._observer(request.verb, request.plural, status)

    async def _failure(self, response: aiohttp.ClientResponse) -> ApiError:
        text = await response.text(errors="replace")
        try:
            answer = json.loads(text)
        except json.JSONDecodeError:
            answer = {}
        if not isinstance(answer, dict) or answer.get("kind") != "Status":
            answer = {"message": text[:500] or response.reason or ""}
        failure = error_of(response.status, answer, response.headers.get("Retry-After"))
        if failure.retry_after_seconds is not None:
            self._bucket.pause(failure.retry_after_seconds)
        return failure


def _within(timeout: aiohttp.ClientTimeout, seconds: float) -> aiohttp.ClientTimeout:
    """The time-out, but for the whole request no more than so many seconds."""
    total = seconds if timeout.total is None else min(timeout.total, seconds)
    return aiohttp.ClientTimeout(total=total, sock_connect=timeout.sock_connect, sock_read=timeout.sock_read)


class TooLarge(Unavailable):
    """An answer of more bytes than are read."""


async def _body(response: aiohttp.ClientResponse, request: _Request, max_bytes: int) -> bytes:
    """The whole answer. Raises TooLarge, as soon as that is known: no more of it is held."""
    parts: list[bytes] = []
    size = response.content_length or 0
    if size <= max_bytes:
        size = 0
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                break
    if size > max_bytes:
        text = f"no usable answer to {request.method} {request.path}: it has more than {max_bytes:,} bytes"
        raise TooLarge(text, response.status)
    return b"".join(parts)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The lines of a streamed answer, however long; readline() would refuse objects above its buffer."""
    rest: list[bytes] = []
    async for chunk in response.content.iter_any():
        *ended, tail = chunk.split(b"\n")
        for part in ended:
            line = b"".join((*rest, part))
            rest.clear()
            if line:
                yield line
        if tail:
            rest.append(tail)
