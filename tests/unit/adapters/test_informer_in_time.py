"""An informer over hours, in virtual time: what an idle cluster is told, how watches that break are judged, and what lost news cost."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

import pytest

from regsweep.adapters.informer import Informer, Scope, seconds_to_watch, was_good
from regsweep.adapters.kubeapi import LEASES, KubeObject, Resource, WatchEvent, WatchType, name_of, uid_of
from regsweep.adapters.memory import MemoryApi
from regsweep.adapters.object_cache import ObjectCache
from regsweep.errors import ApiError, NotPermitted, Unavailable
from support.virtual_time import VirtualTime

HOUR = 3600.0
LABEL = "sweep"


class Wavering(MemoryApi):
    """An API whose watches may be ended by somebody on the way, and lose news."""

    def __init__(self) -> None:
        super().__init__()
        self.cut_after: float | None = None
        """Seconds for which a connection may be idle."""
        self.cut_by = Unavailable("no usable answer to GET /leases: connection closed", 200)
        self.drops = False
        self.reads: Counter[str] = Counter()
        self.before_read = self._count

    def _count(self, verb: str, _: Resource) -> None:
        self.reads[verb] += 1

    async def watch(self, resource: Resource, *args: Any, **query: Any) -> AsyncGenerator[WatchEvent, None]:
        """See KubeApi."""
        events = super().watch(resource, *args, **query)
        while True:
            try:
                async with asyncio.timeout(self.cut_after):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise self.cut_by from None
            if not self.drops or event.type is WatchType.BOOKMARK:
                yield event


def following(api: MemoryApi, time: VirtualTime, *, relist_seconds: float = 10 * HOUR) -> Informer:
    cache = ObjectCache(group_by=lambda obj: str(obj["metadata"]["labels"][LABEL]))
    scope = Scope(LEASES, LABEL)
    return Informer(api, scope, cache, relist_seconds=relist_seconds, clock=time.clocks.monotonic)


def lease(name: str) -> KubeObject:
    return {"metadata": {"name": name, "namespace": "lab", "labels": {LABEL: "s1"}}, "spec": {"n": 0}}


def numbers(watched: Informer) -> dict[str, int]:
    return {name_of(entry.object): entry.object["spec"]["n"] for entry in watched.cache.group("s1")}


def live(time: VirtualTime, watched: Informer, life: Coroutine[Any, Any, None]) -> None:
    """The informer runs while this goes on."""

    async def both() -> None:
        task = asyncio.create_task(watched.run())
        await watched.wait_synced()
        await life
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    time.run(both())


def test_nothing_is_logged_of_an_idle_watch_through_its_time_outs_and_bookmarks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "regsweep")
    with VirtualTime() as time:
        api = Wavering()

        async def idles() -> None:
            for minute in range(6 * 60):
                await asyncio.sleep(60)
                if minute % 3:
                    api.bookmark()

        live(time, following(api, time), idles())
    assert caplog.messages == []
    assert api.reads["watch"] > 60
    assert api.reads["list"] == 1


def test_a_connection_that_is_closed_for_its_idleness_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "regsweep")
    with VirtualTime() as time:
        api = Wavering()
        api.cut_after = 60
        watched = following(api, time)

        async def idles() -> None:
            await asyncio.sleep(2 * HOUR)
            for n in range(30):
                await asyncio.sleep(77.0)
                await api.create(LEASES, lease(f"l{n}"))
                await asyncio.sleep(0.5)
                assert f"l{n}" in numbers(watched), "there is always a watch"

        live(time, watched, idles())
    assert caplog.messages == []
    assert api.reads["list"] == 1


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Unavailable("Cannot connect to host"), id="a host that never answers"),
        pytest.param(Unavailable("internal error", 500), id="a server that has an error"),
    ],
)
def test_a_watch_that_never_began_is_a_failure_however_long_it_took(
    caplog: pytest.LogCaptureFixture, error: Unavailable
) -> None:
    caplog.set_level(logging.INFO, "regsweep")
    with VirtualTime() as time:
        api = Wavering()
        api.cut_after, api.cut_by = 10, error
        live(time, following(api, time), asyncio.sleep(600))
    assert "failure 9 in a row" in caplog.text


@pytest.mark.parametrize(
    ("progressed", "lived", "broke", "good"),
    [
        pytest.param(False, 60, None, True, id="ended in order"),
        pytest.param(False, 0, None, False, id="ended at once"),
        pytest.param(True, 0, None, True, id="ended at once, with news"),
        pytest.param(True, 0, Unavailable("reset", 200), True, id="broken with news"),
        pytest.param(False, 60, Unavailable("reset", 200), True, id="broken after a while"),
        pytest.param(False, 1, Unavailable("reset", 200), False, id="broken at once"),
        pytest.param(False, 60, Unavailable("no route to host"), False, id="never begun"),
        pytest.param(False, 60, NotPermitted("forbidden", 403), False, id="refused"),
    ],
)
def test_which_watch_was_good(progressed: bool, lived: float, broke: ApiError | None, good: bool) -> None:
    assert was_good(progressed, lived, broke) is good


@pytest.mark.parametrize(
    ("left", "longest", "seconds"),
    [
        pytest.param(1000, 270, 270, id="as long as watches are"),
        pytest.param(100, 270, 100, id="until the next list"),
        pytest.param(1, 270, 5, id="at least for a few seconds"),
        pytest.param(-1, 270, 5, id="also where a list has failed"),
        pytest.param(1, 0.01, 0.01, id="a short one stays short"),
    ],
)
def test_how_long_the_next_watch_lasts(left: float, longest: float, seconds: float) -> None:
    assert seconds_to_watch(left, longest) == seconds


def test_news_that_a_watch_has_lost_are_found_by_the_next_list() -> None:
    with VirtualTime() as time:
        api = Wavering()
        watched = following(api, time, relist_seconds=600)
        heard: list[str] = []
        watched.cache.add_listener(lambda entry, _: heard.append(name_of(entry.object)))

        async def loses() -> None:
            one, _ = [await api.create(LEASES, lease(name)) for name in ("one", "two")]
            await asyncio.sleep(1)
            api.drops = True
            await api.patch(LEASES, "lab", "two", {"spec": {"n": 5}})
            await api.delete(LEASES, "lab", "one", uid=uid_of(one))
            await api.create(LEASES, lease("three"))
            await asyncio.sleep(1)
            assert numbers(watched) == {"one": 0, "two": 0}
            heard.clear()
            await asyncio.sleep(600)
            assert numbers(watched) == {"two": 5, "three": 0}
            assert sorted(heard) == ["one", "three", "two"]
            await asyncio.sleep(5 * HOUR)
            assert 6 * 5 <= api.reads["list"] <= 6 * 5 * 1.4 + 2

        live(time, watched, loses())


def test_a_list_that_fails_does_not_keep_the_watch_from_going_on() -> None:
    with VirtualTime() as time:
        api = Wavering()
        watched = following(api, time, relist_seconds=600)

        def fails(verb: str, _: Resource) -> None:
            if verb == "list":
                raise Unavailable("too many requests", 429)

        async def goes_on() -> None:
            api.before_read = fails
            for n in range(60):
                await asyncio.sleep(61.0)
                await api.create(LEASES, lease(f"l{n}"))
                await asyncio.sleep(0.01)
                assert f"l{n}" in numbers(watched)

        live(time, watched, goes_on())


def test_a_namespace_that_is_listed_anew_does_not_forget_what_was_deleted_in_another() -> None:
    cache = ObjectCache(group_by=lambda _: "")

    def seen(namespace: str, version: int) -> KubeObject:
        return {"metadata": {"name": "x", "namespace": namespace, "uid": namespace, "resourceVersion": str(version)}}

    cache.upsert(seen("lab", 1))
    cache.remove_from_write("lab")
    cache.delete_unlisted("den", set(), 5)
    cache.upsert(seen("lab", 2))  # late news of the time before its deletion
    assert len(cache) == 0
    cache.delete_unlisted("lab", set(), 5)
    cache.upsert(seen("lab", 6))
    assert len(cache) == 1
