"""What the API server said of a sweep's Jobs: a template is tried out once, and one that was refused is tried again later."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admission:
    """Its last answer; times are of the monotonic clock."""

    fingerprint: str
    """Of what the Job was made from."""
    refusal: str | None = None
    """Why it refused the Job, or why the template cannot be merged; None: it took the Job."""
    retry_at: float = 0.0
    """When a refusal is to be tried again though nothing has changed."""

    def admits(self, fingerprint: str) -> bool:
        """Whether it took a Job made from just this."""
        return self.refusal is None and self.fingerprint == fingerprint

    def refusal_of(self, fingerprint: str, now: float) -> str | None:
        """The refusal that stands: of a Job made from just this, and not yet to be tried again."""
        return self.refusal if self.fingerprint == fingerprint and now < self.retry_at else None

    def retry_in(self, now: float) -> float | None:
        """Seconds until the refusal is to be tried again; None where there is none, or its time has come."""
        return self.retry_at - now if self.refusal is not None and now < self.retry_at else None
