"""The trained sweep that `regsweep plan --like` goes by: a folder of `regsweep run`, or a sweep in a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regsweep.api.canonical import canonical_json
from regsweep.api.validation import is_sweep_name
from regsweep.cli.exits import UsageError
from regsweep.core.grid import Combination, combination_id
from regsweep.core.results.records import Record, Records
from regsweep.core.timestamps import parse_timestamp
from regsweep.local.directory import RunsDirectory
from regsweep.local.facts import RUN_FILE, RunFacts

if TYPE_CHECKING:  # the one imports numpy and scipy, the other a client
    from regsweep.adapters.kubeapi import KubeApi
    from regsweep.core.judging.forecast import Trained

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Source:
    """Where the sweep is looked for."""

    name: str
    """A folder, or the name of a sweep."""
    namespace: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None

    @property
    def is_folder(self) -> bool:
        """Whether a folder of this name is there."""
        return Path(self.name).is_dir()


def trained_like(source: Source) -> Trained:
    """The sweep with its records. Raises UsageError where there is none, and RegsweepError where it cannot be read."""
    if source.is_folder:
        return _in_folder(Path(source.name))
    if not is_sweep_name(source.name):
        raise UsageError(f"--like {source.name}: is neither a folder nor the name of a sweep.")
    return asyncio.run(_in_cluster(source))


def _in_folder(path: Path) -> Trained:
    from regsweep.core.judging.forecast import Trained

    directory = RunsDirectory(path)
    facts = [each for each in directory.all_facts() if not each.final]
    records = directory.records()
    chosen = _one_setup([each for each in facts if records.of(each.point_key)], records)
    if not chosen:
        raise UsageError(f"--like {path}: holds no finished run of a sweep.{_below(path)}")
    found = {each.point_key: each for each in chosen}
    combinations = [
        Combination(combination_id(each.flags), each.flags, place) for place, each in enumerate(found.values())
    ]
    return Trained(
        name=str(path),
        combinations=combinations,
        point_keys={each.id: key for each, key in zip(combinations, found, strict=True)},
        records=Records(record for key in found for record in records.of(key).values()),
        parameters=chosen[0].parameters,
        start_seconds=[seconds for each in chosen if (seconds := _start_seconds(each, records)) is not None],
    )


def _one_setup(facts: Iterable[RunFacts], records: Records) -> list[RunFacts]:
    """The runs that share all but their flags: of several such groups the one with the most results."""
    groups: dict[str, list[RunFacts]] = {}
    for each in facts:
        data = each.data.model_dump() if each.data is not None else None
        setup = [each.parameters, each.seed, each.trainer, each.resampling, data, sorted(each.flags)]
        groups.setdefault(canonical_json(setup), []).append(each)
    return max(groups.values(), key=lambda group: sum(len(records.of(f.point_key)) for f in group), default=[])


def _start_seconds(facts: RunFacts, records: Records) -> float | None:
    """What the run took beside its trainings; None where a process or a training has no times."""
    ends = [(each.started_at, each.ended_at) for each in facts.processes]
    of_run = [record for record in records.of(facts.point_key).values() if record.run == facts.run]
    if not ends or not of_run or any(end is None for _, end in ends):
        return None
    whole = sum(
        (parse_timestamp(end) - parse_timestamp(start)).total_seconds() for start, end in ends if end is not None
    )
    return max(whole - sum(map(_seconds, of_run)), 0.0) / len(ends)


def _seconds(record: Record) -> float:
    if record.started_at is None or record.ended_at is None:
        return 0.0
    return (record.ended_at - record.started_at).total_seconds()


def _below(path: Path) -> str:
    """The folders below that are sweeps, to name one of them instead."""
    found: Sequence[Path] = sorted({each.parent.parent for each in path.glob(f"*/*/{RUN_FILE}")})
    if not found:
        return ""
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return f" Name the folder of one sweep: {', '.join(map(str, found[:MOST_NAMED]))}{more}."


async def _in_cluster(source: Source) -> Trained:
    from regsweep.adapters.kube import KubeClient
    from regsweep.cli.cluster import connection_of, explained

    connection = await connection_of(source.kubeconfig, source.context)
    client = KubeClient(connection.access)
    try:
        with explained(connection):
            return await trained_sweep(client, source.namespace or connection.namespace, source.name)
    finally:
        await client.close()


async def trained_sweep(api: KubeApi, namespace: str, name: str) -> Trained:
    """The sweep of a cluster with its stored records. Raises UsageError where it does not exist or has no results."""
    from regsweep.cli.results import get_sweep, stored_records, sweep_in
    from regsweep.core.judging.forecast import Trained

    sweep = sweep_in(namespace, await get_sweep(api, namespace, name))
    records = Records() if sweep is None else await stored_records(api, namespace, sweep.uid)
    if sweep is None or not any(records.of(point.key) for point in sweep.points):
        raise UsageError(f"--like {name}: this sweep has no results yet.")
    return Trained(
        name=name,
        combinations=[point.combination for point in sweep.points],
        point_keys={point.combination.id: point.key for point in sweep.points},
        records=Records(record for point in sweep.points for record in records.of(point.key).values()),
        parameters=sweep.resolved.parameters,
    )
