"""Rules of size and depth: what a person writes ends up in environments, statuses and the operator's memory, which are bounded.

The API server takes any object of 1.5 MB, however deep where a field holds any value. These rules come before all others,
take one walk without recursion, and so bound what every later rule costs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeGuard

from regsweep.api.constants import MAX_NAME_LENGTH
from regsweep.api.wording import cut
from regsweep.errors import Problem

MAX_DEPTH: Final = 32
"""Levels of lists and mappings within `spec`; a pod template has some ten."""
MAX_SPEC: Final = 524_288
"""Characters of the spec as JSON: spec and status are one object, of which etcd takes 1.5 MB."""
MAX_TEMPLATE: Final = 131_072
"""Of `spec.template`: each Job holds it."""
MAX_PARAMETERS_SIZE: Final = 65_536
"""Of `spec.trainer.parameters`: Linux takes 131,072 bytes for one variable of an environment, and the flags stand there too."""
MAX_FLAG_VALUE: Final = 1024
"""Of one value of a flag."""
MAX_COMBINATION: Final = 4096
"""Of the largest combination: 21 of them and 61 labels may stand in a status."""
_LONGEST_NUMBER: Final = 400
"""Characters that count of an integer: a longer one is no finite number, and is refused as such."""


def size_problems(spec: object) -> list[Problem]:
    """What of the spec is too large or too deep, the first of each kind; empty where all is within bounds.

    spec: as read from YAML or JSON, not yet checked in any other way.
    """
    too_deep = _too_deep(spec)
    if too_deep is not None:
        text = f"has more than {MAX_DEPTH} levels of lists and mappings. Write it with fewer."
        return [Problem(too_deep, text)]
    if not isinstance(spec, Mapping):
        return []
    problems = list(_flag_problems(spec.get("flags")))
    trainer = spec.get("trainer")
    parameters = trainer.get("parameters") if isinstance(trainer, Mapping) else None
    for field, value, most, why in (
        ("spec.trainer.parameters", parameters, MAX_PARAMETERS_SIZE, "They are one variable of the environment."),
        ("spec.template", spec.get("template"), MAX_TEMPLATE, "Every Job holds it."),
    ):
        size = _size(value)
        if size > most:
            problems.append(Problem(field, _too_large(size, most, why)))
    size = 0 if problems else _size(spec)
    if size > MAX_SPEC:
        problems.append(Problem("spec", _too_large(size, MAX_SPEC, "Use ranges, `sample`, or fewer values.")))
    return problems


def _flag_problems(flags: object) -> Iterator[Problem]:
    if not isinstance(flags, list):
        return
    advice = "Put what is long into the image or a file, and let the value name it."
    combination = 0
    for place, flag in enumerate(flags):
        values = flag.get("values") if isinstance(flag, Mapping) else None
        sizes = [_size(value) for value in values] if isinstance(values, list) else []
        largest = max(sizes, default=0)
        if largest > MAX_FLAG_VALUE:
            field = f"spec.flags[{place}].values[{sizes.index(largest)}]"
            yield Problem(field, _too_large(largest, MAX_FLAG_VALUE, advice))
            return
        combination += largest
    if combination > MAX_COMBINATION:
        text = f"the largest combination has {combination:,} characters as JSON; at most {MAX_COMBINATION:,} are allowed. {advice}"
        yield Problem("spec.flags", text)


def _too_large(size: int, most: int, why: str) -> str:
    return f"has {size:,} characters as JSON; at most {most:,} are allowed. {why}"


def _size(value: object) -> int:
    """About so many characters it has as compact JSON, each beyond ASCII as an escape."""
    size, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        size += 1  # what stands after it
        if isinstance(item, str):
            size += len(json.dumps(item))
        elif isinstance(item, bool):
            size += len(str(item))
        elif isinstance(item, int):
            size += 1 + min(item.bit_length() * 3 // 10, _LONGEST_NUMBER)
        elif not _is_container(item):
            size += len(repr(item))
        else:
            size += 2
            waiting += item
            if isinstance(item, Mapping):
                waiting += item.values()
    return size


def _too_deep(spec: object) -> str | None:
    """The field that leads to what is too deep; None where nothing is."""
    if not _is_deeper(spec, MAX_DEPTH):
        return None
    field, item = "spec", spec
    for steps in (1, 2):  # two steps name the field well enough
        below = _steps(item)
        step, item = next((step, value) for step, value in below if _is_deeper(value, MAX_DEPTH - steps))
        field += step
    return field


def _is_deeper(value: object, levels: int) -> bool:
    """Whether it has more levels of lists and mappings."""
    level = [value] if _is_container(value) else []
    for _ in range(levels):
        level = [each for item in level for each in _values(item) if _is_container(each)]
    return bool(level)


def _steps(item: object) -> Iterator[tuple[str, object]]:
    if isinstance(item, Mapping):
        yield from ((f".{cut(str(name), MAX_NAME_LENGTH)}", value) for name, value in item.items())
    else:
        yield from ((f"[{place}]", value) for place, value in enumerate(_values(item)))


def _values(item: object) -> Iterable[object]:
    if isinstance(item, Mapping):
        return item.values()
    return item if _is_container(item) else ()


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def _is_container(item: object) -> TypeGuard[Mapping[object, object] | Sequence[object]]:
    """Whether it is a list or a mapping. There may be half a million of items: their abstract kinds are asked for last."""
    kind = type(item)
    if kind is dict or kind is list:
        return True
    return (
        kind not in _SCALARS and isinstance(item, Mapping | Sequence) and not isinstance(item, str | bytes | bytearray)
    )
