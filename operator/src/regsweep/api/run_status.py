"""Single runs and nodes as the status of a sweep lists them."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from regsweep.api.constants import MAX_NAME_LENGTH
from regsweep.api.findings import CombinationId
from regsweep.api.model import ApiModel

Text = Annotated[str, StringConstraints(max_length=32_768)]
Timestamp = Annotated[str, StringConstraints(max_length=40)]
Name = Annotated[str, StringConstraints(max_length=MAX_NAME_LENGTH)]


class RunningRun(ApiModel):
    """A run that is being trained, with the values of its last scrape."""

    run: Name
    """Name of the Job."""
    combination: CombinationId | None = None
    """Id of the combination. Absent only in a status of an older version."""
    label: Text
    """Flags in short form."""
    final: bool | None = None
    """True if it belongs to the final evaluation; else absent."""
    reference: Name | None = None
    """Name of the reference that it trains; absent if it trains a combination."""
    replicate: int | None = None
    """Replicate that is being trained."""
    epoch: int | None = None
    """Number of epochs trained."""
    epochs: int | None = None
    """Number of epochs to train."""
    objective: float | None = None
    """Objective at the last scrape."""


class FailedRun(ApiModel):
    """A run that failed, and the reason."""

    run: Name
    """Name of the Job."""
    combination: CombinationId | None = None
    """Id of the combination. Absent only in a status of an older version."""
    label: Text
    """Flags in short form."""
    final: bool | None = None
    """True if it belongs to the final evaluation; else absent."""
    reference: Name | None = None
    """Name of the reference that it was to train; absent if it was to train a combination."""
    reason: Name
    """Reason in one word, for programs."""
    message: Text = ""
    """Explanation for people."""


class AvoidedNode(ApiModel):
    """A node that ended runs, which are kept away from it."""

    node: Name
    """Name of the node."""
    runs: int
    """Number of Jobs that are kept away from it."""
