"""One YAML scalar as the value that kubectl reads: `resolve` of go.yaml.in/yaml/v2, by its rules."""

from __future__ import annotations

import base64
import calendar
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from regsweep.api.canonical import normal_number

Scalar = str | int | float | bool | None

CORE: Final = "tag:yaml.org,2002:"
STRING: Final = f"{CORE}str"
MERGE: Final = f"{CORE}merge"
_BOOLEAN: Final = f"{CORE}bool"
_INTEGER: Final = f"{CORE}int"
_FLOAT: Final = f"{CORE}float"
_NULL: Final = f"{CORE}null"
_TIMESTAMP: Final = f"{CORE}timestamp"
_BINARY: Final = f"{CORE}binary"

_KINDS: Final[Mapping[str, str]] = {
    _BOOLEAN: "a boolean: write true or false",
    _INTEGER: "an integer: write digits only, such as 3",
    _FLOAT: "a number: write it such as 0.5",
    _NULL: "null: write null or leave it empty",
    _TIMESTAMP: "a timestamp: write it such as 2026-01-31T12:00:00Z",
}
_WORDS: Final[Mapping[str, Scalar]] = {
    spelling: value
    for word, value in {
        "y": True, "yes": True, "true": True, "on": True,
        "n": False, "no": False, "false": False, "off": False,
        "null": None,
    }.items()
    for spelling in (word, word.capitalize(), word.upper())
} | {"": None, "~": None}  # fmt: skip
_SPECIAL_FLOATS: Final[Mapping[str, float]] = {
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **{sign + word: math.inf for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}

_INTEGER_BASES: Final = (
    (re.compile(r"([-+]?)0[xX]([0-9a-fA-F]+)"), 16),
    (re.compile(r"([-+]?)0[bB]([01]+)"), 2),
    (re.compile(r"([-+]?)0[oO]([0-7]+)"), 8),
    (re.compile(r"([-+]?)0([0-7]*)"), 8),
    (re.compile(r"([-+]?)([1-9][0-9]*)"), 10),
)
_SIGNED_BINARY: Final = re.compile(r"0b([-+][01]+)")
_DECIMAL: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DECIMAL_AFTER_DOT: Final = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_DATE: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"((?P<mark>[Tt ])(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2}):(?P<second>[0-9]{1,2})([.,][0-9]+)?"
    r"(?P<zone>Z|[-+](?P<zone_hour>[0-9]{2}):(?P<zone_minute>[0-9]{2}))?)?"
)
_INT64: Final = range(-(2**63), 2**63)
_UINT64: Final = range(2**64)
_MOST_DIGITS: Final = 64
"""Digits of the longest integer within 64 bits (base 2); more are a float or a string, and Python would refuse thousands."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A text does not fit the tag before it."""

    problem: str
    """What is wrong and what to do, without the full stop."""


def resolve(text: str, tag: str | None, plain: bool) -> Scalar | Mismatch:
    """The value of a scalar. Integers are within -2**63 to 2**64 - 1; floats may be infinite or NaN.

    tag: in its long form; None where there is none. plain: written without quotes, or with the tag `!`.
    """
    if tag is None:
        return _by_form(text) if plain else text
    if tag == _BINARY:
        return _decoded(text)
    if tag == _TIMESTAMP:
        return _timestamp(text)
    if tag not in _KINDS:
        return text  # a tag of somebody's own, or !!str: kubectl reads a string
    return _of_kind(text, tag)


