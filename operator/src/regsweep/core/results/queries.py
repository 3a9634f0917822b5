"""What to ask Prometheus about a sweep, and what its answer means.

One instant query per sweep asks for every series that is not yet recorded. It selects by namespace and by the Jobs' name
prefix with the shape of their hash, never by pod names, of which there may be thousands. So it may also return runs of
another sweep of that namespace whose name has the same first 40 characters. That is harmless: samples are looked up by
the names of the sweep's own pods, and a pod's name contains its Job's, whose hash contains the sweep's UID.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from regsweep.api.conditions import Reason
from regsweep.api.wording import cut
from regsweep.core.identity import HASH_LENGTH
from regsweep.core.results.scrapes import Sample
from regsweep.core.runs import ObservedPod
from regsweep.errors import MetricsError

_PREFIX: Final = "regsweep_trainer_"
_SERIES: Final = ("metric", "complete", "epoch", "epochs", "best", "best_epoch")
_NAMES: Final = f"{_PREFIX}({'|'.join(_SERIES)})"

LOOKBACK: Final = timedelta(minutes=5)
"""Maximum scrape interval: as long as Prometheus considers a series current."""
CLOCK_SKEW: Final = timedelta(minutes=1)
"""Pods' times are their nodes', samples' times are Prometheus', and now is ours."""

MAX_ANSWER_BYTES: Final = 67_108_864
"""Of the answer about one sweep, however many pods it has."""
POD_ANSWER_BYTES: Final = 524_288
FIXED_ANSWER_BYTES: Final = 1_048_576
"""Allowed beside those of its pods: for another sweep whose runs' names begin alike."""
PART_SERIES: Final = 250
"""Series that are read in one go: about a millisecond."""
_SEPARATOR: Final = b']},{"metric":{'
MAX_WORDS: Final = 1000
"""Characters of what is said about an answer: its labels and warnings are others' texts."""

_Part = TypeVar("_Part")

PodReplicate = tuple[str, int]
"""Name of a pod, and number of a replicate that it trains."""


@dataclass(frozen=True, slots=True)
class TargetLabels:
    """Which labels hold namespace and pod of a scraped target: whoever configured Prometheus has chosen them."""

    namespace: str = "namespace"
    pod: str = "pod"
    enforced_namespace: str = ""
    """The value that Prometheus writes there whatever the pod's namespace is. Empty: it is the pod's."""

    def selecting(self, namespace: str) -> str:
        """The matcher of series from pods in that namespace."""
        return f"{self.namespace}={_quoted(self.enforced_namespace or namespace)}"


def final_values_query(
    namespace: str, run_name: str, pods: Iterable[ObservedPod], now: datetime, labels: TargetLabels
) -> str | None:
    """The PromQL of an instant query without a time; None if no pod has started.

    run_name: of any run of the sweep; all have the same shape. pods: those with a replicate that is not recorded. The
    window reaches back to the oldest sample that may be some pod's last one: a running pod's is recent, a finished one's
    is at most one scrape interval older than its end, and none is older than its start. `last_over_time` finds it after
    the series has gone stale, which it does one interval after the pod's end.
    """
    needed = [
        max(pod.started_at, (pod.ended_at if pod.ended and pod.ended_at else now) - LOOKBACK)
        for pod in pods
        if pod.started_at is not None
    ]
    if not needed:
        return None
    window = max(math.ceil((now - min(needed) + CLOCK_SKEW).total_seconds()), int(CLOCK_SKEW.total_seconds()))
    selector = ",".join(
        (
            f"__name__=~{_quoted(_NAMES)}",
            labels.selecting(namespace),
            f"run=~{_quoted(_shape_of(run_name))}",
        )
    )
    return f"last_over_time({{{selector}}}[{window}s])"


def most_bytes(pods: int) -> int:
    """Bytes that an answer about so many pods may have. The contract allows some 70 series of 400 bytes for each of at most 16
    replicates of a pod; whoever exposes more is not listened to."""
    return min(MAX_ANSWER_BYTES, FIXED_ANSWER_BYTES + pods * POD_ANSWER_BYTES)


def parse_answer(body: str | bytes, labels: TargetLabels) -> dict[PodReplicate, Sample]:
    """The answer's samples; an empty one is no failure: nothing was scraped.

    body: Prometheus' JSON. Where several targets show the same pod (two scrape configurations), the one that knows more
    counts whole: series of two targets are never mixed, for they may be of different epochs.

    Raises MetricsError, with the reason of a condition: not JSON, `status: error`, a warning (the data may be partial:
    it must not be ranked on), a result of another type, or series without the label that names the pod.
    """
    whole, parts = _parts(body.encode() if isinstance(body, str) else body)
    answer = _validated(_ANSWER, whole)
    if answer.status == "error":
        raise _failed(f"{answer.error_type or 'error'}: {answer.error or 'no message'}")
    if answer.warnings:
        raise _failed(f"its answer may be partial: {'; '.join(answer.warnings[:3])}")
    if answer.data is None:
        raise _failed("its answer has no data")
    targets: dict[PodReplicate, dict[Target, _Readings]] = {}
    lists = [answer.data.result, *(_validated(_VECTOR, part) for part in parts)]
    for series in chain.from_iterable(lists):
        place = _place(series.metric, labels)
        if place is None:
            continue
        key, target = place
        readings = targets.setdefault(key, {}).setdefault(target, _Readings())
        readings.take(series.metric, series.value[1])
    return {key: max((r.sample() for r in by_target.values()), key=_knowledge) for key, by_target in targets.items()}


