"""What of the environment the results of an earlier version rest on, which noted none of it.

Their keys say nothing of it, and they are not to be trained again for an upgrade. So when they are met first, what is set then is taken
for theirs, and kept beside them; the backend is the one that they name themselves.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

from regsweep.core.results.records import Records
from regsweep.local.directory import RunsDirectory
from regsweep.local.facts import RunFacts
from regsweep.local.settings import BACKEND, KERAS_BACKENDS, USUAL, leaves_backend_alone, shown
from regsweep.local.trainer import TrainerCommand


def baseline(
    directory: RunsDirectory,
    trainer: TrainerCommand,
    facts: Iterable[RunFacts],
    records: Records,
    settings: Mapping[str, str],
) -> tuple[Mapping[str, str], str]:
    """(the settings of which this trainer's keys say nothing, a sentence where that was decided now). Raises RunsDirectoryError."""
    runs = {
        each.run: each
        for each in facts
        if each.trainer == trainer.identity and each.data is not None and each.data.settings is None
    }
    if trainer.is_reference or not runs:
        return {}, ""
    kept = directory.settings()
    if (own := kept.get(trainer.identity)) is not None:
        return own, ""
    own = dict(settings)
    named = {record.environment.backend for record in records if record.run in runs} & KERAS_BACKENDS
    if named and leaves_backend_alone(trainer):
        own.pop(BACKEND, None)
        own |= {BACKEND: named.pop()} if named != {USUAL[BACKEND]} and len(named) == 1 else {}
    with contextlib.suppress(OSError):  # where nothing can be written, it is decided anew
        directory.keep_settings(kept | {trainer.identity: dict(sorted(own.items()))})
    if not (listed := ", ".join(shown(own))):
        return own, ""
    words = f"note: results of an earlier version of regsweep, which did not note the environment, are taken to be of {listed}."
    return own, words
