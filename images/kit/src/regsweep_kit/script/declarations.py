"""A flag that a script declares: its default, its type, and which values fit it."""

import difflib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from regsweep_kit.errors import InvalidFlagsError

MOST_SHOWN: Final = 60
"""Characters of a value in a message."""
RESERVED: Final = ("help", "profile", "identify")
"""Options of every script."""
WORDS: Final[dict[type, str]] = {bool: "true or false", int: "an integer", float: "a finite number", str: "a text"}


@dataclass(frozen=True, slots=True)
class Flag:
    """One declared flag."""

    default: Any
    help: str = ""
    kind: type = str
    """bool, int, float or str; of a list, that of its items."""
    is_list: bool = False
    choices: tuple[Any, ...] = ()
    """The values that it may have; empty: all of its type."""
    is_file: bool = False
    """It names a file or folder that the script trains on, which the results rest on."""

    @property
    def want(self) -> str:
        """The values that it may have, in words."""
        if self.choices:
            return "one of " + ", ".join(show(choice) for choice in self.choices)
        words = "the path of a file or folder" if self.is_file else WORDS[self.kind]
        text = f"a list, each item {words}" if self.is_list else words
        return f"{text}, or null" if self.default is None else text

    def value(self, name: str, given: Any) -> Any:
        """The value of this flag's type. Raises InvalidFlagsError where it does not fit."""
        if given is None and self.default is None:
            return None
        try:
            value = [_item(self.kind, item) for item in _items(given)] if self.is_list else _item(self.kind, given)
        except ValueError:
            raise self._refused(name, given) from None
        if self.choices and any(item not in self.choices for item in (value if self.is_list else [value])):
            raise self._refused(name, given)
        return value

    def from_text(self, name: str, text: str) -> Any:
        """The value that a command line spells. Raises InvalidFlagsError."""
        if self.is_list:
            try:
                given = (
                    json.loads(text) if text.lstrip().startswith("[") else [part.strip() for part in text.split(",")]
                )
            except ValueError:
                raise self._refused(name, text) from None
            return self.value(name, [] if given == [""] else given)
        if text in ("null", "None") and self.default is None:
            return None
        return self.value(name, text)

    def _refused(self, name: str, given: Any) -> InvalidFlagsError:
        return InvalidFlagsError(f"flag {name}: got {show(given)}, want {self.want}")


def flag(default: Any, help: str = "", *, type: type | None = None, choices: Iterable[Any] = ()) -> Flag:  # noqa: A002 - argparse's words
    """Declares a flag; its type is that of the default.

    type: bool, int, float or str, where the default is None or an empty list. choices: the only values that it may have.
    Raises InvalidFlagsError where default, type and choices contradict each other.
    """
    is_list = isinstance(default, Sequence) and not isinstance(default, str)
    items = list(default) if is_list else [default]
    kind = type if type is not None else _kind(items)
    if kind not in WORDS:
        raise InvalidFlagsError(
            f"kit.flag({show(default)}): its type is {getattr(kind, '__name__', kind)}, want bool, int, float or str, or a list of one of "
            "them; where the default is None or an empty list, give type="
        )
    declared = Flag(list(default) if is_list else default, help, kind, is_list, tuple(choices))
    return Flag(declared.value("default", declared.default), help, kind, is_list, declared.choices)


def file(default: str | None, help: str = "") -> Flag:  # noqa: A002 - argparse's word
    """Declares a flag that names a file or folder of data: its bytes are part of what the results rest on."""
    return Flag(default, help, str, is_file=True)


def declared(flags: Mapping[str, Any]) -> dict[str, Flag]:
    """The declarations of `kit.flags`, in which a plain value is a default. Raises InvalidFlagsError."""
    if reserved := [name for name in flags if name in RESERVED]:
        raise InvalidFlagsError(f"flag {reserved[0]}: every script has an option of that name already; choose another")
    return {name: value if isinstance(value, Flag) else flag(value) for name, value in flags.items()}


def unknown(name: str, given: Any, known: Iterable[str]) -> str:
    """The sentence about a flag that was not declared, with the nearest one that was."""
    names = list(known)
    are = f"the flags are {', '.join(names)}" if names else "the script declares none"
    return f"unknown flag {show(name)} (got {show(given)}){meant(name, names)}; {are}"


def meant(name: str, known: Iterable[str]) -> str:
    """`, did you mean ...?` with the nearest of the names, or nothing if none is near."""
    plain = {each.lower().replace("_", "").replace("-", ""): each for each in known}
    near = difflib.get_close_matches(name.lower().replace("_", "").replace("-", ""), plain, n=1)
    return f", did you mean {plain[near[0]]}?" if near else ""


def show(value: Any) -> str:
    """The value as JSON, cut."""
    text = str(value) if isinstance(value, float) and not math.isfinite(value) else json.dumps(value, default=str)
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."


def _kind(items: Sequence[Any]) -> Any:
    """The common type of the items; of integers and floats, float."""
    kinds = {type(item) for item in items}
    if kinds == {int, float}:
        return float
    return kinds.pop() if len(kinds) == 1 else None


def _items(given: Any) -> Sequence[Any]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ValueError
    return given


def _item(kind: type, given: Any) -> Any:
    """Raises ValueError where the value is not one of the kind. Texts may spell numbers and truth: YAML reads `1e-4` as a text."""
    return _READERS[kind](given)


def _bool(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.strip().lower() in ("true", "false"):
        return given.strip().lower() == "true"
    raise ValueError


def _float(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise ValueError
    try:
        number = float(given)
    except OverflowError:
        raise ValueError from None
    if not math.isfinite(number):
        raise ValueError
    return number


def _int(given: Any) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and given.strip().lstrip("+-").isdecimal() and len(given) <= MOST_SHOWN:
        return int(given)
    number = _float(given)
    if not number.is_integer():
        raise ValueError
    return int(number)


def _str(given: Any) -> str:
    if isinstance(given, str):
        return given
    raise ValueError


_READERS: Final[dict[type, Callable[[Any], Any]]] = {bool: _bool, int: _int, float: _float, str: _str}
