"""What a local run's results rest on beside its flags: the data, and the generation of the trainer's semantics.

A finished sweep starts no trainer, so that nobody would see that its data have changed. So the trainer is asked before:
`TRAINER --identify` (docs/trainer-contract.md). For a trainer that does not know the question the bytes of the files that the
manifest names decide.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import IO, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from regsweep.api.canonical import canonical_json, digest
from regsweep.api.spec import Flags
from regsweep.errors import RegsweepError
from regsweep.local.datafiles import DIGEST_LENGTH, content_digest, missing_files, named_files
from regsweep.local.guard import kill_group
from regsweep.local.settings import FILE
from regsweep.local.trainer import TrainerCommand, process_environment

IDENTIFY: Final = "--identify"
EXIT_REFUSED: Final = 64
SECONDS_TO_ANSWER: Final = 60.0
"""Of a trainer that was never asked before: it may train instead of answering."""
KNOWN_SECONDS_TO_ANSWER: Final = 600.0
"""Of a trainer that has answered before: it reads all of the data."""
MOST_ANSWER_BYTES: Final = 64 * 1024
MOST_WORDS: Final = 500
MOST_ASKED: Final = 5
"""Combinations that are asked about until one is answered: a trainer may refuse one for its flags."""
QUIET_CONTRACT: Final[Mapping[str, str]] = {
    "REGSWEEP_GPUS": "0",
    "REGSWEEP_LINGER_SECONDS": "0",
    "REGSWEEP_METRICS_PORT": "0",
    "REGSWEEP_TERMINATION_LOG": os.devnull,
}
"""For a trainer that trains instead of answering."""


class DataError(RegsweepError):
    """The data that a manifest names cannot be read: nothing is trained, and no earlier result is shown as theirs."""


@dataclass(frozen=True, slots=True)
class DataIdentity:
    """The data that a sweep would be trained on now, and how the trainer would."""

    digest: str = ""
    """Of the data's bytes, 16 hex digits; empty: nothing is known of the data."""
    generation: int | None = None
    """Of the trainer's semantics; None: unknown."""
    backend: str = ""
    """What computes, where the trainer says that it is not the usual one; empty: it is, or nothing is known of it."""
    by_trainer: bool = False
    """The trainer itself has named the digest, and reports it with its records."""
    answers: bool = False
    """The trainer knows the question."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Where the trainer has not named the digest: each file's own, by its name as written."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What of the environment decides how it computes; see `settings`."""
    usual: Mapping[str, str] = field(default_factory=dict)
    """The settings of results whose keys say nothing of any: none, but for those of an earlier version (`baseline`)."""
    refusal: str = field(default="", compare=False)
    """What a trainer said that refused to answer; empty: none did."""

    @property
    def names_files(self) -> bool:
        """Whether a change of the data, or of a file that the command names, would be noticed."""
        return bool(self.digest) or any(name.startswith(FILE) for name in self.settings)

    @property
    def revision(self) -> str:
        """Part of the point's key, as the data revision is in a cluster."""
        data = self.digest or "unknown"
        known = f"{data} by trainer, generation {self.generation}" if self.by_trainer else f"{data}, {self.generation}"
        known = f"{known}, on {self.backend}" if self.backend else known
        return known if self.settings == self.usual else f"{known}, with {digest(dict(self.settings), DIGEST_LENGTH)}"


NO_DATA: Final = DataIdentity()


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    data_digest: Annotated[
        str | None, StringConstraints(pattern=r"^[0-9a-f]{12,64}$"), Field(alias="dataDigest", default=None)
    ]
    generation: Annotated[int, Field(ge=0, le=2**31 - 1)]
    backend: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,32}$")] = ""


@dataclass(frozen=True, slots=True)
class _Reply:
    exit_code: int | None
    """None: it did not end in time."""
    output: str
    words: str
    """Its standard error, on one line."""


