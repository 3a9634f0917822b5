"""A real Kubernetes API: the official client's configuration and authentication, and raw JSON over one aiohttp session.

The client's own models cost three times the CPU of the JSON itself, and a LIST of them ten times its memory; what it knows of
tokens and certificates is what is wanted of it (`connection` makes its configuration). No error of either library leaves
this module.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from regsweep.adapters.kubeapi import LEASES, PAGE_SIZE, KubeObject, Page, Resource, WatchEvent, WatchType
from regsweep.adapters.throttle import TokenBucket
from regsweep.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    NamespaceTerminating,
    NotFound,
    Refused,
    Unavailable,
    UnknownResource,
)

INACTIVITY_SECONDS: Final = 90.0
"""A watch that says nothing for so long is dead: the server sends a bookmark every minute (watch cache, 60 s)."""
WATCH_GRACE_SECONDS: Final = 15.0
"""How long past its own time-out a watch may stay open before it counts as dead."""

Observer = Callable[[str, str, int], None]
"""Called after each request with verb (get, list, watch, create, update, patch, delete), plural (with subresource), and HTTP
status (0: no answer)."""


def _ignore(verb: str, resource: str, status: int) -> None:
    """Observes nothing."""


async def authorization_header(configuration: Configuration) -> dict[str, str]:
    """The header that authenticates a request, with a token that is fresh; empty with client certificates."""
    key = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    return {"Authorization": key.strip()} if key else {}


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for that URL (HTTPS_PROXY and the like, but for hosts in NO_PROXY); None: none."""
    parts = urlsplit(url)
    if parts.hostname and proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


