"""Lists of very large objects: no answer takes more memory than is set, and every object is read all the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from regsweep.adapters import kube
from regsweep.adapters.access import Access
from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import JOBS
from regsweep.adapters.listing import list_all
from regsweep.errors import Unavailable

MAX_PAGE, MAX_ANSWER = 10_000, 50_000


class Server:
    """Jobs of these sizes, in this order."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.limits: list[int] = []
        self.chunked = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        limit, start = int(request.query["limit"]), int(request.query.get("continue", "0"))
        self.limits.append(limit)
        some = self.sizes[start : start + limit]
        end = start + len(some)
        more = {"continue": str(end)} if end < len(self.sizes) else {}
        items = [{"metadata": {"uid": str(start + n), "x": "x" * size}} for n, size in enumerate(some)]
        body = json.dumps({"metadata": {"resourceVersion": "1", **more}, "items": items}).encode()
        if not self.chunked:
            return web.Response(body=body, content_type="application/json")
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(body)
        return response


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KubeClient]:
    monkeypatch.setattr(kube, "MAX_PAGE", MAX_PAGE, raising=False)
    monkeypatch.setattr(kube, "MAX_ANSWER", MAX_ANSWER, raising=False)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = KubeClient(Access(f"http://127.0.0.1:{runner.addresses[0][1]}"), request_timeout_seconds=5, qps=1e6)
    yield made
    await made.close()
    await runner.cleanup()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """The size of the largest answer that was made objects of."""
    sizes = [0]

    def loads(text: bytes) -> object:
        sizes.append(len(text))
        return json.loads(text)

    monkeypatch.setattr(kube, "json", type("Json", (), {"loads": staticmethod(loads), "dumps": json.dumps}))
    return lambda: max(sizes)


async def uids(client: KubeClient) -> list[int]:
    return [int(job["metadata"]["uid"]) async for job in list_all(client, JOBS, None)]


@pytest.mark.parametrize("chunked", [False, True], ids=["of a size that is said", "of one that is not"])
async def test_a_page_that_is_too_large_is_asked_for_in_parts(
    server: Server, client: KubeClient, read: Callable[[], int], chunked: bool
) -> None:
    server.chunked, server.sizes = chunked, [3000] * 60
    assert await uids(client) == list(range(60))
    assert read() <= MAX_PAGE
    assert server.limits[:8] == [200, 100, 50, 25, 12, 6, 3, 3]
    assert len(server.limits) <= 30, "what was too large once is not tried with each page"


async def test_an_object_that_is_larger_than_a_page_is_read_alone(server: Server, client: KubeClient) -> None:
    server.sizes = [10, 40_000, 10, 40_000, 10]
    assert await uids(client) == list(range(5))


async def test_after_a_few_large_objects_pages_are_large_again(server: Server, client: KubeClient) -> None:
    server.sizes = [9000] * 4 + [1] * 2000
    assert await uids(client) == list(range(2004))
    assert len(server.limits) < 60


async def test_an_answer_without_end_is_given_up(server: Server, client: KubeClient) -> None:
    server.sizes = [200_000]
    with pytest.raises(Unavailable, match="more than 50,000 bytes"):
        await uids(client)
    assert server.limits[-1] == 1
