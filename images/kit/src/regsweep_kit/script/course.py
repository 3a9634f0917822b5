"""A replicate's epochs, as the script reports them, become its record. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from regsweep_kit.columns import Room, choose_columns
from regsweep_kit.contract import Contract
from regsweep_kit.epochs import LATE_GAIN, Best, Watch
from regsweep_kit.errors import InvalidContractError, NothingReportedError
from regsweep_kit.objective import LONGEST_METRIC, METRIC_CHARACTERS, METRIC_NAME, Epoch, Objective
from regsweep_kit.record import MOST_EPOCHS, Outcome, Progress, Record, column_name
from regsweep_kit.script.declarations import meant

DECIDE: Final = ("average_loss", "loss")
"""Beside the objective's metric: where one of these is no finite number, the replicate has diverged."""
MOST_METRICS: Final = 100
_LONGEST_NAME: Final = LONGEST_METRIC - len("train_")
PENALTY: Final = ("regularization_loss", "")

Metrics = Mapping[str, Any]
"""By name; values are numbers, also those of NumPy, TensorFlow or PyTorch."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What a script says of one epoch."""

    epoch: int
    train: Mapping[str, float]
    val: Mapping[str, float]
    stop: Mapping[str, float] | None = None
    test: Mapping[str, float] | None = None
    regularization_loss: float | None = None

    @property
    def values(self) -> dict[tuple[str, str], float]:
        """What is shown of it: stop chooses epochs, and is not."""
        values = {(name, "train"): value for name, value in self.train.items()}
        values |= {(name, "val"): value for name, value in self.val.items()}
        return values | ({} if self.regularization_loss is None else {PENALTY: self.regularization_loss})


def reported(
    epoch: int, train: Metrics, val: Metrics, stop: Metrics | None, test: Metrics | None, penalty: Any
) -> Reported:
    """The numbers in it, checked. Raises InvalidContractError."""
    if isinstance(epoch, bool) or not isinstance(epoch, int) or not 1 <= epoch <= MOST_EPOCHS:
        raise InvalidContractError(f"replicate.report: epoch is {epoch!r}, want an integer from 1 to {MOST_EPOCHS}")
    return Reported(
        epoch,
        _numbers(train, "train"),
        _numbers(val, "val"),
        None if stop is None else _numbers(stop, "stop"),
        None if test is None else _numbers(test, "test"),
        None if penalty is None else _number(penalty, "regularization_loss"),
    )


