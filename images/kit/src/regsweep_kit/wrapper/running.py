"""Runs a command once for each replicate, and reports what it writes."""

import contextlib
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Final, TextIO

from regsweep_kit import errors
from regsweep_kit.console import say
from regsweep_kit.errors import (
    BadDataError,
    InvalidContractError,
    InvalidFlagsError,
    NothingReportedError,
    TrainerError,
)
from regsweep_kit.foreign import ForeignReport, ReportFormat
from regsweep_kit.script.replicate import Replicate
from regsweep_kit.wrapper import naming
from regsweep_kit.wrapper.eventfiles import EventReader
from regsweep_kit.wrapper.expansion import expand
from regsweep_kit.wrapper.logs import LogReader, reader
from regsweep_kit.wrapper.naming import Epoch

POLL_SECONDS: Final = 0.5
"""Between two looks at what the script has written."""
GRACE_SECONDS: Final = 5.0
"""From SIGTERM to SIGKILL for a script that has diverged."""
CHUNK_BYTES: Final = 65_536
LAST_WORDS: Final = 3
"""Lines of standard error in a message."""
KEPT_BYTES: Final = 4096
MOST_READ_BYTES: Final = 16 * 1024**2
"""Of a log, at one look."""
MOST_WITHOUT_VALIDATION: Final = 20
"""Epochs from the first on, after which metrics that never came are missing."""
HEAD_BYTES: Final = 4096
"""Of a log's beginning, by which one that was begun again is known."""
USAGE_ERROR: Final = 2
"""Exit code of Python's argparse, click and others for a wrong command line."""


