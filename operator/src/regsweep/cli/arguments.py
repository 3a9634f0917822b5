"""Values of arguments and options that are refused before anything is done with them.

A shell variable that is not set gives an empty value: it never means the default.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

import typer

from regsweep.report.text import visible

_DNS_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def existing_text(value: str) -> str:
    """The value, which must not be empty."""
    if not value:
        raise typer.BadParameter("it is empty. Give a value, or leave the option out.")
    return value


def path(value: str) -> Path:
    """A path; the empty one is refused, which would be the working directory."""
    return Path(existing_text(value))


def sweep_name(value: str) -> str:
    """A name that the API server would take for a RegularizationSweep."""
    from regsweep.api.validation import NAME_RULE, is_sweep_name  # spares --help the import of all types

    if not is_sweep_name(value):
        raise typer.BadParameter(f'must be {NAME_RULE}, got "{visible(value)}".')
    return value


def namespace(value: str) -> str:
    """A name that a namespace can have."""
    if not _DNS_LABEL.fullmatch(value):
        raise typer.BadParameter(
            "must be 1 to 63 lower-case letters, digits and `-`, with a letter or digit at both ends, "
            f'got "{visible(value)}". Leave the option out for the namespace of the kubectl context.'
        )
    return value


def positive_number(value: str) -> float:
    """A finite number above 0."""
    try:
        number = float(existing_text(value))
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise typer.BadParameter(f'must be a number above 0, such as 0.01, got "{visible(value)}".')
    return number
