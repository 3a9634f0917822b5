"""Why no combination may be called best. Plain Python."""

from __future__ import annotations

from regsweep.api.constants import MAX_NAME_LENGTH
from regsweep.api.findings import Note, NoteType
from regsweep.core.judging.stats.ranking import Ranking


def why_nothing_is_best(ranking: Ranking) -> Note | None:
    """The note, where combinations have results and none of them may be best; else None."""
    rows = [row for row in ranking.rows if row.replicates]
    if not rows or any(row.comparable for row in rows):
        return None
    broken = sum(row.diverged + row.undefined > 0 for row in rows)
    violated = sorted({each.metric for row in rows if not row.diverged + row.undefined for each in row.violated})
    return Note(
        type=NoteType.NO_CANDIDATE, count=broken, of=len(rows), metric=", ".join(violated)[:MAX_NAME_LENGTH] or None
    )
