"""The Prometheus client: an answer comes through as it is, everything else is a MetricsError that says what happened where."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from regsweep.adapters.prometheus import Prometheus
from regsweep.errors import MetricsError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server with one handler for everything; returns its address."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_a_query_is_posted_as_a_form_and_its_answer_comes_back_as_it_is(serve: Serve) -> None:
    asked: dict[str, str] = {}

    async def handler(request: web.Request) -> web.Response:
        asked.update({"method": request.method, "path": request.path})
        asked.update({key: str(value) for key, value in (await request.post()).items()})
        return web.Response(text="the body")

    prometheus = Prometheus(await serve(handler) + "/", timeout_seconds=3)
    assert await prometheus.query("up", 1000) == b"the body"
    await prometheus.close()
    assert asked == {"method": "POST", "path": "/api/v1/query", "query": "up", "timeout": "3s"}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        pytest.param(
            400, '{"status":"error","errorType":"bad_data","error":"parse error"}', "parse error", id="a bad query"
        ),
        pytest.param(
            503, '{"status":"error","error":"query timed out"}', "query timed out", id="a query that took too long"
        ),
        pytest.param(502, "<html>Bad\n Gateway</html>", "<html>Bad Gateway</html>", id="a proxy's page"),
        pytest.param(401, "", "no message", id="a refusal without words"),
    ],
)
async def test_a_status_that_is_not_200_is_an_error_with_its_words(
    serve: Serve, status: int, body: str, words: str
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    prometheus = Prometheus(await serve(handler))
    with pytest.raises(MetricsError, match=f"HTTP {status}: .*{words}") as caught:
        await prometheus.query("up", 1000)
    await prometheus.close()
    assert caught.value.reason == "QueryFailed"


async def test_one_who_does_not_answer_is_given_up(serve: Serve) -> None:
    async def handler(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    prometheus = Prometheus(await serve(handler), timeout_seconds=0.05)
    with pytest.raises(MetricsError, match=r"did not answer within 0\.05 s"):
        await prometheus.query("up", 1000)
    await prometheus.close()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:1", id="nobody listens"),
        pytest.param("no-url", id="not a URL"),
    ],
)
async def test_one_who_cannot_be_reached_is_named(url: str) -> None:
    prometheus = Prometheus(url)
    with pytest.raises(MetricsError, match=f"Prometheus at {url} cannot be reached"):
        await prometheus.query("up", 1000)
    await prometheus.close()


async def test_a_token_is_read_anew_for_each_question(serve: Serve, tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(text="{}")

    token = tmp_path / "token"
    prometheus = Prometheus(await serve(handler), token_file=token)
    for content in ("one\n", "two\n"):
        token.write_text(content)
        await prometheus.query("up", 1000)
    await prometheus.close()
    assert seen == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("status", [200, 500])
async def test_no_more_of_an_answer_is_read_than_asked_for(serve: Serve, status: int) -> None:
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        with suppress(ConnectionError):
            while sent < 10**9:
                await response.write(b"x" * 65_536)
                sent += 65_536
        return response

    prometheus = Prometheus(await serve(handler))
    with pytest.raises(MetricsError, match="more than 1,000,000 bytes" if status == 200 else "HTTP 500"):
        await prometheus.query("up", 1_000_000)
    await prometheus.close()
    assert sent < 10**8
