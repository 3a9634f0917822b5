"""Ports for servers: of a cluster, and of tests."""

from __future__ import annotations

import contextlib
import random
import socket

PORTS = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections, one of which might take the port before its server does."""
CHANCE = random.SystemRandom()
"""That no test seeds: two processes with one seed would draw the same ports."""


def free_port() -> int:
    """A port that nobody listens on now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many different ones."""
    with contextlib.ExitStack() as stack:
        return [int(stack.enter_context(_bound()).getsockname()[1]) for _ in range(count)]


def _bound() -> socket.socket:
    """Bound on all interfaces, so that whatever a server binds it may."""
    while True:
        one = socket.socket()
        try:
            one.bind(("", CHANCE.choice(PORTS)))
        except OSError:
            one.close()
        else:
            return one
