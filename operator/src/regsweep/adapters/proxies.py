"""The environment's proxy: which one a request takes, and which hosts need none."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for that URL (HTTPS_PROXY and the like, but for hosts in NO_PROXY); None: none."""
    parts = urlsplit(url)
    if parts.hostname and bypasses_proxy(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def bypasses_proxy(host: str) -> bool:
    """Whether NO_PROXY has that host.

    Names, domains and addresses are Python's to compare. Networks such as 10.96.0.0/12, which hold the API server's address in most
    clusters that have a proxy, are read as Kubernetes' own programs read them.
    """
    return bool(proxy_bypass(host)) or _is_in_a_network(host)


def _is_in_a_network(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:  # a name: nobody resolves it for this
        return False
    return any(_holds(part.strip(), address) for part in getproxies().get("no", "").split(","))


def _holds(network: str, address: object) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False
