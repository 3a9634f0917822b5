"""Which of two combinations is simpler: more regularised, or a smaller network."""

from __future__ import annotations

from collections.abc import Sequence

from regsweep.api.spec import Flags, FlagValue, Simpler, SimplicityFlag

Size = tuple[float, ...]


def at_least_as_simple(flags: Flags, other: Flags, order: Sequence[SimplicityFlag]) -> bool:
    """Whether `flags` agree with `other` on every flag outside the order, and are no less simple on any inside.

    A list (units per layer) is no larger where it has no more layers and, sorted, no layer is larger. What is neither a
    number nor a list of numbers cannot be compared and must be equal.
    """
    inside = {entry.flag: entry.simpler for entry in order}
    for name, value in flags.items():
        there = other.get(name)
        if value == there:
            continue
        if name not in inside:
            return False
        small, large = (value, there) if inside[name] is Simpler.FEWER else (there, value)
        if not _no_larger(small, large):
            return False
    return True


def simplicity_key(flags: Flags, order: Sequence[SimplicityFlag]) -> tuple[Size, ...]:
    """A sort key, simplest first: lexicographic in the order's flags; those that are not swept or no numbers stay out."""
    keys: list[Size] = []
    for entry in order:
        size = _size(flags.get(entry.flag))
        if size is None:
            keys.append(())
        elif entry.simpler is Simpler.FEWER:
            keys.append((float(len(size)), sum(size), *size))
        else:
            keys.append(tuple(-each for each in size))
    return tuple(keys)


def _size(value: FlagValue) -> Size | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (float(value),)
    if isinstance(value, list):
        numbers = [each for each in value if isinstance(each, int | float) and not isinstance(each, bool)]
        if len(numbers) == len(value):
            return tuple(sorted(map(float, numbers), reverse=True))
    return None


def _no_larger(small: FlagValue, large: FlagValue) -> bool:
    a, b = _size(small), _size(large)
    if a is None or b is None or len(a) > len(b):
        return False
    return all(x <= y for x, y in zip(a, b[: len(a)], strict=True))
