"""A sweep's results from its folder alone, without its manifest, and without training anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from pydantic import JsonValue, ValidationError

from regsweep.api.constants import EXIT_INVALID_FLAGS
from regsweep.api.model import ApiModel
from regsweep.api.spec import SweepSpec
from regsweep.api.status import SweepStatus
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.judging.analysis import analyse_records
from regsweep.core.plan import Plan, plan
from regsweep.core.refinement import refined
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase
from regsweep.core.status import sweep_status
from regsweep.core.sweep import Sweep
from regsweep.core.timestamps import parse_timestamp, timestamp
from regsweep.core.world import Observed
from regsweep.local.directory import RunsDirectory, RunsDirectoryError, observed_run, pod_name
from regsweep.local.facts import ASKED_FILE
from regsweep.local.inventory import KeptRun, RunState
from regsweep.local.provenance import SOURCE_FOLDER, SWEEP_FILE
from regsweep.report.build import results_of
from regsweep.report.documents import as_json
from regsweep.report.model import SweepReport

LOCAL: Final = "local"
"""In the place of namespace and UID: the same at each start, so that runs keep their names."""
MOST_PASSES: Final = 5
"""Store what failed, analyse, decide: three are enough."""


class Asked(ApiModel):
    """`sweep.json`: what `regsweep run` was asked for last, with or without training anything for it."""

    at: str
    """When it had been answered. RFC 3339."""
    trainer: str
    """What trained, part of the points' keys."""
    spec: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Revisited:
    """A sweep as its folder has it."""

    sweep: Sweep
    report: SweepReport


def revisit(folder: Path, runs: Sequence[KeptRun]) -> Revisited:
    """The sweep as it was asked for last, and its results. runs: all of the folder, in the order in which they were begun.

    Raises RunsDirectoryError where an earlier version of regsweep trained it, which did not keep its spec.
    """
    sweep = _sweep_of(folder, runs[-1])
    directory = RunsDirectory(folder)
    keys = {point.key for point in sweep.points}
    failed = tuple(_failed_run(run) for run in runs if run.state is RunState.FAILED and run.facts.point_key in keys)
    observed = Observed(
        records=directory.records(), runs=failed, final=directory.frozen() if sweep.spec.final else None
    )
    now = datetime.now(UTC)
    decided = Plan()
    for _ in range(MOST_PASSES):
        decided = plan(sweep, observed, now)
        gone = {ref.name for ref in decided.delete}
        observed = replace(
            observed,
            records=observed.records.plus(decided.store),
            runs=tuple(run for run in observed.runs if run.name not in gone),
        )
        if decided.analyse is not None:
            observed = replace(observed, analysis_result=analyse_records(decided.analyse))
        elif not decided.store and not gone:
            break
    status = sweep_status(sweep, observed, decided, (), SweepStatus(), now)
    return Revisited(sweep, results_of(sweep, observed.records, status, observed.analysis_result))


def asked_text(sweep: Sweep) -> str:
    """The content of `sweep.json`, now."""
    at = timestamp(datetime.now(UTC))
    return Asked(at=at, trainer=sweep.resolved.image, spec=sweep.spec.to_json()).model_dump_json(by_alias=True) + "\n"


def _sweep_of(folder: Path, latest: KeptRun) -> Sweep:
    asked = _asked(folder)
    if asked is not None and asked.at >= latest.started_at:
        trainer, text, path = asked.trainer, as_json(asked.spec), folder / ASKED_FILE
    else:
        trainer, text, path = latest.facts.trainer, None, latest.path / SOURCE_FOLDER / SWEEP_FILE
    try:
        spec = SweepSpec.model_validate_json(path.read_bytes() if text is None else text, extra="ignore")
    except (OSError, ValidationError) as error:
        raise RunsDirectoryError(
            f"{folder}: its sweep cannot be shown, since {path} was not written by this version of regsweep "
            f"({str(error).splitlines()[0]}). `regsweep run` with its manifest trains nothing again, and prints its results."
        ) from error
    defaults = Defaults(trainer_image=trainer, gpu_resource="", version=metadata.version("regsweep"))
    sweep, _ = accept(Identity(latest.facts.sweep, LOCAL, LOCAL, generation=1), spec, defaults)
    return refined(sweep, RunsDirectory(folder).refinement())


def _asked(folder: Path) -> Asked | None:
    """What was asked for last; None: an earlier version did not keep it."""
    try:
        return Asked.model_validate_json((folder / ASKED_FILE).read_bytes(), extra="ignore")
    except (OSError, ValidationError):
        return None


def _failed_run(run: KeptRun) -> ObservedRun:
    """The run as the core sees one that has failed for good."""
    facts, directory = run.facts, RunsDirectory(run.path.parent)
    pods = []
    for process in facts.processes:
        started = parse_timestamp(process.started_at)
        name = pod_name(facts.run, process.index)
        pods.append(
            ObservedPod(
                name,
                name,
                process.index,
                PodPhase.SUCCEEDED if process.exit_code == 0 else PodPhase.FAILED,
                created_at=started,
                started_at=started,
                ended_at=parse_timestamp(process.ended_at) if process.ended_at is not None else started,
                exit_code=process.exit_code,
                message=directory.message(run.path.name, process.index),
            )
        )
    ended = max((pod.ended_at for pod in pods if pod.ended_at is not None), default=None)
    refused = any(pod.exit_code == EXIT_INVALID_FLAGS for pod in pods)
    return replace(
        observed_run(facts),
        pods=tuple(pods),
        failed_indexes=frozenset(pod.index for pod in pods if pod.exit_code != 0),
        succeeded_indexes=frozenset(pod.index for pod in pods if pod.exit_code == 0),
        failed_reason="PodFailurePolicy" if refused else "FailedIndexes",
        ended_at=ended,
    )
