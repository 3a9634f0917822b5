"""The client's errors: every HTTP status becomes the error that says what to do; nothing of the HTTP library gets out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web

from regsweep.adapters.access import Access
from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kube_errors import error_of
from regsweep.adapters.kubeapi import EVENTS, JOBS, LEASES, PODS, RESULTS, WatchType
from regsweep.adapters.throttle import TokenBucket, Urgency
from regsweep.controller.process.fence import FencedApi
from regsweep.errors import AlreadyExists, ApiError, Conflict, Expired, Refused, Unavailable, UnknownResource

EXPECTED: dict[int, type[ApiError]] = {
    401: Unavailable,
    404: UnknownResource,
    408: Unavailable,
    409: Conflict,
    410: Expired,
}


@pytest.mark.parametrize("status", range(300, 600))
def test_every_status_has_its_error(status: int) -> None:
    wanted = EXPECTED.get(status) or (Unavailable if status == 429 or status >= 500 else Refused)
    error = error_of(status, {"message": "words"}, "7")
    assert type(error) is wanted
    assert error.status == status
    assert str(error) == "words"


@pytest.mark.parametrize(
    ("status", "answer", "wanted"),
    [
        pytest.param(409, {"reason": "AlreadyExists"}, AlreadyExists, id="a name that is taken"),
        pytest.param(409, {"reason": "Conflict"}, Conflict, id="an old resourceVersion"),
        pytest.param(422, {"details": {"causes": [{"field": "metadata.uid"}]}}, Conflict, id="a patch for another UID"),
        pytest.param(422, {"details": {"causes": [{"field": "spec.template"}]}}, Refused, id="an invalid object"),
        pytest.param(500, {"reason": "Expired"}, Expired, id="an error event of an expired watch"),
        pytest.param(403, {}, Refused, id="no right, or no quota"),
    ],
)
def test_the_servers_reason_decides_where_the_status_does_not(
    status: int, answer: dict[str, Any], wanted: type[ApiError]
) -> None:
    assert type(error_of(status, answer, None)) is wanted


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param("9999", 60.0, id="at most a minute"),
        pytest.param("Wed, 21 Oct 2026 07:28:00 GMT", None, id="a date, which the API server never sends"),
        pytest.param(None, None, id="none"),
    ],
)
def test_retry_after_is_passed_on(header: str | None, seconds: float | None) -> None:
    assert error_of(429, {}, header).retry_after_seconds == seconds


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[Handler], Awaitable[KubeClient]]]:
    """A client of a server with one handler for everything."""
    runners: list[web.AppRunner] = []
    clients: list[KubeClient] = []

    async def start(handler: Handler) -> KubeClient:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        access = Access(f"http://127.0.0.1:{runner.addresses[0][1]}")
        clients.append(KubeClient(access, request_timeout_seconds=2))
        return clients[-1]

    yield start
    for client in clients:
        await client.close()
    for runner in runners:
        await runner.cleanup()


async def test_an_answer_that_is_not_json_is_no_answer(connect: Callable[[Handler], Awaitable[KubeClient]]) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="<html>")

    client = await connect(handler)
    with pytest.raises(Unavailable, match="no usable answer"):
        await client.get(PODS, "ns", "p")


async def test_the_proxy_of_the_environment_is_asked(
    connect: Callable[[Handler], Awaitable[KubeClient]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.json_response({"metadata": {}})

    proxy = (await connect(handler)).access.host
    monkeypatch.setenv("http_proxy", str(proxy))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    client = KubeClient(Access("http://api.example"))
    await client.get(PODS, "ns", "p")
    await client.close()
    await (await connect(handler)).get(PODS, "ns", "p")
    path = "/api/v1/namespaces/ns/pods/p"
    assert asked == [f"http://api.example{path}", path], "through the proxy, but not to a host that needs none"


async def test_no_request_waits_for_a_thread(
    connect: Callable[[Handler], Awaitable[KubeClient]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy node a thread waits for a CPU of its own, tens of milliseconds, before the request is even sent."""

    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"metadata": {"name": "p"}})

    def refuse(*_: object) -> None:
        raise AssertionError("a thread was asked for")

    client = await connect(handler)
    monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", refuse)
    assert await client.get(PODS, "ns", "p") == {"metadata": {"name": "p"}}


async def test_a_refused_connection_is_no_answer() -> None:
    client = KubeClient(Access("http://127.0.0.1:1"))
    with pytest.raises(Unavailable, match="no usable answer") as caught:
        await client.get(PODS, "ns", "p")
    await client.close()
    assert caught.value.status == 0


async def test_a_watch_takes_lines_of_any_length_in_any_pieces(
    connect: Callable[[Handler], Awaitable[KubeClient]],
) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        huge = '{"type":"ADDED","object":{"metadata":{"name":"' + "x" * 5_000_000 + '"}}}\n'
        small = '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"5"}}}\n'
        for part in (huge[:7], huge[7:] + small[:3], small[3:]):
            await response.write(part.encode())
        return response

    client = await connect(handler)
    stream = client.watch(PODS, resource_version="1", timeout_seconds=5)
    async with aclosing(stream):
        events = [event async for event in stream]
    assert [event.type for event in events] == [WatchType.ADDED, WatchType.BOOKMARK]


async def test_a_watch_cut_off_in_the_middle_of_a_line_has_failed(
    connect: Callable[[Handler], Awaitable[KubeClient]],
) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type":"ADDED","obj')
        assert request.transport is not None
        request.transport.close()
        return response

    client = await connect(handler)
    with pytest.raises(Unavailable):
        async for _ in client.watch(PODS, resource_version="1", timeout_seconds=5):
            pass


