"""An operator in virtual time, at the end of a wire."""

from __future__ import annotations

from typing import Any

from regsweep.adapters.prometheus import Prometheus
from regsweep.controller.process.operator import Operator
from regsweep.metrics import Metrics
from unit.controller.fake_cluster import analyse_here, settings
from unit.controller.machinery import Machinery
from unit.controller.wire import Wire

PACES: dict[str, Any] = {
    "lease_namespace": "ops",
    "status_interval_seconds": 1.0,
    "store_interval_seconds": 2.0,
    "collect_interval_seconds": 1.0,
    "live_interval_seconds": 5.0,
    "refusal_retry_seconds": 10.0,
}


def operator_on(cluster: Machinery, wire: Wire, *, prometheus: Prometheus | None = None, **changes: Any) -> Operator:
    """It goes by the cluster's clock. It is not started."""
    chosen = settings(**{**PACES, **changes})
    return Operator(wire, chosen, Metrics(), prometheus=prometheus, analyse=analyse_here, clocks=cluster.time.clocks)
