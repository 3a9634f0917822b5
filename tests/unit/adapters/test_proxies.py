"""Which proxy a request takes, by the environment as administrators of clusters set it."""

from __future__ import annotations

import pytest

from regsweep.adapters.prometheus import _proxy_for
from regsweep.adapters.proxies import proxy_for

PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        pytest.param("", "10.96.0.1", False, id="nothing is exempted"),
        pytest.param("10.96.0.1", "10.96.0.1", True, id="an address"),
        pytest.param("10.96.0.0/12", "10.96.0.1", True, id="the network of the Services"),
        pytest.param(
            "localhost, 127.0.0.0/8 ,10.0.0.0/8,.svc", "10.96.0.1", True, id="one network of several, with spaces"
        ),
        pytest.param("10.96.0.1/12", "10.100.0.1", True, id="a network named by one of its addresses"),
        pytest.param("10.96.0.0/12", "10.112.0.1", False, id="another network"),
        pytest.param("fd00:10::/112", "[fd00:10::1]", True, id="an IPv6 network"),
        pytest.param("fd00:10::1", "[fd00:10::1]", True, id="an IPv6 address"),
        pytest.param("0.0.0.0/0", "[fd00:10::1]", False, id="all of IPv4 is none of IPv6"),
        pytest.param("10.0.0.0/8", "prometheus.monitoring.svc", False, id="a name is in no network"),
        pytest.param(".svc,10.0.0.0/8", "prometheus.monitoring.svc", True, id="a domain"),
        pytest.param("10.0.0.0/99,/,x/y", "10.96.0.1", False, id="what is no network"),
        pytest.param("*", "10.96.0.1", True, id="everything"),
    ],
)
def test_what_no_proxy_has_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, host: str, direct: bool
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, PROXY)
    monkeypatch.setenv("no_proxy", no_proxy)
    url = f"https://{host}:443/api"
    assert proxy_for(url) == (None if direct else PROXY)
    by_prometheus, _ = _proxy_for(url)
    assert (str(by_prometheus) if by_prometheus else None) == (None if direct else PROXY)
