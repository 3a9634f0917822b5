"""`regsweep model`: the model of a sweep's pick, with a card."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from regsweep.api.analysis import PickRole
from regsweep.cli.consoles import error_console, result_console
from regsweep.cli.exits import COMPLETE, UsageError
from regsweep.cli.exporting import SweepSource, sweep_folder
from regsweep.cli.modelcard import Chosen, as_markdown, card
from regsweep.cli.picks import Pick
from regsweep.core.grid import label
from regsweep.core.results.records import Record, Records
from regsweep.core.sweep import Point, Sweep, final_points
from regsweep.local.directory import RunsDirectory
from regsweep.local.inventory import KeptRun, saved_models
from regsweep.local.retraining import Retrained, retrain
from regsweep.local.revisit import revisit
from regsweep.report.documents import as_json
from regsweep.report.model import SweepReport
from regsweep.report.printing import print_prose

REPLICATE: Final = 0
"""The one that is trained once more."""
NOT_SELECTED: Final = "It is not the best of its replicates, so that their mean and error say what to expect of it."


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The options of the command line."""

    source: SweepSource
    pick: Pick
    output: Path | None
    """None: NAME-model in the working directory."""
    replace: bool = False
    """Replace the files where they exist."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model's file and what to tell of it."""

    chosen: Chosen
    file: Path | None
    """None: it is elsewhere."""

    @property
    def described(self) -> Mapping[str, JsonValue]:
        """What the trainer says of inputs and output; empty: nothing."""
        try:
            value = json.loads(self.file.with_suffix(".json").read_text()) if self.file is not None else {}
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}


def model_command(options: ModelOptions) -> int:
    """Writes the model and its card. Raises RegsweepError."""
    if options.source.in_cluster:
        from regsweep.cli.clustermodel import cluster_model

        sweep, report, found, words = asyncio.run(cluster_model(options.source, role_of(options.pick)))
        target = options.output or Path(f"{sweep.name}-model")
        _write(target, sweep, report, found, replace=options.replace)
        print_prose(result_console(), f"{words} The card is in {target}.")
        return COMPLETE
    folder, runs = sweep_folder(options.source)
    revisited = revisit(folder, runs)
    sweep, report = revisited.sweep, revisited.report
    target = options.output or Path(f"{sweep.name}-model")
    _check_target(target, replace=options.replace)
    records = RunsDirectory(folder).records()
    with tempfile.TemporaryDirectory(prefix="regsweep-model-") as scratch:
        role = role_of(options.pick)
        found = saved(sweep, report, records, runs, role) or trained_again(
            sweep, report, records, runs, role, Path(scratch)
        )
        _write(target, sweep, report, found, replace=options.replace)
    flags = label(found.chosen.point.combination.flags)
    print_prose(result_console(), f"{target / found.chosen.file}: {flags}. {found.chosen.where} The card is beside it.")
    return COMPLETE


def role_of(pick: Pick) -> PickRole:
    """The pick as statuses name it."""
    return PickRole.BEST if pick is Pick.BEST else PickRole.ONE_STANDARD_ERROR


def saved(sweep: Sweep, report: SweepReport, records: Records, runs: list[KeptRun], role: PickRole) -> Found | None:
    """The model that the final evaluation saved of the pick, of its first replicate; None where there is none."""
    point = final_pick(sweep, report, role)
    if point is None:
        return None
    for run in runs:
        files = saved_models(run) if run.facts.point_key == point.key else {}
        for replicate in sorted(files.keys() & records.of(point.key).keys()):
            file, record = files[replicate], records.of(point.key)[replicate]
            where = f"It is of replicate {replicate} of the final evaluation, which saved it. {NOT_SELECTED}"
            like = list(records.of(point.key).values())
            return Found(Chosen(role, point, record, like, where, f"model{file.suffix}"), file)
    return None


def final_pick(sweep: Sweep, report: SweepReport, role: PickRole) -> Point | None:
    """The point of the final evaluation that was picked so; None where there is none, or only in outer folds."""
    final = report.status.final
    if final is None:
        return None
    points = zip(final_points(sweep, final), final.picks, strict=True)
    return next((point for point, pick in points if role in pick.roles and point.outer is None), None)


def picked(sweep: Sweep, report: SweepReport, role: PickRole) -> Point:
    """The point of the grid that is picked so. Raises UsageError where there is none yet."""
    rows = (row for row in report.ranking if (report.is_best(row) if role is PickRole.BEST else report.is_pick(row)))
    row = next(rows, None)
    points = {point.combination.id: point for point in sweep.points}
    if row is None or row.combination not in points:
        raise UsageError(
            f"{sweep.name}: nothing is picked yet. `regsweep run` with its manifest trains what is missing, and prints why."
        )
    return points[row.combination]


def trained_again(
    sweep: Sweep, report: SweepReport, records: Records, runs: list[KeptRun], role: PickRole, scratch: Path
) -> Found:
    """The model of the pick's first replicate, trained once more. Raises UsageError and RetrainingError."""
    point = picked(sweep, report, role)
    like = next(run for run in reversed(runs) if run.facts.point_key == point.key)
    flags = label(point.combination.flags)
    why = "no final evaluation saved it" if sweep.spec.final is not None else "the sweep has no final evaluation"
    print_prose(error_console(), f"{flags}: {why}, so that replicate {REPLICATE} is trained once more.")
    done = asyncio.run(retrain(sweep, point, like, REPLICATE, scratch))
    if done.model is None:
        raise UsageError(
            f"{flags}: the trainer saved no model ({done.words}). A script saves it by `replicate.save(model)`."
        )
    before = records.get(point.key, REPLICATE)
    where = f"It is of replicate {REPLICATE}, trained once more: {why}. {_compared(done, before)} {NOT_SELECTED}"
    all_like = list(records.of(point.key).values())
    return Found(Chosen(role, point, done.record, all_like, where, f"model{done.model.suffix}"), done.model)


def _compared(done: Retrained, before: Record | None) -> str:
    """How the training compares with the sweep's own, as a sentence."""
    if before is None:
        return "The sweep has no result of this replicate to compare it with."
    after = done.record.metrics
    other = {name for name in before.metrics.keys() | after.keys() if before.metrics.get(name) != after.get(name)}
    if not other:
        return "Its metrics are those of the sweep's own training, digit by digit."
    name = next((each for each in ("val_average_loss", *sorted(other)) if each in other), "")
    return (
        f"Its metrics differ from the sweep's own training: {name} is {after.get(name, float('nan')):.6g}, and was "
        f"{before.metrics.get(name, float('nan')):.6g}. Another device, thread count, version or environment does that."
    )


def _check_target(target: Path, *, replace: bool) -> None:
    if not replace and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            f"{target}: exists already. Give --yes to replace the model in it, or another folder with --output."
        )


def _write(target: Path, sweep: Sweep, report: SweepReport, found: Found, *, replace: bool) -> None:
    _check_target(target, replace=replace)
    document = card(sweep, report, found.chosen, found.described)
    try:
        target.mkdir(parents=True, exist_ok=True)
        if found.file is not None:
            copy = shutil.copytree if found.file.is_dir() else shutil.copyfile
            copy(found.file, target / found.chosen.file)
        (target / "card.json").write_text(as_json(document) + "\n", encoding="utf-8")
        (target / "README.md").write_text(as_markdown(document), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename or target}: cannot be written ({error.strerror or error}).") from error
