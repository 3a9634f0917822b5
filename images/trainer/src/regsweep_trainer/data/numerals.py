"""The notation of numbers in cells, and the kinds of cells that are not numbers. Pure.

A number is decimal digits with an optional sign, decimal point and exponent: `-1.5`, `+2`, `007`, `.5`, `1.`, `3e-4`. Leading zeros are
allowed; underscores, hexadecimal digits, digits outside ASCII, `inf` and `nan` are not. Cells come stripped of blanks.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum, auto
from types import MappingProxyType

EXACT_INTEGERS = 2.0**53
"""Below this magnitude every integer is a float64."""

DIGITS_OF_EXACT_INTEGERS = 16
LONGEST_NOTATION = 400  # characters of a cell: more than any float needs, few enough for every pattern

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

# What pandas, R, Excel and databases write where a value is missing or could not be computed.
MISSING_WORDS = frozenset([
    "", "?", "-", "--", ".", "*", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NAN", "-NaN", "-nan", "NaT", "None", "NONE", "NULL", "Null",
    "null", "\\N", "#N/A", "#N/A N/A", "#NA", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "1.#IND", "-1.#IND", "1.#QNAN",
    "-1.#QNAN", "1.#INF", "-1.#INF",
])  # fmt: skip
_MISSING_AMONG_NUMBERS = frozenset(
    ["na", "n.a.", "none", "null", "nil", "missing", "unknown", "unk", "nd", "n/d", "empty", "x"]
)


class Notation(Enum):
    """The kind of a cell that is not a number."""

    MISSING = auto()
    NOT_FINITE = auto()
    OUT_OF_RANGE = auto()
    DECIMAL_COMMA = auto()
    GROUPED = auto()
    UNDERSCORES = auto()
    OTHER_BASE = auto()
    OTHER_CHARACTERS = auto()
    OTHER_EXPONENT = auto()
    TRUTH_VALUE = auto()
    DATE = auto()
    UNIT = auto()
    TEXT = auto()


# The first pattern that matches decides. `1,234` is as likely a decimal comma as a thousands separator: both words name it.
_PATTERNS = (
    (Notation.NOT_FINITE, re.compile(r"[+-]?(?:inf(?:inity)?|nan)", re.IGNORECASE)),
    (Notation.OUT_OF_RANGE, _NUMBER),
    (Notation.DECIMAL_COMMA, re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")),
    (
        Notation.DATE,
        re.compile(
            r"(?:[0-9]{4}([./-])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([./-])[0-9]{1,2}\2(?:[0-9]{2}|[0-9]{4}))(?:[T ].*)?"
            r"|[0-9]{1,2}:[0-9]{2}(?::.*)?"
        ),
    ),
    (Notation.GROUPED, re.compile(r"[+-]?[0-9]{1,3}(?:[,.'’\s][0-9]{2,3})+(?:[.,][0-9]*)?")),
    (Notation.UNDERSCORES, re.compile(r"[+-]?[0-9.]+(?:_[0-9.]+)+(?:[eE][+-]?[0-9]+)?")),
    (Notation.OTHER_BASE, re.compile(r"[+-]?(?:0[xX][0-9a-fA-F.]+(?:[pP][+-]?[0-9]+)?|0[oO][0-7]+|0[bB][01]+)")),
    (Notation.OTHER_EXPONENT, re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[dDqQ][+-]?[0-9]+|\s*[×x*]\s*10\^?[+-]?[0-9]+)")),
    (Notation.TRUTH_VALUE, re.compile(r"true|false|t|f|yes|no|y|n", re.IGNORECASE)),
    (Notation.UNIT, re.compile(r"\([0-9.,]+\)|[0-9.,]+-|[^\w\s+.,-]\s*[+-]?[0-9.,]+|[+-]?[0-9.,]+\s*[^\s0-9]{1,4}")),
)

WORDS: Mapping[Notation, tuple[str, str]] = MappingProxyType(
    {
        Notation.MISSING: ("a missing value", "fill it in, or remove the row or the column"),
        Notation.NOT_FINITE: ("not a finite number", "fill it in, or remove the row or the column"),
        Notation.OUT_OF_RANGE: ("beyond the largest 64-bit float", "correct it, or divide the column by a constant"),
        Notation.DECIMAL_COMMA: (
            "a number with a comma",
            "write a decimal point and no thousands separator, such as 1234.5",
        ),
        Notation.GROUPED: ("a number with thousands separators", "write it without, such as 1234.5"),
        Notation.UNDERSCORES: ("a number with underscores", "write it without"),
        Notation.OTHER_BASE: ("a number that is not decimal", "write it in decimal digits"),
        Notation.OTHER_CHARACTERS: ("a number in other characters", "write it with the ASCII characters 0-9, + and -"),
        Notation.OTHER_EXPONENT: ("a number with another exponent", "write the exponent with e, such as 1.5e3"),
        Notation.TRUTH_VALUE: ("a truth value", "write 1 and 0"),
        Notation.DATE: ("a date or a time", "write it as a number, such as days since a fixed day"),
        Notation.UNIT: ("a number with a unit or a sign around it", "write the number alone"),
        Notation.TEXT: ("text", "encode categories as numbers, or remove the column"),
    }
)
"""By notation: what it is, and what to do."""


def parse_number(cell: str) -> float | None:
    """The number that the cell writes; `None` where it writes none, or one beyond float64."""
    if _NUMBER.fullmatch(cell) is None:
        return None
    value = float(cell)
    return value if math.isfinite(value) else None


def is_missing(cell: str) -> bool:
    """Whether the cell marks a missing value, or a number that is not finite."""
    return cell in MISSING_WORDS or _PATTERNS[0][1].fullmatch(cell) is not None


def is_missing_among_numbers(cell: str) -> bool:
    """Whether the cell marks a missing value where all others are numbers; among words it may be a class like any other."""
    return cell.casefold() in _MISSING_AMONG_NUMBERS


def exact_value(cell: str) -> Decimal:
    """What a number's cell writes, without rounding: equal for two spellings of one number and only for these."""
    try:
        return Decimal(cell)
    except InvalidOperation:  # an exponent of 19 digits: only a zero has one and is still within float64
        return Decimal(0)


def loses_digits(cell: str) -> bool:
    """Whether a number's cell writes an integer that is not a float64: neither its exact value nor its shortest digits."""
    digits = cell.lstrip("+-")
    if len(digits) < DIGITS_OF_EXACT_INTEGERS or not digits.isdigit():
        return False
    value = float(cell)
    return Decimal(cell) not in (Decimal(value), Decimal(repr(value)))


def notation(cell: str) -> Notation:
    """The kind of a cell that is not a number."""
    if cell in MISSING_WORDS:
        return Notation.MISSING
    if len(cell) > LONGEST_NOTATION:
        return Notation.OUT_OF_RANGE if _NUMBER.fullmatch(cell) else Notation.TEXT
    if not cell.isascii() and _NUMBER.fullmatch(_in_ascii(cell)):
        return Notation.OTHER_CHARACTERS
    return next((kind for kind, pattern in _PATTERNS if pattern.fullmatch(cell)), Notation.TEXT)


def _in_ascii(cell: str) -> str:
    """The cell with ASCII digits and minus signs for those of other scripts, without invisible characters."""
    plain = unicodedata.normalize("NFKC", cell).replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-")
    return "".join(_in_ascii_alone(character) for character in plain).strip()


def _in_ascii_alone(character: str) -> str:
    if unicodedata.category(character) == "Cf":
        return ""
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
