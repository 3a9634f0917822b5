"""The types of a sweep's conditions, and the description of a reason; the reasons themselves are in `conditions`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self


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
        "All runs have ended, failed ones within the limit, and are analysed; the final evaluation has ended too, if there is one. "
        "With reason `BudgetExhausted`: all that the budget has room for.",
    )
    FAILED = "Failed", "The sweep was stopped; the reason says why."
    STALLED = (
        "Stalled",
        "Nothing goes on, or not as it is written, until a person acts: Accepted is False or Failed is True, whose reason it has. Absent "
        "while that is not so. It is for tools that go by kstatus, such as Flux.",
    )


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Retry(StrEnum):
    """Whether another pod may succeed where one failed for a reason."""

    MAY_HELP = "MayHelp"
    USELESS = "Useless"
    """The first three runs that all fail for the same such reason stop the sweep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a reason means and where it is used."""

    meaning: str
    remedy: str = ""
    """What a person should do; empty where nothing is wrong."""
    conditions: tuple[ConditionType, ...] = ()
    """Types of conditions that may have it."""
    event: bool = False
    """Whether an event on the sweep may have it."""
    run_failure: Retry | None = None
    """For a reason why a run failed: whether a retry may help. None: no run fails for it."""


STOPS: Final = (ConditionType.COMPLETE, ConditionType.FAILED, ConditionType.STALLED)
"""Conditions that tell of what ends a sweep before its time."""
SEE_MESSAGE: Final = "The message says what to do."


def stops(meaning: str, remedy: str = SEE_MESSAGE) -> About:
    """Why a sweep ends before its time."""
    return About(meaning=meaning, remedy=remedy, conditions=STOPS, event=True)


def refused(meaning: str, remedy: str) -> About:
    """Why a spec or its template is not accepted."""
    return About(meaning=meaning, remedy=remedy, conditions=(ConditionType.ACCEPTED, ConditionType.STALLED), event=True)


def hinders(meaning: str, remedy: str) -> About:
    """What keeps runs from being started or trained for now."""
    return About(meaning=meaning, remedy=remedy, conditions=(ConditionType.PROGRESSING,))


def may_help(meaning: str, remedy: str) -> About:
    """Why a run failed that another pod may not fail for."""
    return About(meaning=meaning, remedy=remedy, run_failure=Retry.MAY_HELP)


def useless(meaning: str, remedy: str) -> About:
    """Why a run failed that every pod would fail for."""
    return About(meaning=meaning, remedy=remedy, run_failure=Retry.USELESS)


def told(meaning: str, remedy: str = "") -> About:
    """What only an event tells."""
    return About(meaning=meaning, remedy=remedy, event=True)
