"""Rules of the references: names, and values that a flag of the sweep would not have either."""

from __future__ import annotations

from collections.abc import Iterator

from regsweep.api import wording
from regsweep.api.constants import DATA_PARAMETERS
from regsweep.api.spec import Flag, Reference, SweepSpec
from regsweep.api.values import flag_values
from regsweep.errors import Problem


def reference_problems(spec: SweepSpec) -> Iterator[Problem]:
    """What is wrong with the references, a Problem for each field."""
    flags = {flag.name: flag for flag in spec.flags}
    places: dict[str, int] = {}
    for place, reference in enumerate(spec.references):
        field = f"spec.references[{place}]"
        if (first := places.setdefault(reference.name, place)) != place:
            text = f'"{reference.name}" is the name of spec.references[{first}] too. Give each reference a name of its own.'
            yield Problem(f"{field}.name", text)
        yield from _value_problems(f"{field}.flags", reference, flags)


def _value_problems(field: str, reference: Reference, flags: dict[str, Flag]) -> Iterator[Problem]:
    for name, value in reference.flags.items():
        where = f"{field}.{name}"
        if name in DATA_PARAMETERS:
            text = (
                f'"{name}" cannot be set by a reference: it says what the data are, and a reference is compared on the data of the '
                "sweep. Remove it."
            )
            yield Problem(where, text)
        elif (refusal := wording.no_flag_value(value)) is not None:
            yield Problem(where, refusal)
        elif wording.spells_number(value) and name in flags and _has_numbers(flags[name]):
            yield Problem(where, f"{wording.number_in_quotes(str(value))}.")


def _has_numbers(flag: Flag) -> bool:
    values = flag_values(flag)
    return bool(values) and isinstance(values[0], int | float) and not isinstance(values[0], bool)
