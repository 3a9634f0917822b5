"""Reads the files to which a run appends histograms of its first replicate's weights, and the graph. What is wrong there is left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from regsweep.local.facts import RunFacts, histograms_file
from regsweep.local.history import whole_lines

MOST_LINE: Final = 4 * 1024**2
"""A graph of a million characters has so many bytes, with what JSON adds."""
MOST_WEIGHTS: Final = 1000
MOST_BUCKETS: Final = 1000

_Name = Annotated[str, StringConstraints(min_length=1, max_length=400)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Counts = Annotated[list[Annotated[int, Field(ge=0, le=2**53)]], Field(min_length=1, max_length=MOST_BUCKETS)]
_Histogram = Annotated[tuple[_Finite, _Finite, _Counts], Field(strict=False)]  # JSON has lists alone


class Snapshot(BaseModel):
    """The weights of a replicate after an epoch."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    replicate: Annotated[int, Field(ge=0, lt=2**31)]
    epoch: Annotated[int, Field(ge=0, lt=2**31)]
    at: Annotated[float, Field(ge=0, lt=2**40)] = 0.0
    """Seconds since 1970."""
    weights: Annotated[dict[_Name, _Histogram], Field(max_length=MOST_WEIGHTS)]
    """By name: the least and greatest value, and the counts of buckets of one width between them."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted of a replicate."""

    snapshots: tuple[Snapshot, ...]
    """Each epoch once, ascending."""
    graph: str = ""
    """Keras' JSON of the model; empty: none."""


def read_weights(folder: Path, facts: RunFacts) -> dict[int, Noted]:
    """What was noted in a run's folder, by replicate; empty where nothing was."""
    return weights_in(folder / histograms_file(index) for index in range(facts.processes_wanted))


def weights_in(files: Iterable[Path]) -> dict[int, Noted]:
    """What a run has noted in these files, by replicate; one that is not there holds nothing."""
    found: dict[int, dict[int, Snapshot]] = {}
    graph = ""
    for file in files:
        for line in whole_lines(file, most=MOST_LINE):
            if isinstance(text := line.get("graph"), str):
                graph = text
                continue
            try:
                snapshot = Snapshot.model_validate(line)
            except ValidationError:
                continue
            # A training that went on from a checkpoint has written epochs twice.
            found.setdefault(snapshot.replicate, {})[snapshot.epoch] = snapshot
    return {replicate: Noted(tuple(each[epoch] for epoch in sorted(each)), graph) for replicate, each in found.items()}
