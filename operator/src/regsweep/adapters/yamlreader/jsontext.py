"""A document that is JSON, as Go's encoding/json and sigs.k8s.io/json read it."""

from __future__ import annotations

import json
import math
import re
from typing import Final, NoReturn

from pydantic import JsonValue

from regsweep.adapters.yamlreader.limits import MAX_DEPTH, MAX_NODES
from regsweep.adapters.yamlreader.scalars import stored_number

_WHITESPACE: Final = re.compile(r"[ \t\r\n]*")
_MOST_DIGITS: Final = 400
"""Digits of an integer beyond which no double holds it."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class JsonRefusedError(ValueError):
    """It is JSON, and still not taken; the message says why and what to do."""


class KeyTwiceError(JsonRefusedError):
    """An object gives a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f'the key "{key}" is given twice in one object; kubectl would take the last one in silence. Leave one of them out.'
        )


def skip_whitespace(text: str, start: int) -> int:
    """The offset of the next character that is not JSON's whitespace."""
    found = _WHITESPACE.match(text, start)
    return found.end() if found else start


def read_value(text: str, start: int) -> tuple[JsonValue, int]:
    """The JSON value that begins at `start`, numbers as the API server stores them, and where it ends.

    Raises:
        json.JSONDecodeError: where the text is not JSON.
        JsonRefusedError: where it is, and kubectl refuses it or would lose part of it, or a bound is passed.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
        if isinstance(value, int | float) and text[end : end + 1] in (".", "e", "E"):
            raise json.JSONDecodeError("the number is not complete", text, end)
        return _Bounded().checked(value, 0), end
    except RecursionError:
        raise JsonRefusedError(_TOO_DEEP) from None


_TOO_DEEP: Final = f"lists and objects are nested more than {MAX_DEPTH} deep. Flatten them."


class _Bounded:
    """Counts what a document holds, and replaces halves of surrogate pairs as Go does."""

    def __init__(self) -> None:
        self._count = 0

    def checked(self, value: JsonValue, depth: int) -> JsonValue:
        self._count += 1
        if depth > MAX_DEPTH:
            raise JsonRefusedError(_TOO_DEEP)
        if self._count > MAX_NODES:
            raise JsonRefusedError(f"the document has more than {MAX_NODES:,} values. Split it.")
        if isinstance(value, dict):
            return {_whole(key): self.checked(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.checked(item, depth + 1) for item in value]
        if isinstance(value, float) and math.isinf(value):
            raise JsonRefusedError("it has a number that is too large for Kubernetes to store. Write a smaller one.")
        return _whole(value) if isinstance(value, str) else value


def _whole(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in found:
            raise KeyTwiceError(key)
        found[key] = value
    return found


def _number(digits: str) -> int | float:
    """The number; infinity where no double holds it, which is refused once the whole text is known to be JSON."""
    try:
        return stored_number(
            int(digits) if digits.lstrip("-").isdigit() and len(digits) <= _MOST_DIGITS else float(digits)
        )
    except ValueError:
        return math.inf


def _no_number(word: str) -> NoReturn:
    raise json.JSONDecodeError(f"{word} is not JSON", word, 0)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_no_number
)
