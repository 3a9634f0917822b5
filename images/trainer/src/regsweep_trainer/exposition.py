"""What /metrics shows. The trainer changes it in whole steps, so that no scrape sees `_complete` 1 beside values that are not final."""

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

IDENTITY = ("sweep", "run", "replicate")

Values = Mapping[tuple[str, str], float]
"""By (metric, split)."""


@dataclass(frozen=True, slots=True)
class View:
    """One replicate as it is now."""

    epochs: int
    """How many were asked for."""
    epoch: int = 0
    values: Values | None = None
    rows: Mapping[str, int] | None = None
    """By split: how many rows the values come from; for `train` a sample while training goes on."""
    best: Mapping[str, float] | None = None
    """By split: the objective's metric at the best epoch."""
    best_epoch: int | None = None
    complete: bool = False


class Exposition(Collector):
    def __init__(self, sweep: str, run: str, replicates: Iterable[int], epochs: int, labels: Mapping[str, str]) -> None:
        """labels: the swept flags by name, for `_info`."""
        self._identity = (sweep, run)
        self._labels = {label_name(name): value for name, value in labels.items()}
        self._lock = threading.Lock()
        self._views = {replicate: View(epochs) for replicate in replicates}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def show(self, replicate: int, **changes: object) -> None:
        """Changes one replicate's view in one step."""
        with self._lock:
            self._views[replicate] = replace(self._views[replicate], **changes)  # type: ignore[arg-type]  # arguments of any one field

    def all_complete(self) -> bool:
        with self._lock:
            return all(view.complete for view in self._views.values())

    def text(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            views = dict(self._views)

        def gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"regsweep_trainer_{name}", text, labels=(*IDENTITY, *labels))

        info = gauge("info", "1; the swept flags as labels.", *self._labels)
        metric = gauge(
            "metric",
            "Metric of the last epoch, in inference mode; train on a sample until complete.",
            "metric",
            "split",
        )
        rows = gauge("rows", "Rows that a split's metrics come from.", "split")
        epoch = gauge("epoch", "Epochs trained so far.")
        epochs = gauge("epochs", "Epochs asked for.")
        best = gauge("best", "The objective's metric at its best epoch; train on a sample until complete.", "split")
        best_epoch = gauge("best_epoch", "The epoch that was best for the objective, on the stop half of val.")
        complete = gauge("complete", "1 once the replicate's values are final and its record is written.")
        for replicate, view in views.items():
            who = [*self._identity, str(replicate)]
            info.add_metric([*who, *self._labels.values()], 1)
            epoch.add_metric(who, view.epoch)
            epochs.add_metric(who, view.epochs)
            complete.add_metric(who, float(view.complete))
            for (name, split), value in (view.values or {}).items():
                metric.add_metric([*who, name, split], value)
            for split, count in (view.rows or {}).items():
                rows.add_metric([*who, split], count)
            for split, value in (view.best or {}).items():
                best.add_metric([*who, split], value)
            if view.best_epoch is not None:
                best_epoch.add_metric(who, view.best_epoch)
        yield from (info, metric, rows, epoch, epochs, best, best_epoch, complete)


def label_name(flag: str) -> str:
    """The label of a flag in `_info`: `flag_`, then its name with all that a label may not have as `_`."""
    return "flag_" + re.sub(r"[^a-zA-Z0-9_]", "_", flag)
