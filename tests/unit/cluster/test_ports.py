"""Ports for servers: nobody listens there, and no connection of the machine takes one by chance."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cluster import ports


def test_they_are_all_different() -> None:
    assert len(set(ports.free_ports(20))) == 20


def test_one_that_somebody_listens_on_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports.free_port()))
        number = taken.getsockname()[1]
        monkeypatch.setattr(ports, "PORTS", range(number, number + 2))
        assert ports.free_port() == number + 1


def test_linux_gives_none_of_them_to_a_connection_where_nobody_has_changed_its_range() -> None:
    told = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not told.exists() or told.read_text().split() != ["32768", "60999"]:
        pytest.skip("this machine has a range of its own")
    assert max(ports.PORTS) < 32768
