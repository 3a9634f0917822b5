"""The contract's environment, read once into a typed value. Every variable's default and meaning stands here and nowhere else."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from regsweep_trainer.errors import InvalidContractError, NothingToTrainError
from regsweep_trainer.resampling import FEWEST_FOLDS, MOST_FOLDS, Resampling, ResamplingKind

T = TypeVar("T")

MOST_REPLICATES_PER_POD = 16  # so many fit into a termination message of 4,096 bytes with the metrics that matter


class Goal(StrEnum):
    MINIMIZE = "Minimize"
    MAXIMIZE = "Maximize"


class Epoch(StrEnum):
    """At which epoch a replicate is judged: the last one, or the best one on the `stop` half."""

    LAST = "Last"
    BEST = "Best"


@dataclass(frozen=True, slots=True)
class Objective:
    """What the sweep ranks by. `metric` is written split first, such as `val_average_loss`."""

    metric: str = "val_average_loss"
    goal: Goal = Goal.MINIMIZE
    epoch: Epoch = Epoch.LAST

    @property
    def name(self) -> str:
        """The metric without its split."""
        for split in ("train_", "val_", "test_"):
            if self.metric.startswith(split):
                return self.metric.removeprefix(split)
        return self.metric

    def better(self, value: float, than: float) -> bool:
        """Whether `value` is strictly better than `than`; a NaN is better than nothing at all."""
        return value < than if self.goal is Goal.MINIMIZE else value > than


@dataclass(frozen=True, slots=True)
class Contract:
    flags: Mapping[str, Any]
    flag_names: tuple[str, ...]
    sweep: str
    run: str
    seed_base: int
    replicates: tuple[int, ...]
    """The numbers of the replicates that this pod trains, in order; never empty."""
    replicates_per_pod: int
    """What a full pod trains: decides the record's columns, so that a short last pod has the same ones."""
    objective: Objective
    resampling: Resampling
    gpus: int
    allow_cpu: bool
    """Clusters whose GPUs are stand-ins: train on the CPU although GPUs were asked for."""
    linger_seconds: float
    metrics_port: int
    """0: no /metrics."""
    score_test: bool


def termination_log(environment: Mapping[str, str]) -> Path:
    """Where the termination message goes; wanted before all else, so that every other mistake can be told there."""
    return Path(environment.get("REGSWEEP_TERMINATION_LOG") or "/dev/termination-log")


def read_contract(environment: Mapping[str, str]) -> Contract:
    """Raises InvalidContractError, naming every variable that cannot be read, or NothingToTrainError."""
    problems: list[str] = []

    def read(name: str, default: T, parse: Callable[[str], T]) -> T:
        text = environment.get(name, "")
        if not text.strip():
            return default
        try:
            return parse(text)
        except (ValueError, TypeError) as error:
            problems.append(f"{name}: got {_short(text)}, want {error}")
            return default

    first = read("REGSWEEP_FIRST_REPLICATE", 0, _integer(0))
    per_pod = read("REGSWEEP_REPLICATES", 1, _integer(1, MOST_REPLICATES_PER_POD))
    index = read("JOB_COMPLETION_INDEX", 0, _integer(0))
    last = read("REGSWEEP_LAST_REPLICATE", first + per_pod * (index + 1) - 1, _integer(0))
    start = first + index * per_pod
    contract = Contract(
        flags=read("REGSWEEP_FLAGS", {}, _object),
        flag_names=read("REGSWEEP_FLAG_NAMES", (), _names),
        sweep=environment.get("REGSWEEP_SWEEP", ""),
        run=environment.get("REGSWEEP_RUN", ""),
        seed_base=read("REGSWEEP_SEED_BASE", 0, _integer(None)),
        replicates=tuple(range(start, min(start + per_pod - 1, last) + 1)),
        replicates_per_pod=per_pod,
        objective=read("REGSWEEP_OBJECTIVE", Objective(), _objective),
        resampling=read("REGSWEEP_RESAMPLING", Resampling(), _resampling),
        gpus=read("REGSWEEP_GPUS", 0, _integer(0)),
        allow_cpu=read("REGSWEEP_ALLOW_CPU", False, _switch),
        linger_seconds=read("REGSWEEP_LINGER_SECONDS", 0.0, _seconds),
        metrics_port=read("REGSWEEP_METRICS_PORT", 9090, _integer(0, 65535)),
        score_test=read("REGSWEEP_SCORE_TEST", False, _switch),
    )
    if problems:
        raise InvalidContractError("; ".join(problems))
    if not contract.replicates:
        raise NothingToTrainError(
            f"JOB_COMPLETION_INDEX {index} starts at replicate {start}, but the last one is {last} "
            "(REGSWEEP_LAST_REPLICATE): the Job has too many completions"
        )
    return contract


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _integer(least: int | None, most: int | None = None) -> Callable[[str], int]:
    bounds = "" if least is None else f" of at least {least}"
    if most is not None:
        bounds += f" and at most {most}"

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"an integer{bounds}") from None
        if (least is not None and value < least) or (most is not None and value > most):
            raise ValueError(f"an integer{bounds}")
        return value

    return parse


def _seconds(text: str) -> float:
    want = "a number of seconds from 0 to 86400"
    try:
        value = float(text)
    except ValueError:
        raise ValueError(want) from None
    if not 0 <= value <= 86400:
        raise ValueError(want)
    return value


def _switch(text: str) -> bool:
    values = {"1": True, "true": True, "0": False, "false": False}
    if text.strip().lower() not in values:
        raise ValueError("1 or 0")
    return values[text.strip().lower()]


def _json(text: str, want: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{want} ({error})") from None


def _object(text: str) -> Mapping[str, Any]:
    want = "a JSON object of flags"
    value = _json(text, want)
    if not isinstance(value, dict):
        raise ValueError(want)
    return value


def _names(text: str) -> tuple[str, ...]:
    want = "a JSON list of flag names"
    value = _json(text, want)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(want)
    return tuple(value)


def _objective(text: str) -> Objective:
    want = (
        'an object such as {"metric": "val_average_loss", "goal": "Minimize" or "Maximize", "epoch": "Last" or "Best"}'
    )
    value = _json(text, want)
    if not isinstance(value, dict) or not value.keys() <= {"metric", "goal", "epoch"}:
        raise ValueError(want)
    try:
        return Objective(
            metric=str(value.get("metric", "val_average_loss")),
            goal=Goal(value.get("goal", "Minimize")),
            epoch=Epoch(value.get("epoch", "Last")),
        )
    except ValueError:
        raise ValueError(want) from None


def _resampling(text: str) -> Resampling:
    want = f'{{"kind": "Holdout"}}, or {{"kind": "KFold" or "RepeatedKFold", "folds": {FEWEST_FOLDS} to {MOST_FOLDS}}}'
    value = _json(text, want)
    if not isinstance(value, dict) or not value.keys() <= {"kind", "folds"}:
        raise ValueError(want)
    try:
        kind = ResamplingKind(str(value.get("kind")))
    except ValueError:
        raise ValueError(want) from None
    folds = value.get("folds")
    if kind is ResamplingKind.HOLDOUT:
        if folds is not None:
            raise ValueError(f"{want}: Holdout has no folds")
        return Resampling()
    if isinstance(folds, bool) or not isinstance(folds, int) or not FEWEST_FOLDS <= folds <= MOST_FOLDS:
        raise ValueError(want)
    return Resampling(kind, folds)
