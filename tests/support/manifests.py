"""Manifests of every kind, and what kubectl reads in them: kept in `tests/data/manifests`, or asked of kubectl's own packages.

`python -m support.manifests` (with tests in PYTHONPATH) asks anew and writes answers.json.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from cluster import binaries

DATA: Final = Path(__file__).parents[1] / "data" / "manifests"
STRICTER: Final = "stricter/"
"""Begins the names of documents that kubectl reads and regsweep refuses on purpose."""
_ANSWERS: Final = DATA / "answers.json"
_INT64: Final = range(-(2**63), 2**63)
_POSITIONS: Final[Mapping[str, str]] = {"value": "a: {}\n", "key": "{}: 1\n", "brackets": "[{}, 0]\n"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is read in a file; numbers are as the API server stores them."""

    documents: list[JsonValue] | None
    """All documents but the empty ones; None: the file is refused."""
    objects: list[JsonValue] | None
    """What `kubectl apply` would send; None: the file is refused, or is not of objects alone."""


def same(left: object, right: object) -> bool:
    """Whether two JSON values are the same, with 1, 1.0 and true apart."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def corpus() -> Mapping[str, bytes]:
    """All files of the corpus by name."""
    documents = re.split(r"^-- (.*) --\n", (DATA / "documents.txtar").read_text(), flags=re.MULTILINE)[1:]
    lines = (DATA / "scalars.txt").read_text().splitlines()
    scalars = [line for line in lines if line and not line.startswith("# ")]
    return {
        **{f"{place} {it}": form.format(it).encode() for it in scalars for place, form in _POSITIONS.items()},
        **{name: text.encode() for name, text in zip(documents[::2], documents[1::2], strict=True)},
        **_BYTES,
    }


def answers() -> Mapping[str, Answer]:
    """What kubectl reads in the files of the corpus, by name, as it was when last asked."""
    stored = json.loads(_ANSWERS.read_text(), parse_int=_number)
    return {name: Answer(kept.get("documents"), kept.get("objects")) for name, kept in stored.items()}


def ask_kubectl(files: Sequence[bytes]) -> list[Answer]:
    """What kubectl's packages read in the files (`cluster/go/manifests`). Builds the program where it is not there yet."""
    binaries.ensure([binaries.READ_MANIFESTS])
    questions = b"".join(base64.b64encode(file) + b"\n" for file in files)
    program = binaries.program(binaries.READ_MANIFESTS)
    done = subprocess.run([program], input=questions, capture_output=True, check=True)
    replies = [json.loads(line, parse_int=_number) for line in done.stdout.decode().split("\n") if line]
    assert len(replies) == len(files)
    return [
        Answer(
            None if "documentsError" in one else one["documents"],
            None if {"documentsError", "objectsError"} & one.keys() else one["objects"],
        )
        for one in replies
    ]


def write_answers() -> None:
    """Asks kubectl for all of the corpus and keeps the answers, one line per file."""
    files = corpus()
    lines = []
    for name, answer in zip(files, ask_kubectl(list(files.values())), strict=True):
        kept = {"documents": answer.documents, "objects": answer.objects}
        known = {key: value for key, value in kept.items() if value is not None}
        lines.append(f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(known, sort_keys=True)}")
    _ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _number(digits: str) -> int | float:
    """An integer where the API server has one: within 64 bits."""
    value = int(digits)
    return value if value in _INT64 else float(digits)


