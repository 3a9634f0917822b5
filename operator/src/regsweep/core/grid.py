"""Flags to combinations: the grid, in a stable order, with identities that come from content alone."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Final

from regsweep.api.canonical import digest, normal_number, text_digest
from regsweep.api.spec import Flags, FlagValue, Sample, SweepSpec
from regsweep.api.values import canonical_grid, grid_size, range_values

__all__ = ["Combination", "combination_id", "combinations", "grid_size", "label", "range_values", "value_text"]

ID_LENGTH: Final = 12
"""Hex digits of a combination's id: among 10,000 combinations two are alike once in six million grids."""
_MARKS: Final = '",=[]{}'
"""Characters that a label itself is made of."""
_YAML_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "~"})
"""What readers of YAML 1.1 take for a boolean or for null."""
_SEXAGESIMAL: Final = re.compile(r"[+-]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?")


@dataclass(frozen=True, slots=True)
class Combination:
    """One choice of all flags."""

    id: str
    """12 hex digits of a hash of the flags' canonical JSON: neither order nor spelling (1, 1.0) of the grid changes it."""
    flags: Flags
    """Name to value, in the order of the spec."""
    index: int
    """Place in the grid, from 0; for order and display only, never for identity."""


def combinations(spec: SweepSpec) -> tuple[Combination, ...]:
    """The combinations to train: the flags' product, the first flag slowest, less `exclude`, cut down by `sample`.

    A sample keeps the combinations whose hash with the seed is smallest, in the order of the grid. So the draw does not
    depend on that order, and a larger sample of the same grid contains the smaller one. The grid is never held as a whole,
    only the sample. `index` counts what is left.
    """
    every: Iterable[tuple[str, Flags]] = ((text_digest(text, ID_LENGTH), flags) for text, flags in canonical_grid(spec))
    if spec.sample is not None:
        every = _drawn(every, spec.sample)
    return tuple(Combination(ident, flags, index) for index, (ident, flags) in enumerate(every))


def _drawn(every: Iterable[tuple[str, Flags]], sample: Sample) -> Iterator[tuple[str, Flags]]:
    """Those of the identified combinations that the sample holds, in their order."""
    ranked = (
        (text_digest(f'[{sample.seed},"{ident}"]', 64), place, ident, flags)
        for place, (ident, flags) in enumerate(every)
    )
    smallest = heapq.nsmallest(sample.size, ranked, key=itemgetter(0))
    return ((ident, flags) for _, _, ident, flags in sorted(smallest, key=itemgetter(1)))


def combination_id(flags: Mapping[str, FlagValue]) -> str:
    """The combination's id: 12 hex digits that depend on names and values alone."""
    return digest(flags, ID_LENGTH)


def label(flags: Mapping[str, FlagValue], separator: str = ", ") -> str:
    """The flags as people write them, such as `l2=0.01, dropout=0.3`. Different flags have different labels."""
    return separator.join(f"{name}={value_text(value)}" for name, value in flags.items())


def value_text(value: FlagValue) -> str:
    """A flag's value as labels show it; a string is quoted only if it could be read as another type."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(value_text(item) for item in value)}]"
    return _escaped(json.dumps(value, sort_keys=True, ensure_ascii=False))


def _is_plain(text: str) -> bool:
    """Whether the string cannot be taken for a number, a boolean, null, a list, a mapping, two values or nothing."""
    if not text.isprintable() or text.strip() != text or text == "" or any(mark in text for mark in _MARKS):
        return False
    return text.casefold() not in _YAML_WORDS and not _spells_number(text)


def _spells_number(text: str) -> bool:
    """Whether a reader of YAML or Python takes the text for a number, such as 1, .5, 1e-4, 1_000, 0x1F, .inf or 1:30."""
    if _SEXAGESIMAL.fullmatch(text):
        return True
    for parse in (float, lambda digits: int(digits, 0), lambda digits: int(digits, 8)):
        try:
            parse(text)
        except ValueError:
            continue
        return True
    return text.casefold().lstrip("+-") in (".inf", ".nan")


def _quoted(text: str) -> str:
    return _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(text: str) -> str:
    """The JSON text with what cannot be seen, such as a zero-width space, as an escape."""
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def _number(value: int | float) -> str:
    """Shortest text of the number, the same for 1 and 1.0: plain from a millionth to 10^15 and for whole numbers of 64 bits; with
    an exponent such as 1e-7 beyond."""
    try:
        value = normal_number(value)
    except ValueError:  # no sweep holds it: an error message may name it
        return str(value)
    if isinstance(value, int):
        return str(value)
    if 1e-6 <= abs(value) < 1e15:
        return format(Decimal(repr(value)), "f")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if exponent else mantissa
