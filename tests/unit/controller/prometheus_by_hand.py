"""A Prometheus that has scraped whatever has ended, when it answers."""

from __future__ import annotations

import json

from regsweep.adapters.kubeapi import name_of, namespace_of, uid_of
from regsweep.adapters.prometheus import Prometheus
from regsweep.api.conditions import Reason
from regsweep.errors import MetricsError
from support.pods import exit_code_of
from unit.controller.machinery import Machinery


class PrometheusByHand(Prometheus):
    """Of the cluster's pods. is_away: it does not answer."""

    def __init__(self, cluster: Machinery) -> None:
        self._cluster = cluster
        self.is_away = False
        self.missed: set[str] = set()
        """UIDs of pods that it has not scraped in time."""

    async def query(self, promql: str, max_bytes: int) -> bytes:
        """See Prometheus."""
        if self.is_away:
            raise MetricsError(Reason.QUERY_FAILED, "Prometheus does not answer")
        result = []
        for pod in self._cluster.pods("Running", "Succeeded", "Failed"):
            if exit_code_of(pod) == 0 and uid_of(pod) not in self.missed:
                for replicate, losses in self._cluster.losses_of(pod):
                    labels = {
                        "namespace": namespace_of(pod),
                        "pod": name_of(pod),
                        "run": "r",
                        "replicate": str(replicate),
                    }
                    result += [_series(name, value, labels) for name, value in _STATE.items()]
                    for metric, value in losses.items():
                        split, _, name = metric.partition("_")
                        result.append(_series("metric", repr(value), {**labels, "split": split, "metric": name}))
        return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()

    async def close(self) -> None:
        """See Prometheus."""


_STATE = {"complete": "1", "epoch": "3", "epochs": "3"}


def _series(name: str, value: str, labels: dict[str, str]) -> dict[str, object]:
    return {"metric": {"__name__": f"regsweep_trainer_{name}", **labels}, "value": [0, value]}
