"""Sweeps with their results as objects of a file, and back from it: to restore a cluster, or to move to another one.

UIDs change on the way, and results belong to a UID. So an exported sweep carries the annotation `regsweep.dev/import`, which keeps
every operator from it until its pinned values and its results are there; it is harmless to `kubectl apply`, too.
A file comes from outside: everything in it is checked by the types of the API, and bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from pydantic import JsonValue, ValidationError

from regsweep.api import constants as names
from regsweep.api.constants import API_VERSION, RESULT_KIND, SWEEP_KIND
from regsweep.api.spec import SweepSpec
from regsweep.api.status import SweepStatus
from regsweep.api.sweep_result import SweepResult
from regsweep.api.validation import is_sweep_name, parse_sweep
from regsweep.core.identity import KEY_VERSION
from regsweep.core.ownership import JsonObject, KubeObject, labels_of_children, owners_of_results
from regsweep.core.results.segments import segment_name
from regsweep.core.timestamps import parse_timestamp
from regsweep.errors import InvalidSweep, UnusableExport

MAX_ITEMS: Final = 100_000
"""Objects of a file."""
KEPT_STATUS: Final[tuple[str, ...]] = (
    "resolved",
    "data",
    "objective",
    "analysis",
    "refinement",
    "final",
    "gpuSeconds",
    "gpuHours",
    "startTime",
)
"""What of a status decides what is trained, or cannot be made anew from records. The operator writes the rest."""
_CONTENT: Final[tuple[str, ...]] = ("sweepName", "sequence", "points", "environments", "records")
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_UID: Final = re.compile(r"[A-Za-z0-9-]{1,63}")


@dataclass(frozen=True, slots=True)
class ArchivedSweep:
    """A sweep of a file, checked."""

    name: str
    namespace: str
    uid: str
    """That it had where it was exported."""
    metadata: JsonObject
    """Labels and annotations."""
    spec: JsonObject
    status: JsonObject
    """KEPT_STATUS of it."""
    typed: SweepSpec
    segments: tuple[JsonObject, ...]
    """Contents of its SweepResults, in order."""

    @property
    def records(self) -> int:
        """How many there are."""
        return sum(len(cast("list[JsonValue]", segment["records"])) for segment in self.segments)

    def manifest(self, namespace: str) -> JsonObject:
        """The sweep as it is created: marked as one that is being imported."""
        metadata: JsonObject = {**self.metadata, "name": self.name, "namespace": namespace}
        return {"apiVersion": API_VERSION, "kind": SWEEP_KIND, "metadata": metadata, "spec": self.spec}

    def results(self, namespace: str, uid: str) -> list[JsonObject]:
        """Its SweepResults. uid: that it has now."""
        return [
            {
                "apiVersion": API_VERSION,
                "kind": RESULT_KIND,
                "metadata": {
                    "name": segment_name(uid, sequence),
                    "namespace": namespace,
                    "labels": dict(labels_of_children(self.name, uid)),
                    "ownerReferences": owners_of_results(self.name, uid, self.typed),
                },
                **segment,
                "sweepName": self.name,
                "sequence": sequence,
            }
            for sequence, segment in enumerate(self.segments)
        ]


def archived(sweep: KubeObject, segments: Iterable[KubeObject]) -> list[JsonObject]:
    """The objects of a file that a sweep comes to: itself, then its results in order."""
    metadata, uid = sweep["metadata"], sweep["metadata"]["uid"]
    status = sweep.get("status") or {}
    annotations = {**_kept_annotations(metadata), names.IMPORT_ANNOTATION: uid}
    of_sweep: JsonObject = {"name": metadata["name"], "namespace": metadata["namespace"], "annotations": annotations}
    if metadata.get("labels"):
        of_sweep["labels"] = dict(metadata["labels"])
    ordered = sorted(segments, key=lambda segment: int(segment.get("sequence", 0)))
    return [
        {
            "apiVersion": API_VERSION,
            "kind": SWEEP_KIND,
            "metadata": of_sweep,
            "spec": sweep["spec"],
            "status": {name: status[name] for name in KEPT_STATUS if name in status},
        },
        *(
            {
                "apiVersion": API_VERSION,
                "kind": RESULT_KIND,
                "metadata": {
                    "name": segment["metadata"]["name"],
                    "namespace": metadata["namespace"],
                    "labels": {names.SWEEP_UID_LABEL: uid},
                },
                **{name: segment[name] for name in _CONTENT if name in segment},
            }
            for segment in ordered
        ),
    ]


def _kept_annotations(metadata: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    annotations = cast("dict[str, JsonValue]", metadata.get("annotations") or {})
    gone = (_LAST_APPLIED, names.IMPORTED_FROM_ANNOTATION)
    return {name: value for name, value in annotations.items() if name not in gone}


def read_archive(items: Sequence[JsonValue]) -> list[ArchivedSweep]:
    """The sweeps of a file, in its order.

    Raises UnusableExport: for the first object that is not what it should be, for results without their sweep, and for a sweep
    of whose results some are missing or there twice.
    """
    if len(items) > MAX_ITEMS:
        raise UnusableExport(
            f"it has {len(items):,} objects, and at most {MAX_ITEMS:,} are read. Export fewer sweeps at once."
        )
    sweeps: dict[str, tuple[str, JsonObject]] = {}
    segments: dict[str, dict[int, JsonObject]] = {}
    for number, item in enumerate(items):
        place = f"items[{number}]"
        obj = _object(item, place)
        if obj.get("kind") == SWEEP_KIND and obj.get("apiVersion") == API_VERSION:
            uid = _uid(
                _metadata(obj, place).get("annotations"), names.IMPORT_ANNOTATION, f"{place}.metadata.annotations"
            )
            if uid in sweeps:
                raise UnusableExport(f"{place}: sweep {uid} is there twice. Remove one of the two.")
            sweeps[uid] = (place, obj)
        elif obj.get("kind") == RESULT_KIND and obj.get("apiVersion") == API_VERSION:
            uid = _uid(_metadata(obj, place).get("labels"), names.SWEEP_UID_LABEL, f"{place}.metadata.labels")
            sequence, content = _segment(obj, place)
            if segments.setdefault(uid, {}).setdefault(sequence, content) is not content:
                raise UnusableExport(
                    f"{place}: segment {sequence} of sweep {uid} is there twice. Remove one of the two."
                )
        else:
            raise UnusableExport(f"{place}: is neither a {SWEEP_KIND} nor a {RESULT_KIND} of {API_VERSION}. Remove it.")
    if alone := sorted(segments.keys() - sweeps.keys()):
        raise UnusableExport(f"it has results of sweep {alone[0]}, but not the sweep. Export it again.")
    return [_sweep(uid, obj, segments.get(uid, {}), place) for uid, (place, obj) in sweeps.items()]


def _sweep(uid: str, obj: JsonObject, segments: Mapping[int, JsonObject], place: str) -> ArchivedSweep:
    metadata = _metadata(obj, place)
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not isinstance(name, str) or not is_sweep_name(name):
        raise UnusableExport(f"{place}.metadata.name: is no name of a sweep.")
    if not isinstance(namespace, str) or not is_sweep_name(namespace):
        raise UnusableExport(f"{place}.metadata.namespace: is no name of a namespace.")
    missing = next((number for number in range(len(segments)) if number not in segments), None)
    if missing is not None:
        raise UnusableExport(f"{place}: segment {missing} of the results of {name} is missing. Export it again.")
    try:
        typed = parse_sweep(obj, names.MAX_GRID)
    except InvalidSweep as invalid:
        raise UnusableExport(f"{place}: {invalid}") from invalid
    return ArchivedSweep(
        name=name,
        namespace=namespace,
        uid=uid,
        metadata={
            "annotations": {**_kept_annotations(metadata), names.IMPORT_ANNOTATION: uid},
            "labels": _texts(metadata.get("labels"), f"{place}.metadata.labels"),
        },
        spec=_object(obj["spec"], f"{place}.spec"),
        status=_status(obj.get("status") or {}, f"{place}.status"),
        typed=typed,
        segments=tuple(segments[number] for number in range(len(segments))),
    )


def _status(status: JsonValue, place: str) -> JsonObject:
    kept = {name: value for name, value in _object(status, place).items() if name in KEPT_STATUS}
    try:
        typed = SweepStatus.model_validate(kept, extra="ignore")
        if typed.start_time is not None:
            parse_timestamp(typed.start_time)
    except ValidationError as error:
        raise _problem(error, place) from error
    except ValueError as error:
        raise UnusableExport(f"{place}.startTime: {error}") from error
    version = typed.resolved.key_version if typed.resolved is not None else None
    if version is not None and version > KEY_VERSION:
        raise UnusableExport(
            f"{place}.resolved.keyVersion: is {version}, and this version of regsweep knows keys up to {KEY_VERSION}: everything would be "
            "trained again. Use a later version."
        )
    return kept


def _segment(obj: JsonObject, place: str) -> tuple[int, JsonObject]:
    content: JsonObject = {name: obj[name] for name in _CONTENT if name in obj}
    try:
        typed = SweepResult.model_validate(content, extra="ignore")
    except ValidationError as error:
        raise _problem(error, place) from error
    return typed.sequence, {"points": [], "environments": [], "records": [], **content}


def _problem(error: ValidationError, place: str) -> UnusableExport:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))
    return UnusableExport(f"{place}.{where}: {first['msg']}.")


def _metadata(obj: JsonObject, place: str) -> JsonObject:
    return _object(obj.get("metadata"), f"{place}.metadata")


def _object(value: JsonValue, place: str) -> JsonObject:
    if not isinstance(value, dict):
        raise UnusableExport(f"{place}: is no object.")
    return value


def _texts(value: JsonValue, place: str) -> JsonObject:
    texts = _object(value if value is not None else {}, place)
    if not all(isinstance(text, str) for text in texts.values()):
        raise UnusableExport(f"{place}: holds what is no text.")
    return texts


def _uid(texts: JsonValue, name: str, place: str) -> str:
    uid = _texts(texts, place).get(name)
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        raise UnusableExport(f"{place}: has no {name}, as `regsweep export` writes it.")
    return uid
