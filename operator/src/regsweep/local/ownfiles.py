"""The files that a trainer consists of, as they were when its sweep was begun: a run that starts after an edit would train something
else, and be taken for a result of what was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from regsweep.errors import RegsweepError
from regsweep.local.datafiles import digest_now, is_file
from regsweep.local.settings import WRITTEN, module_of, named_files
from regsweep.local.sources import with_modules
from regsweep.local.trainer import TrainerCommand

Stamp = tuple[int, int, int]
"""A file's inode, size and time of change."""


class EditedTrainerError(RegsweepError):
    """The trainer was edited while its sweep was trained."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"{', '.join(names)} changed during training, and no further run is started: it would be another trainer's. Runs that had "
            "begun keep their results, as those of what it was. Run the same command again to train what it is now; with the old content "
            "restored it goes on."
        )


class OwnFiles:
    """As they were when this was made."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._seen = {path: (_stamp(path), digest_now(path)) for path in dict.fromkeys(paths)}

    def changed(self) -> list[str]:
        """Names of those whose content is another one now, sorted. Only what was touched is read again."""
        changed = []
        for path, (stamp, digest) in self._seen.items():
            now = _stamp(path)
            if now == stamp:
                continue
            if digest_now(path) == digest:
                self._seen[path] = (now, digest)
            else:
                changed.append(str(path))
        return sorted(changed)


def own_files(trainer: TrainerCommand, args: Sequence[str] = ()) -> OwnFiles:
    """Scripts with the modules beside them, and other files that the command names. args: what the manifest adds to the command."""
    return OwnFiles([] if trainer.is_reference else _paths(trainer.own_arguments, args))


def _paths(arguments: Sequence[str], args: Sequence[str]) -> Iterator[Path]:
    named = [Path(each) for each in arguments[1:] if is_file(each) and not WRITTEN.search(Path(each).name)]
    if (module := module_of(arguments)) is not None:
        yield from with_modules(module, Path())
    for path in (*named, *(path for _, path in named_files(arguments, args))):
        yield from with_modules(path)


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
