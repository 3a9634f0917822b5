"""A proxy between an operator and an API server that does, by a seeded schedule, what networks and busy API servers do.

It speaks plain HTTP on the loopback, and to the API server as an administrator.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path

import aiohttp
from aiohttp import web

from cluster import Cluster
from cluster.controlplane import Keys

RETRY_AFTER_SECONDS = 1
SLOW_SECONDS = 2.0
DROPPED_HEADERS = frozenset({"host", "connection", "transfer-encoding", "content-length", "accept-encoding"})


class Fault(StrEnum):
    """What is done to a request, or to an event of a watch."""

    CONFLICT = "409"
    THROTTLED = "429 with Retry-After"
    ERROR = "500"
    TIMEOUT = "504, done or not"
    RESET = "connection reset before the request is done"
    NO_ANSWER = "connection reset after the request is done"
    HALF_ANSWER = "half an answer"
    SLOW_LIST = "slow list"
    GONE = "410 Gone"
    LATE_EVENT = "watch event delayed"
    EVENT_TWICE = "watch event twice"
    OLD_EVENTS = "last three watch events again"
    BROKEN_WATCH = "watch broken before an event"
    LOST_EVENT = "watch event lost in silence"


OF_A_SOUND_SERVER = [fault for fault in Fault if fault is not Fault.LOST_EVENT]
"""A watch that goes on and has lost an event is a fault of the API server itself. Only the next list mends that."""
OFTEN_LISTED = {"resync_seconds": 10, "relist_seconds": 10}
"""Settings of an operator that finds lost events soon. They are for these alone: they would hide what else is missed."""
OF_EVENTS = frozenset(
    {Fault.LATE_EVENT, Fault.EVENT_TWICE, Fault.OLD_EVENTS, Fault.BROKEN_WATCH, Fault.LOST_EVENT, Fault.GONE}
)
ANSWERS = {
    Fault.CONFLICT: (409, "Conflict", "the object has been modified"),
    Fault.THROTTLED: (429, "TooManyRequests", "too many requests"),
    Fault.ERROR: (500, "InternalError", "etcdserver: leader changed"),
    Fault.TIMEOUT: (504, "Timeout", "request did not complete within the allotted time-out"),
    Fault.GONE: (410, "Expired", "too old resource version"),
}
"""HTTP status, reason and message of those that are answered without the API server."""


class Schedule:
    """Which faults happen when. The same seed makes the same choices, request by request."""

    def __init__(self, kinds: Collection[Fault], seed: int, chance: float = 0.2) -> None:
        """chance: that something happens to a request, or to an event, to which any of the kinds may happen."""
        self._kinds = sorted(kinds)
        self._random = random.Random(seed)
        self._chance = chance
        self.tried: Counter[Fault] = Counter()

    def of_request(self, method: str, path: str, is_watch: bool) -> Fault | None:
        """What happens to this request; None: nothing."""
        return self._drawn([kind for kind in self._kinds if _fits(kind, method, path, is_watch)])

    def of_event(self) -> Fault | None:
        """What happens to the next event of a watch; None: nothing."""
        return self._drawn([kind for kind in self._kinds if kind in OF_EVENTS])

    def either(self) -> bool:
        """Heads or tails."""
        return self._random.random() < 0.5

    def _drawn(self, fitting: list[Fault]) -> Fault | None:
        if not fitting or self._random.random() >= self._chance:
            return None
        kind = self._random.choice(fitting)
        self.tried[kind] += 1
        return kind


def _fits(kind: Fault, method: str, path: str, is_watch: bool) -> bool:
    is_write = method != "GET"
    match kind:
        case Fault.CONFLICT:  # a create has one too: of the quota that it is counted against
            return is_write and method != "DELETE"
        case Fault.SLOW_LIST:
            return not is_write and not is_watch and path.count("/") <= 6
        case Fault.GONE:
            return is_watch
        case Fault.HALF_ANSWER | Fault.TIMEOUT | Fault.NO_ANSWER:
            return not is_watch
        case _:
            return kind not in OF_EVENTS


class FaultyProxy:
    """One proxy. schedule: may be exchanged at any time."""

    def __init__(self, server: str, session: aiohttp.ClientSession, schedule: Schedule) -> None:
        self.schedule = schedule
        self._server = server
        self._session = session

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Passes a request on, or not."""
        is_watch = request.query.get("watch", "") in ("true", "1")
        fault = self.schedule.of_request(request.method, request.path, is_watch)
        body = await request.read()
        if fault is Fault.RESET:
            return _reset(request)
        if fault is Fault.SLOW_LIST:
            await asyncio.sleep(SLOW_SECONDS)
        is_done = fault not in ANSWERS or (fault is Fault.TIMEOUT and self.schedule.either())
        if not is_done and fault is not None:
            return _answer(fault)
        try:
            return await self._pass_on(request, body, fault, is_watch)
        except aiohttp.ClientError:
            return _reset(request)

    async def _pass_on(
        self, request: web.Request, body: bytes, fault: Fault | None, is_watch: bool
    ) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED_HEADERS}
        async with self._session.request(
            request.method, self._server + request.raw_path, data=body or None, headers=headers
        ) as upstream:
            if is_watch and upstream.status == 200:
                return await self._stream(request, upstream)
            text = await upstream.read()
            if fault is Fault.NO_ANSWER:
                return _reset(request)
            if fault is Fault.HALF_ANSWER:
                return await _half(request, upstream, text)
            if fault is Fault.TIMEOUT:
                return _answer(fault)
            kept = {"Content-Type": upstream.headers.get("Content-Type", "application/json")}
            return web.Response(status=upstream.status, body=text, headers=kept)

    async def _stream(self, request: web.Request, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        """A watch, event by event."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        before: list[bytes] = []
        async for line in _lines(upstream):
            fault = self.schedule.of_event()
            if fault is Fault.BROKEN_WATCH:
                return _reset(request)
            if fault is Fault.GONE:
                code, reason, message = ANSWERS[fault]
                status = {"kind": "Status", "code": code, "reason": reason, "message": message}
                await response.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
                break
            if fault is Fault.LATE_EVENT:
                await asyncio.sleep(SLOW_SECONDS)
            if fault is not Fault.LOST_EVENT:
                await response.write(line + b"\n")
            if fault is Fault.EVENT_TWICE:
                await response.write(line + b"\n")
            before = [*before, line][-3:]
            if fault is Fault.OLD_EVENTS:
                await response.write(b"".join(each + b"\n" for each in before))
        await response.write_eof()
        return response


async def _lines(upstream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in upstream.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in filter(None, lines):
            yield line


def _answer(fault: Fault) -> web.Response:
    code, reason, message = ANSWERS[fault]
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if fault is Fault.THROTTLED else {}
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
    }
    return web.json_response(body, status=code, headers=headers)


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)


async def _half(request: web.Request, upstream: aiohttp.ClientResponse, text: bytes) -> web.StreamResponse:
    response = web.StreamResponse(status=upstream.status, headers={"Content-Length": str(len(text))})
    response.content_type = "application/json"
    await response.prepare(request)
    await response.write(text[: len(text) // 2])
    _reset(request)
    return response


@asynccontextmanager
async def faulty_proxy(cluster: Cluster, schedule: Schedule, kubeconfig: Path) -> AsyncIterator[FaultyProxy]:
    """A proxy in front of the cluster's API server. kubeconfig: a file that is written, and that names the proxy."""
    keys = Keys(cluster.state)
    tls = ssl.create_default_context(cafile=str(keys.authority))
    tls.load_cert_chain(keys.pair("admin").certificate, keys.pair("admin").key)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    connector = aiohttp.TCPConnector(ssl=tls, limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=True) as session:
        proxy = FaultyProxy(cluster.api_url, session, schedule)
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, shutdown_timeout=1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        _write_kubeconfig(kubeconfig, f"http://127.0.0.1:{runner.addresses[0][1]}")
        try:
            yield proxy
        finally:
            await runner.cleanup()


def _write_kubeconfig(path: Path, server: str) -> None:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "faulty", "cluster": {"server": server}}],
        "users": [{"name": "faulty", "user": {}}],
        "contexts": [{"name": "faulty", "context": {"cluster": "faulty", "user": "faulty"}}],
        "current-context": "faulty",
    }
    path.write_text(json.dumps(content))
