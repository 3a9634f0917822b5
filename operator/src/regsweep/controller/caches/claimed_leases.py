"""Leases of other operators that claimed sweeps: read when a claim is met, and again at an interval."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from regsweep.adapters.kubeapi import LEASES, KubeApi
from regsweep.core.claims import LeaseState
from regsweep.errors import ApiError, NotFound

logger = logging.getLogger(__name__)

MAX_KEPT: Final = 1000
LONGEST_DURATION_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A Lease as it was read last; times are of the monotonic clock."""

    state: LeaseState
    read_at: float
    version: str = ""
    changed_at: float = 0.0
    """When it was first seen at this version: clocks of other machines are not compared with ours."""


class ClaimedLeases:
    """Whether the Leases of others are held.

    interval_seconds: from one look at a Lease to the next, and how much longer than its own duration it is left alone: a
    standby of its operator takes it meanwhile.
    """

    def __init__(self, api: KubeApi, *, interval_seconds: float, clock: Callable[[], float]) -> None:
        self._api = api
        self.interval_seconds = interval_seconds
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    async def state_of(self, lease: str) -> LeaseState:
        """The state of the Lease, which is named `namespace/name`."""
        seen = self._seen.get(lease)
        if seen is None or self._clock() >= seen.read_at + self.interval_seconds:
            if len(self._seen) >= MAX_KEPT:
                self._seen.clear()
            seen = self._seen[lease] = await self._read(lease, seen)
        return seen.state

    async def _read(self, lease: str, before: _Seen | None) -> _Seen:
        namespace, _, name = lease.partition("/")
        try:
            found = await self._api.get(LEASES, namespace, name)
        except NotFound:
            return _Seen(LeaseState.OVER, self._clock())
        except ApiError as error:
            logger.info("lease %s: %s", lease, error)
            return _Seen(LeaseState.UNREADABLE, self._clock())
        now, version = self._clock(), found["metadata"]["resourceVersion"]
        changed_at = before.changed_at if before is not None and before.version == version else now
        duration = float((found.get("spec") or {}).get("leaseDurationSeconds") or LONGEST_DURATION_SECONDS)
        is_over = now >= changed_at + min(duration, LONGEST_DURATION_SECONDS) + self.interval_seconds
        return _Seen(LeaseState.OVER if is_over else LeaseState.HELD, now, version, changed_at)
