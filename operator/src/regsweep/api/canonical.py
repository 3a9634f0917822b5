"""Canonical JSON: one string per value, so that values can be compared and hashed independently of their spelling."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Final

_INT64: Final = range(-(2**63), 2**63)
"""What a JSON integer is to the API server; beyond it a number is a double there."""


def canonical_json(value: object) -> str:
    """The value's canonical JSON: sorted keys, no blanks, 1 and 1.0 alike, -0.0 as 0.

    Booleans stay apart from 1 and 0, texts from the numbers that they spell. Integers are exact within 64 bits; beyond
    that they are doubles, as they are to the API server.

    Raises:
        ValueError: for NaN, infinity, and whatever is not JSON (a date, bytes, a key that is not a string).
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object, length: int) -> str:
    """The first `length` (1 to 64) hexadecimal digits of the SHA-256 of the value's canonical JSON.

    Raises:
        ValueError: where the value has no canonical JSON (NaN, infinity), or the length is out of bounds.
    """
    if not 1 <= length <= 64:
        raise ValueError(f"length must be from 1 to 64, got {length}")
    return text_digest(canonical_json(value), length)


def text_digest(text: str, length: int) -> str:
    """The first `length` hexadecimal digits of the SHA-256 of a string that is already canonical JSON."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def normal_number(number: int | float) -> int | float:
    """The number as the API server stores it: an integer where it is one, within 64 bits; a double otherwise.

    Raises:
        ValueError: for NaN, infinity and integers too large for a double.
    """
    if isinstance(number, int):
        if number in _INT64:
            return number
        try:
            return float(number)
        except OverflowError:
            raise ValueError("the number is too large") from None
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a number that JSON can represent")
    return int(number) if number.is_integer() and int(number) in _INT64 else number


def _plain(value: object) -> object:
    """The value with every number in its normal form."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return normal_number(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"the key {key!r} is not a string")
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in value]
    raise ValueError(f"{type(value).__name__} is not JSON")
