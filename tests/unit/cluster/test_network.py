"""Addresses: every instance has its own, and none is taken that the machine uses."""

import ipaddress
import itertools

import pytest

from cluster import network
from cluster.network import Network


def test_no_two_instances_share_an_address_or_a_name() -> None:
    every = [Network(number) for number in range(64)]
    used = [part for one in every for part in (one.link, one.pods, one.services)]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(used, 2))
    names = {name for one in every for name in (one.host_interface, one.node_interface)}
    assert len(names) == 128
    assert max(map(len, names)) <= 15, "Linux refuses longer names of interfaces"


@pytest.mark.parametrize(
    ("used", "free"),
    [
        pytest.param([], True, id="nothing is used"),
        pytest.param(["192.168.0.0/16"], True, id="another private network"),
        pytest.param(["10.213.3.1/32"], False, id="one address of the link"),
        pytest.param(["10.214.12.0/24"], False, id="a part of the pods' network"),
        pytest.param(["10.0.0.0/8"], False, id="a VPN that covers everything"),
    ],
)
def test_a_network_is_free_if_no_route_overlaps_it(used: list[str], free: bool) -> None:
    assert network.is_free(Network(3), [ipaddress.IPv4Network(route) for route in used]) is free