@pytest.mark.parametrize("line", ["[]", "{}", "1", '{"type": "ADDED"}', '{"type": "NEWS", "object": {}}', "not JSON"])
async def test_a_watch_that_says_something_else_has_failed(
    connect: Callable[[Handler], Awaitable[KubeClient]], line: str
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=f"{line}\n")

    client = await connect(handler)
    with pytest.raises(Unavailable, match="no usable answer"):
        async for _ in client.watch(PODS, resource_version="1", timeout_seconds=5):
            pass


@pytest.mark.parametrize(
    "answer",
    ["[]", "null", "{}", '{"metadata": []}', '{"metadata": {}}', '{"metadata": {"resourceVersion": "1"}, "items": 1}'],
)
async def test_a_list_that_is_none_is_no_answer(
    connect: Callable[[Handler], Awaitable[KubeClient]], answer: str
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=answer)

    client = await connect(handler)
    with pytest.raises(Unavailable, match="no usable answer"):
        await client.list_page(PODS, "ns")


async def test_no_nan_ever_reaches_the_server(connect: Callable[[Handler], Awaitable[KubeClient]]) -> None:
    async def handler(_: web.Request) -> web.Response:
        raise AssertionError("nothing should have been sent")

    client = await connect(handler)
    with pytest.raises(ValueError, match="not JSON compliant"):
        await client.create(JOBS, {"metadata": {"namespace": "ns"}, "spec": {"value": float("nan")}})


class Time:
    """A clock that sleeping advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_the_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    time = Time()
    bucket = TokenBucket(10, 5, clock=time.clock, sleep=time.sleep)
    for _ in range(5):
        await bucket.take()
    assert time.now == 0
    for _ in range(10):
        await bucket.take()
    assert time.now == pytest.approx(1.0)


async def test_a_paused_bucket_lets_nothing_through_until_the_server_allows() -> None:
    time = Time()
    bucket = TokenBucket(10, 5, clock=time.clock, sleep=time.sleep)
    bucket.pause(30)
    await bucket.take()
    assert time.now == 30


async def test_a_watch_may_be_silent_for_as_long_as_it_lasts_and_then_ends_without_an_error(
    connect: Callable[[Handler], Awaitable[KubeClient]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an idle cluster there is not even a bookmark. That the server is still there, the connection itself finds out."""
    kept_alive, allowed = [], []

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        return response

    client = await connect(handler)
    send = client._session.request

    def noted(*args: Any, **options: Any) -> Any:
        allowed.append(options["timeout"])
        return send(*args, **options)

    monkeypatch.setattr(client._session, "request", noted)
    probed = socket.socket.setsockopt

    def set_option(self: socket.socket, level: int, option: int, value: Any) -> None:
        kept_alive.append((option, value))
        probed(self, level, option, value)

    monkeypatch.setattr(socket.socket, "setsockopt", set_option)
    assert [event async for event in client.watch(PODS, resource_version="1", timeout_seconds=270)] == []
    assert (allowed[0].sock_read, allowed[0].total > 270) == (None, True)
    assert (socket.SO_KEEPALIVE, 1) in kept_alive


async def test_a_lease_that_is_lost_while_a_write_waits_for_its_turn_stops_the_write(
    connect: Callable[[Handler], Awaitable[KubeClient]], monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[str] = []
    held = True

    async def handler(request: web.Request) -> web.Response:
        served.append(request.method)
        return web.json_response({"metadata": {"name": "j"}})

    async def wait_for_long(*_: object) -> None:
        nonlocal held
        held = False

    client = await connect(handler)
    fenced = FencedApi(client, lambda: held, lambda: 5.0)
    job = {"metadata": {"name": "j", "namespace": "ns"}}
    await fenced.create(JOBS, job)
    monkeypatch.setattr(TokenBucket, "take", wait_for_long)
    for write in (
        fenced.create(JOBS, job),
        fenced.replace(JOBS, job),
        fenced.patch(JOBS, "ns", "j", {}),
        fenced.delete(JOBS, "ns", "j", uid="u"),
    ):
        held = True
        with pytest.raises(Unavailable, match="the lease is no longer held"):
            await write
    assert served == ["POST"]
    assert await client.get(JOBS, "ns", "j"), "reads go on"


async def test_a_write_ends_before_the_lease_does(connect: Callable[[Handler], Awaitable[KubeClient]]) -> None:
    answer = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await answer.wait()
        return web.json_response({"metadata": {"name": "j"}})

    client = await connect(handler)
    with pytest.raises(Unavailable, match="it took too long"):
        await FencedApi(client, lambda: True, lambda: 0.01).patch(JOBS, "ns", "j", {})
    answer.set()
    assert await client.patch(JOBS, "ns", "j", {}), "whoever needs no lease waits for the answer"


async def test_creates_of_jobs_are_urgent_and_leases_wait_for_nobody(
    connect: Callable[[Handler], Awaitable[KubeClient]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Urgency] = []

    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"metadata": {"name": "x"}})

    async def take(_: TokenBucket, urgency: Urgency) -> None:
        asked.append(urgency)

    client = await connect(handler)
    monkeypatch.setattr(TokenBucket, "take", take)
    made = {"metadata": {"name": "x", "namespace": "ns"}}
    for resource in (JOBS, RESULTS, EVENTS, LEASES):
        await client.create(resource, made)
    await client.patch(JOBS, "ns", "x", {})
    await client.delete(JOBS, "ns", "x", uid="u")
    assert asked == [Urgency.FIRST, *[Urgency.NORMAL] * 4]
