"""A YAML document as a tree of nodes: libyaml's events with the anchors resolved, within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import yaml

from regsweep.adapters.yamlreader.limits import MAX_DEPTH, MAX_NODES
from regsweep.errors import UnreadableManifest

try:
    from yaml import CSafeLoader
except ImportError as missing:  # pragma: no cover
    raise ImportError(
        "PyYAML is installed without libyaml, whose grammar is kubectl's. Install PyYAML's wheel: pip install --only-binary "
        ":all: --force-reinstall pyyaml"
    ) from missing


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the file; both count from 1."""

    line: int
    column: int

    def after(self, line: int, column: int) -> Place:
        """The place so many lines and columns (from 0) into text that begins here."""
        return Place(self.line + line, column + (self.column if line == 0 else 1))


@dataclass(slots=True, eq=False)
class ScalarNode:
    """A text, not yet interpreted."""

    place: Place
    text: str
    tag: str | None
    plain: bool
    """Written without quotes, or with the tag `!`."""


@dataclass(slots=True, eq=False)
class SequenceNode:
    """A list."""

    place: Place
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class MappingNode:
    """Keys and values, in order; a key may be any node, and may occur more than once."""

    place: Place
    pairs: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class AliasNode:
    """`*name`: refers to a node that is complete before it."""

    place: Place
    target: ScalarNode | SequenceNode | MappingNode


Node = ScalarNode | SequenceNode | MappingNode | AliasNode


class _Mark(Protocol):
    """A place in libyaml's input."""

    index: int


_CONTROL: Final = re.compile(
    "(?<=[\n\r\x85\u2028\u2029])\ufeff|[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_ADVICE: Final = (
    (
        "cannot start any token",
        "Indent with spaces, not with a tab, and quote strings that begin with @, ` or %",
    ),
    ("mapping values are not allowed", "Quote strings that contain `: `, and check the indentation"),
    ("could not find expected ':'", "Write `key: value`, with a space after the colon, and check the indentation"),
    ("did not find expected key", "Check the indentation of this line and of the one before"),
    ("did not find expected '-' indicator", "Check the indentation of this line and of the one before"),
    ("did not find expected ',' or ']'", "Close the list with ] or separate its items with commas"),
    ("did not find expected ',' or '}'", "Close the mapping with } or separate its entries with commas"),
    ("did not find expected node content", "Write a value, or close the bracket that is open"),
    ("unexpected end of stream", "Close the quote that is open"),
    ("unknown escape character", "Write a backslash twice within double quotes, or use single quotes"),
    ("did not find expected <document start>", "Remove lines that begin with %, which kubectl does not accept"),
    (
        "did not find expected whitespace or line break",
        "Put a space after a tag (!tag), or quote strings that begin with !",
    ),
    ("found unexpected ':'", "Quote strings that end with a colon"),
    ("undefined tag handle", "Quote strings that begin with !"),
    ("alphabetic or numeric character", "Quote strings that begin with & or *"),
)


def compose(text: str, start: Place) -> Node | None:
    """The tree of the text's one document; None where it is empty. `start` is the place of the text in its file.

    Raises:
        UnreadableManifest: where libyaml refuses the text, a bound is passed, or more than one document is in it.
    """
    control = _CONTROL.search(text)
    if control is not None:
        line, column = text.count("\n", 0, control.start()), control.start() - text.rfind("\n", 0, control.start()) - 1
        place = start.after(line, column)
        raise UnreadableManifest(
            f"the character U+{ord(control[0]):04X} is not allowed here. Save the file as UTF-8 text, remove the character, "
            'or write it as an escape within double quotes, such as "\\x01".',
            place.line,
            place.column,
        )
    return _Composer(text, start).document()


def place_of(root: Node, path: Sequence[str | int]) -> Place:
    """The place of the value at the path of keys and indexes, or of its nearest ancestor that exists."""
    node = root
    for step in path:
        target = node.target if isinstance(node, AliasNode) else node
        if isinstance(target, SequenceNode) and isinstance(step, int) and step < len(target.items):
            node = target.items[step]
            continue
        pairs = target.pairs if isinstance(target, MappingNode) else ()
        values = [value for key, value in pairs if isinstance(key, ScalarNode) and key.text == step]
        if not values:
            break
        node = values[-1]
    return node.place


