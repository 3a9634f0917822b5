"""Keeps a cache in step with the API server: LIST by pages, then WATCH, and LIST again when the watch has lost its place.

Now and then it lists again although nothing is known to be lost: a watch may have dropped news, and nobody is told.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import Final

from regsweep.adapters.kubeapi import PAGE_SIZE, KubeApi, Resource, WatchType, uid_of
from regsweep.adapters.object_cache import ObjectCache
from regsweep.errors import ApiError, Expired, Refused

logger = logging.getLogger(__name__)

WATCH_SECONDS: Final = 270.0
"""Longest watch; jittered by a fifth, so that the watches of all informers do not end together."""
SHORTEST_WATCH_SECONDS: Final = 5.0
"""A watch that ends sooner without any news counts as a failure."""
FIRST_BACKOFF_SECONDS: Final = 0.5
LONGEST_BACKOFF_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Scope:
    """Which objects are followed."""

    resource: Resource
    label_selector: str = ""
    namespaces: tuple[str | None, ...] = (None,)
    """None: all of them."""


class Informer:
    """Follows the objects of a scope. `run` never ends by itself."""

    def __init__(
        self,
        api: KubeApi,
        scope: Scope,
        cache: ObjectCache,
        *,
        relist_seconds: float,
        watch_seconds: float = WATCH_SECONDS,
        first_backoff_seconds: float = FIRST_BACKOFF_SECONDS,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """relist_seconds: the longest time between two lists; jittered, so that those of all informers do not come together."""
        self.cache = cache
        self._api = api
        self._scope = scope
        self._watch_seconds = watch_seconds
        self._relist_seconds = relist_seconds
        self._first_backoff = first_backoff_seconds
        self._clock = clock
        self._sleep = sleep
        self._unsynced = set(scope.namespaces)
        self._refused: set[str | None] = set()
        """Namespaces in which the objects may not be listed, by the API server's last word."""
        self._synced = asyncio.Event()
        self._heard_at: dict[str | None, float] = {}
        self._list_again_at: dict[str | None, float] = {}

    @property
    def resource(self) -> Resource:
        """The resource that is followed."""
        return self._scope.resource

    @property
    def synced(self) -> bool:
        """Whether the first LIST is complete in every namespace, but those that refuse it: at least one must not."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        """Waits for the first complete LIST."""
        await self._synced.wait()

    @property
    def age_seconds(self) -> float | None:
        """Seconds since the server was last heard of; None before the first LIST.

        The longest over namespaces, without those that are refused unless all of them are.
        """
        if not self.synced:
            return None
        followed = [at for namespace, at in self._heard_at.items() if namespace not in self._refused]
        return self._clock() - min(followed or self._heard_at.values(), default=self._clock())

    def follows(self, namespace: str) -> bool:
        """Whether the cache is complete for this namespace: it has been listed, and may still be."""
        scope = namespace if namespace in self._scope.namespaces else None
        return scope not in self._unsynced and scope not in self._refused

    async def run(self) -> None:
        """Follows the server until cancelled, through every failure."""
        async with asyncio.TaskGroup() as group:
            for namespace in self._scope.namespaces:
                group.create_task(self._follow(namespace), name=f"informer {self.resource.plural} {namespace or '*'}")

    async def _follow(self, namespace: str | None) -> None:
        version: str | None = None
        failures = 0
        while True:
            try:
                if version is None or self._clock() >= self._list_again_at[namespace]:
                    version = await self._list(namespace)
                    failures = 0
                before, began = version, self._clock()
                version, broke = await self._watch(namespace, version)
                if was_good(version != before, self._clock() - began, broke):
                    if broke is not None:
                        logger.debug("%s: %s; watching again", self.resource.plural, broke)
                    failures = 0 if broke is None else 1
                else:
                    failures += 1
                    if broke is not None:
                        self._log_failure(broke, failures)
            except Expired:
                logger.info("%s: the resource version of the watch expired, listing again", self.resource.plural)
                version = None
                failures += 1
            except ApiError as error:
                failures += 1
                self._log_failure(error, failures)
                if isinstance(error, Refused):
                    self._refuse(namespace)
                    version = None
            if failures > 1:
                await self._sleep(self._backoff(failures - 1))

    def _refuse(self, namespace: str | None) -> None:
        """Takes it that this operator has no rights in the namespace, which keeps it from no other one."""
        self._refused.add(namespace)
        self._check_synced()

    def _check_synced(self) -> None:
        if self._unsynced <= self._refused and len(self._refused) < len(self._scope.namespaces):
            self._synced.set()

    def _log_failure(self, error: ApiError, failures: int) -> None:
        level = logging.WARNING if failures > 1 else logging.INFO
        logger.log(level, "%s: %s (failure %d in a row)", self.resource.plural, error, failures)

    def _backoff(self, failures: int) -> float:
        longest = min(LONGEST_BACKOFF_SECONDS, self._first_backoff * 2.0 ** min(failures - 1, 16))
        return longest * random.uniform(0.5, 1.0)

    async def _list(self, namespace: str | None) -> str:
        self._put_off_list(namespace)  # now, too: where a watch can go on, a list that fails is not repeated at once
        listed: set[str] = set()
        token = ""
        while True:
            page = await self._api.list_page(
                self.resource,
                namespace,
                label_selector=self._scope.label_selector,
                limit=PAGE_SIZE,
                continue_token=token,
            )
            self._heard_at[namespace] = self._clock()
            for obj in page.items:
                listed.add(uid_of(obj))
                self.cache.upsert(obj)
            token = page.continue_token
            if not token:
                break
            await asyncio.sleep(0)
        self.cache.delete_unlisted(namespace, listed, int(page.resource_version))
        self._put_off_list(namespace)
        self._unsynced.discard(namespace)
        self._refused.discard(namespace)
        self._check_synced()
        return page.resource_version

    def _put_off_list(self, namespace: str | None) -> None:
        self._list_again_at[namespace] = self._clock() + self._relist_seconds * random.uniform(0.75, 1.0)

    async def _watch(self, namespace: str | None, version: str) -> tuple[str, ApiError | None]:
        """Watches until it ends; returns the version to continue from, and the error that ended it (None: the server ended it).

        Raises Expired and Refused.
        """
        longest = self._watch_seconds * random.uniform(0.8, 1.0)
        try:
            events = self._api.watch(
                self.resource,
                namespace,
                label_selector=self._scope.label_selector,
                resource_version=version,
                timeout_seconds=seconds_to_watch(self._list_again_at[namespace] - self._clock(), longest),
            )
            async with aclosing(events) as stream:
                async for event in stream:
                    self._heard_at[namespace] = self._clock()
                    version = event.object["metadata"]["resourceVersion"]
                    if event.type is WatchType.DELETED:
                        self.cache.delete(event.object)
                    elif event.type is not WatchType.BOOKMARK:
                        self.cache.upsert(event.object)
        except (Expired, Refused):
            raise
        except ApiError as error:
            return version, error
        self._heard_at[namespace] = self._clock()
        return version, None


def seconds_to_watch(until_list: float, longest: float) -> float:
    """How long the next watch lasts: until the next list is due, but no longer than watches may, nor for a moment only."""
    return min(longest, max(until_list, SHORTEST_WATCH_SECONDS))


def was_good(progressed: bool, seconds: float, broke: ApiError | None) -> bool:
    """Whether a watch that has ended has done what it is for: it brought news, or there were none for a while.

    broke: what ended it, None: the server did. A status of success is that of an answer which had begun: proxies close connections
    that are idle.
    """
    had_begun = broke is None or 200 <= broke.status < 300
    return progressed or (had_begun and seconds >= SHORTEST_WATCH_SECONDS)
