"""A sweep as runs of MLflow: a parent run, and in it a run for each training. What is there already is not made twice.

A run of ours names by a tag what it is of, and by another a digest of all that was logged, which is set last: without it the run is half
made. A run that says something else than the sweep does now is deleted and made anew; where only the ranking has changed, its tags are set.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from regsweep.api.canonical import digest
from regsweep.core.grid import value_text
from regsweep.core.identity import final_seed
from regsweep.export.mlflowserver import MLflow, MLflowError, Run
from regsweep.export.trainings import Exported, Role, Training, results_of

OF: Final = "regsweep.training"
"""Tag: what the run is of."""
DIGEST: Final = "regsweep.digest"
"""Tag: of all that was logged."""
SWEEP: Final = "regsweep.sweep"
RANKING: Final = ("regsweep.rank", "regsweep.tied", "regsweep.picks")
"""Tags that further trainings change."""
PARENT: Final = "mlflow.parentRunId"
NOTE: Final = "mlflow.note.content"
MOST_PARAM: Final = 500
"""Characters of a parameter's value that every version of MLflow takes."""
AT_ONCE: Final = 4
"""Runs that are logged at a time."""
NOT_COPIED: Final = "The server's artifact store is not reached through it: no model was copied."


@dataclass
class Logged:
    """What was done."""

    experiment_id: str
    made: int = 0
    replaced: int = 0
    retagged: int = 0
    same: int = 0
    open: int = 0
    """Trainings that have not ended, and were passed over."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A run as it is to be."""

    of: str
    name: str
    tags: Mapping[str, str]
    """All but those of the ranking."""
    ranking: Mapping[str, str]
    params: Mapping[str, str]
    metrics: tuple[Mapping[str, JsonValue], ...]
    status: str
    start_ms: int
    end_ms: int
    training: Training | None = None

    @property
    def digest(self) -> str:
        """Of all that is logged once and for all."""
        saved = self.training.saved if self.training is not None else None
        size = saved.stat().st_size if saved is not None and saved.exists() else None
        whole: dict[str, JsonValue] = {
            "tags": dict(self.tags),
            "params": dict(self.params),
            "metrics": [dict(metric) for metric in self.metrics],
            "model": size,
        }
        return digest(whole, 32)


async def log_sweep(server: MLflow, sweep: Exported, experiment: str) -> Logged:
    """Brings the experiment to what the sweep has come to. Raises MLflowError."""
    logged = Logged(await server.experiment(experiment))
    present = {
        run.tags[OF]: run
        for run in await server.runs(logged.experiment_id, f"tags.`{SWEEP}` = '{sweep.name}'")
        if OF in run.tags
    }
    parent = await _bring(server, logged, _parent(sweep), present, None)
    slots = asyncio.Semaphore(AT_ONCE)

    async def bring(wanted: _Wanted) -> None:
        async with slots:
            await _bring(server, logged, wanted, present, parent)

    ended = [training for training in sweep.trainings if training.record is not None]
    logged.open = len(sweep.trainings) - len(ended)
    try:
        async with asyncio.TaskGroup() as group:
            for training in ended:
                group.create_task(bring(_child(training, sweep)))
    except* MLflowError as errors:
        raise _first(errors) from None
    return logged


def _first(errors: BaseExceptionGroup[MLflowError]) -> MLflowError:
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, MLflowError)
    return found


async def _bring(
    server: MLflow, logged: Logged, wanted: _Wanted, present: Mapping[str, Run], parent: str | None
) -> str:
    """Brings one run to what is wanted; returns its id."""
    found = present.get(wanted.of)
    if found is not None and _is_same(found, wanted, parent):
        changed = {tag: value for tag, value in wanted.ranking.items() if found.tags.get(tag) != value}
        if changed:
            await server.tag(found.info.run_id, changed)
            logged.retagged += 1
        else:
            logged.same += 1
        return found.info.run_id
    made = await _make(server, logged, wanted, parent)
    if found is not None:
        await server.delete(found.info.run_id)
        logged.replaced += 1
    else:
        logged.made += 1
    return made


def _is_same(found: Run, wanted: _Wanted, parent: str | None) -> bool:
    """Whether the run says what is wanted. A parent stays the same for its trainings' sake: its note is set anew."""
    if parent is None:
        return True
    return found.tags.get(DIGEST) == wanted.digest and found.tags.get(PARENT) == parent


