"""What the API server said of a sweep's Jobs: a template is tried out once, and one that was refused is tried again later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from regsweep.api.conditions import Reason
from regsweep.core.refusals import Refusal

QUOTA_RETRY_SECONDS: Final = 10.0
"""After so long a quota is tried again: others' objects may have ended."""
ROOM_SECONDS: Final = 1.0
"""How long the API server may take to count what has ended out of a quota."""


def retry_after(refusal: Refusal, longest: float) -> float:
    """Seconds until a refusal is tried again though nothing has changed."""
    return min(longest, QUOTA_RETRY_SECONDS) if refusal.reason is Reason.QUOTA_EXCEEDED else longest


@dataclass(frozen=True, slots=True)
class Admission:
    """Its last answer; times are of the monotonic clock."""

    fingerprint: str
    """Of what the Job was made from."""
    refusal: Refusal | None = None
    """Why it refused the Job, or why the template cannot be merged; None: it took them."""
    retry_at: float = 0.0
    """When a refusal is to be tried again though nothing has changed."""

    def admits(self, fingerprint: str) -> bool:
        """Whether it took a Job made from just this."""
        return self.refusal is None and self.fingerprint == fingerprint

    def refusal_of(self, fingerprint: str, now: float) -> Refusal | None:
        """The refusal that stands: of a Job made from just this, and not yet to be tried again."""
        return self.refusal if self.fingerprint == fingerprint and now < self.retry_at else None

    def retry_in(self, now: float) -> float | None:
        """Seconds until the refusal is to be tried again; None where there is none, or its time has come."""
        return self.retry_at - now if self.refusal is not None and now < self.retry_at else None

    def after_room(self, now: float) -> Admission:
        """The same where something has ended that may have counted against a quota: it is tried again soon."""
        exceeded = self.refusal is not None and self.refusal.reason is Reason.QUOTA_EXCEEDED
        return replace(self, retry_at=min(self.retry_at, now + ROOM_SECONDS)) if exceeded else self
