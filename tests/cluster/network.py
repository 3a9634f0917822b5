"""The wire between the host and the node: a veth pair, two routes, and addresses that nobody else uses.

No rule of any firewall and no setting of the host is touched. What is on the host's side hangs on the veth's end
there, and that goes when the node's network namespace goes.
"""

import contextlib
import ipaddress
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import paths
from cluster.commands import run
from cluster.errors import ClusterError

_FILE = "network.json"
_INSTANCES = 64  # 256 / 4: see `pods`
_INTERFACE_PREFIX = "rsw"  # an interface's name has at most 15 characters


@dataclass(frozen=True, slots=True)
class Network:
    """The addresses of the instance with this number: nothing is random, so they can be told apart in any listing."""

    number: int

    @property
    def link(self) -> ipaddress.IPv4Network:
        """Host and node, point to point."""
        return ipaddress.IPv4Network(f"10.213.{self.number}.0/30")

    @property
    def pods(self) -> ipaddress.IPv4Network:
        """1,021 pods' addresses."""
        return ipaddress.IPv4Network((f"10.214.{4 * self.number}.0", 22))

    @property
    def services(self) -> ipaddress.IPv4Network:
        """The cluster IPs; the host reaches them through the node too."""
        return ipaddress.IPv4Network(f"10.215.{self.number}.0/24")

    @property
    def host_address(self) -> str:
        """Where the API server listens."""
        return str(self.link[1])

    @property
    def node_address(self) -> str:
        """Where the kubelet listens."""
        return str(self.link[2])

    @property
    def api_service(self) -> str:
        """The cluster IP of the service ``kubernetes``: the first, by convention."""
        return str(self.services[1])

    @property
    def dns_service(self) -> str:
        """The cluster IP of CoreDNS."""
        return str(self.services[10])

    @property
    def host_interface(self) -> str:
        """The veth's end on the host."""
        return f"{_INTERFACE_PREFIX}{self.number}"

    @property
    def node_interface(self) -> str:
        """The veth's end on the node."""
        return f"{_INTERFACE_PREFIX}{self.number}n"


def allocate(state: Path) -> Network:
    """Take the first network that neither another instance nor the machine uses, and write it down before using it."""
    with paths.lock("network"):
        taken = {network.number for other in paths.clusters().iterdir() if (network := load(other)) is not None}
        used = _used_by_machine()
        for number in range(_INSTANCES):
            network = Network(number)
            if number not in taken and is_free(network, used):
                (state / _FILE).write_text(json.dumps({"number": number}))
                return network
    raise ClusterError("no free network in 10.213.0.0/16, 10.214.0.0/16 and 10.215.0.0/16: see `ip route`")


def load(state: Path) -> Network | None:
    """What was written down for that instance; None where nothing was (or it was cut short)."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return Network(int(json.loads((state / _FILE).read_text())["number"]))
    return None


def is_free(network: Network, used: Collection[ipaddress.IPv4Network]) -> bool:
    """Whether no route or address of the machine overlaps it; a default route leads everywhere and counts for nothing."""
    return not any(mine.overlaps(theirs) for mine in (network.link, network.pods, network.services) for theirs in used)


def connect(network: Network, node_pid: int) -> None:
    """Create the pair, put one end into the node's namespace, and route pods and services there."""
    disconnect(network)
    host, node = network.host_interface, network.node_interface
    length = network.link.prefixlen
    run(["ip", "link", "add", host, "type", "veth", "peer", "name", node, "netns", str(node_pid)])
    batch = [
        f"addr add {network.host_address}/{length} dev {host}",
        f"link set {host} up",
        f"route add {network.pods} via {network.node_address} dev {host}",
        f"route add {network.services} via {network.node_address} dev {host}",
    ]
    run(["ip", "-batch", "-"], stdin="\n".join(batch))


def commands_in_node(network: Network) -> list[str]:
    """Lines for ``ip -batch`` inside the node's namespace."""
    node = network.node_interface
    return [
        "link set lo up",
        f"addr add {network.node_address}/{network.link.prefixlen} dev {node}",
        f"link set {node} up",
        f"route add default via {network.host_address}",
    ]


def disconnect(network: Network) -> None:
    """Remove the host's end, and with it the other end, the addresses and the routes. Nothing there is fine."""
    interface = Path("/sys/class/net") / network.host_interface
    if not interface.exists():
        return
    try:
        run(["ip", "link", "delete", network.host_interface])
    except ClusterError:
        # The kernel removes it with the node's namespace, at a moment of its own: perhaps this one.
        if interface.exists():
            raise


def _used_by_machine() -> list[ipaddress.IPv4Network]:
    routes: list[dict[str, Any]] = json.loads(run(["ip", "-4", "-json", "route", "show", "table", "all"]) or "[]")
    used = []
    for route in routes:
        with contextlib.suppress(ValueError):  # "default"
            used.append(ipaddress.IPv4Network(route["dst"]))
    return used
