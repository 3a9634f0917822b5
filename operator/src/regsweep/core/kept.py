"""What is kept of a sweep from one pass to the next, so that a pass costs what has changed and not what there is.

All of it follows from the sweep and its records: a new one gives the same decisions and the same status, and takes longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from regsweep.core.collect import KeptCollection
from regsweep.core.judging.analysis import KeptRanking
from regsweep.core.progress import KeptProgress


@dataclass(slots=True)
class Kept:
    """For one sweep, and for one thread."""

    collection: KeptCollection = field(default_factory=KeptCollection)
    progress: KeptProgress = field(default_factory=KeptProgress)
    ranking: KeptRanking = field(default_factory=KeptRanking)
