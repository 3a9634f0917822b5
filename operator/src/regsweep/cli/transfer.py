"""`regsweep export` and `regsweep import`: sweeps with their results, out of a cluster and into one."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NoReturn

from pydantic import JsonValue

from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import (
    RESULTS,
    SWEEPS,
    KubeApi,
    KubeObject,
    name_of,
    namespace_of,
    uid_of,
)
from regsweep.adapters.listing import list_all
from regsweep.api.constants import IMPORT_ANNOTATION, IMPORTED_FROM_ANNOTATION, SWEEP_UID_LABEL
from regsweep.api.wording import plural
from regsweep.cli.cluster import FORBIDDEN, connection_of, explained
from regsweep.cli.consoles import error_console, result_console
from regsweep.cli.exits import COMPLETE, UsageError
from regsweep.cli.place import Place
from regsweep.cli.results import get_sweep, has_ended
from regsweep.core.archive import ArchivedSweep, archived, read_archive
from regsweep.errors import AlreadyExists, ApiError, Conflict, NotFound, RegsweepError, UnknownResource, UnusableExport
from regsweep.report.printing import print_prose, write_document

MAX_BYTES: Final = 512 * 2**20
"""Of a file: some hundred thousand records."""
STANDARD_INPUT: Final = Path("-")
_MOST_NAMED: Final = 5


@asynccontextmanager
async def _connected(place: Place) -> AsyncIterator[tuple[KubeApi, str]]:
    connection = await connection_of(place.kubeconfig, place.context)
    client = KubeClient(connection.access)
    try:
        with explained(connection):
            yield client, place.namespace or connection.namespace
    finally:
        await client.close()


# Export


def export_command(place: Place, names: Sequence[str], *, everywhere: bool) -> int:
    """Writes sweeps with their results to standard output. No names: all of the namespace, or of every one."""
    if names and everywhere:
        raise UsageError("--all-namespaces exports all sweeps: name none beside it.")
    items = asyncio.run(_export(place, names, everywhere))
    document = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}
    write_document(result_console().file, json.dumps(document, allow_nan=False, separators=(",", ":")) + "\n")
    return COMPLETE


async def _export(place: Place, names: Sequence[str], everywhere: bool) -> list[JsonValue]:
    async with _connected(place) as (api, namespace):
        if names:
            sweeps = [await get_sweep(api, namespace, name) for name in dict.fromkeys(names)]
        else:
            sweeps = [sweep async for sweep in list_all(api, SWEEPS, None if everywhere else namespace)]
        return await exported(api, sweeps)


async def exported(api: KubeApi, sweeps: Iterable[KubeObject]) -> list[JsonValue]:
    """The objects of a file with these sweeps. Their results are read after them: what a status rests on is there."""
    items: list[JsonValue] = []
    for sweep in sweeps:
        name = f"{namespace_of(sweep)}/{name_of(sweep)}"
        of_it = f"{SWEEP_UID_LABEL}={uid_of(sweep)}"
        segments = [each async for each in list_all(api, RESULTS, namespace_of(sweep), label_selector=of_it)]
        records = sum(len(segment.get("records") or ()) for segment in segments)
        print_prose(error_console(), f"{name}: {plural(records, 'record')}")
        if not has_ended(sweep):
            text = (
                f"note: {name} has not ended. What is under way is not exported; suspend the sweep before you move it."
            )
            print_prose(error_console(), text)
        items += archived(sweep, segments)
    return items


# Import


def import_command(place: Place, file: Path, *, dry_run: bool) -> int:
    """Creates the sweeps of a file with their results. It can be repeated: what is there already is not written again."""
    try:
        sweeps = read_archive(_items(_text(file)))
    except UnusableExport as error:
        raise UsageError(f"{'standard input' if file == STANDARD_INPUT else file}: {error}") from error
    for line in asyncio.run(_import(place, sweeps, dry_run)):
        print_prose(result_console(), line)
    return COMPLETE


async def _import(place: Place, sweeps: Sequence[ArchivedSweep], dry_run: bool) -> list[str]:
    async with _connected(place) as (api, _):
        return await imported(api, sweeps, place.namespace, dry_run=dry_run)


async def imported(
    api: KubeApi, sweeps: Sequence[ArchivedSweep], namespace: str | None = None, *, dry_run: bool = False
) -> list[str]:
    """Creates the sweeps; returns a line on each. namespace: of all of them; None: each has its own.

    Raises UsageError, before anything is written, where a name is another sweep's; RegsweepError where the role is missing.
    """
    places = [(namespace or sweep.namespace, sweep) for sweep in sweeps]
    twice = {
        (place, sweep.name)
        for place, sweep in places
        if [(p, s.name) for p, s in places].count((place, sweep.name)) > 1
    }
    if twice:
        place, name = min(twice)
        raise UsageError(
            f"The file has several sweeps named {name} for namespace {place}. Import them into their own namespaces."
        )
    present = [await _present(api, place, sweep.name) for place, sweep in places]
    taken = [f"{p}/{s.name}" for (p, s), found in zip(places, present, strict=True) if found and not _is_same(found, s)]
    if taken:
        more = f" and {len(taken) - _MOST_NAMED} more" if len(taken) > _MOST_NAMED else ""
        raise UsageError(
            f"These names are other sweeps': {', '.join(taken[:_MOST_NAMED])}{more}. Nothing was imported. Delete them, or "
            "import into another namespace with -n."
        )
    lines = []
    for (place, sweep), found in zip(places, present, strict=True):
        what = f"{place}/{sweep.name}: {plural(sweep.records, 'record')}"
        if found is not None and not _is_open(found):
            lines.append(f"{place}/{sweep.name}: is there already")
        elif dry_run:
            lines.append(f"{what} would be imported")
        else:
            await _import_one(api, place, sweep, found)
            lines.append(f"{what} imported")
    return lines


async def _import_one(api: KubeApi, namespace: str, sweep: ArchivedSweep, present: KubeObject | None) -> None:
    """Creates the sweep, its pinned values and its results, and only then hands it to an operator."""
    try:
        obj = present or await api.create(SWEEPS, sweep.manifest(namespace))
        obj = await api.replace(SWEEPS, {**obj, "status": sweep.status}, subresource="status")
        for segment in sweep.results(namespace, uid_of(obj)):
            await _store(api, namespace, segment)
        annotations = {IMPORT_ANNOTATION: None, IMPORTED_FROM_ANNOTATION: sweep.uid}
        metadata = {
            "uid": uid_of(obj),
            "resourceVersion": obj["metadata"]["resourceVersion"],
            "annotations": annotations,
        }
        await api.patch(SWEEPS, namespace, sweep.name, {"metadata": metadata})
    except (AlreadyExists, Conflict) as error:
        raise RegsweepError(
            f"{namespace}/{sweep.name}: somebody else changed it meanwhile ({error}). Repeat the import: it goes on where it was."
        ) from error
    except UnknownResource:
        raise
    except NotFound as error:
        raise UsageError(
            f"{namespace}/{sweep.name}: {error}. Create the namespace, or import into another one with -n."
        ) from error
    except ApiError as error:
        _refuse(error, namespace, sweep)


async def _store(api: KubeApi, namespace: str, segment: KubeObject) -> None:
    """Creates the segment. One that an interrupted import has left is the same, or is replaced."""
    try:
        await api.create(RESULTS, segment)
    except AlreadyExists:
        left = await api.get(RESULTS, namespace, name_of(segment))
        if left.get("records") != segment["records"]:
            version = left["metadata"]["resourceVersion"]
            await api.replace(RESULTS, {**segment, "metadata": {**segment["metadata"], "resourceVersion": version}})


def _refuse(error: ApiError, namespace: str, sweep: ArchivedSweep) -> NoReturn:
    if error.status != FORBIDDEN:
        raise error
    raise RegsweepError(
        f"{namespace}/{sweep.name}: the API server denies it: {error}. Results are written by the operator alone; importing needs a role "
        "of its own, which the chart creates with rbac.importer.create=true, and a binding to you."
    ) from error


async def _present(api: KubeApi, namespace: str, name: str) -> KubeObject | None:
    try:
        return await api.get(SWEEPS, namespace, name)
    except UnknownResource:
        raise
    except NotFound:
        return None


def _is_same(found: KubeObject, sweep: ArchivedSweep) -> bool:
    """Whether it is the sweep itself, or was imported from it."""
    annotations = found["metadata"].get("annotations") or {}
    known = (uid_of(found), annotations.get(IMPORT_ANNOTATION), annotations.get(IMPORTED_FROM_ANNOTATION))
    return sweep.uid in known


def _is_open(found: KubeObject) -> bool:
    """Whether its import has begun and not ended."""
    return IMPORT_ANNOTATION in (found["metadata"].get("annotations") or {})


def _text(file: Path) -> bytes:
    try:
        if file == STANDARD_INPUT:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UnusableExport(f"cannot be read ({error.strerror if isinstance(error, OSError) else error}).") from error
    if len(data) > MAX_BYTES:
        raise UnusableExport(f"is larger than {MAX_BYTES // 2**20} MiB. Export fewer sweeps at once.")
    return data


def _items(data: bytes) -> list[JsonValue]:
    """The objects of the file. Raises UnusableExport."""
    try:
        document = json.loads(data, parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UnusableExport(f"is no JSON, or not all of it: {error}") from error
    items = document.get("items") if isinstance(document, dict) and document.get("kind") == "List" else None
    if not isinstance(items, list):
        raise UnusableExport("is no list of objects, as `regsweep export` writes it.")
    return items


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a key twice")
    return found
