"""What Prometheus last answered about a sweep's pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Sample:
    """What Prometheus last scraped of one replicate in one pod."""

    complete: bool
    """`_complete` was 1: the values are final."""
    epoch: int
    epochs: int
    metrics: Mapping[str, float]
    """Split first; a NaN stays a NaN."""
    best_epoch: int | None = None
    best_train: float | None = None
    best_val: float | None = None


class MetricsState(StrEnum):
    """How the last question to Prometheus went."""

    NOT_CONFIGURED = "NotConfigured"
    NOT_ASKED = "NotAsked"
    ANSWERED = "Answered"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Scrapes:
    """Prometheus' answer for a sweep: by (pod name, replicate)."""

    state: MetricsState = MetricsState.NOT_CONFIGURED
    samples: Mapping[tuple[str, int], Sample] = field(default_factory=dict)
    error: str = ""
    """What went wrong, for people; with FAILED."""
    failing_since: datetime | None = None
