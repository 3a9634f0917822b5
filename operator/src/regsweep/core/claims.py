"""Which of several operators runs a sweep: the one that `spec.managedBy` names, and of these the one that claimed it first.

A claim stands in the status and names the Lease by which its operator leads. It is written with the resourceVersion that was
read, so that of two only one succeeds. It ends with its Lease: one that is gone, or that nobody renews, lets others take over.
"""

from __future__ import annotations

from enum import Enum

from regsweep.api.status import ManagedBy


class LeaseState(Enum):
    """What can be said of the Lease that a claim names."""

    HELD = "held"
    OVER = "over"
    """It is gone, or was not renewed for its whole duration and some."""
    UNREADABLE = "unreadable"
    """This operator may not read it, or the API server does not answer: the claim is respected."""


class Standing(Enum):
    """What this operator is to a sweep."""

    OURS = "ours"
    """It has the claim, and acts."""
    UNCLAIMED = "unclaimed"
    """It may claim it, and then acts."""
    CLAIMED = "claimed"
    """Another operator of the same name acts."""
    NAMED = "named"
    """Operators of another name are to act."""


def standing(name: str, claim: ManagedBy | None, own: ManagedBy, lease: LeaseState) -> Standing:
    """What the operator whose claims are `own` is to a sweep.

    name: of the operators that are to run it. claim: the one in its status. lease: that of the claim, where it is another's.
    """
    if name != own.name:
        return Standing.NAMED
    if claim == own:
        return Standing.OURS
    if claim is None or lease is LeaseState.OVER:
        return Standing.UNCLAIMED
    return Standing.CLAIMED