class Command:
    """A command that trains one replicate at a time."""

    def __init__(self, arguments: Sequence[str], report: ForeignReport, environment: Mapping[str, str]) -> None:
        self._arguments, self._report, self._environment = arguments, report, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._seen = 0
        """Epochs of the replicate, those without validation too."""
        self._number: float | None = None
        """Of the last one, in the script's own counting; `None`: it does not say."""
        self._lacking: list[str] = []
        """What the last of them has not."""
        self._last: Epoch | None = None
        """The last of them that was not whole; `None`: all were."""

    def terminate(self, number: int) -> None:
        """Passes a signal on."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def train(self, replicate: Replicate) -> None:
        """Trains it and reports its epochs. Raises TrainerError."""
        self._seen, self._number, self._last = 0, None, None
        with _workplace(self._report) as folder:
            own = {
                "REGSWEEP_REPLICATE": str(replicate.number),
                "REGSWEEP_SEED": str(replicate.seed),
                "REGSWEEP_REPLICATE_DIR": str(folder),
            }
            environment = {"PYTHONUNBUFFERED": "1", **self._environment, **own}
            environment.pop("REGSWEEP_TERMINATION_LOG", None)  # the record is not the script's to write
            arguments = [expand(argument, own) for argument in self._arguments]
            source = _Source(self._report, folder)
            try:
                self._process = subprocess.Popen(
                    arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
                )
            except OSError as error:
                raise InvalidContractError(f"cannot start {arguments[0]}: {error.strerror or error}") from error
            with self._process as process:
                self._follow(process, source, replicate)
        self._check_reported(replicate)
        if self._seen > replicate.epochs and not replicate.diverged:
            say(f"note: epoch {self._seen} has no {', '.join(self._lacking)}; what counts is epoch {replicate.epochs}")

    def _follow(self, process: "subprocess.Popen[bytes]", source: "_Source", replicate: Replicate) -> None:
        words = bytearray()
        pumps = [
            threading.Thread(target=_pump, args=(process.stdout, sys.stdout, source.printed.put), daemon=True),
            threading.Thread(
                target=_pump, args=(process.stderr, sys.stderr, lambda text: _keep(words, text)), daemon=True
            ),
        ]
        for pump in pumps:
            pump.start()
        try:
            while True:
                try:
                    process.wait(POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    self._report_all(source.new(), replicate)
                    if replicate.diverged:
                        _stop(process)
        finally:
            if process.poll() is None:
                process.kill()
        for pump in pumps:
            pump.join(GRACE_SECONDS)  # a process that the script has left may hold the pipe open
        if process.returncode and not replicate.diverged:
            self._report_all(source.new(), replicate)
            if not replicate.diverged:
                raise _failure(self._arguments[0], process.returncode, _last_lines(words))
        self._report_all(source.last(), replicate)

    def _report_all(self, epochs: Iterator[Epoch], replicate: Replicate) -> None:
        for epoch in epochs:
            if replicate.diverged:
                return
            parts = naming.by_split(epoch, self._report)
            if not parts and None in epoch.values():  # a step of something else, such as of batches
                continue
            number, lacking = epoch.get("epoch"), naming.lacking(self._report, epoch, parts)
            is_same, self._number = number is not None and number == self._number, number
            if is_same and lacking and _is_finite(parts):  # steps within an epoch
                continue
            self._seen += not (is_same and replicate.epochs < self._seen)
            self._lacking = lacking
            if not self._lacking:
                self._add(parts, replicate)
            elif not _is_finite(parts):
                self._add(self._diverged(parts, replicate), replicate)
            elif not replicate.epochs and (self._seen >= MOST_WITHOUT_VALIDATION or self._never(epoch)):
                raise self._incomplete(epoch)
            else:
                self._last = epoch  # an epoch without validation, as with Keras' validation_freq

    def _add(self, parts: Mapping[str, Mapping[str, float]], replicate: Replicate) -> None:
        replicate.report(
            self._seen,
            train=parts["train"],
            val=parts["val"],
            stop=parts.get("stop"),
            test=parts.get("test") if replicate.contract.score_test else None,
            regularization_loss=parts.get("", {}).get("regularization_loss"),
        )

    def _diverged(
        self, parts: Mapping[str, Mapping[str, float]], replicate: Replicate
    ) -> Mapping[str, Mapping[str, float]]:
        """An epoch that is not whole, since its training has come to no number: what is missing is none either."""
        names = [name.partition("_") for name in self._report.metrics]
        name = replicate.contract.objective.name
        wanted = {split: {metric for each, _, metric in names if each == split} for split in ("train", "val")}
        both = {split: dict.fromkeys(wanted[split] | {name}, math.nan) for split in ("train", "val")}
        return {**parts, **{split: {**metrics, **parts.get(split, {})} for split, metrics in both.items()}}

    def _never(self, epoch: Epoch) -> bool:
        """Whether no later epoch can have what this one lacks: a table's header names all there is."""
        if self._report.format not in (ReportFormat.CSV_LOGGER, ReportFormat.TENSOR_BOARD):
            return False
        return bool(naming.missing(self._report, epoch)) or None not in epoch.values()

    def _incomplete(self, epoch: Epoch) -> InvalidContractError:
        written = ", ".join(sorted(name for name, value in epoch.items() if value is not None))[:500]
        if self._report.metrics:
            return InvalidContractError(
                f"trainer.report.metrics: the script writes no {', '.join(self._lacking)}; it writes {written or 'nothing'}"
            )
        return InvalidContractError(
            f"trainer.report: of {written or 'nothing'} no metric of train and of val is known; name them in trainer.report.metrics, such "
            "as {train_average_loss: loss, val_average_loss: val_loss}"
        )

    def _check_reported(self, replicate: Replicate) -> None:
        if not replicate.epochs and self._last is not None:
            raise self._incomplete(self._last)
        if not replicate.epochs:
            where = self._report.path or "standard output"
            raise NothingReportedError(
                f"the script ended without an epoch in {where} (trainer.report, format {self._report.format}); check path and format"
            )


def _is_finite(parts: Mapping[str, Mapping[str, float]]) -> bool:
    return all(math.isfinite(value) for metrics in parts.values() for value in metrics.values())


