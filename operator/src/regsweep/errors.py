"""Every error that regsweep raises on purpose.

    RegsweepError
    ├── InvalidSweep        the manifest breaks a rule; carries one Problem per rule broken
    ├── InvalidTemplate     a pod template cannot be merged
    ├── UnreadableManifest  a text is not YAML or JSON as kubectl reads them; carries line and column
    ├── ApiError            the Kubernetes API refused or failed (adapters map their client's errors to these)
    │   ├── NotFound
    │   ├── AlreadyExists
    │   ├── Conflict        a precondition (resourceVersion, UID) no longer holds
    │   ├── Refused         4xx that no retry mends: the object itself is wrong, or we may not
    │   │   └── NamespaceTerminating
    │   ├── Expired         410: the watch or list must start anew
    │   └── Unavailable     5xx, 429, timeouts, connection failures: try again
    └── MetricsError        Prometheus could not be asked, or its answer cannot be trusted

Nothing outside adapters sees an error type of a client library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class RegsweepError(Exception):
    """Base of all; its text is fit for a user to read."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule: where, and what to do about it."""

    field: str
    """Path as `kubectl explain` takes it, such as `spec.flags[1].values`."""
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class InvalidSweep(RegsweepError):
    """The manifest breaks rules of the API."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class InvalidTemplate(RegsweepError):
    """A pod template cannot be merged; the text names the field."""


class UnreadableManifest(RegsweepError):
    """A text is not YAML or JSON as kubectl reads them, or kubectl would lose part of it; `line` and `column` count from 1."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {problem}")
        self.line = line
        self.column = column


class ApiError(RegsweepError):
    """The Kubernetes API refused or failed; `status` is the HTTP status, 0 when there was no answer."""

    def __init__(self, message: str, status: int = 0, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class NotFound(ApiError):
    """The object is not there."""


class AlreadyExists(ApiError):
    """An object of that name is there."""


class Conflict(ApiError):
    """A resourceVersion or UID precondition does not hold any more."""


class Refused(ApiError):
    """The API server will not take it, however often it is asked."""


class NamespaceTerminating(Refused):
    """The namespace is being deleted: nothing new is taken in it."""


class Expired(ApiError):
    """The resourceVersion is too old: list again."""


class Unavailable(ApiError):
    """No answer, or one that says: later."""


class MetricsError(RegsweepError):
    """Prometheus could not be asked, or its answer must not be ranked on; `reason` is a condition reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
