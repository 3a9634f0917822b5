"""Which value of a flag counts: default < profile file < command line < sweep."""

from collections.abc import Iterator, Mapping
from typing import Any

from regsweep_kit.errors import InvalidFlagsError
from regsweep_kit.script.declarations import Flag, meant, unknown


class Flags(Mapping[str, Any]):
    """The values of all declared flags: `flags.dropout`, or as of a mapping."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"no flag {name} was declared{meant(name, self)}")
        return self._values[name]

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Flags({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


def resolve(declared: Mapping[str, Flag], *sources: tuple[str, Mapping[str, Any]]) -> Flags:
    """The flags' values.

    sources: (words for where it is from, values by name), later ones over earlier ones; the words of the sweep's are empty.
    Raises InvalidFlagsError with all that is wrong, a sentence each.
    """
    values = {name: flag.default for name, flag in declared.items()}
    problems = []
    for source, given in sources:
        for name, value in given.items():
            try:
                values[name] = _checked(declared, name, value)
            except InvalidFlagsError as error:
                problems.append(f"{source}: {error}" if source else str(error))
    if problems:
        raise InvalidFlagsError("; ".join(problems))
    return Flags(values)


def _checked(declared: Mapping[str, Flag], name: str, value: Any) -> Any:
    if name not in declared:
        raise InvalidFlagsError(unknown(name, value, declared))
    return declared[name].value(name, value)