def _parts(body: bytes) -> tuple[bytes, list[bytes]]:
    """The answer with its first and last series, and the others as JSON lists of some hundred each.

    One call that reads all of a large body would keep every other thread waiting meanwhile. The separator stands nowhere else
    in JSON: within a text each quotation mark has a backslash before it. A body that is written in another way stays whole.
    """
    first, *between = body.split(_SEPARATOR)
    if len(between) <= PART_SERIES:
        return body, []
    last = between.pop()
    chosen = (between[start : start + PART_SERIES] for start in range(0, len(between), PART_SERIES))
    return _SEPARATOR.join((first, last)), [b'[{"metric":{' + _SEPARATOR.join(part) + b"]}]" for part in chosen]


def _validated(model: TypeAdapter[_Part], body: bytes) -> _Part:
    try:
        return model.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _failed(f"its answer does not match its HTTP API ({where or 'body'}: {first['msg']})") from error


class _Series(BaseModel):
    metric: dict[str, str]
    value: tuple[float, str]


class _Data(BaseModel):
    result_type: Annotated[Literal["vector"], Field(alias="resultType")]
    result: list[_Series]


class _Answer(BaseModel):
    """Source: the format overview of Prometheus' HTTP API. `infos` are remarks on the query, never on the data."""

    status: Literal["success", "error"]
    data: _Data | None = None
    error_type: Annotated[str | None, Field(alias="errorType")] = None
    error: str | None = None
    warnings: list[str] = Field(default_factory=list)


_ANSWER: Final = TypeAdapter(_Answer)
_VECTOR: Final = TypeAdapter(list[_Series])

Target = tuple[tuple[str, str], ...]
"""Labels of a series that identify its scrape target."""


@dataclass(slots=True)
class _Readings:
    """The series of one replicate from one target."""

    values: dict[str, float]
    metrics: dict[str, float]
    best: dict[str, float]

    def __init__(self) -> None:
        self.values, self.metrics, self.best = {}, {}, {}

    def take(self, series: Mapping[str, str], text: str) -> None:
        name, split, value = series["__name__"].removeprefix(_PREFIX), series.get("split", ""), _number(text)
        if name == "metric":
            metric = series.get("metric", "")
            self.metrics[f"{split}_{metric}" if split else metric] = value
        elif name == "best":
            self.best[split] = value
        else:
            self.values[name] = value

    def sample(self) -> Sample:
        best_epoch = _count(self.values.get("best_epoch"))
        return Sample(
            complete=self.values.get("complete") == 1,
            epoch=_count(self.values.get("epoch")) or 0,
            epochs=_count(self.values.get("epochs")) or 0,
            metrics=self.metrics,
            best_epoch=best_epoch,
            best_train=self.best.get("train") if best_epoch else None,
            best_val=self.best.get("val") if best_epoch else None,
        )


def _place(series: Mapping[str, str], labels: TargetLabels) -> tuple[PodReplicate, Target] | None:
    """Pod, replicate and target of the series; None if it is not a trainer's."""
    name, replicate = series.get("__name__", "").removeprefix(_PREFIX), series.get("replicate", "")
    if name not in _SERIES or not (replicate.isascii() and replicate.isdigit() and len(replicate) <= 9):
        return None
    pod = series.get(labels.pod)
    if not pod:
        raise _failed(
            f"its series of run {series.get('run', '')} have no label {labels.pod}, which should name the pod. They have "
            f"{', '.join(sorted(series.keys() - {'__name__'}))}. Set the operator's label names, or the relabelling"
        )
    return (pod, int(replicate)), target_of(series)


def target_of(series: Mapping[str, str]) -> Target:
    """The labels of a trainer's series that its other series of the same scrape and replicate have too."""
    return tuple(sorted((k, v) for k, v in series.items() if k not in ("__name__", "metric", "split")))


def _knowledge(sample: Sample) -> tuple[bool, int, int]:
    return sample.complete, sample.epoch, len(sample.metrics)


def _shape_of(run_name: str) -> str:
    """A regular expression for the names of all runs of the sweep; Prometheus anchors it at both ends."""
    return f"{re.escape(run_name[:-HASH_LENGTH])}[0-9a-f]{{{HASH_LENGTH}}}"


def _quoted(text: str) -> str:
    """The text as a PromQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _number(text: str) -> float:
    """A sample's value: Prometheus writes NaN, +Inf and -Inf, which float reads."""
    try:
        return float(text)
    except ValueError:
        raise _failed(f"its answer has the value {cut(text, 60)!r}, which is not a number") from None


def _count(value: float | None) -> int | None:
    """A number of epochs; None for what cannot be one."""
    return int(value) if value is not None and 0 <= value < 2**31 else None


def _failed(words: str) -> MetricsError:
    return MetricsError(Reason.QUERY_FAILED, f"Prometheus gave no final values: {cut(words, MAX_WORDS)}.")
