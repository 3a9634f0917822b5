"""Leadership by a Lease: at most one operator acts at a time.

The rules are client-go's. Another's lease counts as expired when it has not changed for its whole duration by OUR clock, so that
clocks need not agree. Ours counts as held for less than its duration since the start of the last renewal that was accepted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from regsweep.adapters.kubeapi import LEASES, KubeApi, KubeObject
from regsweep.errors import AlreadyExists, ApiError, Conflict, NotFound

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Durations of an election, in seconds; the defaults are client-go's, but for a shorter `retry`."""

    duration: float = 15.0
    """How long others leave a lease that is not renewed."""
    renew_deadline: float = 10.0
    """How long after its last renewal the holder still acts; the rest of the duration covers a write that is under way."""
    retry: float = 1.0
    """Between two attempts to take it, and after one to renew it that failed. Others' attempts also see its renewals: so late at most."""

    def __post_init__(self) -> None:
        if not self.duration > self.renew_deadline > self.retry > 0:
            raise ValueError(
                "lease durations must be duration > renew deadline > retry > 0, "
                f"but got {self.duration:g}, {self.renew_deadline:g}, {self.retry:g}"
            )

    @property
    def renew(self) -> float:
        """From one renewal to the next: early enough to be tried again before the deadline, and no write more often than that."""
        return max(self.retry, self.renew_deadline / 2)


class Lease:
    """One contender for a lease. `run` it; act only while `held`."""

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        name: str,
        identity: str,
        *,
        times: LeaseTimes | None = None,
        clock: Callable[[], float] = monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.identity = identity
        self.times = times or LeaseTimes()
        self.terms = 0
        """How often leadership was won; a number for each term."""
        self._api = api
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._renewed_at: float | None = None
        self._seen: tuple[str, float] | None = None
        """Of another's lease its last resourceVersion, and when it is free if that stays."""
        self._won = asyncio.Event()

    @property
    def held(self) -> bool:
        """Whether this contender may act at this moment."""
        return self._renewed_at is not None and self._clock() < self._renewed_at + self.times.renew_deadline

    @property
    def seconds_left(self) -> float:
        """Seconds until another may hold it, if it is not renewed; 0 while it is not held."""
        if self._renewed_at is None:
            return 0.0
        return max(0.0, self._renewed_at + self.times.duration - self._clock())

    @property
    def age_seconds(self) -> float | None:
        """Seconds since the last renewal; None while it is not held."""
        return self._clock() - self._renewed_at if self._renewed_at is not None else None

    async def wait_held(self, after: int = 0) -> int:
        """Waits until it is held in a term later than `after`; returns the number of the term."""
        while not (self.held and self.terms > after):
            self._won.clear()
            await self._won.wait()
        return self.terms

    async def run(self) -> None:
        """Takes the lease when it is free and renews it, until cancelled. It does not release it: `release` does."""
        while True:
            pause = self.times.retry
            try:
                async with asyncio.timeout(self.times.renew_deadline):
                    pause = self.times.renew if await self.attempt() else self._until_free()
            except ApiError as error:
                logger.warning("lease %s/%s: %s", self.namespace, self.name, error)
            except TimeoutError:
                logger.warning("lease %s/%s: no answer in %g s", self.namespace, self.name, self.times.renew_deadline)
            if self._renewed_at is not None and not self.held:
                logger.error("lease %s/%s was lost", self.namespace, self.name)
                self._renewed_at = None
            await self._sleep(pause)

    async def attempt(self) -> bool:
        """Takes or renews the lease if that is possible now; returns whether it is held.

        Raises ApiError when the API does not answer; a lease that was held stays so until its deadline.
        """
        began = self._clock()
        try:
            lease = await self._api.get(LEASES, self.namespace, self.name)
        except NotFound:
            try:
                await self._api.create(LEASES, self._fresh())
            except AlreadyExists:
                return self._lost()
            return self._win(began)
        spec = lease.get("spec") or {}
        if not self._is_free(lease, spec, began):
            return self._lost()
        ours = spec.get("holderIdentity") == self.identity
        stamp = self._stamp()
        lease["spec"] = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self.times.duration)),
            "acquireTime": spec.get("acquireTime", stamp) if ours else stamp,
            "renewTime": stamp,
            "leaseTransitions": int(spec.get("leaseTransitions") or 0) + (not ours),
        }
        try:
            await self._api.replace(LEASES, lease)
        except Conflict:
            return self._lost()
        return self._win(began)

    async def release(self) -> None:
        """Gives it up at once, so that another need not wait for its end; never raises for an API that does not answer."""
        if self._renewed_at is None:
            return
        self._renewed_at = None
        try:
            lease = await self._api.get(LEASES, self.namespace, self.name)
            if (lease.get("spec") or {}).get("holderIdentity") == self.identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._stamp()}
                await self._api.replace(LEASES, lease)
        except ApiError as error:
            logger.info("lease %s/%s was not released: %s", self.namespace, self.name, error)

    def _is_free(self, lease: KubeObject, spec: KubeObject, now: float) -> bool:
        holder = spec.get("holderIdentity") or ""
        if holder in ("", self.identity):
            return True
        version = lease["metadata"]["resourceVersion"]
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now + float(spec.get("leaseDurationSeconds") or self.times.duration))
        return now >= self._seen[1]

    def _until_free(self) -> float:
        """Seconds to the next attempt while another holds it: no longer than until that one's time is over."""
        left = self._seen[1] - self._clock() if self._seen is not None else 0.0
        return min(left, self.times.retry) if left > 0 else self.times.retry

    def _win(self, began: float) -> bool:
        if not self.held:
            self.terms += 1
            logger.info("lease %s/%s is held by %s, term %d", self.namespace, self.name, self.identity, self.terms)
        self._renewed_at = began
        self._won.set()
        return True

    def _lost(self) -> bool:
        """Another holds it, or was quicker."""
        if self._renewed_at is not None:
            logger.error("lease %s/%s was acquired by another operator", self.namespace, self.name)
        self._renewed_at = None
        return False

    def _fresh(self) -> KubeObject:
        stamp = self._stamp()
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"namespace": self.namespace, "name": self.name},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": max(1, round(self.times.duration)),
                "acquireTime": stamp,
                "renewTime": stamp,
                "leaseTransitions": 0,
            },
        }

    def _stamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
