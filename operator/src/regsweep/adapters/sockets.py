"""Connections that notice when the other side is gone, although a watch may be silent for minutes."""

from __future__ import annotations

import socket
from typing import Final

from aiohttp.connector import AddrInfoType

IDLE_SECONDS: Final = 30
"""After so long a silence the other side's kernel is asked whether it is still there."""
PROBE_SECONDS: Final = 10
PROBES: Final = 3
"""Unanswered probes after which the connection is broken: a minute after the last word."""

_OPTIONS: Final = (("TCP_KEEPIDLE", IDLE_SECONDS), ("TCP_KEEPINTVL", PROBE_SECONDS), ("TCP_KEEPCNT", PROBES))
"""Where the platform has them; else its own times hold, which are hours on some."""


def kept_alive(address: AddrInfoType) -> socket.socket:
    """A socket for that address whose silence is probed."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS:
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