class _Composer:
    """Builds the tree of one document from libyaml's events."""

    def __init__(self, text: str, start: Place) -> None:
        self._events = self._parsed(text)
        self._text = text
        self._start = start
        self._brackets = False
        self._anchors: dict[str, ScalarNode | SequenceNode | MappingNode] = {}
        self._open: set[int] = set()
        self._count = 0
        self._complete = False

    def document(self) -> Node | None:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), 0)
        self._complete = True
        next(self._events)  # the document's end
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise self._refusal(_AFTER_THE_END, following)
        return root

    def _parsed(self, text: str) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(text, Loader=CSafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = self._start if mark is None else self._start.after(mark.line, mark.column)
            problem = _AFTER_THE_END if self._complete else _with_advice(getattr(error, "problem", None) or str(error))
            raise UnreadableManifest(problem, place.line, place.column) from error

    def _node(self, event: yaml.Event, depth: int) -> Node:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._refusal(f"the document has more than {MAX_NODES:,} values. Split it.", event)
        if depth > MAX_DEPTH:
            raise self._refusal(f"lists and mappings are nested more than {MAX_DEPTH} deep. Flatten them.", event)
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        if isinstance(event, yaml.ScalarEvent):
            dialect = self._dialect(event)
            if dialect is not None:
                raise self._refusal(dialect, event)
            return self._anchored(event, ScalarNode(place, event.value, event.tag, event.implicit[0]))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._filled(event, SequenceNode(place), depth)
        assert isinstance(event, yaml.MappingStartEvent)
        return self._filled(event, MappingNode(place), depth)

    def _filled(self, event: yaml.CollectionStartEvent, node: SequenceNode | MappingNode, depth: int) -> Node:
        self._anchored(event, node)
        self._open.add(id(node))
        brackets = self._brackets
        self._brackets = bool(event.flow_style)
        if isinstance(node, SequenceNode):
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                node.items.append(self._node(inner, depth + 1))
        else:
            while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
                key = self._node(inner, depth + 1)
                node.pairs.append((key, self._node(next(self._events), depth + 1)))
        self._open.discard(id(node))
        self._brackets = brackets
        return node

    def _anchored(self, event: yaml.Event, node: ScalarNode | SequenceNode | MappingNode) -> Node:
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent, place: Place) -> AliasNode:
        target = self._anchors.get(event.anchor or "")
        if target is None:
            known = f" Anchors before it: {', '.join(sorted(self._anchors))}." if self._anchors else ""
            raise self._refusal(f"no anchor &{event.anchor} before the alias *{event.anchor}.{known}", event)
        if id(target) in self._open:
            raise self._refusal(f"the anchor &{event.anchor} contains itself. Remove the alias *{event.anchor}.", event)
        return AliasNode(place, target)

    def _dialect(self, event: yaml.ScalarEvent) -> str | None:
        """What to change in a scalar that go-yaml, a translation of an older libyaml, reads differently or refuses."""
        end = _offset(event.end_mark)
        source = self._text[_offset(event.start_mark) : end]
        if event.style == '"' and any(escaped[1] == "/" for escaped in _ESCAPED.finditer(source)):
            return "kubectl does not know the escape \\/ in YAML. Write / without the backslash."
        plain = not event.style
        if plain and self._brackets and "?" in event.value:
            return "kubectl ends an unquoted string within brackets at its ?. Quote the string."
        if plain and event.tag and not event.value and self._text.startswith(",", end):
            return "kubectl reads the comma as part of the tag before it. Put a space before the comma."
        return None

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return self._start if mark is None else self._start.after(mark.line, mark.column)

    def _refusal(self, problem: str, event: yaml.Event) -> UnreadableManifest:
        place = self._place(event)
        return UnreadableManifest(problem, place.line, place.column)


_AFTER_THE_END: Final = (
    "text after the end of the document, which kubectl would silently ignore. Remove it, or put a line `---` before it."
)


def _with_advice(problem: str) -> str:
    advice = next((advice for part, advice in _ADVICE if part in problem), "")
    return f"{problem}. {advice}." if advice else f"{problem}."


def _offset(mark: _Mark | None) -> int:
    return 0 if mark is None else mark.index
