"""Reads the files to which a run's processes append each epoch's metrics. Whatever is wrong in them is left out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import JsonValue

from regsweep.core.timestamps import MOST_SECONDS
from regsweep.local.facts import RunFacts, history_file

MOST_BYTES: Final = 64 * 1024**2
"""Of one file; some 2,800 epochs of 16 replicates with every metric of the reference trainer take 25 MB."""
MOST_LINE: Final = 64 * 1024
BEGINNING: Final = 40


class Epoch(NamedTuple):
    """The metrics of one replicate after one epoch."""

    replicate: int
    epoch: int
    values: Mapping[str, float]
    """By name, split first; NaN where a value was not a number."""
    at: float | None = None
    """Seconds since 1970; None: an older trainer did not say."""


@dataclass(frozen=True, slots=True)
class History:
    """The course of a run."""

    epochs: tuple[Epoch, ...] = ()
    """Each once, in the order in which they were written first."""
    properties: Mapping[str, JsonValue] = field(default_factory=dict)
    """What the trainer says of the whole run, such as `optimizer` and `model`."""


def read_history(folder: Path, facts: RunFacts) -> History:
    """The history in a run's folder; an empty one where the trainer wrote none."""
    epochs: dict[tuple[int, int], Epoch] = {}
    properties: dict[str, JsonValue] = {}
    for index in range(facts.processes_wanted):
        for line in whole_lines(folder / history_file(index)):
            described = line.get("properties")
            if isinstance(described, dict):
                properties |= described
            elif (epoch := _epoch(line)) is not None:
                # A training that went on from a checkpoint has written epochs twice.
                epochs[epoch.replicate, epoch.epoch] = epoch
    return History(tuple(epochs.values()), properties)


def read_properties(folder: Path, facts: RunFacts) -> dict[str, JsonValue]:
    """What the trainer says of the whole run; the epochs are passed over."""
    properties: dict[str, JsonValue] = {}
    for index in range(facts.processes_wanted):
        for line in whole_lines(folder / history_file(index), having=b'"properties"'):
            described = line.get("properties")
            properties |= described if isinstance(described, dict) else {}
    return properties


def whole_lines(path: Path, having: bytes = b"", most: int = MOST_LINE) -> Iterator[dict[str, JsonValue]]:
    """The objects of a file that are whole. `having`: only of lines with this at their beginning. most: bytes of a line."""
    try:
        with path.open("rb") as file:
            left = MOST_BYTES
            while left > 0 and (raw := file.readline(most)):
                left -= len(raw)
                if having not in raw[:BEGINNING]:
                    continue
                try:
                    value = json.loads(raw)
                except ValueError:  # cut off, or another's
                    continue
                if isinstance(value, dict):
                    yield value
    except OSError:
        return


def _epoch(line: Mapping[str, JsonValue]) -> Epoch | None:
    replicate, epoch, values = line.get("replicate"), line.get("epoch"), line.get("values")
    if not _is_count(replicate) or not _is_count(epoch) or not isinstance(values, dict):
        return None
    at = _number(line.get("at"))
    numbers = {name: _number(value) for name, value in values.items()}
    return Epoch(int(str(replicate)), int(str(epoch)), numbers, at if 0 <= at < MOST_SECONDS else None)


def _is_count(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _number(value: JsonValue) -> float:
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:  # JSON's integers have no end
        return math.nan
    return number if math.isfinite(number) else math.nan
