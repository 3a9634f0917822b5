"""What a sweep would cost and show, by a sweep that has been trained, as `regsweep plan --like` gives it to programs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from regsweep.api.findings import Sentence, Word
from regsweep.api.model import ApiModel
from regsweep.api.outlook import Planning

MOST_DIFFERENCES = 100


class Duration(ApiModel):
    """A time in seconds."""

    seconds: float
    """The estimate."""
    low: float | None = None
    """Lower end of its 95 % interval, by how much combinations differ. Absent below 3 combinations, unless the number of trainings is
    open."""
    high: float | None = None
    """Upper end of the interval."""


class Forecast(ApiModel):
    """Times and spread of a sweep, if it is like one that has been trained."""

    like: Sentence
    """The sweep, or the folder, that it rests on."""
    combinations: int
    """Number of its combinations with results."""
    trainings: int
    """Number of its trainings with results."""
    parallelism: int
    """Number of pods, or processes, at a time."""
    open_count: bool = False
    """True if a race, a refinement or picks that may be one decide how many trainings there are. Times of the whole are then of the
    most, and their intervals begin at that of the fewest."""
    training: Duration | None = None
    """One training. Absent if its records do not say when trainings started and ended."""
    whole: Duration | None = None
    """All trainings, one after the other."""
    wall: Duration | None = None
    """From start to end, so many at a time."""
    start_included: bool = False
    """True if the time that a process takes to start is included, as after `regsweep run`."""
    gpu_seconds: Duration | None = None
    """GPU-seconds. Absent if its records do not say."""
    planning: Planning | None = None
    """What so many replicates would show. Absent if its records do not hold the objective in 3 replicates of 2 combinations."""
    differing_parameters: Annotated[list[Word], Field(max_length=MOST_DIFFERENCES)] = Field(default_factory=list)
    """Parameters of the trainer that the two do not have alike."""