class KubeClient:
    """Serves KubeApi from a real API server. Close it when done."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        qps: float = 50.0,
        burst: int = 100,
        request_timeout_seconds: float = 30.0,
        user_agent: str = "regsweep",
        observer: Observer = _ignore,
    ) -> None:
        rest = RESTClientObject(configuration)  # for its TLS set-up; its own session is never opened
        self._configuration = configuration
        self._base = str(configuration.host).rstrip("/")
        self._proxy = configuration.proxy or proxy_for(self._base)
        self._server_name: str | None = configuration.tls_server_name
        self._observer = observer
        self._bucket = TokenBucket(qps, burst)
        self._timeout = aiohttp.ClientTimeout(
            total=request_timeout_seconds, sock_connect=min(10.0, request_timeout_seconds)
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=rest.ssl_context, limit=0),
            headers={"User-Agent": user_agent, "Accept": "application/json"},
            # It would read the environment and ~/.netrc in a thread before each request: two waits for a CPU.
            trust_env=False,
        )

    @property
    def configuration(self) -> Configuration:
        """What it was made from."""
        return self._configuration

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        """See KubeApi."""
        return await self._call("get", "GET", resource, resource.path(namespace, name))

    async def list_page(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        limit: int = PAGE_SIZE,
        continue_token: str = "",
    ) -> Page:
        """See KubeApi."""
        query = {"limit": str(limit)}
        if label_selector:
            query["labelSelector"] = label_selector
        if continue_token:
            query["continue"] = continue_token
        answer = await self._call("list", "GET", resource, resource.path(namespace), query=query)
        meta = answer["metadata"]
        if not isinstance(answer.get("items"), list | None) or "resourceVersion" not in meta:
            raise Unavailable(f"no usable answer to GET {resource.path(namespace)}: it is no list of {resource.kind}")
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
        timeout = aiohttp.ClientTimeout(
            total=timeout_seconds + WATCH_GRACE_SECONDS, sock_connect=10.0, sock_read=INACTIVITY_SECONDS
        )
        async with self._request(
            "watch", "GET", resource, resource.path(namespace), query=query, timeout=timeout
        ) as response:
            async for line in _lines(response):
                event = json.loads(line)
                if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
                    raise ValueError("it is no event of a watch")
                if event.get("type") == "ERROR":
                    raise error_of(int(event["object"].get("code") or 500), event["object"], None)
                yield WatchEvent(WatchType(str(event.get("type"))), event["object"])

    async def create(self, resource: Resource, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
        """See KubeApi."""
        query = {"dryRun": "All"} if dry_run else {}
        path = resource.path(obj["metadata"]["namespace"])
        return await self._call("create", "POST", resource, path, query=query, body=obj)

    async def replace(self, resource: Resource, obj: KubeObject, *, subresource: str = "") -> KubeObject:
        """See KubeApi."""
        path = resource.path(obj["metadata"]["namespace"], obj["metadata"]["name"], subresource)
        return await self._call("update", "PUT", resource, path, body=obj, subresource=subresource)

    async def patch(self, resource: Resource, namespace: str, name: str, patch: KubeObject) -> KubeObject:
        """See KubeApi."""
        path = resource.path(namespace, name)
        return await self._call(
            "patch", "PATCH", resource, path, body=patch, content_type="application/merge-patch+json"
        )

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> KubeObject | None:
        """See KubeApi."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        answer = await self._call("delete", "DELETE", resource, resource.path(namespace, name), body=options)
        return None if answer.get("kind") == "Status" else answer

    async def _call(
        self,
        verb: str,
        method: str,
        resource: Resource,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: KubeObject | None = None,
        content_type: str = "application/json",
        subresource: str = "",
    ) -> KubeObject:
        async with self._request(
            verb,
            method,
            resource,
            path,
            query=query or {},
            body=body,
            content_type=content_type,
            subresource=subresource,
            timeout=self._timeout,
        ) as response:
            answer = json.loads(await response.read())
            if not isinstance(answer, dict) or not isinstance(answer.get("metadata"), dict):
                raise ValueError("it is no object of Kubernetes")
            return answer

    @asynccontextmanager
    async def _request(
        self,
        verb: str,
        method: str,
        resource: Resource,
        path: str,
        *,
        query: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (handed to aiohttp, which applies it to each phase)
        body: KubeObject | None = None,
        content_type: str = "application/json",
        subresource: str = "",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request whose answer is good; everything else is raised as an ApiError."""
        data = None if body is None else json.dumps(body, allow_nan=False, separators=(",", ":"))
        if resource is not LEASES:  # a lease that waits behind a thousand creates is lost
            await self._bucket.take()
        status = 0
        try:
            headers = await authorization_header(self._configuration)
            if data is not None:
                headers["Content-Type"] = content_type
            async with self._session.request(
                method,
                self._base + path,
                params=query,
                data=data,
                headers=headers,
                timeout=timeout,
                proxy=self._proxy,
                server_hostname=self._server_name,
                allow_redirects=False,
            ) as response:
                status = response.status
                if status >= 300:
                    raise await self._failure(response)
                yield response
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:  # a time-out is an OSError
            raise Unavailable(f"no usable answer to {method} {path}: {_reason(error)}", status) from error
        finally:
            self._observer(verb, f"{resource.plural}/{subresource}" if subresource else resource.plural, status)

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


def error_of(status: int, answer: KubeObject, retry_after: str | None) -> ApiError:
    """The error for an HTTP status and the API's Status object (`reason`, `message`); `retry_after` is the header, in seconds."""
    message = str(answer.get("message") or f"HTTP {status}")
    reason = answer.get("reason")
    wait = _seconds(retry_after)
    if status == 404:
        # Where the kind is not served at all, the answer names no object; older servers answer in plain text.
        known = (answer.get("details") or {}).get("name")
        return NotFound(message, status) if known else UnknownResource(message, status)
    if status == 409:
        return AlreadyExists(message, status) if reason == "AlreadyExists" else Conflict(message, status)
    causes = (answer.get("details") or {}).get("causes") or ()
    if status == 422 and any(cause.get("field") == "metadata.uid" for cause in causes):
        return Conflict(message, status)  # a patch meant for another object of that name: the server calls it immutable
    if status == 410 or reason in ("Expired", "Gone"):
        return Expired(message, status)
    if status in (401, 408, 429) or status >= 500 or _knows_kind_too_late(status, message):
        # 401: tokens expire and are read again before the next request.
        return Unavailable(message, status, wait)
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return NamespaceTerminating(message, status)
    return Refused(message, status)


def _reason(error: Exception) -> str:
    """Why there is no answer, in a few words; the library's own speak of sockets and modules."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            found = error.certificate_error
            return f"its certificate is not trusted: {getattr(found, 'verify_message', '') or found}"
        case aiohttp.ClientConnectorDNSError():
            return "the host's name is not known"
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy cannot be reached: {error.os_error.strerror or error.os_error}"
        case aiohttp.ClientConnectorSSLError():
            return f"no TLS connection: {getattr(error.os_error, 'reason', None) or error.os_error}"
        case aiohttp.ClientConnectorError() if error.os_error.errno:
            return os.strerror(error.os_error.errno).lower()
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before the answer"
        case json.JSONDecodeError() | UnicodeDecodeError():
            return "it is not JSON"
        case TimeoutError():
            return "it took too long"
        case RecursionError():
            return "it is nested too deeply"
    return " ".join(str(error).split()) or type(error).__name__


def _knows_kind_too_late(status: int, message: str) -> bool:
    """Whether OwnerReferencesPermissionEnforcement has not heard of the owner's kind yet: it looks every 30 s for new CRDs."""
    return status == 403 and "cannot find RESTMapping" in message


def _seconds(retry_after: str | None) -> float | None:
    """A Retry-After in seconds, at most a minute; the API server never sends the other form, a date."""
    if retry_after is None or not retry_after.strip().isdigit():
        return None
    return min(float(retry_after), 60.0)


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
