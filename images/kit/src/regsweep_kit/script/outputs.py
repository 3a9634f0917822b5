"""Where a script's results go: under a sweep into the record and onto /metrics, by itself onto standard output, elsewhere nowhere."""

from collections.abc import Mapping
from typing import Any, Protocol

from regsweep_kit.console import say
from regsweep_kit.contract import Contract
from regsweep_kit.exposition import Exposition, Run
from regsweep_kit.histograms import Histograms
from regsweep_kit.journal import Journal
from regsweep_kit.record import Outcome, Period, Progress, Record
from regsweep_kit.reporting import Reporter
from regsweep_kit.script import devices
from regsweep_kit.script.course import Reported, columns
from regsweep_kit.timing import Stopwatch


class Output(Protocol):
    """What becomes of a replicate's results."""

    def begin(self) -> None:
        """A replicate begins."""

    def expect(self, epochs: int) -> None:
        """It is to be trained for so many epochs."""

    def divided(self, counts: Mapping[str, int], digest: str) -> None:
        """Its rows are these, of data with this digest."""

    def first(self, reported: Reported) -> None:
        """The first epoch of the process is about to be shown."""

    def epoch(self, replicate: int, progress: Progress) -> None:
        """An epoch has ended."""

    def weights(self, replicate: int, epoch: int, model: Any) -> None:
        """A Keras model has these weights after it."""

    def finish(self, record: Record, progress: Progress) -> None:
        """The replicate has ended."""

    def linger(self) -> None:
        """All replicates have."""


class Silent:
    """Of a process that is not the one that reports: another rank, or a child."""

    def begin(self) -> None: ...
    def expect(self, epochs: int) -> None: ...
    def divided(self, counts: Mapping[str, int], digest: str) -> None: ...
    def first(self, reported: Reported) -> None: ...
    def epoch(self, replicate: int, progress: Progress) -> None: ...
    def weights(self, replicate: int, epoch: int, model: Any) -> None: ...
    def finish(self, record: Record, progress: Progress) -> None: ...
    def linger(self) -> None: ...


class Printed(Silent):
    """Of a script that is run by itself."""

    def __init__(self) -> None:
        self._stopwatch, self._began = Stopwatch(), 0.0

    def begin(self) -> None:
        self._began = self._stopwatch.seconds()

    def finish(self, record: Record, progress: Progress) -> None:  # noqa: ARG002 - as any output
        say(_summary(record, Period(self._began, self._stopwatch.seconds())))


class Swept(Silent):
    """Of a script under a sweep, by the contract."""

    def __init__(
        self, contract: Contract, journal: Journal, labels: Mapping[str, str], data_digest: str, stopwatch: Stopwatch
    ) -> None:
        """labels: the swept flags as text. Raises InvalidContractError and PortTakenError."""
        self._contract, self._journal = contract, journal
        run = Run(contract.sweep, contract.run, contract.replicates, 0, labels, data_digest)
        self._exposition = Exposition(run)
        self._reporter = Reporter(journal, self._exposition, contract.metrics_port, stopwatch, contract.history)
        self._histograms = Histograms(contract.histograms, contract.histogram_epochs)
        self._divided = False

    def begin(self) -> None:
        self._reporter.begin()

    def expect(self, epochs: int) -> None:
        self._exposition.expect(epochs)

    def divided(self, counts: Mapping[str, int], digest: str) -> None:
        if not self._divided:  # the header has those of the first replicate
            self._journal.describe(rows=counts, data=digest)
            self._divided = True

    def first(self, reported: Reported) -> None:
        device = devices.in_use()
        self._journal.describe(
            columns=columns(reported, self._contract),
            rule=self._contract.objective.rule,
            backend=device.backend,
            device=device.name,
            gpus=device.gpus,
        )

    def epoch(self, replicate: int, progress: Progress) -> None:
        self._reporter.epoch(replicate, progress)

    def weights(self, replicate: int, epoch: int, model: Any) -> None:
        self._histograms.add(replicate, epoch, lambda: model)

    def finish(self, record: Record, progress: Progress) -> None:
        say(_summary(record, self._reporter.finish(record, progress)))

    def linger(self) -> None:
        self._reporter.linger(self._contract.linger_seconds)


def _summary(record: Record, period: Period) -> str:
    """Such as `replicate 0: after epoch 50, train_average_loss 0.03, val_average_loss 0.07 (1.2 s)`."""
    at = "diverged in" if record.outcome is Outcome.DIVERGED else "after"
    both = [name for name in record.values if name.startswith("val_") and f"train_{name[4:]}" in record.values]
    shown = [f"{column} {record.values[column]:.6g}" for name in both[:2] for column in (f"train_{name[4:]}", name)]
    return f"replicate {record.replicate}: {at} epoch {record.epochs}, {', '.join(shown)} ({period.end - period.start:.1f} s)"
