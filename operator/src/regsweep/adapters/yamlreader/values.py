"""The tree of a YAML document as JSON values: keys, merges and aliases as kubectl reads them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from regsweep.adapters.yamlreader.limits import FREE_ALIAS_NODES, FREE_NODES, MAX_ALIAS_SHARE, MAX_NODES
from regsweep.adapters.yamlreader.nodes import AliasNode, MappingNode, Node, Place, ScalarNode, SequenceNode
from regsweep.adapters.yamlreader.scalars import MERGE, Mismatch, Scalar, resolve, shortened, stored_number
from regsweep.errors import UnreadableManifest

_Key = tuple[str, Scalar]
"""A key with its type: to go-yaml, 1 and "1" are two keys of a mapping."""

_REPLACEMENT: Final = "\ufffd"


def decode(root: Node, broken: bool = False) -> JsonValue:
    """The document's value, numbers as the API server stores them. Values of aliases are shared: do not change them.

    broken: bytes of the file were not UTF-8 and have been replaced, so that a string with U+FFFD is not what was written.

    Raises:
        UnreadableManifest: where kubectl refuses the document or would lose part of it, or a bound is exceeded.
    """
    return _Decoder(broken).value(root)


@dataclass(slots=True)
class _Collection:
    """A decoded list or mapping, and what is needed to use it again under an alias."""

    value: JsonValue
    nodes: int
    """Nodes decoded for it, itself included and aliases expanded."""
    entries: Mapping[_Key, JsonValue]
    """Of a mapping: its values by keys with their types, for `<<`."""


class _Decoder:
    """Decodes one document in its order, and counts as go-yaml does (`decoder.unmarshal` of go.yaml.in/yaml/v2)."""

    def __init__(self, broken: bool, done: dict[int, _Collection] | None = None) -> None:
        self._broken = broken
        self._done = {} if done is None else done
        self._nodes = 1  # the document itself
        self._from_aliases = 0

    def value(self, node: Node) -> JsonValue:
        """The node's value as the API server stores it."""
        target = node.target if isinstance(node, AliasNode) else node
        if not isinstance(target, ScalarNode):
            return self._collection(node).value
        self._count_scalar(node)
        return _stored(self._scalar(target), node.place)

    def _collection(self, node: Node) -> _Collection:
        before = self._nodes
        self._count(node.place, 1, 0)
        if isinstance(node, AliasNode):
            return self._again(node)
        entries: Mapping[_Key, JsonValue] = {}
        value: JsonValue
        if isinstance(node, MappingNode):
            entries = self._entries(node)
            value = _with_text_keys(entries, node)
        else:
            assert isinstance(node, SequenceNode)
            value = [self.value(item) for item in node.items]
        done = self._done[id(node)] = _Collection(value, self._nodes - before, entries)
        return done

    def _again(self, alias: AliasNode) -> _Collection:
        """The collection that the alias refers to. A list of `<<` is read from its end, so that its node may come later."""
        done = self._done.get(id(alias.target)) or _Decoder(self._broken, self._done)._collection(alias.target)
        self._count(alias.place, done.nodes, done.nodes)
        return done

    def _count_scalar(self, node: Node) -> None:
        self._count(node.place, 1, 0)
        if isinstance(node, AliasNode):
            self._count(node.place, 1, 1)

    def _count(self, place: Place, nodes: int, from_aliases: int) -> None:
        self._nodes += nodes
        self._from_aliases += from_aliases
        if self._nodes > MAX_NODES:
            message = f"with all aliases expanded, the document has more than {MAX_NODES:,} values. Use fewer aliases."
            raise UnreadableManifest(message, place.line, place.column)
        many = self._nodes > FREE_NODES and self._from_aliases > FREE_ALIAS_NODES
        if many and self._from_aliases / self._nodes > MAX_ALIAS_SHARE:
            message = (
                f"{self._from_aliases:,} of the document's {self._nodes:,} values come from aliases within aliases, which looks "
                "like an attack. Write the values out."
            )
            raise UnreadableManifest(message, place.line, place.column)

    def _scalar(self, node: ScalarNode) -> Scalar:
        if self._broken and _REPLACEMENT in node.text:
            message = f"{shortened(node.text)} has bytes that are not UTF-8. Save the file as UTF-8."
            raise UnreadableManifest(message, node.place.line, node.place.column)
        value = resolve(node.text, node.tag, node.plain)
        if isinstance(value, Mismatch):
            raise UnreadableManifest(f"{value.problem}.", node.place.line, node.place.column)
        return value

    def _entries(self, node: MappingNode) -> dict[_Key, JsonValue]:
        entries: dict[_Key, JsonValue] = {}
        written: dict[_Key, Place] = {}
        for key_node, value_node in node.pairs:
            if _is_merge(key_node):
                self._merge(entries, written, value_node)
                continue
            key = self._key(key_node)
            if key in written:
                raise _twice(key_text(key), written[key], key_node.place)
            written[key] = key_node.place
            entries[key] = self.value(value_node)
        return entries

    def _key(self, node: Node) -> _Key:
        scalar = node.target if isinstance(node, AliasNode) else node
        if not isinstance(scalar, ScalarNode):
            message = "a key must be a string, not a list or a mapping. Quote strings that begin with [, { or ?."
            raise UnreadableManifest(message, node.place.line, node.place.column)
        self._count_scalar(node)
        value = self._scalar(scalar)
        if value is None or (isinstance(value, int) and value >= 2**63):
            what = "null" if value is None else f"the number {value}"
            message = f"a key must be a string, and this one is {what}. Put it in quotes."
            raise UnreadableManifest(message, node.place.line, node.place.column)
        return type(value).__name__, value

    def _merge(self, entries: dict[_Key, JsonValue], written: dict[_Key, Place], node: Node) -> None:
        """Adds what `<<` names; of a list, the earlier mapping wins. A key written before `<<` would lose, and is refused."""
        for source in self._sources(node):
            for key, value in self._collection(source).entries.items():
                if key in written:
                    message = (
                        f'the key "{key_text(key)}" is set before `<<`, which overrides it in kubectl. Write `<<` first, so that '
                        "the mapping's own keys win."
                    )
                    raise UnreadableManifest(message, written[key].line, written[key].column)
                entries[key] = value

    def _sources(self, node: Node) -> Iterator[Node]:
        """The mappings of a `<<`, in the order in which they are added."""
        nodes = reversed(node.items) if isinstance(node, SequenceNode) else [node]
        for source in nodes:
            target = source.target if isinstance(source, AliasNode) else source
            if not isinstance(target, MappingNode):
                message = '`<<` takes a mapping or a list of mappings, such as `<<: *anchor`. Quote a key "<<" that is not a merge.'
                raise UnreadableManifest(message, source.place.line, source.place.column)
            yield source


