"""Deletes of Jobs that hold nothing any more, made beside the passes: no slot waits for them.

Of a sweep one lot is deleted at a time; which ones come next the next pass decides. A lot that fails is tried again, later with each
failure in a row.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from regsweep.controller.queues.background import BackgroundTasks
from regsweep.errors import ApiError

logger = logging.getLogger(__name__)

LOT: Final = 100
"""Jobs that are deleted before the sweep is looked at again."""
NEXT_LOT_SECONDS: Final = 0.3
"""After a lot, before the next one."""
FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Failure:
    """Of the last lot of a sweep."""

    error: ApiError
    in_a_row: int
    retry_at: float
    """By the monotonic clock."""


class RemovalQueue:
    """What is being removed, by sweep. For one event loop."""

    def __init__(self, *, on_end: Callable[[str, float], None], clock: Callable[[], float] = monotonic) -> None:
        """on_end: called with the sweep's UID once a lot has been tried, or was not because one has failed not long ago, and with the
        seconds after which another one may be."""
        self._on_end = on_end
        self._clock = clock
        self._lots = BackgroundTasks()
        self._failures: dict[str, _Failure] = {}

    def failure(self, sweep_uid: str) -> ApiError | None:
        """Why the last lot was not removed; None: it was."""
        failure = self._failures.get(sweep_uid)
        return failure.error if failure is not None else None

    def start(self, sweep_uid: str, remove: Callable[[], Awaitable[None]]) -> None:
        """Removes a lot in the background, unless one is being removed, or one has failed not long ago."""
        failure = self._failures.get(sweep_uid)
        if self._lots.is_busy(sweep_uid):
            return
        if failure is not None and (left := failure.retry_at - self._clock()) > 0:
            # The pass that was called for may be this one, which came earlier for another reason.
            self._on_end(sweep_uid, left)
            return
        self._lots.start(sweep_uid, self._remove(sweep_uid, remove), name=f"remove Jobs of {sweep_uid}")

    def forget(self, sweep_uid: str) -> None:
        """Gives up what is being removed, and drops what is known of the sweep."""
        self._lots.cancel(sweep_uid)
        self._failures.pop(sweep_uid, None)

    async def close(self) -> None:
        """Gives up all that is being removed."""
        await self._lots.close()

    async def _remove(self, sweep_uid: str, remove: Callable[[], Awaitable[None]]) -> None:
        wait = NEXT_LOT_SECONDS
        try:
            await remove()
            self._failures.pop(sweep_uid, None)
        except ApiError as error:
            known = self._failures.get(sweep_uid)
            in_a_row = known.in_a_row + 1 if known is not None else 1
            wait = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(in_a_row - 1, 16))
            self._failures[sweep_uid] = _Failure(error, in_a_row, self._clock() + wait)
            logger.warning("sweep %s: Jobs were not deleted: %s; again in %g s", sweep_uid, error, wait)
        self._on_end(sweep_uid, wait)
