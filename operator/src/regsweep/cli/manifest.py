"""Reading a manifest: what kubectl would apply of a file, and the one RegularizationSweep in it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from regsweep.adapters.yamlreader import KubernetesObject, read_objects
from regsweep.adapters.yamlreader.limits import MAX_BYTES
from regsweep.api.constants import API_VERSION, GROUP, RESULT_KIND, SWEEP_KIND
from regsweep.api.spec import SweepSpec
from regsweep.api.validation import parse_sweep
from regsweep.api.wording import closest
from regsweep.cli.exits import UsageError
from regsweep.core.scripts import ScriptFiles, script_files, script_problem
from regsweep.errors import UnreadableManifest

STANDARD_INPUT = Path("-")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A sweep as it was written."""

    name: str
    spec: SweepSpec
    script: ScriptFiles | None = None
    """The files of the ConfigMap that `spec.trainer.script` names; None: it names none."""


def load_manifest(path: Path, name: str | None = None) -> Manifest:
    """The one RegularizationSweep of the file (`-`: standard input); objects of other kinds are ignored.

    name: replaces `metadata.name`.

    Raises:
        UsageError: where the file cannot be read, kubectl would refuse it, or it has no sweep or several.
        InvalidSweep: where the sweep breaks a rule of the API.
    """
    documents = load_documents(path)
    document = _only_sweep(documents, path)
    if not document.api_version:
        raise UsageError(f"{_shown(path)}: apiVersion is missing. Write `apiVersion: {API_VERSION}` into the file.")
    sweep = dict(document.value)
    metadata = sweep.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    chosen = name if name is not None else metadata.get("name")
    if not chosen or not isinstance(chosen, str):
        raise UsageError(f"{_shown(path)}: metadata.name is missing. Write it into the file, or give --name.")
    sweep["metadata"] = {**metadata, "name": chosen}
    spec = parse_sweep(sweep)
    return Manifest(chosen, spec, _script(spec, documents, path))


def _script(spec: SweepSpec, documents: Sequence[KubernetesObject], path: Path) -> ScriptFiles | None:
    """The script's files, from the ConfigMap in the same file. Raises UsageError where it is not there."""
    if (source := spec.trainer.script) is None:
        return None
    wanted = source.config_map_ref.name
    maps = [each for each in documents if each.kind == "ConfigMap" and _name(each) == wanted]
    files = script_files(wanted, dict(maps[0].value) if maps else None)
    if (problem := script_problem(source, files)) is not None:
        where = (
            ""
            if maps
            else f" A local run looks for it in the same file: add ConfigMap {wanted} to {_shown(path)}, after `---`."
        )
        raise UsageError(f"{_shown(path)}: {problem}{where}")
    return files


def load_documents(path: Path) -> list[KubernetesObject]:
    """All objects of the file (`-`: standard input), in order, lists expanded: what `kubectl apply -f` would send.

    Raises:
        UsageError: where the file cannot be read, or kubectl would refuse it.
    """
    try:
        data = _bytes(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"{_shown(path)}: cannot be read ({reason}). Name a manifest's file, or - for standard input."
        ) from error
    try:
        return read_objects(data)
    except UnreadableManifest as error:
        raise UsageError(f"{_shown(path)}: {error}") from error


def _bytes(path: Path) -> bytes:
    """The file's content, cut after the first byte too many."""
    if path != STANDARD_INPUT:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    if sys.stdin is None:
        raise ValueError("standard input is closed")
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def _only_sweep(documents: Sequence[KubernetesObject], path: Path) -> KubernetesObject:
    sweeps = [document for document in documents if document.kind == SWEEP_KIND]
    for document in documents:
        if document.api_version.partition("/")[0] == GROUP and document.kind not in (SWEEP_KIND, RESULT_KIND):
            raise UsageError(
                f"{_shown(path)}: {_place(document)}: {API_VERSION} has no kind {document.kind}.{_meant(document)} "
                f"A sweep has `kind: {SWEEP_KIND}`."
            )
    if len(sweeps) == 1:
        return sweeps[0]
    if sweeps:
        places = ", ".join(f"{_name(sweep)} ({_place(sweep)})" for sweep in sweeps[:_MOST_NAMED])
        more = f" and {len(sweeps) - _MOST_NAMED} more" if len(sweeps) > _MOST_NAMED else ""
        raise UsageError(
            f"{_shown(path)}: has {len(sweeps)} objects of kind {SWEEP_KIND}: {places}{more}. One sweep runs at a time: keep "
            "each in a file of its own."
        )
    if not documents:
        raise UsageError(
            f"{_shown(path)}: is empty, so it has no {SWEEP_KIND}. A manifest begins with `apiVersion: {API_VERSION}` and "
            f"`kind: {SWEEP_KIND}`."
        )
    kinds = ", ".join(f"{document.kind} ({_place(document)})" for document in documents[:_MOST_NAMED])
    more = f" and {len(documents) - _MOST_NAMED} more objects" if len(documents) > _MOST_NAMED else ""
    meant = next(filter(None, map(_meant, documents)), "")
    raise UsageError(
        f"{_shown(path)}: has {kinds}{more}, but no {SWEEP_KIND}.{meant} A sweep has `kind: {SWEEP_KIND}`."
    )


_MOST_NAMED = 5
"""Objects that an error names one by one."""


def _meant(document: KubernetesObject) -> str:
    return closest(document.kind, [SWEEP_KIND])


def _name(document: KubernetesObject) -> str:
    metadata = document.value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return str(name or "without a name")


def _place(document: KubernetesObject) -> str:
    return f"line {document.line}"


def _shown(path: Path) -> str:
    return "standard input" if path == STANDARD_INPUT else str(path)