class _Source:
    """What the script writes, epoch by epoch."""

    def __init__(self, report: ForeignReport, folder: Path) -> None:
        self.printed: SimpleQueue[bytes] = SimpleQueue()
        self._path = folder / report.path
        self._stdout = report.format is ReportFormat.STDOUT
        self._events = EventReader(self._path) if report.format is ReportFormat.TENSOR_BOARD else None
        self._report = report
        self._reader: LogReader = reader(report)
        self._offset, self._head = 0, b""
        if not self._stdout and self._path.is_file():  # of an earlier training, where the path is an absolute one
            with self._open() as file:
                self._head = file.read(HEAD_BYTES)
                self._offset = os.fstat(file.fileno()).st_size

    def new(self) -> Iterator[Epoch]:
        """Epochs since the last look. TensorBoard's come at the end: its files are read whole."""
        text = self._printed() if self._stdout else b""
        if self._events is None and not self._stdout:
            text = self._written()
        yield from self._reader.feed(text.decode(errors="replace"))

    def last(self) -> Iterator[Epoch]:
        """All that has not been given, once the script has ended."""
        if self._events is not None:
            yield from self._events.epochs()
            return
        before = -1
        while before != self._offset:
            before = self._offset
            yield from self.new()
        yield from self._reader.end()

    def _printed(self) -> bytes:
        pieces = []
        while not self.printed.empty():
            pieces.append(self.printed.get())
        return b"".join(pieces)

    def _written(self) -> bytes:
        try:
            with self._open() as file:
                head = file.read(HEAD_BYTES)
                if os.fstat(file.fileno()).st_size < self._offset or not head.startswith(self._head):
                    self._reader, self._offset = reader(self._report), 0  # it was begun again
                file.seek(self._offset)
                text = file.read(MOST_READ_BYTES)
        except FileNotFoundError:
            return b""
        self._offset += len(text)
        self._head = head[: self._offset]
        return text

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        """The log. Raises FileNotFoundError and BadDataError."""
        try:
            with self._path.open("rb") as file:
                yield file
        except FileNotFoundError:
            raise
        except OSError as error:
            raise BadDataError(
                f"trainer.report.path: cannot read {self._path.name}: {error.strerror or error}"
            ) from error


@contextmanager
def _workplace(report: ForeignReport) -> Iterator[Path]:
    """A fresh folder with links to all that is in the working directory, so that runs do not write into each other's logs."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="regsweep-"))
    except OSError as error:
        raise TrainerError(
            f"cannot make a temporary folder: {error}; mount one, such as an emptyDir at /tmp"
        ) from error
    try:
        written = Path(report.path).parts if report.path and not Path(report.path).is_absolute() else ()
        _link(Path.cwd(), folder, written)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link(source: Path, folder: Path, written: Sequence[str]) -> None:
    """Links to all that is in `source` but to what is written there: the file or folder at the end of these names."""
    for entry in source.iterdir():
        if entry.name not in written[:1]:
            (folder / entry.name).symlink_to(entry)
        elif len(written) > 1 and entry.is_dir():
            (folder / entry.name).mkdir()
            _link(entry, folder / entry.name, written[1:])


def _pump(pipe: IO[bytes] | None, stream: TextIO | None, keep: Callable[[bytes], None]) -> None:
    """Passes on what comes, and keeps it too."""
    assert pipe is not None
    while text := os.read(pipe.fileno(), CHUNK_BYTES):
        keep(text)
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.buffer.write(text)
                stream.flush()


def _keep(words: bytearray, text: bytes) -> None:
    """Keeps the end of what was printed."""
    words += text
    del words[:-KEPT_BYTES]


def _last_lines(words: bytearray) -> str:
    lines = [" ".join(line.split()) for line in words.decode(errors="replace").splitlines() if line.strip()]
    return " ".join(lines[-LAST_WORDS:])


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
        return
    process.kill()


def _failure(program: str, code: int, words: str) -> TrainerError:
    """Why a script failed, by its exit code."""
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    text = f"{program} ended with {how}{f': {words}' if words else ''}"
    if code in (USAGE_ERROR, errors.EXIT_INVALID):
        return InvalidFlagsError(text)
    return TrainerError(text)
