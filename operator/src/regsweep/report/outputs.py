"""Formats of output, by themselves: the command line knows them before anything that can render is imported."""

from __future__ import annotations

from enum import StrEnum


class Output(StrEnum):
    """Formats of results."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