def _is_merge(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.text == "<<" and (node.plain or node.tag == MERGE)


def _stored(value: Scalar, place: Place) -> JsonValue:
    """The scalar as the API server stores it."""
    if isinstance(value, bool | str) or value is None:
        return value
    try:
        return stored_number(value)
    except ValueError as error:
        message = f"{value} is not a number that Kubernetes can store. Write a finite number, or quote it as a string."
        raise UnreadableManifest(message, place.line, place.column) from error


def _with_text_keys(entries: Mapping[_Key, JsonValue], node: MappingNode) -> JsonValue:
    """The mapping as JSON has it. kubectl takes one of two keys that are one text, by chance."""
    texts: dict[str, JsonValue] = {}
    for key, value in entries.items():
        text = key_text(key)
        if text in texts:
            message = (
                f'two keys of this mapping are "{text}" to Kubernetes, whose keys are strings. Remove one of them.'
            )
            raise UnreadableManifest(message, node.place.line, node.place.column)
        texts[text] = value
    return texts


def key_text(key: _Key) -> str:
    """The key as a string: sigs.k8s.io/yaml's spelling."""
    value = key[1]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_key(value)
    return str(value)


def _float_key(value: float) -> str:
    """The number as Go's strconv.FormatFloat(value, 'g', -1, 32) spells it: the shortest that is unique in single precision."""
    import numpy as np  # takes long to import, and hardly any key is such a number

    with np.errstate(over="ignore"):
        single = np.float32(value)
    if not np.isfinite(single):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    digits, _, exponent = np.format_float_scientific(single, unique=True, trim="-", exp_digits=2).partition("e")
    if -4 <= int(exponent) < 6:
        return str(np.format_float_positional(single, unique=True, trim="-"))
    return f"{digits}e{exponent}"


def _twice(key: str, first: Place, second: Place) -> UnreadableManifest:
    return UnreadableManifest(
        f'duplicate key "{key}", first in line {first.line}; kubectl would silently take the last one. Remove one of them.',
        second.line,
        second.column,
    )
