"""Waiting for the API server to serve the CRDs."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from cluster import Cluster

DEADLINE_SECONDS: Final = 60.0


def wait_established(cluster: Cluster) -> None:
    """Waits until every CRD is served.

    `kubectl wait --for=condition=Established` fails at once on a CRD that is so new that it has no conditions yet.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        if all(map(_is_established, json.loads(cluster.kubectl("get", "crd", "-o", "json"))["items"])):
            return
        assert time.monotonic() < deadline, f"not every CRD is served within {DEADLINE_SECONDS:g} s"
        time.sleep(0.1)


def _is_established(crd: dict[str, Any]) -> bool:
    conditions = (crd.get("status") or {}).get("conditions") or ()  # null where the CRD is new
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
