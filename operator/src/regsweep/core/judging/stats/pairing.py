"""Whether replicates are paired: replicate k has the same split, weights and dropout in every combination. Plain Python.

That holds as long as all of them were trained by one image on one kind of device from one set of data. Where they were
not, replicate k of two combinations shares little or nothing, and differences have the errors of unpaired means.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from regsweep.api.findings import MOST_VALUES, MixedKind, Mixture
from regsweep.core.results.records import Environment, Record, Records

DIGEST_LENGTH: Final = 12
"""Characters of a digest that a person is shown."""
TEXT_LENGTH: Final = 60


def mixture(records: Iterable[Record]) -> tuple[Mixture, ...]:
    """What is mixed among the records with results; empty where all replicates are paired, as far as is known.

    An empty value says that it is not known, and differs from nothing. An image is what its digest says, whichever
    registry it was pulled from.
    """
    return mixture_among(record.environment for record in records if record.has_result)


def mixture_among(environments: Iterable[Environment]) -> tuple[Mixture, ...]:
    """The same of the environments of such records, repeated as they may be."""
    found = {id(each): each for each in environments}  # records share them: hashing each would take long
    environments = set(found.values())
    values = {
        MixedKind.DATA: {e.data for e in environments},
        MixedKind.IMAGES: {e.image.rpartition("@")[2] for e in environments},
        MixedKind.BACKENDS: {e.backend for e in environments},
        MixedKind.DEVICES: {e.device for e in environments},
    }
    return tuple(
        Mixture(kind=kind, values=sorted(map(_shortened, known))[:MOST_VALUES], count=len(known))
        for kind, each in values.items()
        if len(known := each - {""}) > 1
    )


def mixture_of(point_keys: Iterable[str], records: Records, replicates: int) -> tuple[Mixture, ...]:
    """The same of these points' replicates 0 ... replicates - 1."""
    return mixture(
        record for key in point_keys for replicate, record in records.of(key).items() if 0 <= replicate < replicates
    )


def _shortened(text: str) -> str:
    """A digest's first 12 characters without its algorithm; of any other text what fits into a note."""
    digest = text.removeprefix("sha256:")
    is_digest = len(digest) > DIGEST_LENGTH and all(each in "0123456789abcdef" for each in digest)
    return digest[:DIGEST_LENGTH] if is_digest else text[:TEXT_LENGTH]