def identify(
    trainer: TrainerCommand,
    parameters: Mapping[str, JsonValue],
    combinations: Sequence[Flags],
    *,
    known: DataIdentity | None = None,
    environment: Mapping[str, str] = os.environ,
) -> DataIdentity:
    """What the sweep's results would rest on now.

    combinations: of the grid, all of them. known: what the latest run of this trainer in the runs directory rests on.

    Raises DataError where a file of the data is not there, or cannot be read.
    """
    values = [parameters, *combinations]
    missing = missing_files(values, known.files if known is not None else ())
    answer, refusal = None, ""
    if known is None or known.answers or trainer.is_reference:
        answers = known is not None and known.answers
        answer, refusal = _ask(trainer, [{**parameters, **flags} for flags in combinations], answers, environment)
        if answer is None and refusal and missing:
            raise DataError(f"BadData: {refusal.removeprefix('BadData: ')}")
        if answer is None and refusal and answers:
            refuses = "refuses the flags" if refusal.startswith("InvalidFlags") else "can no longer identify the data"
            raise DataError(f"the trainer {refuses}: {refusal.removeprefix('InvalidFlags: ')}")
    if answer is not None and answer.data_digest is not None:
        digest_of_bytes = answer.data_digest[:DIGEST_LENGTH]
        return DataIdentity(digest_of_bytes, answer.generation, answer.backend, by_trainer=True, answers=True)
    if missing:
        raise DataError(
            f"BadData: {missing[0]}: no such file, and the results rest on its data. Restore it, or name another one in the manifest."
        )
    found = _by_files(values)
    if answer is None:
        return replace(found, refusal=refusal)
    return replace(found, generation=answer.generation, backend=answer.backend, answers=True)


def _by_files(values: Iterable[Mapping[str, JsonValue]]) -> DataIdentity:
    try:
        files = {name: content_digest(path) for name, path in named_files(values).items()}
    except OSError as error:
        raise DataError(f"BadData: {error.filename}: cannot be read ({error.strerror}).") from error
    return DataIdentity(digest(files, DIGEST_LENGTH) if files else "", files=files)


def _ask(
    trainer: TrainerCommand, flags: Sequence[Mapping[str, JsonValue]], answers: bool, environment: Mapping[str, str]
) -> tuple[_Answer | None, str]:
    """The answer, or the words of a refusal; neither from a trainer that does not know the question."""
    step = max(1, len(flags) // MOST_ASKED)
    refusal = ""
    for each in list(flags[::step])[:MOST_ASKED]:
        reply = _unless_killed(trainer, each, answers, environment)
        if reply.exit_code == 0:
            return _read(reply.output), ""
        if reply.exit_code != EXIT_REFUSED:
            return None, ""
        refusal = refusal or reply.words
    return None, refusal


def _unless_killed(
    trainer: TrainerCommand, flags: Mapping[str, JsonValue], answers: bool, environment: Mapping[str, str]
) -> _Reply:
    """The reply; of one whom a signal ended, the second: an end from outside does not say that it does not know the question.

    Raises DataError where a trainer that knows it comes to no end by itself: by the files all would be trained again.
    """
    for _ in range(2):
        reply = _reply(trainer, flags, KNOWN_SECONDS_TO_ANSWER if answers else SECONDS_TO_ANSWER, environment)
        if reply.exit_code is None or reply.exit_code >= 0:
            break
    if answers and reply.exit_code is None:
        raise DataError(
            f"the trainer has not identified the data within {KNOWN_SECONDS_TO_ANSWER:.0f} s. Run the same command again."
        )
    if answers and reply.exit_code is not None and reply.exit_code < 0:
        raise DataError(
            f"the trainer was ended by signal {-reply.exit_code} before it had identified the data. Run the same command again."
        )
    return reply


def _reply(
    trainer: TrainerCommand, flags: Mapping[str, JsonValue], seconds: float, environment: Mapping[str, str]
) -> _Reply:
    contract = {**QUIET_CONTRACT, "REGSWEEP_FLAGS": canonical_json(flags)}
    try:
        process = subprocess.Popen(
            [*trainer.arguments, IDENTIFY],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=process_environment(contract, environment, 1, isolated=trainer.is_reference),
            start_new_session=True,
        )
    except OSError:
        return _Reply(127, "", "")
    with process, ThreadPoolExecutor(2) as readers:
        output, errors = (readers.submit(_beginning, stream) for stream in (process.stdout, process.stderr))
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            kill_group(process.pid, signal.SIGKILL)
        words = " ".join(errors.result().split())
        return _Reply(code, output.result(), words if len(words) <= MOST_WORDS else words[: MOST_WORDS - 3] + "...")


def _beginning(stream: IO[bytes] | None) -> str:
    """The beginning of the output; the rest is read too, so that the writer does not block."""
    if stream is None:
        return ""
    kept = stream.read(MOST_ANSWER_BYTES)
    while stream.read(MOST_ANSWER_BYTES):
        pass
    return kept.decode(errors="replace")


def _read(output: str) -> _Answer | None:
    """The answer in the last line that is not blank; None if that is not an answer."""
    lines = [line for line in output.splitlines() if line.strip()]
    try:
        return _Answer.model_validate_json(lines[-1]) if lines else None
    except ValidationError:
        return None