async def _make(server: MLflow, logged: Logged, wanted: _Wanted, parent: str | None) -> str:
    tags = {**wanted.tags, **wanted.ranking, OF: wanted.of, **({PARENT: parent} if parent is not None else {})}
    run = await server.create_run(logged.experiment_id, wanted.name, wanted.start_ms, tags)
    await server.log(run.info.run_id, wanted.params, wanted.metrics)
    saved = wanted.training.saved if wanted.training is not None else None
    if saved is not None and not await server.upload(run, f"model/{saved.name}", saved):
        logged.notes = [NOT_COPIED]
    await server.end(run.info.run_id, wanted.status, wanted.end_ms)
    await server.tag(run.info.run_id, {DIGEST: wanted.digest})
    return run.info.run_id


def _parent(sweep: Exported) -> _Wanted:
    records = [training.record for training in sweep.trainings if training.record is not None]
    starts = [record.started_at for record in records if record.started_at is not None]
    ends = [record.ended_at for record in records if record.ended_at is not None]
    return _Wanted(
        of=f"sweep {sweep.name}",
        name=sweep.name,
        tags={SWEEP: sweep.name, "regsweep.objective": sweep.objective, "regsweep.goal": sweep.goal},
        ranking={NOTE: f"{sweep.answer}\n\n{sweep.source}".strip()},
        params=_params({**sweep.parameters, "flags": ", ".join(sweep.flag_names)}),
        metrics=(),
        status="FINISHED",
        start_ms=round(min(starts).timestamp() * 1000) if starts else 0,
        end_ms=round(max(ends).timestamp() * 1000) if ends else 0,
    )


def _child(training: Training, sweep: Exported) -> _Wanted:
    model, record = training.model, training.record
    assert record is not None  # the others are passed over
    where = record.environment
    start = record.started_at.timestamp() if record.started_at is not None else 0.0
    end = record.ended_at.timestamp() if record.ended_at is not None else start
    tags = {
        SWEEP: sweep.name,
        "regsweep.combination": model.label,
        "regsweep.role": model.role.value,
        "regsweep.replicate": str(training.replicate),
        "regsweep.outcome": record.outcome.value,
        "regsweep.run": record.run,
        "regsweep.point": model.key,
        "regsweep.seed_base": str(final_seed(sweep.seed) if model.role is Role.FINAL else sweep.seed),
        "regsweep.trainer": sweep.image,
        "regsweep.image_digest": where.image,
        "regsweep.data_digest": where.data_digest,
        "regsweep.backend": where.backend,
        "regsweep.device": where.device,
    }
    prefix = "" if model.role is Role.GRID else f"{model.role.value} "
    return _Wanted(
        of=f"{model.key}/{training.replicate}",
        name=f"{prefix}{model.label} #{training.replicate}",
        tags={name: value for name, value in tags.items() if value},
        ranking=_ranking(training),
        params=_params({**sweep.parameters, **model.flags}),
        metrics=tuple(_metrics(training, sweep, start, end)),
        status="FAILED" if training.diverged else "FINISHED",
        start_ms=round(start * 1000),
        end_ms=round(end * 1000),
        training=training,
    )


def _ranking(training: Training) -> dict[str, str]:
    model = training.model
    tied = "" if model.tied is None else str(model.tied).lower()
    values = ("" if model.rank is None else str(model.rank), tied, ",".join(pick.value for pick in model.picks))
    return dict(zip(RANKING, values, strict=True))


def _metrics(training: Training, sweep: Exported, start: float, end: float) -> Iterator[Mapping[str, JsonValue]]:
    """Each epoch's metrics, the last one's as they count: train on all of its rows."""
    results = results_of(training, sweep)
    last = training.record.epochs if training.record is not None else 0
    for epoch in training.epochs:
        at = start if epoch.at is None else epoch.at
        for name, value in epoch.values.items():
            if epoch.epoch < last or name not in results:
                yield _metric(name, value, epoch.epoch, at)
    for name, value in results.items():
        yield _metric(name, value, last, end)


def _metric(name: str, value: float, step: int, at: float) -> Mapping[str, JsonValue]:
    """JSON has neither NaN nor infinities: MLflow takes their names."""
    shown: JsonValue = value
    if not math.isfinite(value):
        shown = "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return {"key": name, "value": shown, "timestamp": round(at * 1000), "step": step}


def _params(values: Mapping[str, JsonValue]) -> dict[str, str]:
    texts = {name: value if isinstance(value, str) else value_text(value) for name, value in values.items()}
    return {
        re.sub(r"[^A-Za-z0-9_./: -]", "_", name): text if len(text) <= MOST_PARAM else f"{text[: MOST_PARAM - 3]}..."
        for name, text in texts.items()
    }
