"""Gauges of what the sweeps' statuses say, read when they are scraped: a sweep that is deleted leaves no series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from regsweep.adapters.kubeapi import KubeObject, name_of, namespace_of
from regsweep.adapters.object_cache import Entry, ObjectCache
from regsweep.api.status import SweepState
from regsweep.metrics import RUNS, SWEEP_BUDGET_GPU_SECONDS, SWEEP_GPU_SECONDS, SWEEP_STATE, SWEEPS, Metrics

_RUN_STATES: Final = ("pending", "running", "succeeded", "failed")


def register_sweep_gauges(metrics: Metrics, sweeps: ObjectCache, is_ours: Callable[[KubeObject], bool]) -> None:
    """Lets the gauges of sweeps and runs read from the cache of sweeps; another operator shows those that are not ours."""

    def ours() -> Iterator[Entry]:
        return (entry for entry in sweeps.group("") if is_ours(entry.object))

    metrics.read_gauge(SWEEPS, lambda: _sweeps_by_state(ours()))
    metrics.read_gauge(SWEEP_STATE, lambda: _state_of_sweeps(ours()))
    metrics.read_gauge(RUNS, lambda: _runs_by_state(ours()))
    metrics.read_gauge(SWEEP_GPU_SECONDS, lambda: _gpu_seconds(ours()))
    metrics.read_gauge(SWEEP_BUDGET_GPU_SECONDS, lambda: _gpu_budgets(ours()))


def _sweeps_by_state(sweeps: Iterable[Entry]) -> Iterator[tuple[Mapping[str, str], float]]:
    states = Counter(_status(entry).get("state", SweepState.PENDING) for entry in sweeps)
    for state in SweepState:
        yield {"state": state.value}, float(states[state])


def _state_of_sweeps(sweeps: Iterable[Entry]) -> Iterator[tuple[Mapping[str, str], float]]:
    for entry in sweeps:
        yield {**_labels(entry), "state": _status(entry).get("state", SweepState.PENDING.value)}, 1.0


def _runs_by_state(sweeps: Iterable[Entry]) -> Iterator[tuple[Mapping[str, str], float]]:
    for entry in sweeps:
        counts = _status(entry).get("runs") or {}
        for state in _RUN_STATES:
            yield {**_labels(entry), "state": state}, float(counts.get(state, 0))


def _gpu_seconds(sweeps: Iterable[Entry]) -> Iterator[tuple[Mapping[str, str], float]]:
    for entry in sweeps:
        yield _labels(entry), float(_status(entry).get("gpuSeconds") or 0.0)


def _gpu_budgets(sweeps: Iterable[Entry]) -> Iterator[tuple[Mapping[str, str], float]]:
    for entry in sweeps:
        most = ((entry.object.get("spec") or {}).get("budget") or {}).get("maxGpuSeconds")
        if most is not None:
            yield _labels(entry), float(most)


def _labels(entry: Entry) -> dict[str, str]:
    return {"namespace": namespace_of(entry.object), "sweep": name_of(entry.object)}


def _status(entry: Entry) -> dict[str, Any]:
    status: dict[str, Any] = entry.object.get("status") or {}
    return status
