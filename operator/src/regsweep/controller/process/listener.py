"""kopf as a mere listener, in a thread and an event loop of its own: whatever ends it, it is started again, and the operator goes on.

kopf ends by an answer that breaks off while it looks around, and by a watch that is refused as too old. Where it ends, it also cancels
tasks of its event loop that it does not know.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final

from regsweep.controller.process.handlers import quiet_settings
from regsweep.controller.process.leankopf import kopf
from regsweep.settings import Settings

logger = logging.getLogger(__name__)

PAUSES_SECONDS: Final = (1.0, 2.0, 5.0, 15.0)
"""Before the second start, the third, and so on; the longest before each further one."""
STOP_SECONDS: Final = 2.0
"""How long its end is waited for; the process does not need it."""


class Listener:
    """Listens from `start` to `stop`. listen: one life of kopf, until the event is set; may raise anything."""

    def __init__(self, listen: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
        self._listen = listen
        self._stopping = threading.Event()
        self._end_life: Callable[[], object] = bool
        self._thread = threading.Thread(target=self._live, name="kopf", daemon=True)

    def start(self) -> None:
        """Returns at once."""
        self._thread.start()

    async def stop(self) -> None:
        """Ends it, and waits for that a little."""
        self._stopping.set()
        with suppress(RuntimeError):  # this life is over already
            self._end_life()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, STOP_SECONDS)

    def _live(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                asyncio.run(self._life())
            except Exception as error:  # noqa: BLE001 (kopf raises what its clients and tasks do)
                logger.warning("kopf has ended, and is started again: %s", " ".join(str(error).split())[:500])
            self._stopping.wait(PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS) - 1)])
            failures += 1

    async def _life(self) -> None:
        over = asyncio.Event()
        self._end_life = partial(asyncio.get_running_loop().call_soon_threadsafe, over.set)
        if not self._stopping.is_set():  # else it was before there was anything to end
            await self._listen(over)


def kopf_listener(registry: kopf.OperatorRegistry, settings: Settings, identity: str) -> Listener:
    """A listener with these handlers, which are called in its thread."""

    async def listen(over: asyncio.Event) -> None:
        await kopf.operator(
            registry=registry,
            settings=quiet_settings(),
            standalone=True,
            # kopf would ask for the user's name, which an image without an entry in /etc/passwd has not.
            identity=identity,  # type: ignore[arg-type]  # a NewType of str that is not public
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            stop_flag=over,
        )

    return Listener(listen)
