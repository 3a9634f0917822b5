"""Documents as Kubernetes objects: lists expanded, each with its kind, its metadata of the right types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from regsweep.adapters.yamlreader.stream import Document, read_documents
from regsweep.errors import UnreadableManifest

_TEXTS: Final = ("name", "generateName", "namespace", "uid", "resourceVersion")
_MAPS: Final = ("labels", "annotations")
_LIST: Final = "List"
_JSON_KINDS: Final[Mapping[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "a list",
}


@dataclass(frozen=True, slots=True)
class KubernetesObject:
    """An object as `kubectl apply` would send it."""

    value: Mapping[str, JsonValue]
    kind: str
    api_version: str
    """Empty where it is not given: only an object that is not in a list may lack it here, and no API server takes it."""
    line: int
    """The line in which its document begins, from 1."""


def read_objects(data: bytes) -> list[KubernetesObject]:
    """All objects of a manifest, as `kubectl apply` finds them: every document, and every item of one that is a list.

    Parts of their values may be shared: do not change them.

    Raises:
        UnreadableManifest: where the text cannot be read (see `read_documents`), or a document is not an object.
    """
    return [found for document in read_documents(data) for found in _objects(document)]


def _objects(document: Document) -> Iterator[KubernetesObject]:
    value = _mapping(document.value, "the document", document.line)
    outer = _object(value, "", document.line)
    if "items" not in value:
        yield outer
        return
    items = value["items"]
    if not isinstance(items, list | None):
        raise _refused(f"`items` must be a list of objects, got {_kind(items)}.", document.line)
    for number, item in enumerate(items or ()):
        yield _item(item, f"items[{number}]", outer)


def _item(item: JsonValue, where: str, outer: KubernetesObject) -> KubernetesObject:
    """An item of a list; one without kind and apiVersion has those of the list, PodList giving Pod."""
    value = _mapping({} if item is None else item, where, outer.line)
    if not value.get("kind") and not value.get("apiVersion"):
        value = {**value, "kind": outer.kind.removesuffix(_LIST), "apiVersion": outer.api_version}
    if isinstance(value.get("items"), list):
        raise _refused(f"{where} is a list within a list, which kubectl does not take. Move its items up.", outer.line)
    found = _object(value, f"{where}.", outer.line)
    if not found.api_version:
        raise _refused(f"{where}.apiVersion is missing. Write it, such as `apiVersion: v1`.", outer.line)
    return found


def _object(value: Mapping[str, JsonValue], where: str, line: int) -> KubernetesObject:
    kind = _text(value, "kind", where, line)
    if not kind:
        raise _refused(f"{where}kind is missing. Every document of a manifest needs `apiVersion` and `kind`.", line)
    version = _text(value, "apiVersion", where, line)
    if version.count("/") > 1:
        raise _refused(f'{where}apiVersion must be a version or group/version, got "{version}".', line)
    metadata = value.get("metadata")
    if metadata is not None:
        _check_metadata(_mapping(metadata, f"{where}metadata", line), f"{where}metadata.", line)
    return KubernetesObject(value, kind, version, line)


def _check_metadata(metadata: Mapping[str, JsonValue], where: str, line: int) -> None:
    for field in _TEXTS:
        _text(metadata, field, where, line)
    for field in _MAPS:
        entries = metadata.get(field)
        if entries is not None:
            pairs = _mapping(entries, f"{where}{field}", line)
            for key in pairs:
                _text(pairs, key, f"{where}{field}.", line)


def _text(value: Mapping[str, JsonValue], field: str, where: str, line: int) -> str:
    """The field's string; empty where it is absent or null."""
    found = value.get(field)
    if found is not None and not isinstance(found, str):
        raise _refused(f"{where}{field} must be a string, got {_shown(found)}.{_quotes(found)}", line)
    return found or ""


def _mapping(value: JsonValue, what: str, line: int) -> Mapping[str, JsonValue]:
    if not isinstance(value, dict):
        raise _refused(f"{what} is {_kind(value)}, not a mapping of fields such as `kind: ConfigMap`.", line)
    return value


def _quotes(value: JsonValue) -> str:
    """What to do about a boolean or a number where a string belongs."""
    if isinstance(value, bool):
        words = "y, yes, on and true as true" if value else "n, no, off and false as false"
        return f" YAML reads {words}: put the word in quotes."
    return " Put it in quotes." if isinstance(value, int | float) else ""


def _shown(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"the number {value}" if isinstance(value, int | float) else _kind(value)


def _kind(value: JsonValue) -> str:
    return _JSON_KINDS.get(type(value), "a mapping")


def _refused(problem: str, line: int) -> UnreadableManifest:
    return UnreadableManifest(problem, line, 1)
