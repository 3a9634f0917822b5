"""What an API server does to and asks of objects, for the one in memory: copies, merge patches, preconditions, selectors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias, TypeVar

from regsweep.adapters.kubeapi import KubeObject
from regsweep.errors import Conflict, Refused

Json = TypeVar("Json")
Labels: TypeAlias = Mapping[str, frozenset[str] | None]
"""The values that each label may have; None: any."""
_SET: Final = re.compile(r"([^\s,=]+) in \(([^()]*)\)")


def check_preconditions(present: KubeObject, wanted: KubeObject) -> None:
    """Raises Conflict where a precondition in `wanted` (metadata) does not hold."""
    for name in ("uid", "resourceVersion"):
        value = wanted.get(name)
        if value is not None and value != present["metadata"][name]:
            raise Conflict(f"Precondition failed: {name} is {present['metadata'][name]}, not {value}", 409)


def copied(value: Json) -> Json:
    """Objects are JSON: five times as fast as copy.deepcopy, which looks for cycles and other types."""
    if isinstance(value, dict):
        return {name: copied(each) for name, each in value.items()}  # type: ignore[return-value]  # of the same type
    if isinstance(value, list):
        return [copied(each) for each in value]  # type: ignore[return-value]  # of the same type
    return value


def merged(target: KubeObject, patch: KubeObject) -> KubeObject:
    """RFC 7396: objects merge, null deletes, everything else replaces."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            present = result.get(name)
            result[name] = merged(present if isinstance(present, dict) else {}, value)
        else:
            result[name] = copied(value)
    return result


def has_fields(obj: KubeObject, fields: dict[str, str | None]) -> bool:
    """Whether each field, such as `involvedObject.kind`, has just that value; one that is absent is empty."""
    for path, wanted in fields.items():
        value: object = obj
        for name in path.split("."):
            value = value.get(name, "") if isinstance(value, dict) else ""
        if value != wanted:
            return False
    return True


def parse_fields(selector: str) -> dict[str, str | None]:
    """`a=b,c` as {"a": "b", "c": None}: None requires only that the label is present."""
    terms: dict[str, str | None] = {}
    for term in filter(None, selector.split(",")):
        if "!" in term or " " in term:
            raise Refused(f"the in-memory API does not support this selector: {selector}", 400)
        name, equals, value = term.partition("=")
        terms[name] = value if equals else None
    return terms


def parse_labels(selector: str) -> Labels:
    """`a=b,c,d in (e,f)` as {"a": {"b"}, "c": None, "d": {"e", "f"}}: None requires only that the label is present."""
    among = {name: frozenset(values.split(",")) for name, values in _SET.findall(selector)}
    equal = parse_fields(_SET.sub("", selector))
    return {**among, **{name: None if value is None else frozenset({value}) for name, value in equal.items()}}


def matches(obj: KubeObject, selector: Labels) -> bool:
    """Whether the object has the labels."""
    labels = obj["metadata"].get("labels") or {}
    return all(name in labels and (among is None or labels[name] in among) for name, among in selector.items())
