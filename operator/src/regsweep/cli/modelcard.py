"""The card beside a model: what it is, how it was chosen, and how good it and its like are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

from pydantic import JsonValue

from regsweep.api.analysis import PickRole
from regsweep.api.wording import plural
from regsweep.core.grid import label, value_text
from regsweep.core.identity import final_seed
from regsweep.core.judging.words.outcome import at_best_epoch
from regsweep.core.results.records import Outcome, Record
from regsweep.core.sweep import Point, Sweep
from regsweep.local.estimates import mean, standard_error
from regsweep.report.answer import answer
from regsweep.report.model import SweepReport

HOW = {
    PickRole.BEST: "the best mean of {objective} over {replicates}",
    PickRole.ONE_STANDARD_ERROR: "the simplest within one standard error of the best mean of {objective} over {replicates}",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model's training, and its like."""

    role: PickRole
    point: Point
    record: Record | None
    """Of the training that made the model; None: it is not known."""
    like: Sequence[Record]
    """Of all replicates of the point, among which the model's training is one."""
    where: str
    """How the model came to be, as a sentence."""
    file: str
    """Name of the model's file; empty: it is elsewhere."""


def card(sweep: Sweep, report: SweepReport, chosen: Chosen, described: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """described: what the trainer says of the model's inputs and output."""
    record, point = chosen.record, chosen.point
    trained = report.replicates if report.best is None else report.best.replicates
    objective = f"{report.objective.metric}{at_best_epoch(report.objective.epoch)}"
    how = HOW[chosen.role].format(objective=objective, replicates=plural(trained, "replicate"))
    environment = record.environment if record is not None else None
    found: dict[str, JsonValue] = {
        "sweep": sweep.name,
        "model": chosen.file or None,
        "pick": chosen.role.value,
        "chosen": how,
        "origin": chosen.where,
        "answer": answer(report),
        "flags": dict(point.combination.flags),
        "parameters": dict(sweep.resolved.parameters),
        "replicate": record.replicate if record is not None else None,
        "seedBase": final_seed(sweep.resolved.seed) if point.final else sweep.resolved.seed,
        "resampling": sweep.resolved.resampling.to_json(),
        "pointKey": point.key,
        "image": sweep.resolved.image,
        "imageDigest": environment.image if environment is not None else "",
        "dataDigest": environment.data_digest if environment is not None else "",
        "backend": environment.backend if environment is not None else "",
        "device": environment.device if environment is not None else "",
        "rows": {"train": environment.train_rows, "val": environment.val_rows} if environment is not None else {},
        "epochs": record.epochs if record is not None else None,
        "metrics": dict(record.metrics) if record is not None else {},
        "metricsOverReplicates": _summary(chosen.like),
        "madeBy": f"regsweep {metadata.version('regsweep')}",
    }
    return {**found, **{name: described[name] for name in ("inputs", "output", "classes") if name in described}}


def _summary(records: Sequence[Record]) -> dict[str, JsonValue]:
    """Mean and standard error of each metric over the replicates; null where one of them diverged."""
    names = dict.fromkeys(name for record in records for name in record.metrics)
    found: dict[str, JsonValue] = {}
    for name in names:
        values = [
            math.nan if each.outcome is Outcome.DIVERGED else each.metrics.get(name, math.nan) for each in records
        ]
        middle = mean(values)
        found[name] = {
            "mean": None if math.isnan(middle) else middle,
            "standardError": standard_error(values),
            "replicates": len(values),
        }
    return found


def as_markdown(card: Mapping[str, JsonValue]) -> str:
    """The card for people."""
    flags = card["flags"]
    assert isinstance(flags, dict)
    lines = [
        f"# {card['sweep']}: {label(flags)}",
        f"{_sentence(card['chosen'])} {card['origin']}",
        "",
        str(card["answer"]),
        "",
        *_use(card),
        "| | |",
        "|---|---|",
    ]
    facts = ("flags", "parameters", "replicate", "seedBase", "image", "imageDigest", "dataDigest", "backend", "device")
    lines += [f"| {name} | {_cell(card[name])} |" for name in facts if card[name] not in ("", None)]
    lines += [
        "",
        "| Metric | This model | Mean of all replicates | Standard error | Replicates |",
        "|---|---|---|---|---|",
    ]
    metrics, summary = card["metrics"], card["metricsOverReplicates"]
    assert isinstance(metrics, dict)
    assert isinstance(summary, dict)
    for name, value in summary.items():
        assert isinstance(value, dict)
        cells = [metrics.get(name), value["mean"], value["standardError"], value["replicates"]]
        lines.append(f"| {name} | {' | '.join(_number(cell) for cell in cells)} |")
    return "\n".join([*lines, "", f"{card['madeBy']}; the same for programs: card.json", ""])


def _use(card: Mapping[str, JsonValue]) -> list[str]:
    inputs = card.get("inputs")
    if not card["model"] or not isinstance(inputs, list):
        return []
    lines = [
        f"`keras.models.load_model({str(card['model'])!r})` predicts from raw rows and answers with {card.get('output')}.",
        "",
        "| Input | Shape | Type | Takes | A missing value |",
        "|---|---|---|---|---|",
    ]
    for given in inputs:
        assert isinstance(given, dict)
        cells = (
            given.get("name") or "(the only one)",
            given.get("shape"),
            given.get("dtype"),
            given.get("meaning"),
            given.get("missing"),
        )
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return [*lines, ""]


def _sentence(text: JsonValue) -> str:
    shown = str(text)
    return f"{shown[:1].upper()}{shown[1:]}."


def _cell(value: JsonValue) -> str:
    text = label(value) if isinstance(value, dict) else value if isinstance(value, str) else value_text(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _number(value: JsonValue) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, int | float) else str(value)
