"""Documents as Kubernetes objects: lists expanded, each with its kind, its metadata of the right types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from regsweep.adapters.yamlreader.stream import Document, read_documents
from regsweep.api.wording import shown, unquoted_word
from regsweep.errors import UnreadableManifest

_TEXTS: Final = ("name", "generateName", "namespace", "uid", "resourceVersion")
_MAPS: Final = ("labels", "annotations")
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class KubernetesObject:
    """An object as `kubectl apply` would send it."""

    value: Mapping[str, JsonValue]
    kind: str
    api_version: str
    """Empty where it is absent, which only the API server refuses."""
    line: int
    """The line in which it begins, from 1."""


def read_objects(data: bytes) -> list[KubernetesObject]:
    """All objects of a manifest, as `kubectl apply` finds them: every document, and every item of one that is a list.

    Parts of their values may be shared: do not change them.

    Raises:
        UnreadableManifest: where the text cannot be read (see `read_documents`), or a document is not an object.
    """
    return [each for document in read_documents(data) for each in _Objects(document).expand()]


class _Objects:
    """The objects of one document; problems are raised with the place of what is wrong."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def expand(self) -> Iterator[KubernetesObject]:
        value = self._mapping(self._document.value, ())
        outer = self._object(value, ())
        if "items" not in value:
            yield outer
            return
        items = value["items"]
        if not isinstance(items, list | None):
            raise self._refused(f"must be a list of objects, got {_shown(items)}.", ("items",))
        for number, item in enumerate(items or ()):
            yield self._item(item, ("items", number), outer)

    def _item(self, item: JsonValue, path: _Path, outer: KubernetesObject) -> KubernetesObject:
        """An item of a list; one without kind and apiVersion has those of the list, PodList giving Pod."""
        value = self._mapping({} if item is None else item, path)
        if not value.get("kind") and not value.get("apiVersion"):
            value = {**value, "kind": outer.kind.removesuffix("List"), "apiVersion": outer.api_version}
        if isinstance(value.get("items"), list):
            raise self._refused("is a list within a list, which kubectl does not accept. Move its items up.", path)
        result = self._object(value, path)
        if not result.api_version:
            raise self._refused("apiVersion is missing. Write it, such as `apiVersion: v1`.", path)
        return result

    def _object(self, value: Mapping[str, JsonValue], path: _Path) -> KubernetesObject:
        kind = self._text(value, "kind", path)
        if not kind:
            raise self._refused("kind is missing. Every document of a manifest needs `apiVersion` and `kind`.", path)
        version = self._text(value, "apiVersion", path)
        if version == "/" or version.count("/") > 1:
            raise self._refused(f'must be a version or group/version, got "{version}".', (*path, "apiVersion"))
        if value.get("metadata") is not None:
            self._check_metadata(self._mapping(value["metadata"], (*path, "metadata")), (*path, "metadata"))
        return KubernetesObject(value, kind, version, self._document.place(path).line)

    def _check_metadata(self, metadata: Mapping[str, JsonValue], path: _Path) -> None:
        for field in _TEXTS:
            self._text(metadata, field, path)
        for field in _MAPS:
            if metadata.get(field) is not None:
                entries = self._mapping(metadata[field], (*path, field))
                for key in entries:
                    self._text(entries, key, (*path, field))

    def _text(self, value: Mapping[str, JsonValue], field: str, path: _Path) -> str:
        """The field's string; empty where it is absent or null."""
        content = value.get(field)
        if content is not None and not isinstance(content, str):
            raise self._refused(f"must be a string, got {_shown(content)}.{_quotes(content)}", (*path, field))
        return content or ""

    def _mapping(self, value: JsonValue, path: _Path) -> Mapping[str, JsonValue]:
        if not isinstance(value, dict):
            raise self._refused(f"must be a mapping of fields, such as `kind: ConfigMap`, got {_shown(value)}.", path)
        return value

    def _refused(self, problem: str, path: _Path) -> UnreadableManifest:
        place = self._document.place(path)
        field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
        return UnreadableManifest(f"{field or 'the document'}: {problem}", place.line, place.column)


def _quotes(value: JsonValue) -> str:
    """What to do about a boolean or a number where a string belongs."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return " Put it in quotes."
    return unquoted_word(value)


def _shown(value: JsonValue) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return shown(value)
