"""The command line of a script: an option for each of its flags, and --profile, --identify and --help."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from regsweep_kit.errors import InvalidFlagsError
from regsweep_kit.script.declarations import Flag, show, unknown


@dataclass(frozen=True, slots=True)
class Options:
    """What a command line asks for."""

    flags: Mapping[str, Any] = field(default_factory=dict)
    """Values by name, of those that were given."""
    profile: str | None = None
    """A file of flags; `None`: none."""
    identify: bool = False
    help: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InvalidFlagsError(f"command line: {message}")


def parse(declared: Mapping[str, Flag], arguments: Sequence[str]) -> Options:
    """The options. Raises InvalidFlagsError."""
    given, rest = _parser(declared, "").parse_known_args(list(arguments))
    if rest:
        raise InvalidFlagsError(f"command line: {_not_known(rest[0], declared)}")
    named = vars(given)
    texts = {name: named[name] for name in declared if named.get(name) is not None}
    flags = {name: declared[name].from_text(name, text) for name, text in texts.items()}
    return Options(flags, named["profile"], named["identify"], named["help"])


def help_text(declared: Mapping[str, Flag], program: str, about: str) -> str:
    """What --help prints. about: the script's own docstring."""
    parser = _parser(declared, about.strip())
    parser.prog = program
    return parser.format_help()


def _parser(declared: Mapping[str, Flag], about: str) -> _Parser:
    parser = _Parser(
        add_help=False, allow_abbrev=False, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    group = parser.add_argument_group("flags", "a sweep sets them; by itself the script takes them from here")
    for name, flag in declared.items():
        text = f"{flag.help} " if flag.help else ""
        text = f"{text}({flag.want}; default: {show(flag.default)})".replace("%", "%%")
        switch: dict[str, Any] = {"nargs": "?", "const": "true"} if _is_switch(flag) else {}
        group.add_argument(*_spellings(name), dest=name, default=None, metavar=_metavar(flag), help=text, **switch)
        if _is_switch(flag):
            opposite = [f"--no{spelling[1:]}" for spelling in _spellings(name)]
            group.add_argument(*opposite, dest=name, action="store_const", const="false", help=argparse.SUPPRESS)
    parser.add_argument(
        "--profile", metavar="FILE", help="a file of flags (JSON, TOML, YAML); the command line overrides it"
    )
    parser.add_argument(
        "--identify", action="store_true", help="print the digest of the data as JSON, and train nothing"
    )
    parser.add_argument("-h", "--help", action="store_true", help="print this, and train nothing")
    return parser


def _spellings(name: str) -> list[str]:
    """`--batch_size` and `--batch-size`."""
    return list(dict.fromkeys([f"--{name.replace('_', '-')}", f"--{name}"]))


def _is_switch(flag: Flag) -> bool:
    """`--name` alone is true, and `--no-name` false."""
    return flag.kind is bool and not flag.is_list


def _metavar(flag: Flag) -> str:
    return "PATH" if flag.is_file else f"{flag.kind.__name__.upper()}{',...' if flag.is_list else ''}"


def _not_known(argument: str, declared: Mapping[str, Flag]) -> str:
    if not argument.startswith("-"):
        return f"got {show(argument)}, want flags alone, such as --{next(iter(declared), 'profile')}"
    name = argument.lstrip("-").partition("=")[0]
    return unknown(name, argument, declared)
