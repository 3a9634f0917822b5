"""Sweeps that wait for a quota which ended Jobs and pods use up too: other sweeps of their namespace keep none meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final

LASTS_SECONDS: Final = 30.0
"""How long a request stands. A sweep that still waits repeats it whenever it tries again."""


class RoomRequests:
    """The requests, by namespace and sweep. For one event loop."""

    def __init__(self, *, on_request: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        """on_request: called with the UID of each sweep that may have something to give up."""
        self._on_request = on_request
        self._clock = clock
        self._until: dict[str, dict[str, float]] = {}

    def make(self, namespace: str, sweep_uid: str, others: Iterable[str]) -> None:
        """Asks the other sweeps of the namespace for room. others: UIDs of sweeps that have Jobs there."""
        self._until.setdefault(namespace, {})[sweep_uid] = self._clock() + LASTS_SECONDS
        for uid in others:
            if uid != sweep_uid:
                self._on_request(uid)

    def is_asked(self, namespace: str, sweep_uid: str) -> bool:
        """Whether another sweep of the namespace waits for room."""
        now, standing = self._clock(), self._until.get(namespace, {})
        for uid in [uid for uid, until in standing.items() if until <= now]:
            del standing[uid]
        return any(uid != sweep_uid for uid in standing)

    def forget(self, sweep_uid: str) -> None:
        """Withdraws the sweep's request."""
        for standing in self._until.values():
            standing.pop(sweep_uid, None)
