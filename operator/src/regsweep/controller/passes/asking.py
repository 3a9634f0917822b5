"""When Job controllers are to ask again for pods that were refused: there may be room in a quota since a pod has ended.

All of it can be lost: a Job controller asks by itself once a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from regsweep.core.refusals import Refusal
from regsweep.core.runs import ObservedRun

AGAIN_SECONDS: Final = 3.0
"""After so long it is asked for a second time, and that is all: a busy API server is slow to count what has ended out of a quota."""


@dataclass(slots=True)
class Asking:
    """What is known of one sweep; runs by their names, times of the monotonic clock."""

    room: int = 0
    """Pods that have ended, and in whose place none was asked for."""
    asked_at: dict[str, float] = field(default_factory=dict)
    """When the pod of a run that still waits was asked for, if once."""
    _ended: frozenset[str] | None = None
    """UIDs of the pods that had ended at the last look; None: no run waited then."""

    def look(
        self, runs: Sequence[ObservedRun], refusals: Mapping[str, Refusal], now: float
    ) -> tuple[int, Mapping[str, bool]]:
        """How many pods there may be room for, and which runs' pods were asked for once, and whether in vain.

        refusals: of the runs that wait for a pod.
        """
        if not refusals:
            self.room, self._ended = 0, None
            self.asked_at.clear()
            return 0, {}
        ended = frozenset(pod.uid for run in runs for pod in run.pods if not pod.holds_node)
        known = self._ended if self._ended is not None else ended
        self.room += len(ended - known)
        if any(refusal.counts_objects for refusal in refusals.values()):
            self.room += len(known - ended)
        self._ended = ended
        self.asked_at = {run: at for run, at in self.asked_at.items() if run in refusals}
        return self.room, {run: now >= at + AGAIN_SECONDS for run, at in self.asked_at.items()}

    def note_asked(self, runs: Iterable[str], now: float) -> None:
        """The pods of these runs were asked for: nothing else is done about what there was room for."""
        self.room = 0
        for run in runs:
            if self.asked_at.pop(run, None) is None:
                self.asked_at[run] = now

    def look_in(self, now: float) -> float | None:
        """Seconds until a pod is to be asked for a second time; None: none is."""
        return max(min(self.asked_at.values()) + AGAIN_SECONDS - now, 0.0) if self.asked_at else None
