"""Formats of output, by themselves: the command line knows them before anything that can render is imported."""

from __future__ import annotations

from enum import StrEnum


class Output(StrEnum):
    """Formats of results."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


class ListOutput(StrEnum):
    """Formats of a list of runs."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class RunOutput(StrEnum):
    """Formats of a single run."""

    TEXT = "text"
    JSON = "json"
