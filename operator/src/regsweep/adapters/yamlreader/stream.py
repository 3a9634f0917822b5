"""A file's bytes as documents: encoding, JSON or YAML, and the lines `---`, by the rules of kubectl's reader.

That is StreamVisitor of k8s.io/cli-runtime on YAMLOrJSONDecoder of k8s.io/apimachinery/pkg/util/yaml.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from regsweep.adapters.yamlreader import jsontext
from regsweep.adapters.yamlreader.limits import MAX_BYTES, MAX_DOCUMENTS
from regsweep.adapters.yamlreader.nodes import Node, Place, compose, place_of
from regsweep.adapters.yamlreader.values import decode
from regsweep.errors import UnreadableManifest

_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Go's unicode.IsSpace holds, as a class of a regular expression."""
_SPACES: Final = re.compile(f"[{_SPACE}]*")
_SEPARATOR: Final = re.compile(f"---[{_SPACE}]*(?P<rest>[^#].*)?", re.DOTALL)
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF16_LE, "utf-16-le"))
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")
_REPLACEMENT: Final = "\ufffd"
_SHORTEST_YAML: Final = 4
"""Bytes that must be left for kubectl to go on with YAML where JSON ends; fewer are an error."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file; any JSON value but null."""

    value: JsonValue
    _start: Place
    _root: Node | None
    """None of a document that is JSON, or empty."""

    def place(self, path: Sequence[str | int] = ()) -> Place:
        """The place of the value at the path of keys and indexes; of JSON, the place where the document begins."""
        return self._start if self._root is None else place_of(self._root, path)


def read_documents(data: bytes) -> list[Document]:
    """All documents of a file, as `kubectl apply` reads them; empty ones are left out. Parts may be shared: do not change them.

    Raises:
        UnreadableManifest: where kubectl refuses the file or would silently lose part of it, or a bound is exceeded.
    """
    if len(data) > MAX_BYTES:
        raise _refused(f"the file has more than {MAX_BYTES:,} bytes. Split it.", Place(1, 1))
    documents: list[Document] = []
    for number, document in enumerate(_documents(_decoded(data))):
        if number == MAX_DOCUMENTS:
            raise _refused(f"the file has more than {MAX_DOCUMENTS:,} documents. Split it.", document.place())
        if document.value is not None:
            documents.append(document)
    return documents


class _Text:
    """A file's text. Bytes that are not UTF-8 are U+FFFD in it, and `broken` is whether there are any."""

    def __init__(self, text: str, broken: bool) -> None:
        self.text = text
        self.broken = broken
        self._known = (0, 1)

    def place(self, offset: int) -> Place:
        """The place of an offset; quick where offsets only grow."""
        before, line = self._known if self._known[0] <= offset else (0, 1)
        line += self.text.count("\n", before, offset)
        self._known = (offset, line)
        return Place(line, offset - self.text.rfind("\n", 0, offset))


def _decoded(data: bytes) -> _Text:
    """The text by its byte order mark, else UTF-8."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding in ("utf-16-be", "utf-16-le"):
        text = data[2:].decode(encoding, errors="replace")
        return _Text(text, _REPLACEMENT in text)
    text = data.removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape")
    decoded = _Text(_NOT_UTF8.sub(_REPLACEMENT, text), False)
    first = _NOT_UTF8.search(text)
    if first is not None and encoding is not None:
        message = (
            f"the byte 0x{ord(first[0]) - 0xDC00:02X} is not UTF-8, the encoding of the file. Save the file as UTF-8."
        )
        raise _refused(message, decoded.place(first.start()))
    decoded.broken = first is not None
    return decoded


def _documents(file: _Text) -> Iterator[Document]:
    """All documents, empty ones included."""
    if not file.text.startswith("{", _space_end(file.text, 0)):
        yield from _yaml_documents(file, 0)
        return
    # kubectl reads JSON as long as it can, one value after the other. It changes to YAML after the first value at most.
    end = count = 0
    while (start := jsontext.skip_whitespace(file.text, end)) < len(file.text):
        try:
            document, end = _json_document(file, start)
        except json.JSONDecodeError as error:
            if count > 1:
                message = f"this is not JSON ({error.msg}), and {count} JSON documents are before it. Write all of the file as JSON."
                raise _refused(message, file.place(error.pos)) from error
            yield from _yaml_documents(file, _yaml_start(file, end))
            return
        count += 1
        yield document


def _json_document(file: _Text, start: int) -> tuple[Document, int]:
    place = file.place(start)
    read = jsontext.read_value(file.text, start)
    if read.problem is not None:
        _refuse_as_yaml(file.text[start : read.end], place)
        raise _refused(read.problem, place)
    if file.broken and _REPLACEMENT in file.text[start : read.end]:
        message = "this text has bytes that are not UTF-8. Save the file as UTF-8."
        raise _refused(message, file.place(file.text.index(_REPLACEMENT, start)))
    return Document(read.value, place, None), read.end


def _refuse_as_yaml(text: str, place: Place) -> None:
    """Raises the refusal of a JSON text with the place of its cause, if YAML's reader knows it; JSON's does not."""
    try:
        root = compose(text, place)
    except UnreadableManifest:
        return
    if root is not None:
        decode(root)


def _yaml_start(file: _Text, start: int) -> int:
    """The offset where YAML begins after JSON: after whitespace, up to the end of its line."""
    text = file.text
    while len(text[start : start + _SHORTEST_YAML].encode()) >= _SHORTEST_YAML and text[start] != _REPLACEMENT:
        if _space_end(text[start], 0) == 0:
            return start
        start += 1
        if text[start - 1] == "\n":
            return start
    place = file.place(jsontext.skip_whitespace(text, start))
    raise _refused("this is neither JSON nor YAML that kubectl takes. Close the brackets, or remove it.", place)


def _yaml_documents(file: _Text, start: int) -> Iterator[Document]:
    for text, place in _parts(file, start):
        root = compose(text, place)
        yield Document(None if root is None else decode(root, file.broken), place, root)


def _parts(file: _Text, start: int) -> Iterator[tuple[str, Place]]:
    """The text cut at lines that begin with `---`, each part with its place. Such a line opens a document, or ends one."""
    first = place = file.place(start)
    lines: list[str] = []
    for number, line in enumerate(_lines(file.text[start:])):
        separator = _SEPARATOR.match(line)
        if separator is not None and separator["rest"]:
            message = (
                "only a comment may follow `---` on its line. Write the rest on the next line, and quote strings that begin "
                "with ---."
            )
            raise _refused(message, first.after(number, 3))
        if separator is not None and lines:
            yield "".join(lines), place
            lines, place = [], first.after(number + 1, 0)
            continue
        lines.append(f"{line}\n")
    if lines:
        yield "".join(lines), place


def _lines(text: str) -> Iterator[str]:
    """The lines without their ends, which are LF or CRLF."""
    lines = text.split("\n")
    last = lines.pop()
    yield from (line.removesuffix("\r") for line in lines)
    if last:
        yield last


def _space_end(text: str, start: int) -> int:
    match = _SPACES.match(text, start)
    return match.end() if match else start


def _refused(problem: str, place: Place) -> UnreadableManifest:
    return UnreadableManifest(problem, place.line, place.column)
