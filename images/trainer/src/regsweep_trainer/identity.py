"""What a training rests on beside its flags: the bytes of the data, and what this trainer makes of them.

Nothing is imported here that is needed only for training: `regsweep-trainer --identify` answers before each sweep on a laptop.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from regsweep_kit import digests
from regsweep_kit.contract import read_flags
from regsweep_kit.errors import BadDataError, TrainerError
from regsweep_trainer import backend
from regsweep_trainer.data import bundled, folders
from regsweep_trainer.data.files import reading
from regsweep_trainer.flags import Flags, parse_flags

GENERATION = 2
"""Of this trainer's semantics: raised when the same flags and data train, or are evaluated, differently than before.

1: early stopping followed the objective. 2: it follows `early_stopping_metric`; columns of any magnitude are standardised.
"""

T = TypeVar("T")


def identify(environment: Mapping[str, str]) -> dict[str, Any]:
    """The answer to --identify. Raises InvalidContractError, InvalidFlagsError or BadDataError."""
    flags = parse_flags(read_flags(environment))
    backend.check_flags(flags)
    which = backend.chosen(environment)
    other = {} if which is backend.USUAL else {"backend": which.value}
    return {"dataDigest": data_digest(flags), "generation": GENERATION, **other}


def data_digest(flags: Flags) -> str:
    """SHA-256 of the source files' bytes, in hex. Raises BadDataError."""
    return _read(flags, digests.source_digest)


def load_unchanged(flags: Flags, load: Callable[[Flags], T], check: Callable[[str], None]) -> tuple[T, str]:
    """(what `load` reads, the digest of the files), once `check` has accepted that digest. Raises what they raise.

    Raises TrainerError (a retry may succeed) where a file changes meanwhile: its digest would not be that of what was read.
    """
    before = _read(flags, digests.state)
    digest = data_digest(flags)
    check(digest)
    loaded = load(flags)
    if _read(flags, digests.state) != before:
        names = ", ".join(str(path) for path in _paths(flags))
        raise TrainerError(f"{names} changed while it was being read; run again when nothing writes to it")
    return loaded, digest


def _read(flags: Flags, read: Callable[[tuple[Path, ...]], T]) -> T:
    paths = _paths(flags)
    if flags.dataset is None:
        with reading(paths[0]):
            if paths[0].is_dir():
                folders.listing(paths[0])  # refuses a folder of anything else, which may be large
            return read(paths)
    try:
        return read(paths)
    except OSError as error:
        raise BadDataError(
            f"flag dataset: cannot read {error.filename or paths[0]}: {error.strerror or error}"
        ) from error


def _paths(flags: Flags) -> tuple[Path, ...]:
    if flags.dataset is not None:
        return bundled.paths(flags.dataset)
    assert flags.data_path is not None  # parse_flags has seen to it
    return (Path(flags.data_path),)