def _by_form(text: str) -> Scalar:
    """The value of an untagged plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[text]
    if text[0] == ".":
        return _finite(text.replace("_", ""), text) if _DECIMAL_AFTER_DOT.fullmatch(text) else text
    if text[0] in "+-0123456789":
        return _number(text.replace("_", ""), text)
    return text


def _number(digits: str, text: str) -> Scalar:
    """The number that the digits spell, or the text where they spell none."""
    integer = _integer(digits)
    if integer is not None:
        return integer
    if _DECIMAL.fullmatch(digits):
        return _finite(digits, text)
    signed = _SIGNED_BINARY.fullmatch(digits)
    if signed and len(digits) <= _MOST_DIGITS + 3 and (value := int(signed[1], 2)) in _INT64:
        return value  # 0b-1: go-yaml reads it so
    return text


def _integer(digits: str) -> int | None:
    """The integer of 64 bits, by Go's prefixes (0x, 0b, 0o, 0); None where it is none. A sign costs the unsigned range."""
    for form, base in _INTEGER_BASES:
        if match := form.fullmatch(digits):
            sign, magnitude = match[1], match[2].lstrip("0")
            if len(magnitude) > _MOST_DIGITS:
                return None
            value = int(f"{sign}{magnitude or 0}", base)
            return value if value in _INT64 or (not sign and value in _UINT64) else None
    return None


def _finite(digits: str, text: str) -> float | str:
    """The number, or the text where a double cannot hold it: Go's ParseFloat refuses what overflows."""
    value = float(digits)
    return value if math.isfinite(value) else text


def _of_kind(text: str, tag: str) -> Scalar | Mismatch:
    """The value of a scalar with one of YAML's own tags, quoted or not."""
    value = _by_form(text)
    kind = _kind(value)
    if kind == tag:
        return value
    if tag == _FLOAT and isinstance(value, int) and kind == _INTEGER and value in _INT64:
        return float(value)
    return Mismatch(f"!!{tag.removeprefix(CORE)} is written before {shortened(text)}, which is not {_KINDS[tag]}")


def _kind(value: Scalar) -> str:
    if isinstance(value, bool):
        return _BOOLEAN
    if isinstance(value, str):
        return STRING
    if isinstance(value, int):
        return _INTEGER
    return _NULL if value is None else _FLOAT


def _decoded(text: str) -> str | Mismatch:
    """The text of base64. Bytes that are not UTF-8 are refused: kubectl would replace them."""
    try:
        data = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except ValueError:
        return Mismatch(f"!!binary is written before {shortened(text)}, which is not base64: write the text itself")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return Mismatch(
            f"!!binary is written before {shortened(text)}, whose bytes are not UTF-8; Kubernetes would replace them. Remove !!binary "
            "and keep the base64"
        )


def _timestamp(text: str) -> str | Mismatch:
    """The text of a timestamp: kubectl checks it, and keeps it as a string."""
    date = _DATE.fullmatch(text)
    if date is None or not _exists(date):
        return Mismatch(f"!!timestamp is written before {shortened(text)}, which is not {_KINDS[_TIMESTAMP]}")
    return text


def _exists(date: re.Match[str]) -> bool:
    """Whether the date and time are possible, and the zone is where Go's four layouts have one."""
    year, month, day = int(date["year"]), int(date["month"]), int(date["day"])
    if not 1 <= month <= 12:
        return False
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days or date["mark"] is None:
        return 1 <= day <= days
    if (date["mark"] == " ") is not (date["zone"] is None):
        return False
    zone_fits = date["zone_hour"] is None or (int(date["zone_hour"]) <= 24 and int(date["zone_minute"]) < 60)
    return int(date["hour"]) < 24 and int(date["minute"]) < 60 and int(date["second"]) < 60 and zone_fits


def stored_number(number: int | float) -> int | float:
    """The number as the API server stores it: an integer within 64 bits where its JSON is one, else a double.

    kubectl sends a double as Go's encoding/json writes it: below 1e21 in digits, those after the shortest spelling as
    zeros. 2.0**60 is sent, and stored, as 1152921504606847000.

    Raises:
        ValueError: for NaN, infinity and integers too large for a double.
    """
    if isinstance(number, float) and math.isfinite(number) and abs(number) < 1e21:
        written = Decimal(repr(number))
        return int(written) if written == written.to_integral_value() and int(written) in _INT64 else number
    return normal_number(number)


def shortened(text: str, longest: int = 40) -> str:
    """The text in quotes, cut where it is long."""
    return f'"{text}"' if len(text) <= longest else f'"{text[: longest - 3]}..."'
