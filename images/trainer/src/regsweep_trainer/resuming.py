"""A replicate's course as a checkpoint has it, and what a checkpoint rests on. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.checkpoints import Checkpoint
from regsweep_kit.epochs import Best, Watch
from regsweep_kit.record import Progress
from regsweep_trainer.course import Course
from regsweep_trainer.judging import Values


class Saving(Protocol):
    """Where a replicate's checkpoints are kept."""

    def load(self) -> Checkpoint | None: ...
    def keep(self, epoch: int, state: Mapping[str, Any], arrays: Sequence[NDArray[Any]], *, last: bool) -> None: ...


def state_of(course: Course) -> dict[str, Any]:
    """All of the course but arrays, as JSON."""
    return {
        "best": _watch(course.best),
        "stopping": _watch(course.stopping),
        "plateaus": course.plateaus,
        "values": _values(course.values),
        "history": list(course.history),
        "kept": [
            None if weights is None else len(weights) for weights in (course.best_weights, course.stopping_weights)
        ],
    }


def entry_of(progress: Progress) -> list[Any]:
    """What was reported of an epoch, as JSON."""
    return [progress.epoch, _values(progress.values), dict(progress.rows), _best(progress.best)]


def progress_of(entry: Sequence[Any]) -> Progress:
    """The reverse of `entry_of`."""
    epoch, values, rows, best = entry
    return Progress(epoch, _by_key(values), rows, None if best is None else Best(**best))


def arrays_of(course: Course, network: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """The network's state, then the weights that the course keeps."""
    return [*network, *(course.best_weights or []), *(course.stopping_weights or [])]


def resumed(course: Course, checkpoint: Checkpoint) -> tuple[Course, list[NDArray[Any]]]:
    """(the course as it was, the network's state). course: a new one."""
    state, arrays = checkpoint.state, list(checkpoint.arrays)
    kept = []
    for count in reversed(state["kept"]):
        kept.append(None if count is None else arrays[len(arrays) - count :])
        arrays = arrays[: len(arrays) - (count or 0)]
    course = replace(
        course,
        best=_seen(course.best, state["best"]),
        stopping=_seen(course.stopping, state["stopping"]),
        epoch=checkpoint.epoch,
        plateaus=state["plateaus"],
        values=_by_key(state["values"]),
        history=list(state["history"]),
        best_weights=kept[1],
        stopping_weights=kept[0],
    )
    return course, arrays


def fingerprint(**parts: Any) -> str:
    """A digest of JSON values and arrays."""
    digest = hashlib.sha256()
    for name, part in sorted(parts.items()):
        digest.update(name.encode() + b"\0")
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else json.dumps(part, sort_keys=True).encode())
    return digest.hexdigest()


def _watch(watch: Watch) -> dict[str, Any]:
    return {
        "best": _best(watch.best),
        "since": watch.epochs_since,
        "improved": watch.improved,
        "improvements": [list(each) for each in watch.improvements],
    }


def _best(best: Best | None) -> dict[str, Any] | None:
    return None if best is None else asdict(best)


def _seen(watch: Watch, state: Mapping[str, Any]) -> Watch:
    best = None if state["best"] is None else Best(**state["best"])
    # A checkpoint of an earlier version has no improvements: the best is the last of them.
    known = [] if best is None else [(best.epoch, best.stop)]
    improvements = tuple((epoch, value) for epoch, value in state.get("improvements", known))
    return replace(watch, best=best, epochs_since=state["since"], improved=state["improved"], improvements=improvements)


def _values(values: Mapping[tuple[str, str], float]) -> list[list[Any]]:
    return [[metric, split, value] for (metric, split), value in values.items()]


def _by_key(values: Sequence[Sequence[Any]]) -> Values:
    return {(metric, split): value for metric, split, value in values}
