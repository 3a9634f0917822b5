"""What /metrics shows. The trainer changes it in whole steps, so that no scrape sees `_complete` 1 beside values that are not final."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from regsweep_kit.errors import InvalidContractError
from regsweep_kit.message import DIGEST_DIGITS
from regsweep_kit.record import Progress

IDENTITY = ("sweep", "run", "replicate")


@dataclass(frozen=True, slots=True)
class Run:
    """The facts of the whole run in the exposition."""

    sweep: str
    run: str
    replicates: Sequence[int]
    epochs: int
    """How many were requested, of each replicate; 0: not known yet, see `Exposition.expect`."""
    flags: Mapping[str, str]
    """The swept flags as text, by name."""
    data_digest: str = ""
    """Of the data's source bytes; empty: unknown."""


@dataclass(frozen=True, slots=True)
class _View:
    """The present state of one replicate; `progress` is `None` before its first epoch."""

    progress: Progress | None = None
    complete: bool = False


class Exposition(Collector):
    def __init__(self, run: Run) -> None:
        """Raises InvalidContractError where two swept flags would have one label."""
        self._run = run
        self._epochs = run.epochs
        self._labels = {"data_digest": run.data_digest[:DIGEST_DIGITS]} if run.data_digest else {}
        for name, value in run.flags.items():
            if label_name(name) in self._labels:
                raise InvalidContractError(
                    f"REGSWEEP_FLAG_NAMES: {name!r} and another flag are both label {label_name(name)}; rename one of them"
                )
            self._labels[label_name(name)] = value
        self._lock = threading.Lock()
        self._views = dict.fromkeys(run.replicates, _View())
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def show(self, replicate: int, progress: Progress, *, complete: bool = False) -> None:
        """Changes one replicate's view in one step."""
        with self._lock:
            self._views[replicate] = _View(progress, complete)

    def expect(self, epochs: int) -> None:
        """Says how many epochs each replicate is trained for, where that was not known before."""
        with self._lock:
            self._epochs = epochs

    def text(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            views, epochs = dict(self._views), self._epochs
        families = _Families(self._labels)
        for replicate, view in views.items():
            families.add([self._run.sweep, self._run.run, str(replicate)], view, epochs)
        yield from families.all()


class _Families:
    """The metrics of one scrape."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._values = [*labels.values()]
        self._info = _gauge("info", "1; the swept flags as labels.", *labels)
        self._metric = _gauge(
            "metric",
            "Metric of the last epoch, in inference mode; train on a sample until complete.",
            "metric",
            "split",
        )
        self._rows = _gauge("rows", "Rows that a split's metrics come from.", "split")
        self._epoch = _gauge("epoch", "Epochs trained so far.")
        self._epochs = _gauge("epochs", "Epochs requested.")
        self._best = _gauge(
            "best", "The objective's metric at its best epoch; train on a sample until complete.", "split"
        )
        self._best_epoch = _gauge("best_epoch", "The epoch that was best for the objective, on the stop half of val.")
        self._complete = _gauge("complete", "1 once the replicate's values are final and its record is written.")

    def add(self, who: Sequence[str], view: _View, epochs: int) -> None:
        """One replicate's series. who: the values of IDENTITY."""
        self._info.add_metric([*who, *self._values], 1)
        self._epochs.add_metric(who, epochs)
        self._complete.add_metric(who, float(view.complete))
        progress = view.progress
        self._epoch.add_metric(who, 0 if progress is None else progress.epoch)
        if progress is None:
            return
        for (name, split), value in progress.values.items():
            self._metric.add_metric([*who, name, split], value)
        for split, count in progress.rows.items():
            self._rows.add_metric([*who, split], count)
        if (best := progress.best) is not None:
            self._best.add_metric([*who, "train"], best.train)
            self._best.add_metric([*who, "val"], best.val)
            self._best_epoch.add_metric(who, best.epoch)

    def all(self) -> tuple[Metric, ...]:
        return (
            *(self._info, self._metric, self._rows, self._epoch),
            *(self._epochs, self._best, self._best_epoch, self._complete),
        )


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"regsweep_trainer_{name}", text, labels=(*IDENTITY, *labels))


def label_name(flag: str) -> str:
    """The label of a flag in `_info`: `flag_`, then its name with all that a label may not have as `_`."""
    return "flag_" + re.sub(r"[^a-zA-Z0-9_]", "_", flag)
