"""The types of a sweep's conditions, each with its meaning; their reasons are in `conditions`."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class ConditionType(StrEnum):
    """Types of conditions on a sweep, each with its meaning while it is True."""

    meaning: str
    _value_: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    ACCEPTED = "Accepted", "The spec is valid and is followed as written."
    PROGRESSING = "Progressing", "Runs are being started or trained, or their records analysed."
    SUSPENDED = "Suspended", "The sweep is paused by `spec.suspend`."
    METRICS_AVAILABLE = "MetricsAvailable", "Prometheus answers queries and scrapes the trainers."
    REPLICATES_PAIRED = (
        "ReplicatesPaired",
        "All replicates were trained by one image, on one class of device, from the same data.",
    )
    COMPLETE = (
        "Complete",
        "All runs have ended, failed ones within the limit, and are analysed; the final evaluation has ended too, if there is one.",
    )
    FAILED = "Failed", "The sweep was stopped; the reason says why."


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"
