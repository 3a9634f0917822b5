"""One replicate of a combination trained once more, for its model: with the seeds, rows and data of the sweep's own training."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regsweep.core.kubernetes.expansion import expand
from regsweep.core.results.messages import MalformedMessage, parse_message, records_of
from regsweep.core.results.records import Record
from regsweep.core.runs import ObservedPod, PodPhase, RunRequest
from regsweep.core.sweep import Point, Sweep
from regsweep.errors import RegsweepError
from regsweep.local.directory import RunsDirectory, observed_run, pod_name
from regsweep.local.environment import local_environment
from regsweep.local.facts import MODEL_FOLDER, output_file
from regsweep.local.inventory import KeptRun, RunState, saved_models
from regsweep.local.process import FreshProcess
from regsweep.local.settings import KERAS_BACKENDS
from regsweep.local.trainer import REFERENCE_MODULE, process_environment

RUN: Final = "training"
"""Folder of the training."""


class RetrainingError(RegsweepError):
    """It came to no model; the message says why."""


@dataclass(frozen=True, slots=True)
class Retrained:
    """What it came to."""

    record: Record
    model: Path | None
    """None: the trainer saved none."""
    words: str
    """The last that it printed."""


async def retrain(sweep: Sweep, point: Point, like: KeptRun, replicate: int, folder: Path) -> Retrained:
    """Trains the replicate in the folder. like: the run that trained the combination, whose command is used again.

    Raises RetrainingError where the training fails.
    """
    digest = like.facts.data.digest if like.facts.data is not None and like.facts.data.by_trainer else ""
    request = RunRequest(RUN, point, replicate, 1, 1, attempt=0, linger_seconds=0, data_digest=digest)
    place = folder / RUN
    place.mkdir(parents=True)
    contract = local_environment(sweep, request, 0, place) | {"REGSWEEP_MODELS": str((place / MODEL_FOLDER).absolute())}
    process = await FreshProcess.start(
        [*like.facts.command, *(expand(argument, contract) for argument in sweep.resolved.args or ())],
        process_environment(contract, os.environ | _backend(like), 1, isolated=REFERENCE_MODULE in like.facts.command),
        place / output_file(0),
    )
    code = await process.wait()
    directory = RunsDirectory(folder)
    facts = like.facts.model_copy(
        update={"run": RUN, "first_replicate": replicate, "replicates": 1, "replicates_per_pod": 1}
    )
    message = parse_message(directory.message(RUN, 0))
    name = pod_name(RUN, 0)
    run = observed_run(facts)
    pod = ObservedPod(name, name, 0, PodPhase.SUCCEEDED, created_at=run.created_at)
    found = [] if isinstance(message, MalformedMessage) else list(records_of(run, pod, message))
    record = next((each for each in found if each.replicate == replicate and each.has_result), None)
    if record is None:
        said = "" if isinstance(message, MalformedMessage) or message.error is None else message.error.message
        words = said or directory.last_words(RUN, 0) or f"exit code {code}"
        raise RetrainingError(f"Training it once more failed: {words}")
    model = saved_models(KeptRun(place, facts, (record,), RunState.COMPLETED)).get(replicate)
    return Retrained(record, model, " ".join(directory.last_words(RUN, 0).split()))


def _backend(like: KeptRun) -> dict[str, str]:
    """The variable that chooses Keras' backend, as the sweep's own training had it, whatever this shell says; empty: that is not known."""
    named = {record.environment.backend for record in like.records} & KERAS_BACKENDS
    return {"KERAS_BACKEND": named.pop()} if len(named) == 1 else {}
