"""What the reader refuses, with its place and what to do about it."""

from __future__ import annotations

import pytest

from regsweep.adapters.yamlreader import read_objects
from regsweep.adapters.yamlreader.limits import MAX_BYTES, MAX_DEPTH, MAX_DOCUMENTS, MAX_NODES
from regsweep.errors import UnreadableManifest

OBJECT = "apiVersion: v1\nkind: ConfigMap\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        pytest.param("a: 1\na: 2\n", 2, 1, 'duplicate key "a", first in line 1', id="a key twice"),
        pytest.param("b:\n- {a: 1, a: 2}\n", 2, 10, 'duplicate key "a", first in line 2', id="a key twice in braces"),
        pytest.param("y: 1\non: 2\n", 2, 1, 'duplicate key "true", first in line 1', id="one boolean twice as a key"),
        pytest.param("yes: 1\n'true': 2\n", 1, 1, 'two keys of this mapping are "true"', id="a boolean and its text as keys"),
        pytest.param("a: {<<: {1: b}, '1': c}\n", 1, 4, 'two keys of this mapping are "1"', id="a merged number and its text"),
        pytest.param('\n{"a": 1,\n "a": 2}', 3, 2, 'duplicate key "a", first in line 2', id="a key twice in JSON"),
        pytest.param('{"a": "\\ud83d\\ude00", "b": 1, "b": 2}', 1, 1, 'duplicate key "b" in one object', id="JSON that YAML cannot place"),
        pytest.param('{"\\ud800": 1, "\\ud801": 2}', 1, 1, "in one object; kubectl would", id="two halves of pairs as keys"),
        pytest.param("a: &x {b: 1}\nc:\n  b: 2\n  <<: *x\n", 3, 3, "Write `<<` first", id="a merge after its key"),
        pytest.param("a: {<<: 1}\n", 1, 9, "`<<` takes a mapping", id="a merge of a number"),
        pytest.param("a: &x [*x]\n", 1, 8, "the anchor &x contains itself. Remove the alias *x", id="a self-reference"),
        pytest.param("a: &x {b: &y [*x]}\n", 1, 15, "the anchor &x contains itself", id="a self-reference deeper"),
        pytest.param("a: &x 1\nb: *y\n", 2, 4, "no anchor &y before the alias *y. Anchors before it: x", id="an unknown alias"),
        pytest.param("a: *.csv\n", 1, 5, "Quote strings that begin with & or *", id="a glob"),
        pytest.param("a: 1\n\n---\nb:\n\t- 2\n", 5, 1, "Indent with spaces, not with a tab", id="a tab as indentation"),
        pytest.param("a: b: c\n", 1, 5, "Quote strings that contain `: `", id="two colons"),
        pytest.param("a: [1,\nb: 2\n", 3, 1, "separate its items with commas", id="an open bracket"),
        pytest.param('a: "b\n', 2, 1, "Close the quote that is open", id="an open quote"),
        pytest.param('a: "C:\\data"\n', 1, 7, "Write a backslash twice", id="a path with backslashes"),
        pytest.param("a: {{ .Values.a }}\n", 1, 5, "a key must be a string, not a list or a mapping", id="a template"),
        pytest.param("~: 1\n", 1, 1, "this one is null. Put it in quotes", id="null as a key"),
        pytest.param("a: .nan\n", 1, 4, "nan is not a number that Kubernetes can store", id="NaN"),
        pytest.param("a: [1, -.inf]\n", 1, 8, "-inf is not a number that Kubernetes can store", id="infinity"),
        pytest.param('{"a": 1e999}', 1, 1, "too large for Kubernetes to store", id="a JSON number that is too large"),
        pytest.param("a: !!int b\n", 1, 4, '!!int is written before "b"', id="a tag that does not fit"),
        pytest.param("a: !!bool 1\n", 1, 4, "write true or false", id="a number that is to be a boolean"),
        pytest.param("%YAML 1.2\n---\na: 1\n", 2, 1, "Remove lines that begin with %", id="a directive"),
        pytest.param("a: 1\n--- b\n", 2, 4, "only a comment may follow `---`", id="text after a separator"),
        pytest.param("a: 1\n...\nb: 2\n", 3, 1, "text after the end of the document", id="text after an end"),
        pytest.param("[a] b\n", 1, 5, "text after the end of the document", id="text after brackets"),
        pytest.param("a: [b?c]\n", 1, 5, "Quote the string", id="a question mark within brackets"),
        pytest.param('a: "b\\/c"\n', 1, 4, "Write / without the backslash", id="an escaped slash"),
        pytest.param("a: \x00\n", 1, 4, "U+0000 is not allowed here. Save the file as UTF-8", id="NUL"),
        pytest.param("a: 1\r\nb: c\x1bd\n", 2, 5, "U+001B is not allowed here", id="a control character"),
        pytest.param('{"a": 1}\n{"b": 2}\n---\nc: 3\n', 3, 1, "2 JSON documents are before it", id="YAML after JSON"),
        pytest.param('{"a": 1}\n}', 2, 1, "neither JSON nor YAML", id="a brace too many"),
        pytest.param("- a\n", 1, 1, "the document: must be a mapping of fields", id="a list as a document"),
        pytest.param("a: 1\n", 1, 1, "kind is missing", id="no kind"),
        pytest.param(f"{OBJECT}---\n\nb: 1\n", 5, 1, "kind is missing", id="a second document without a kind"),
        pytest.param("kind: no\n", 1, 7, "kind: must be a string, got false. YAML reads n, no,", id="a kind that is a boolean"),
        pytest.param(f"{OBJECT}metadata:\n  name: 0\n", 4, 9, "metadata.name: must be a string, got 0. Put it in quotes", id="a name"),
        pytest.param(f"{OBJECT}metadata: {{labels: {{a: yes}}}}\n", 3, 24, "metadata.labels.a: must be a string", id="a label"),
        pytest.param(f"{OBJECT}metadata: {{annotations: {{a: 1}}}}\n", 3, 29, "metadata.annotations.a: must be", id="an annotation"),
        pytest.param("apiVersion: 1\nkind: A\n", 1, 13, "apiVersion: must be a string, got 1", id="a version"),
        pytest.param(f"{OBJECT}items: {{}}\n", 3, 8, "items: must be a list of objects, got a mapping", id="items"),
        pytest.param(
            "kind: List\nitems:\n- {kind: A, apiVersion: v1}\n- kind: B\n",
            4,
            3,
            "items[1]: apiVersion is missing",
            id="an item without a version",
        ),
        pytest.param(
            "kind: List\nitems:\n- {kind: List, apiVersion: v1, items: []}\n",
            3,
            3,
            "items[0]: is a list within a list",
            id="a list within a list",
        ),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_wrong_where_and_what_to_do(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(UnreadableManifest) as refused:
        read_objects(text.encode())
    assert message in str(refused.value)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert str(refused.value).startswith(f"line {line}, column {column}: ")
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("data", "line", "column", "message"),
    [
        pytest.param("a: 1\nb: ä\n".encode("latin-1"), 2, 4, "bytes that are not UTF-8. Save the file as UTF-8", id="a value"),
        pytest.param("ä: 1\n".encode("latin-1"), 1, 1, "bytes that are not UTF-8", id="a key"),
        pytest.param('{"a": "ä"}'.encode("latin-1"), 1, 8, "bytes that are not UTF-8", id="JSON"),
        pytest.param(b"\xef\xbb\xbfa: 1 # \xe4\n", 1, 8, "the byte 0xE4 is not UTF-8, the encoding of the file", id="with a mark"),
        pytest.param("a: 1\n".encode("utf-16-le"), 1, 2, "U+0000 is not allowed here. Save the file as UTF-8", id="UTF-16 unmarked"),
        pytest.param(b"\x89PNG\r\n\x1a\n", 2, 1, "U+001A is not allowed here", id="a picture"),
    ],
)  # fmt: skip
def test_a_wrong_encoding_is_refused_at_its_first_character(data: bytes, line: int, column: int, message: str) -> None:
    with pytest.raises(UnreadableManifest) as refused:
        read_objects(data)
    assert message in str(refused.value)
    assert (refused.value.line, refused.value.column) == (line, column)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"#" * (MAX_BYTES + 1), f"more than {MAX_BYTES:,} bytes", id="bytes"),
        pytest.param(b"[" * MAX_BYTES, f"nested more than {MAX_DEPTH} deep", id="brackets"),
        pytest.param(b"- " * (MAX_BYTES // 2), f"nested more than {MAX_DEPTH} deep", id="lists"),
        pytest.param(b'{"a":' * (MAX_BYTES // 5), f"nested more than {MAX_DEPTH} deep", id="JSON"),
        pytest.param(b"[" + b"0," * MAX_NODES + b"0]", f": the document has more than {MAX_NODES:,} values", id="values"),
        pytest.param(b'{"a":[' + b"0," * MAX_NODES + b"0]}", f": the document has more than {MAX_NODES:,} values", id="values of JSON"),
        pytest.param(b"---\n" * (2 * MAX_DOCUMENTS + 2), f"more than {MAX_DOCUMENTS:,} documents", id="documents"),
        pytest.param(b"{}" * (MAX_DOCUMENTS + 1), f"more than {MAX_DOCUMENTS:,} documents", id="documents of JSON"),
        pytest.param(
            b"a: &a [" + b"0," * 9_999 + b"0]\nb: [" + b"0," * 5_000 + b"*a," * 39 + b"*a]\n",
            f"with all aliases expanded, the document has more than {MAX_NODES:,} values",
            id="values by aliases",
        ),
    ],
)  # fmt: skip
def test_a_file_beyond_the_bounds_is_refused_before_it_costs_much(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableManifest) as refused:
        read_objects(data)
    assert message in str(refused.value)


def bomb(levels: int) -> bytes:
    """Each level is nine times the one before."""
    lines = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}' if level else 'x'] * 9)}]" for level in range(levels)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize("levels", [5, 10, 100])
def test_a_bomb_of_aliases_is_refused_whatever_its_size(levels: int) -> None:
    with pytest.raises(UnreadableManifest, match="come from aliases within aliases"):
        read_objects(bomb(levels))


def test_a_bomb_of_json_cannot_be_written_and_an_alias_in_it_is_a_text() -> None:
    (config,) = read_objects(b'{"kind": "A", "apiVersion": "v1", "a": "*a"}')
    assert config.value["a"] == "*a"
