"""`regsweep results`: a cluster's sweep, followed while it runs, ranked in full from its stored records."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import RESULTS, SWEEPS, KubeApi, KubeObject, WatchType, name_of, uid_of
from regsweep.adapters.listing import list_all
from regsweep.api.conditions import ConditionStatus, ConditionType
from regsweep.api.constants import SWEEP_UID_LABEL
from regsweep.api.status import SweepState, SweepStatus
from regsweep.api.validation import parse_sweep
from regsweep.cli.cluster import connection_of, explained
from regsweep.cli.consoles import error_console, result_console
from regsweep.cli.exits import COMPLETE, FAILED, UsageError
from regsweep.cli.progress import Progress
from regsweep.core.accept import Identity, sweep_of, with_objective
from regsweep.core.results.records import Records
from regsweep.core.results.segments import load
from regsweep.core.status import is_over
from regsweep.core.sweep import Sweep
from regsweep.errors import Expired, NotFound, RegsweepError, Unavailable, UnknownResource
from regsweep.report.build import results_of
from regsweep.report.model import SweepReport
from regsweep.report.outputs import Output
from regsweep.report.render import write_results

WATCH_SECONDS: Final = 240.0
"""Longest watch; a new one takes its place."""
RETRY_SECONDS: Final = 2.0
"""Pause after the API server gave no answer."""
TRIES: Final = 30
"""Times in a row that an API server without an answer is asked again while a sweep is followed."""


@dataclass(frozen=True, slots=True)
class ResultsOptions:
    """The options of the command line."""

    name: str
    namespace: str | None
    """None: that of the kubeconfig's context."""
    follow: bool
    context: str | None
    kubeconfig: Path | None
    output: Output
    rows: int
    means: bool = False
    """The table has the means at the values of all flags."""


def results_command(options: ResultsOptions) -> int:
    """Prints the results, after the sweep's end if it is followed; returns the exit code. Raises RegsweepError."""
    return asyncio.run(_results(options))


async def _results(options: ResultsOptions) -> int:
    connection = await connection_of(options.kubeconfig, options.context)
    namespace = options.namespace or connection.namespace
    client = KubeClient(connection.access)
    try:
        with explained(connection):
            obj = await get_sweep(client, namespace, options.name)
            if options.follow:
                with Progress(options.name, error_console()) as progress:
                    await follow(client, namespace, options.name, progress)
                obj = await get_sweep(client, namespace, options.name)
            sweep_report = await results_in(client, namespace, obj)
    finally:
        await client.close()
    write_results(sweep_report, options.output, result_console(), options.rows, options.means)
    return FAILED if has_failed(sweep_report.status) else COMPLETE


async def get_sweep(api: KubeApi, namespace: str, name: str) -> KubeObject:
    """The sweep. Raises UsageError if it does not exist, and Unavailable if the answer is another object."""
    try:
        obj = await api.get(SWEEPS, namespace, name)
    except UnknownResource:
        raise
    except NotFound as error:
        raise UsageError(
            f"RegularizationSweep {name} does not exist in namespace {namespace}. "
            "`kubectl get rsweep --all-namespaces` lists all sweeps; -n sets the namespace."
        ) from error
    metadata = obj["metadata"]
    if obj.get("kind") != SWEEPS.kind or not {"name", "uid", "resourceVersion"} <= metadata.keys():
        path = SWEEPS.path(namespace, name)
        raise Unavailable(f"no usable answer to GET {path}: it is not a {SWEEPS.kind}")
    return obj


async def follow(api: KubeApi, namespace: str, name: str, progress: Progress) -> None:
    """Shows the sweep's progress until it is over, or was not accepted. Raises UsageError when it is deleted."""
    failures = 0
    while True:
        try:
            obj = await get_sweep(api, namespace, name)
            failures = 0
            progress.update(status_of(obj))
            if has_ended(obj):
                return
            version = str(obj["metadata"]["resourceVersion"])
            events = api.watch(SWEEPS, namespace, resource_version=version, timeout_seconds=WATCH_SECONDS)
            async with aclosing(events):
                async for event in events:
                    if event.type is WatchType.BOOKMARK or name_of(event.object) != name:
                        continue
                    if event.type is WatchType.DELETED:
                        raise UsageError(f"RegularizationSweep {name} in namespace {namespace} was deleted.")
                    progress.update(status_of(event.object))
                    if has_ended(event.object):
                        return
        except Expired:
            continue
        except Unavailable:
            failures += 1
            if failures == TRIES:
                raise
            await asyncio.sleep(RETRY_SECONDS)


async def results_in(api: KubeApi, namespace: str, obj: KubeObject) -> SweepReport:
    """The sweep's results: counts and conditions as the status has them, the ranking from all stored records."""
    status, sweep = status_of(obj), sweep_in(namespace, obj)
    if sweep is None:
        spec = with_objective(parse_sweep(obj), status.objective)
        names = tuple(flag.name for flag in spec.flags)
        return SweepReport(
            name=name_of(obj), replicates=spec.most_replicates, flag_names=names, status=status, ranking=()
        )
    return results_of(sweep, await stored_records(api, namespace, sweep.uid), status)


def sweep_in(namespace: str, obj: KubeObject) -> Sweep | None:
    """The sweep as it was accepted, with the objective in force; None if it was not accepted yet."""
    status = status_of(obj)
    if status.resolved is None:
        return None
    identity = Identity(name_of(obj), namespace, uid_of(obj), int(obj["metadata"].get("generation", 0)))
    spec = with_objective(parse_sweep(obj), status.objective)
    return sweep_of(identity, spec, status.resolved, status.refinement)


async def stored_records(api: KubeApi, namespace: str, sweep_uid: str) -> Records:
    """All records in the sweep's SweepResults."""
    selector = f"{SWEEP_UID_LABEL}={sweep_uid}"
    return load([segment async for segment in list_all(api, RESULTS, namespace, label_selector=selector)])


def status_of(obj: KubeObject) -> SweepStatus:
    """The sweep's status; that of a sweep that was not reconciled yet if it has none.

    Raises RegsweepError where another version of the operator wrote it.
    """
    try:
        return SweepStatus.model_validate(obj.get("status") or {}, extra="ignore")
    except ValidationError as error:
        raise RegsweepError(
            f"the status of {name_of(obj)} is not one that this version of regsweep knows "
            f"({error.errors()[0]['msg']} at {error.errors()[0]['loc']}). Use the operator's version of the command."
        ) from error


def has_ended(obj: KubeObject) -> bool:
    """Whether the present spec is finished: the sweep is over, or was not accepted."""
    status = status_of(obj)
    if status.observed_generation != obj["metadata"].get("generation", 0):
        return False
    return is_over(status.conditions) or status.state is SweepState.INVALID


def has_failed(status: SweepStatus) -> bool:
    """Whether the sweep was stopped by failures, or its spec was not accepted."""
    failed = any(c.type is ConditionType.FAILED and c.status is ConditionStatus.TRUE for c in status.conditions)
    return failed or status.state is SweepState.INVALID
