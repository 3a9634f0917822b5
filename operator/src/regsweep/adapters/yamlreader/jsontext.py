"""A document that is JSON, as Go's encoding/json and sigs.k8s.io/json read it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Final, NoReturn

from pydantic import JsonValue

from regsweep.adapters.yamlreader.limits import MAX_DEPTH, MAX_NODES
from regsweep.adapters.yamlreader.scalars import stored_number

_WHITESPACE: Final = re.compile(r"[ \t\r\n]*")
_MOST_DIGITS: Final = 400
"""Longest integer, in digits, that may still fit a double."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TOO_DEEP: Final = f"lists and objects are nested more than {MAX_DEPTH} deep. Flatten them."


@dataclass(frozen=True, slots=True)
class JsonText:
    """A JSON value within a string."""

    value: JsonValue
    """Numbers are as the API server stores them."""
    end: int
    """Offset after the value."""
    problem: str | None
    """Why it is refused although it is JSON, and what to do; None where it is not."""


def skip_whitespace(text: str, start: int) -> int:
    """The offset of the next character that is not JSON's whitespace."""
    match = _WHITESPACE.match(text, start)
    return match.end() if match else start


def read_value(text: str, start: int) -> JsonText:
    """The JSON value that begins at the offset `start`.

    Raises:
        json.JSONDecodeError: where the text is not JSON.
    """
    return _Reader().read(text, start)


class _Reader:
    """Reads one value, and notes the first reason to refuse it."""

    def __init__(self) -> None:
        self._count = 0
        self._problem: str | None = None
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._number,
            parse_float=self._number,
            parse_constant=_no_number,
        )

    def read(self, text: str, start: int) -> JsonText:
        try:
            value, end = self._decoder.raw_decode(text, start)
        except RecursionError:
            return JsonText(None, len(text), _TOO_DEEP)
        if isinstance(value, int | float) and text[end : end + 1] in (".", "e", "E"):
            raise json.JSONDecodeError("the number is not complete", text, end)
        whole = self._whole(value, 0)
        return JsonText(whole, end, self._problem)

    def _object(self, pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        result: dict[str, JsonValue] = {}
        for key, value in pairs:
            if key in result:
                self._note(
                    f'duplicate key "{key}" in one object; kubectl would silently take the last one. Remove one of them.'
                )
            result[key] = value
        return result

    def _number(self, digits: str) -> int | float:
        try:
            is_short_integer = digits.lstrip("-").isdigit() and len(digits) <= _MOST_DIGITS
            return stored_number(int(digits) if is_short_integer else float(digits))
        except ValueError:
            self._note("it has a number that is too large for Kubernetes to store. Write a smaller one.")
            return math.inf

    def _whole(self, value: JsonValue, depth: int) -> JsonValue:
        """The value with halves of surrogate pairs replaced, as Go does; None beyond a bound."""
        self._count += 1
        if depth > MAX_DEPTH:
            self._note(_TOO_DEEP)
        elif self._count > MAX_NODES:
            self._note(f"the document has more than {MAX_NODES:,} values. Split it.")
        elif isinstance(value, dict):
            return self._object([(_without_halves(key), self._whole(item, depth + 1)) for key, item in value.items()])
        elif isinstance(value, list):
            return [self._whole(item, depth + 1) for item in value]
        else:
            return _without_halves(value) if isinstance(value, str) else value
        return None

    def _note(self, problem: str) -> None:
        self._problem = self._problem or problem


def _without_halves(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _no_number(word: str) -> NoReturn:
    raise json.JSONDecodeError(f"{word} is not JSON", word, 0)
