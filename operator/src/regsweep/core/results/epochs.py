"""What Prometheus saw of each replicate's course: metrics by epoch, from the scrapes while it was trained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, ValidationError

from regsweep.api.conditions import Reason
from regsweep.api.wording import cut
from regsweep.core.results.queries import MAX_WORDS, TargetLabels, target_of
from regsweep.core.timestamps import MOST_SECONDS
from regsweep.errors import MetricsError

_METRIC: Final = "regsweep_trainer_metric"
_EPOCH: Final = "regsweep_trainer_epoch"
MOST_POINTS: Final = 5_000
"""Of a series; Prometheus gives at most 11,000."""
LEAST_STEP_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class SeenEpoch:
    """The metrics of one replicate after an epoch, as they were scraped."""

    run: str
    replicate: int
    epoch: int
    values: Mapping[str, float]
    """By column, split first."""
    at: float | None = None
    """When it was scraped first, in seconds since 1970."""


class _Series(BaseModel):
    metric: dict[str, str]
    values: Annotated[list[tuple[float, str]], Field(max_length=20_000)]


class _Data(BaseModel):
    result: list[_Series]


class _Answer(BaseModel):
    status: Literal["success"]
    data: _Data
    warnings: list[str] = Field(default_factory=list)


def epochs_query(namespace: str, sweep: str, metrics: Sequence[str], labels: TargetLabels) -> str:
    """The PromQL of a query over a period: the metrics on train and val, without their split, and the epochs beside them."""
    who = f"{labels.selecting(namespace)},sweep={json.dumps(sweep)}"
    names = "|".join(re.escape(name) for name in metrics)
    return f'{_METRIC}{{{who},split=~"train|val",metric=~{json.dumps(names)}}} or {_EPOCH}{{{who}}}'


def step_seconds(start: datetime, end: datetime) -> float:
    """The step of a query over this period: fine enough for short sweeps, and few enough points for long ones."""
    return max(LEAST_STEP_SECONDS, (end - start).total_seconds() / MOST_POINTS)


def parse_epochs(answer: bytes) -> list[SeenEpoch]:
    """The epochs in an answer, each once. A replicate that no scrape has met has none.

    A value is joined to the epoch of its own target: another scrape of the pod may have met it an epoch later.

    Raises MetricsError where it is not an answer of Prometheus, or only a part of one.
    """
    try:
        whole = _Answer.model_validate_json(answer)
    except ValidationError as error:
        begin = answer[:80].decode(errors="replace")
        raise MetricsError(Reason.QUERY_FAILED.value, f"not an answer of Prometheus; it begins {begin!r}") from error
    if whole.warnings:
        words = cut("; ".join(whole.warnings[:3]), MAX_WORDS)
        raise MetricsError(Reason.QUERY_FAILED.value, f"Prometheus' answer may be partial: {words}")
    series = whole.data.result
    epoch_at = {
        (target_of(labels), moment): int(value)
        for _, labels, moment, value in _samples(series, _EPOCH)
        if 0 < value < 2**31
    }
    found: dict[tuple[str, int, int], dict[str, float]] = {}
    seen_at: dict[tuple[str, int, int], float] = {}
    for who, labels, moment, value in _samples(series, _METRIC):
        epoch = epoch_at.get((target_of(labels), moment))
        if epoch is not None and {"split", "metric"} <= labels.keys():
            found.setdefault((*who, epoch), {})[f"{labels['split']}_{labels['metric']}"] = value
            seen_at[*who, epoch] = min(moment, seen_at.get((*who, epoch), moment))
    return [SeenEpoch(*which, values, seen_at[which]) for which, values in sorted(found.items())]


def _samples(series: Iterable[_Series], name: str) -> Iterator[tuple[tuple[str, int], Mapping[str, str], float, float]]:
    """((run, replicate), labels, time, value) of each sample of this metric."""
    for each in series:
        labels = each.metric
        replicate = labels.get("replicate", "")
        if labels.get("__name__") != name or not re.fullmatch(r"\d{1,9}", replicate, re.ASCII):
            continue
        for moment, text in each.values:
            if not 0 <= moment < MOST_SECONDS:
                continue
            try:
                yield (labels.get("run", ""), int(replicate)), labels, moment, float(text)
            except ValueError:
                continue