@dataclass(frozen=True, slots=True)
class Course:
    """How a replicate has gone so far."""

    objective: Objective
    score_test: bool = False
    outcome: Outcome = Outcome.OK
    last: Reported | None = None
    watch: Watch | None = None
    """`None` until `stop` was reported."""
    test: Mapping[str, float] | None = None
    """At the objective's epoch."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """By split, of the values."""

    @property
    def best(self) -> Best | None:
        return None if self.watch is None else self.watch.best

    @property
    def improved(self) -> bool:
        """Whether the last epoch was the best so far."""
        return self.watch is not None and self.watch.improved

    def after(self, epoch: Reported, rows: Mapping[str, int]) -> "Course":
        """One more epoch. A replicate that has diverged stays as it was then. Raises InvalidContractError."""
        if self.outcome is Outcome.DIVERGED:
            return self
        self._check(epoch)
        if not _is_finite(epoch, self.objective.name):
            return replace(self, outcome=Outcome.DIVERGED, last=epoch, rows=rows)
        watch = self.watch
        if epoch.stop is not None:
            watch = (watch or Watch(self.objective.rule)).seen(epoch.epoch, epoch.train, epoch.stop, epoch.val)
        best_counts = self.objective.epoch is Epoch.BEST
        test = epoch.test if not best_counts or (watch is not None and watch.improved) else self.test
        return replace(self, last=epoch, watch=watch, test=test, rows=rows)

    def progress(self) -> Progress:
        """For /metrics. Raises NothingReportedError."""
        last = self._last()
        tests = {(name, "test"): value for name, value in self._test_values().items()}
        return Progress(last.epoch, {**last.values, **tests}, self.rows, self.best)

    def end(self) -> Progress:
        """The same once no epoch follows. Raises NothingReportedError."""
        progress = self.progress()
        gain = self.watch.late_gain(progress.epoch) if self.watch is not None else None
        if gain is None or self.outcome is Outcome.DIVERGED:
            return progress
        return replace(progress, values={**progress.values, LATE_GAIN: gain})

    def record(self, replicate: int) -> Record:
        """The result. Raises NothingReportedError where there is none to speak of."""
        last, progress = self._last(), self.end()
        if self.score_test and self.outcome is Outcome.OK and not self.test:
            raise NothingReportedError(
                f"replicate {replicate}: REGSWEEP_SCORE_TEST asks for the metrics of the test rows, and none were reported; pass "
                "test={...} to replicate.report where rows.test is not None"
            )
        values = {column_name(metric, split): value for (metric, split), value in progress.values.items()}
        return Record(replicate, self.outcome, last.epoch, values, self.best)

    def _last(self) -> Reported:
        if self.last is None:
            raise NothingReportedError(
                "the script ended a replicate without reporting an epoch; call replicate.report(epoch, train=..., val=...), or give "
                "replicate.keras(rows) to fit as a callback"
            )
        return self.last

    def _test_values(self) -> Mapping[str, float]:
        return self.test if self.test is not None and self.score_test and self.outcome is Outcome.OK else {}

    def _check(self, epoch: Reported) -> None:
        """Raises InvalidContractError where the sweep cannot be ranked by what is reported, or epochs do not ascend."""
        if self.last is not None and epoch.epoch <= self.last.epoch:
            raise InvalidContractError(
                f"replicate.report: epoch {epoch.epoch} after epoch {self.last.epoch}; report each epoch once, in order"
            )
        name, best_counts = self.objective.name, self.objective.epoch is Epoch.BEST
        if name not in epoch.train or name not in epoch.val:
            both = sorted(epoch.train.keys() & epoch.val.keys())
            raise InvalidContractError(
                f"REGSWEEP_OBJECTIVE: the sweep ranks by {self.objective.rule.metric}, but the script reports {_listed(both)} on train "
                f"and val{meant(name, both)}; report {name} too, or set spec.objective.metric"
            )
        if best_counts and (epoch.stop is None or name not in epoch.stop):
            raise InvalidContractError(
                f"REGSWEEP_OBJECTIVE: the sweep takes the best epoch, which is chosen on the stop rows; pass stop={{{name!r}: ...}} to "
                "replicate.report"
            )
        if epoch.stop is not None and name not in epoch.stop:
            raise InvalidContractError(f"replicate.report: stop lacks {name}, by which the best epoch is chosen")


def columns(first: Reported, contract: Contract) -> tuple[str, ...]:
    """The record's columns, from the names in a first report: so many that the records always fit, the objective's first.

    Raises InvalidContractError where the most important ones do not fit.
    """
    objective = contract.objective
    common = [name for name in first.val if name in first.train]
    known = dict.fromkeys([objective.name, *(name for name in DECIDE if name in common), *common])
    pairs = [tuple(column_name(name, split) for split in ("train", "val")) for name in known]
    tests = [(column_name(name, "test"),) for name in known] if contract.score_test else []
    single = [
        (column_name(name, split),)
        for split, values in (("train", first.train), ("val", first.val))
        for name in values
        if name not in known
    ]
    penalty = [(PENALTY[0],)] if first.regularization_loss is not None else []
    late = [(LATE_GAIN[0],)] if first.stop is not None and not contract.score_test else []
    sure = [*pairs[:1], *tests[:1]]
    room = Room(contract.replicates_per_pod, objective.rule, contract.message_bytes)
    rest: Sequence[tuple[str, ...]] = [*pairs[1:2], *tests[1:2], *penalty, *pairs[2:], *tests[2:], *single, *late]
    return choose_columns([*sure, *rest], room, needed=len(sure))


def metric_name(name: str) -> str:
    """A framework's name of a metric, as a column can have it: `F1-macro` as it is, `recall@5` as `recall_5`."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).lstrip("_.-").rstrip("_")[:_LONGEST_NAME] or "metric"


def metric_names(names: Sequence[str]) -> tuple[str, ...]:
    """A framework's names, each as `metric_name` has it. Raises InvalidContractError where two would be one."""
    first: dict[str, str] = {}
    for name in names:
        if (other := first.setdefault(metric_name(name), name)) != name:
            raise InvalidContractError(
                f"the metrics {other!r} and {name!r} would both be reported as {metric_name(name)}; rename one of them"
            )
    return tuple(first)


def _numbers(metrics: Metrics, part: str) -> dict[str, float]:
    if not isinstance(metrics, Mapping) or not metrics:
        raise InvalidContractError(
            f"replicate.report: {part} is {metrics!r}, want metrics by name, such as {{'average_loss': 0.3}}"
        )
    if len(metrics) > MOST_METRICS:
        raise InvalidContractError(f"replicate.report: {part} has {len(metrics)} metrics, want at most {MOST_METRICS}")
    for name in metrics:
        if not isinstance(name, str) or len(name) > _LONGEST_NAME or not re.fullmatch(METRIC_NAME, name):
            raise InvalidContractError(
                f"replicate.report: {part} has a metric {name!r}, want a name of at most {_LONGEST_NAME} {METRIC_CHARACTERS}"
            )
    return {name: _number(value, f"{part} {name}") for name, value in metrics.items()}


def _number(value: Any, what: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidContractError(f"replicate.report: {what} is {str(value)[:60]!r}, want a number") from None


def _is_finite(epoch: Reported, objective: str) -> bool:
    parts = [epoch.train, epoch.val, *([epoch.stop] if epoch.stop is not None else [])]
    return all(math.isfinite(part[name]) for part in parts for name in (objective, *DECIDE) if name in part)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) if names else "nothing"
