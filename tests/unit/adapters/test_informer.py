"""The informer against the API in memory: complete whatever happens to lists and watches, and never behind our own writes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from regsweep.adapters.informer import WATCH_SECONDS, Informer, Scope
from regsweep.adapters.kubeapi import LEASES, PAGE_SIZE, KubeObject, Resource, name_of, uid_of
from regsweep.adapters.memory import MemoryApi
from regsweep.adapters.object_cache import Entry, ObjectCache
from regsweep.errors import ApiError, Expired, NotFound, Unavailable

NAMESPACE = "lab"
LABEL = "sweep"


def lease(name: str, sweep: str = "s1", namespace: str = NAMESPACE) -> KubeObject:
    return {"metadata": {"name": name, "namespace": namespace, "labels": {LABEL: sweep}}, "spec": {"n": 0}}


def informer(
    api: MemoryApi,
    *,
    namespaces: tuple[str | None, ...] = (None,),
    keep_tombstones: bool = False,
    watch_seconds: float = WATCH_SECONDS,
) -> Informer:
    cache = ObjectCache(group_by=lambda obj: str(obj["metadata"]["labels"][LABEL]), keep_tombstones=keep_tombstones)
    scope = Scope(LEASES, LABEL, namespaces)
    return Informer(api, scope, cache, relist_seconds=3600, watch_seconds=watch_seconds, first_backoff_seconds=0.001)


def counting(api: MemoryApi) -> Counter[str]:
    """Counts reads by their verb from now on."""
    reads: Counter[str] = Counter()

    def count(verb: str, resource: Resource) -> None:
        reads[verb] += 1

    api.before_read = count
    return reads


@asynccontextmanager
async def following(watched: Informer) -> AsyncIterator[list[Entry]]:
    """Runs the informer; gives the changes that its listener gets."""
    changes: list[Entry] = []
    watched.cache.add_listener(lambda entry, _: changes.append(entry))
    task = asyncio.create_task(watched.run())
    try:
        async with asyncio.timeout(10):
            await watched.wait_synced()
            yield changes
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled(), "an informer never ends by itself"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (the condition is about a cache that signals nothing)
            await asyncio.sleep(0.001)


def names(watched: Informer, key: str = "s1") -> set[str]:
    return {name_of(entry.object) for entry in watched.cache.group(key) if not entry.gone}


async def change(api: MemoryApi, name: str, n: int) -> KubeObject:
    return await api.patch(LEASES, NAMESPACE, name, {"spec": {"n": n}})


async def remove(api: MemoryApi, obj: KubeObject) -> None:
    await api.delete(LEASES, NAMESPACE, name_of(obj), uid=uid_of(obj))


@pytest.fixture
def api() -> MemoryApi:
    return MemoryApi()


async def test_it_lists_by_pages_and_groups_what_it_gets(api: MemoryApi) -> None:
    for i in range(1203):
        await api.create(LEASES, lease(f"l{i}", f"s{i % 2}"))
    reads = counting(api)
    watched = informer(api)
    async with following(watched) as changes:
        assert len(watched.cache) == 1203
        assert len(names(watched, "s0")) == 602
        assert len(changes) == 1203
        assert reads["list"] == -(-1203 // PAGE_SIZE) > 1


async def test_it_follows_what_happens(api: MemoryApi) -> None:
    watched = informer(api)
    async with following(watched):
        one = await api.create(LEASES, lease("one"))
        await until(lambda: names(watched) == {"one"})
        await change(api, "one", 5)
        await until(lambda: (watched.cache.get(uid_of(one)) or {})["spec"]["n"] == 5)
        await remove(api, one)
        await until(lambda: len(watched.cache) == 0)
        assert watched.cache.groups() == []


async def test_what_happened_while_the_watch_was_expired_is_found_deletions_included(api: MemoryApi) -> None:
    one = await api.create(LEASES, lease("one"))
    watched = informer(api)
    async with following(watched) as changes:
        await api.create(LEASES, lease("two"))
        await until(lambda: names(watched) == {"one", "two"})
        api.before_read = _failing(Unavailable("down"))
        api.break_watches()
        await remove(api, one)
        await api.create(LEASES, lease("three"))
        api.expire_history()
        api.before_read = None
        await until(lambda: names(watched) == {"two", "three"})
        assert [e.gone for e in changes if uid_of(e.object) == uid_of(one)] == [False, True]


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(Unavailable("connection reset by peer"), id="a dropped connection"),
        pytest.param(Unavailable("no word for 90 s"), id="a watch that fell silent"),
        pytest.param(Expired("too old resource version", 410), id="an expired watch"),
        pytest.param(NotFound("the server could not find the requested resource", 404), id="a CRD that went away"),
        pytest.param(ApiError("forbidden", 403), id="rights that were taken away"),
    ],
)
async def test_it_outlives_every_failure_of_a_watch(api: MemoryApi, failure: ApiError) -> None:
    reads = counting(api)
    watched = informer(api)
    async with following(watched):
        await until(lambda: reads["watch"])
        api.break_watches(failure)
        await until(lambda: reads["watch"] + reads["list"] > 2)
        await api.create(LEASES, lease("one"))
        await until(lambda: names(watched) == {"one"})


async def test_it_outlives_an_api_server_that_is_away_at_the_start(api: MemoryApi) -> None:
    await api.create(LEASES, lease("one"))
    remaining = 5

    def refuse(verb: str, resource: Resource) -> None:
        nonlocal remaining
        if remaining:
            remaining -= 1
            raise Unavailable("connection refused")

    api.before_read = refuse
    watched = informer(api)
    async with following(watched):
        assert names(watched) == {"one"}


async def test_a_watch_that_ends_by_its_time_goes_on_without_a_new_list(api: MemoryApi) -> None:
    reads = counting(api)
    watched = informer(api, watch_seconds=0.01)
    async with following(watched):
        for number in (2, 3, 4):
            await until(lambda number=number: reads["watch"] >= number)  # type: ignore[misc]  # mypy infers no lambda with a default
            await api.create(LEASES, lease(f"l{number}"))
        await until(lambda: len(watched.cache) == 3)
    assert reads["list"] == 1


async def test_our_own_write_is_seen_at_once(api: MemoryApi) -> None:
    watched = informer(api)
    async with following(watched):
        api.before_read = _failing(Unavailable("down"))
        api.break_watches()
        watched.cache.upsert_from_write(await api.create(LEASES, lease("one")))
        assert names(watched) == {"one"}


async def test_an_older_answer_does_not_replace_a_newer_object(api: MemoryApi) -> None:
    watched = informer(api)
    old = await api.create(LEASES, lease("one"))
    await change(api, "one", 7)
    async with following(watched):
        watched.cache.upsert_from_write(old)
        assert (watched.cache.get(uid_of(old)) or {})["spec"]["n"] == 7


async def test_a_list_older_than_our_write_does_not_remove_what_we_wrote(api: MemoryApi) -> None:
    watched = informer(api)
    async with following(watched):
        listed = await api.list_page(LEASES)
        created = await api.create(LEASES, lease("one"))
        watched.cache.upsert_from_write(created)
        watched.cache.delete_unlisted(None, set(), int(listed.resource_version))
        assert names(watched) == {"one"}


async def test_our_own_delete_is_seen_at_once_and_late_news_do_not_bring_the_object_back(api: MemoryApi) -> None:
    watched = informer(api)
    one = await api.create(LEASES, lease("one"))
    async with following(watched):
        newer = await change(api, "one", 3)
        await remove(api, one)
        watched.cache.remove_from_write(uid_of(one))
        watched.cache.upsert_from_write(newer)
        assert names(watched) == set()
        await api.create(LEASES, lease("two"))
        await until(lambda: names(watched) == {"two"})


async def test_a_name_created_anew_is_another_object(api: MemoryApi) -> None:
    watched = informer(api)
    first = await api.create(LEASES, lease("one"))
    async with following(watched):
        await remove(api, first)
        second = await api.create(LEASES, lease("one"))
        await until(lambda: watched.cache.get(uid_of(second)))
        assert watched.cache.get(uid_of(first)) is None
        assert len(watched.cache) == 1


async def test_a_tombstone_keeps_what_was_last_seen_until_it_is_forgotten(api: MemoryApi) -> None:
    watched = informer(api, keep_tombstones=True)
    one = await api.create(LEASES, lease("one"))
    async with following(watched):
        await change(api, "one", 9)
        await remove(api, one)
        await until(lambda: any(entry.gone for entry in watched.cache.group("s1")))
        (entry,) = watched.cache.group("s1")
        assert entry.object["spec"]["n"] == 9
        assert watched.cache.get(uid_of(one)) is None
        watched.cache.forget(uid_of(one))
        assert list(watched.cache.group("s1")) == []


async def test_only_tombstones_can_be_forgotten(api: MemoryApi) -> None:
    watched = informer(api, keep_tombstones=True)
    one = await api.create(LEASES, lease("one"))
    async with following(watched):
        watched.cache.forget(uid_of(one))
        assert names(watched) == {"one"}


async def test_each_change_is_noted_once_be_it_by_news_or_by_our_own_write(api: MemoryApi) -> None:
    watched, noted = informer(api, keep_tombstones=True), list[tuple[str, str]]()
    watched.cache.note_changes(lambda group, uid: noted.append((group, uid)))
    one = await api.create(LEASES, lease("one"))
    two = await api.create(LEASES, lease("two"))
    watched.cache.upsert(one)
    watched.cache.upsert(one)  # no news
    watched.cache.upsert_from_write(two)
    watched.cache.delete(one)
    watched.cache.forget(uid_of(one))
    watched.cache.remove_from_write(uid_of(two))
    assert noted == [("s1", uid_of(each)) for each in (one, two, one, one, two)]


async def test_several_namespaces_are_followed_and_no_others(api: MemoryApi) -> None:
    watched = informer(api, namespaces=("lab", "den"))
    await api.create(LEASES, lease("one", namespace="lab"))
    await api.create(LEASES, lease("two", namespace="den"))
    await api.create(LEASES, lease("three", namespace="other"))
    async with following(watched):
        assert names(watched) == {"one", "two"}


def _failing(error: Exception) -> Callable[[str, Resource], None]:
    def fail(verb: str, resource: Resource) -> None:
        raise error

    return fail
