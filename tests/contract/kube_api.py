"""What the operator relies on in a Kubernetes API, as a suite: the API in memory and a real API server both pass it.

A subclass gives the fixtures `api` and `namespace`. Covered: versions, conflicts, UID preconditions, merge patches, status as a
subresource, label selectors, pages, watches, garbage collection of children, dry runs. Not covered: what only a real server has
(validation, defaults, admission); the integration tests of the operator are about that.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from uuid import uuid4

import pytest

from regsweep.adapters.kubeapi import (
    EVENTS,
    JOBS,
    LEASES,
    KubeApi,
    KubeObject,
    WatchEvent,
    WatchType,
    name_of,
    uid_of,
    version_of,
)
from regsweep.errors import AlreadyExists, Conflict, NotFound

DEADLINE_SECONDS = 20.0


def lease(namespace: str, name: str | None = None, holder: str = "a", **labels: str) -> KubeObject:
    """A small object that every API server takes."""
    name = name or f"contract-{uuid4().hex[:8]}"
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"holderIdentity": holder},
    }


def job(namespace: str, owner: KubeObject | None = None) -> KubeObject:
    """A suspended Job that the Job controller leaves alone."""
    meta: KubeObject = {"name": f"contract-{uuid4().hex[:8]}", "namespace": namespace}
    if owner is not None:
        reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True}
        meta["ownerReferences"] = [{**reference, "name": owner["metadata"]["name"], "uid": uid_of(owner)}]
    container = {"name": "trainer", "image": "none"}
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": meta,
        "spec": {
            "suspend": True,
            "managedBy": "regsweep.dev/nobody",
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }


class KubeApiContract:
    """Subclass it with the fixtures `api` and `namespace` (an existing, empty one)."""

    @pytest.fixture
    def api(self) -> KubeApi:
        """The API under test."""
        raise NotImplementedError

    @pytest.fixture
    def namespace(self) -> str:
        """A namespace that is there and that no other test uses."""
        raise NotImplementedError

    async def test_what_was_created_can_be_read(self, api: KubeApi, namespace: str) -> None:
        created = await api.create(LEASES, lease(namespace, "one"))
        assert uid_of(created)
        assert version_of(created) > 0
        assert (await api.get(LEASES, namespace, "one"))["spec"]["holderIdentity"] == "a"

    async def test_creating_a_name_twice_says_that_it_exists(self, api: KubeApi, namespace: str) -> None:
        await api.create(LEASES, lease(namespace, "one"))
        with pytest.raises(AlreadyExists, match="one"):
            await api.create(LEASES, lease(namespace, "one"))

    async def test_reading_what_does_not_exist_says_so(self, api: KubeApi, namespace: str) -> None:
        with pytest.raises(NotFound, match="absent"):
            await api.get(LEASES, namespace, "absent")

    async def test_a_dry_run_leaves_nothing(self, api: KubeApi, namespace: str) -> None:
        await api.create(LEASES, lease(namespace, "one"), dry_run=True)
        with pytest.raises(NotFound):
            await api.get(LEASES, namespace, "one")

    async def test_a_replacement_from_an_old_version_is_a_conflict(self, api: KubeApi, namespace: str) -> None:
        first = await api.create(LEASES, lease(namespace, "one"))
        second = await api.replace(LEASES, {**first, "spec": {"holderIdentity": "b"}})
        assert version_of(second) > version_of(first)
        with pytest.raises(Conflict):
            await api.replace(LEASES, {**first, "spec": {"holderIdentity": "c"}})
        assert (await api.get(LEASES, namespace, "one"))["spec"]["holderIdentity"] == "b"

    async def test_replacing_what_does_not_exist_says_so(self, api: KubeApi, namespace: str) -> None:
        gone = await api.create(LEASES, lease(namespace, "one"))
        await api.delete(LEASES, namespace, "one", uid=uid_of(gone))
        with pytest.raises((NotFound, Conflict)):
            await api.replace(LEASES, gone)

    async def test_a_patch_merges_and_null_removes(self, api: KubeApi, namespace: str) -> None:
        await api.create(LEASES, lease(namespace, "one", kept="yes", dropped="yes"))
        patched = await api.patch(LEASES, namespace, "one", {"metadata": {"labels": {"dropped": None, "new": "yes"}}})
        assert patched["metadata"]["labels"] == {"kept": "yes", "new": "yes"}
        assert patched["spec"]["holderIdentity"] == "a"

    async def test_a_patch_for_another_uid_is_a_conflict(self, api: KubeApi, namespace: str) -> None:
        await api.create(LEASES, lease(namespace, "one"))
        with pytest.raises(Conflict):
            await api.patch(
                LEASES, namespace, "one", {"metadata": {"uid": str(uuid4())}, "spec": {"holderIdentity": "b"}}
            )

    async def test_a_patch_of_the_uid_that_is_there_goes_through(self, api: KubeApi, namespace: str) -> None:
        created = await api.create(LEASES, lease(namespace, "one"))
        patch = {"metadata": {"uid": uid_of(created)}, "spec": {"holderIdentity": "b"}}
        assert (await api.patch(LEASES, namespace, "one", patch))["spec"]["holderIdentity"] == "b"

    async def test_a_status_write_leaves_the_spec_alone(self, api: KubeApi, namespace: str) -> None:
        created = await api.create(JOBS, job(namespace))
        written = None
        while written is None:
            live = await api.get(JOBS, namespace, name_of(created))
            live["spec"]["suspend"] = False
            live["status"] = {**live.get("status", {}), "conditions": [_suspended_condition()]}
            with suppress(Conflict):  # with a Job controller that does not know managedBy
                written = await api.replace(JOBS, live, subresource="status")
        assert written["spec"]["suspend"] is True
        assert written["status"]["conditions"][0]["type"] == "Suspended"

    async def test_deleting_another_uid_is_a_conflict(self, api: KubeApi, namespace: str) -> None:
        await api.create(LEASES, lease(namespace, "one"))
        with pytest.raises(Conflict):
            await api.delete(LEASES, namespace, "one", uid=str(uuid4()))
        assert await api.get(LEASES, namespace, "one")

    async def test_deleting_what_does_not_exist_says_so(self, api: KubeApi, namespace: str) -> None:
        with pytest.raises(NotFound):
            await api.delete(LEASES, namespace, "absent", uid=str(uuid4()))

    async def test_what_a_deleted_object_owned_goes_too(self, api: KubeApi, namespace: str) -> None:
        owner = await api.create(LEASES, lease(namespace, "owner"))
        child = await api.create(JOBS, job(namespace, owner))
        await api.delete(LEASES, namespace, "owner", uid=uid_of(owner))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await _exists(api, namespace, child["metadata"]["name"]):  # noqa: ASYNC110 (a server signals nothing)
                await asyncio.sleep(0.05)

    async def test_a_list_holds_what_the_selector_matches(self, api: KubeApi, namespace: str) -> None:
        await api.create(LEASES, lease(namespace, "one", sweep="a"))
        await api.create(LEASES, lease(namespace, "two", sweep="b"))
        await api.create(LEASES, lease(namespace, "three"))
        assert await _names(api, namespace, "sweep") == {"one", "two"}
        assert await _names(api, namespace, "sweep=b") == {"two"}
        assert await _names(api, namespace, "sweep in (a,b)") == {"one", "two"}
        assert await _names(api, namespace, "") >= {"one", "two", "three"}

    async def test_a_list_comes_by_pages_with_one_version(self, api: KubeApi, namespace: str) -> None:
        for i in range(5):
            await api.create(LEASES, lease(namespace, f"paged-{i}", page="yes"))
        names, versions, token = [], set(), ""
        while True:
            page = await api.list_page(LEASES, namespace, label_selector="page", limit=2, continue_token=token)
            assert len(page.items) <= 2
            names += [item["metadata"]["name"] for item in page.items]
            versions.add(page.resource_version)
            token = page.continue_token
            if not token:
                break
        assert names == [f"paged-{i}" for i in range(5)]
        assert len(versions) == 1

    async def test_a_watch_tells_what_happened_after_a_list(self, api: KubeApi, namespace: str) -> None:
        page = await api.list_page(LEASES, namespace, label_selector="watched")
        created = await api.create(LEASES, lease(namespace, "one", watched="yes"))
        await api.create(LEASES, lease(namespace, "other"))
        await api.patch(LEASES, namespace, "one", {"spec": {"holderIdentity": "b"}})
        await api.delete(LEASES, namespace, "one", uid=uid_of(created))
        seen = await _watch(api, namespace, "watched", page.resource_version, 3)
        assert [e.type for e in seen] == [WatchType.ADDED, WatchType.MODIFIED, WatchType.DELETED]
        assert {uid_of(e.object) for e in seen} == {uid_of(created)}
        versions = [version_of(e.object) for e in seen]
        assert versions == sorted(set(versions))

    async def test_what_no_longer_matches_a_watch_is_deleted_to_it(self, api: KubeApi, namespace: str) -> None:
        page = await api.list_page(LEASES, namespace, label_selector="watched")
        await api.create(LEASES, lease(namespace, "one", watched="yes"))
        await api.patch(LEASES, namespace, "one", {"metadata": {"labels": {"watched": None}}})
        seen = await _watch(api, namespace, "watched", page.resource_version, 2)
        assert [e.type for e in seen] == [WatchType.ADDED, WatchType.DELETED]

    async def test_events_are_found_by_what_they_are_about(self, api: KubeApi, namespace: str) -> None:
        for name, reason in (("a", "FailedCreate"), ("b", "SuccessfulCreate")):
            involved = {"kind": "Job", "name": name, "namespace": namespace, "uid": f"uid-{name}"}
            meta = {"name": f"{name}.{uuid4().hex[:8]}", "namespace": namespace}
            event = {"metadata": meta, "involvedObject": involved, "reason": reason, "type": "Normal", "message": "m"}
            await api.create(EVENTS, {"apiVersion": EVENTS.api_version, "kind": EVENTS.kind, **event})
        page = await api.list_page(
            EVENTS, namespace, field_selector="involvedObject.kind=Job,reason=FailedCreate", limit=500
        )
        assert [event["involvedObject"]["uid"] for event in page.items] == ["uid-a"]

    async def test_a_watch_ends_when_its_time_is_over(self, api: KubeApi, namespace: str) -> None:
        page = await api.list_page(LEASES, namespace)
        stream = api.watch(LEASES, namespace, resource_version=page.resource_version, timeout_seconds=1)
        async with asyncio.timeout(DEADLINE_SECONDS), aclosing(stream):
            async for event in stream:
                assert event.type is WatchType.BOOKMARK


async def _exists(api: KubeApi, namespace: str, name: str) -> bool:
    try:
        await api.get(JOBS, namespace, name)
    except NotFound:
        return False
    return True


async def _names(api: KubeApi, namespace: str, selector: str) -> set[str]:
    page = await api.list_page(LEASES, namespace, label_selector=selector)
    return {item["metadata"]["name"] for item in page.items}


async def _watch(api: KubeApi, namespace: str, selector: str, version: str, count: int) -> list[WatchEvent]:
    """The first `count` events that are no bookmarks."""
    seen: list[WatchEvent] = []
    stream = api.watch(
        LEASES, namespace, label_selector=selector, resource_version=version, timeout_seconds=DEADLINE_SECONDS
    )
    async with aclosing(stream):
        async for event in stream:
            if event.type is not WatchType.BOOKMARK:
                seen.append(event)
            if len(seen) == count:
                break
    return seen


def _suspended_condition() -> KubeObject:
    stamp = "2026-11-01T00:00:00Z"
    return {
        "type": "Suspended",
        "status": "True",
        "reason": "Test",
        "lastProbeTime": stamp,
        "lastTransitionTime": stamp,
    }
