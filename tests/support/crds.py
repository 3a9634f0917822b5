"""Waiting for the API server to serve the CRDs."""

from __future__ import annotations

import time
from typing import Final

from cluster import Cluster

DEADLINE_SECONDS: Final = 60.0
_ESTABLISHED: Final = '{.items[*].status.conditions[?(@.type=="Established")].status}'


def wait_established(cluster: Cluster) -> None:
    """Waits until every CRD is served.

    `kubectl wait --for=condition=Established` fails at once on a CRD that is so new that it has no conditions yet.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        count = len(cluster.kubectl("get", "crd", "-o", "name").split())
        if cluster.kubectl("get", "crd", "-o", f"jsonpath={_ESTABLISHED}").split() == ["True"] * count:
            return
        assert time.monotonic() < deadline, f"not every CRD is served within {DEADLINE_SECONDS:g} s"
        time.sleep(0.1)