_TEXT: Final = "a: é\nb: [1, 2]\n"
_BOM: Final = "\ufeff"
_BYTES: Final[Mapping[str, bytes]] = {
    "without a line's end": b"a: 1",
    "a block without a line's end": b"a: |+\n  b",
    "a separator without a line's end": b"a: 1\n---",
    "three characters in braces": b"{a}",
    "four characters in braces": b"{ab}",
    "JSON and three characters": b'{"a": 1}\n#b',
    "JSON and four characters": b'{"a": 1}\n #b',
    "CRLF": b"a: 1\r\nb:\r\n- 2\r\n---\r\nc: 3\r\n",
    "CRLF in a block": b"a: |\r\n  b\r\n  c\r\n",
    "CRLF in quotes": b"a: 'b\r\n  c'\r\n",
    "CR twice before LF": b"a: b\r\r\n  c\r\r\n",
    "CR": b"a: 1\rb: 2\r",
    "stricter/CR before a separator": b"a: 1\r---\rb: 2\r",
    "CR at the end": b"a: 1\r\nb: 2\r",
    "a next line": "a: 1\x85b: 2\n".encode(),
    "a line separator": "a: b\u2028  c\n".encode(),
    "a paragraph separator in quotes": "a: 'b\u2029  c'\n".encode(),
    "a no-break space": "a:\u00a0b\n".encode(),
    "a separator with a no-break space": "a: 1\n---\u00a0\nb: 2\n".encode(),
    "a separator with a form feed": b"a: 1\n---\f\nb: 2\n",
    "a separator with a file separator": b"a: 1\n---\x1c\nb: 2\n",
    "a zero-width space": "a: b\u200bc\n".encode(),
    "a form feed": b"a: b\fc\n",
    "a form feed between lines": b"a: 1\n\f\nb: 2\n",
    "NUL": b"a: b\x00c\n",
    "NUL alone": b"\x00",
    "NUL in a comment": b"a: 1 # \x00\n",
    "escape": b"a: \x1b[31m\n",
    "delete": b"a: b\x7fc\n",
    "a control of Latin-1": "a: b\x90c\n".encode(),
    "a code point that is none": "a: b\ufffec\n".encode(),
    "the replacement character": "a: \ufffd\n".encode(),
    "UTF-8": _TEXT.encode(),
    "UTF-8 with a mark": f"{_BOM}{_TEXT}".encode(),
    "UTF-8 with two marks": f"{_BOM}{_BOM}{_TEXT}".encode(),
    "UTF-8 with a mark in JSON": f'{_BOM}{{"a": 1}}'.encode(),
    "a mark in a text": f"a: b{_BOM}c\n".encode(),
    "a mark after a separator": f"a: 1\n---\n{_BOM}b: 2\n".encode(),
    "stricter/a mark at the beginning of a later line": f"a: 1\n{_BOM}b: 2\n".encode(),
    "stricter/a mark after an empty line": f"\n{_BOM}a: 1\n".encode(),
    "stricter/a mark at the beginning of a line in brackets": f"a: [1,\n{_BOM}2]\n".encode(),
    "a mark alone in a line": f"a: 1\n{_BOM}\n".encode(),
    "UTF-16, little end first": f"{_BOM}{_TEXT}".encode("utf-16-le"),
    "UTF-16, big end first": f"{_BOM}{_TEXT}".encode("utf-16-be"),
    "UTF-16 in JSON": f'{_BOM}{{"a": "é"}}'.encode("utf-16-le"),
    "UTF-16 without a mark, little end first": _TEXT.encode("utf-16-le"),
    "UTF-16 without a mark, big end first": _TEXT.encode("utf-16-be"),
    "UTF-16 cut off in a comment": f"{_BOM}a: 1 # b".encode("utf-16-le")[:-1],
    "UTF-32": f"{_BOM}{_TEXT}".encode("utf-32-le"),
    "stricter/UTF-16 with half a surrogate pair": f"{_BOM}a: b".encode("utf-16-le") + b"\x00\xd8\n\x00",
    "stricter/Latin-1 in a value": _TEXT.encode("latin-1"),
    "stricter/Latin-1 in a key": "é: 1\n".encode("latin-1"),
    "stricter/Latin-1 in JSON": '{"a": "é"}'.encode("latin-1"),
    "Latin-1 in a comment": "a: 1 # é\n".encode("latin-1"),
    "Latin-1 in a comment after a mark": f"{_BOM}a: 1 # ".encode() + b"\xe9\n",
    "the replacement character and Latin-1 in a comment": b"a: b # " + b"\xe9\nc: 1\n",
    "a character cut off": b"a: 1 # \xe2\x82",
}


if __name__ == "__main__":
    write_answers()
