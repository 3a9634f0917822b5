"""What kopf is asked to do: call for sweeps that change. It writes nothing to them: no finaliser, no annotation, no last-handled state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any

from regsweep.adapters.access import Access
from regsweep.adapters.kubeapi import SWEEPS
from regsweep.adapters.metadata import metadata_session
from regsweep.api.constants import GROUP, SWEEP_PLURAL, VERSION
from regsweep.controller.process.leankopf import kopf

INACTIVITY_SECONDS = 70
"""A watch without even a bookmark for so long is dead: the server's period of 60 s and some."""
LISTED_AT_ONCE = 10
"""Sweeps: the metadata of one may have more than a megabyte."""
HELD_SECONDS = 0.1
"""How long kopf holds what it has told of a sweep."""


class _Forever:
    """Seconds between attempts, without an end: an API server that is away is no reason for the process to end."""

    def __iter__(self) -> Iterator[float]:
        return chain((1, 1, 2, 3, 5, 8), repeat(15))


def registry_of(access: Access, enqueue: Callable[[str], None]) -> kopf.OperatorRegistry:
    """Handlers that call `enqueue` with the UID of each sweep that kopf hears of."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=access.host, aiohttp_session=await metadata_session(access, SWEEPS))

    @kopf.on.event(GROUP, VERSION, SWEEP_PLURAL, registry=registry)
    async def sweep_changed(uid: str, **_: Any) -> None:
        enqueue(uid)

    return registry


def quiet_settings() -> kopf.OperatorSettings:
    """kopf as a mere listener: nothing posted, nothing scanned for, no peers, quick to stop."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = _Forever()
    settings.networking.enforce_retry_after = True
    settings.watching.inactivity_timeout = INACTIVITY_SECONDS
    settings.watching.server_timeout = 300
    settings.watching.chunk_size = LISTED_AT_ONCE
    settings.queueing.idle_timeout = HELD_SECONDS
    settings.queueing.exit_timeout = 1
    settings.process.ultimate_exiting_timeout = 20
    return settings
