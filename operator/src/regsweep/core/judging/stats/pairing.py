"""Whether replicates are paired: replicate k has the same split, weights and dropout in every combination. Plain Python.

That holds as long as all of them were trained by one image on one kind of device from one set of data. Where they were
not, replicate k of two combinations shares little or nothing, and differences have the errors of unpaired means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from regsweep.core.results.records import Environment, Record, Records

DIGEST_LENGTH: Final = 12
"""Characters of a digest that a person is shown."""
TEXT_LENGTH: Final = 60
LISTED: Final = 5
"""Values of one kind that a note names."""

MIXED_NOTE: Final = (
    "Replicates are not paired, since they were trained with different {kinds}. Errors are those of unpaired differences, and a "
    "difference may come from there instead of from the flags."
)
OTHER_DATA_NOTE: Final = " Where the data differ, replicates saw other rows, and their results answer another question."


@dataclass(frozen=True, slots=True)
class Mixed:
    """A part of the environment that has more than one value."""

    kind: str
    """`data`, `images`, `backends` or `devices`."""
    values: tuple[str, ...]
    """Sorted; digests shortened to 12 characters."""

    def __str__(self) -> str:
        """Such as `devices (NVIDIA H100, cpu)`."""
        more = len(self.values) - LISTED
        listed = ", ".join(self.values[:LISTED]) + (f" and {more} more" if more > 0 else "")
        return f"{self.kind} ({listed})"


def mixture(records: Iterable[Record]) -> tuple[Mixed, ...]:
    """What is mixed among the records with results; empty where all replicates are paired, as far as is known.

    An empty value says that it is not known, and differs from nothing. An image is what its digest says, whichever
    registry it was pulled from.
    """
    found: dict[int, Environment] = {}
    for record in records:
        if record.has_result:
            found[id(record.environment)] = record.environment  # records share them: hashing each would take long
    environments = set(found.values())
    values = {
        "data": {e.data for e in environments},
        "images": {e.image.rpartition("@")[2] for e in environments},
        "backends": {e.backend for e in environments},
        "devices": {e.device for e in environments},
    }
    return tuple(
        Mixed(kind, tuple(sorted(map(_shortened, known))))
        for kind, each in values.items()
        if len(known := each - {""}) > 1
    )


def mixture_of(point_keys: Iterable[str], records: Records, replicates: int) -> tuple[Mixed, ...]:
    """The same of these points' replicates 0 ... replicates - 1."""
    return mixture(
        record for key in point_keys for replicate, record in records.of(key).items() if 0 <= replicate < replicates
    )


def mixed_note(mixed: Iterable[Mixed]) -> str | None:
    """What to say of it, or None where nothing is mixed."""
    kinds = list(mixed)
    if not kinds:
        return None
    note = MIXED_NOTE.format(kinds="; ".join(map(str, kinds)))
    return note + OTHER_DATA_NOTE if any(each.kind == "data" for each in kinds) else note


def _shortened(text: str) -> str:
    """A digest's first 12 characters without its algorithm; of any other text what fits into a note."""
    digest = text.removeprefix("sha256:")
    is_digest = len(digest) > DIGEST_LENGTH and all(each in "0123456789abcdef" for each in digest)
    return digest[:DIGEST_LENGTH] if is_digest else text[:TEXT_LENGTH]
