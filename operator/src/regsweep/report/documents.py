"""JSON, YAML and CSV for programs: every text comes back from a reader equal to what was written."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import yaml
from pydantic import JsonValue

from regsweep.core.grid import value_text

PLAIN_YAML: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[ /.-][A-Za-z0-9_]+)*")
"""Texts that need no quotes in any version of YAML, but for its words."""
YAML_WORDS: Final = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))


def as_json(document: Mapping[str, JsonValue], ascii_only: bool = False) -> str:
    """The document as JSON. `ascii_only`: other characters as \\uXXXX; lone surrogates are written so in any case."""
    text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=ascii_only)
    if not _is_unicode(text):
        text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=True)
    return text + "\n"


def as_yaml(document: Mapping[str, JsonValue], ascii_only: bool = False) -> str:
    """The document as YAML. `ascii_only`: other characters as escapes in double quotes."""
    dumped: str = yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=not ascii_only)
    return dumped


class _Dumper(yaml.SafeDumper):
    """Quotes each text that a reader of YAML 1.1 or 1.2 could take for something else, such as `y`, `1e3` or `0o17`."""

    def ignore_aliases(self, _data: object) -> bool:
        """True: repeated values are written repeatedly."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = PLAIN_YAML.fullmatch(text) is not None and text.lower() not in YAML_WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _represent_text)


def as_csv(rows: Iterable[Sequence[str | int]]) -> str:
    """The rows as CSV (RFC 4180, lines end with a line feed): a cell with a comma, quote or line break is in quotes.

    A string is written as it is, even if it begins with `=`, `+`, `-` or `@`. A spreadsheet may take such a string for a formula;
    anything put before it would make it another value for every other reader.
    """
    text = io.StringIO()
    # Written with both characters of a line end, so that a lone carriage return in a cell is quoted as well.
    writer = csv.writer(text, lineterminator="\r\n")
    lines = []
    for row in rows:
        writer.writerow(row)
        lines.append(text.getvalue().removesuffix("\r\n"))
        text.seek(0)
        text.truncate()
    return "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace").decode()


def flag_cell(value: JsonValue) -> str:
    """A flag's value in CSV: a string as it is, a list as JSON, anything else as labels show it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value_text(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
