"""Analyses in a process of its own: numpy and scipy would cost the operator 70 MiB for good, and its event loop whole seconds.

`python -m regsweep.controller.queues.analysis_process` answers one question after the other. Loading the libraries takes a second, most
answers far less: so the process waits a moment for more, and only then ends.

What is said is framed by a line before it, the number of its bytes. A question is one frame without its records, frames of some
records each, and an empty one; an answer is one frame, whose line has a second word: whether the process will answer another question.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import TypeAdapter, ValidationError

from regsweep.api.status import MAX_RESULTS
from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult, analyse_records, shortened
from regsweep.core.results.records import Record
from regsweep.errors import RegsweepError

TIMEOUT_SECONDS: Final = 600.0
"""For one question, the start of a process included. Ten thousand combinations take some three seconds."""
IDLE_SECONDS: Final = 5.0
"""How long a process waits for another question: at rest no memory is held."""
MOST_QUESTIONS: Final = 200
"""Answers of one process: whatever a library may leak is bounded by it."""
MOST_BYTES: Final = 256 * 1024 * 1024
"""A process that has so much resident after an answer gives no other one: not all that it frees returns to the system."""
ENDS_WITHIN_SECONDS: Final = 5.0
"""After a process has closed its output."""
LAST_WORDS: Final = 500
"""Characters of what a process that failed wrote to standard error."""

COMMAND: Final = (sys.executable, "-m", "regsweep.controller.queues.analysis_process")
LOT: Final = 1000
"""Records of a frame: fifty thousand at once would be 40 MB of text, several times over, and hold the event loop for half a second."""
_QUESTION = TypeAdapter(AnalysisRequest)
_RECORDS = TypeAdapter(list[Record])
_ANSWER = TypeAdapter(AnalysisResult)
_MORE, _LAST = b"more", b"last"
_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""The arrays are small: threads would only take memory."""


class AnalysisError(RegsweepError):
    """The process gave no answer; the text says how it ended."""


class AnalysisProcess:
    """Answers questions, one at a time. There is a process while it does, and for a moment afterwards."""

    def __init__(
        self,
        *,
        command: Sequence[str] = COMMAND,
        timeout_seconds: float = TIMEOUT_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._command = command
        self._timeout = timeout_seconds
        self._idle = idle_seconds
        self._waiting: _Process | None = None
        """One that has answered, and will answer again."""
        self._dismissal: asyncio.TimerHandle | None = None
        self._endings: set[asyncio.Task[None]] = set()

    async def ask(self, question: AnalysisRequest) -> AnalysisResult:
        """The answer. A process that gives none, or is cancelled at it, is ended: it has no part in the next one.

        Raises AnalysisError.
        """
        process: _Process | None = None
        try:
            async with asyncio.timeout(self._timeout):
                process = self._take() or await _Process.start(self._command)
                text, goes_on = await process.ask(question)
            answer = _ANSWER.validate_json(text)
            if goes_on:
                self._keep(process)
                process = None
        except TimeoutError as error:
            raise AnalysisError(f"it took more than {self._timeout:.0f} s") from error
        except ValidationError as error:
            raise AnalysisError(f"its process returned an invalid answer ({error.error_count()} errors)") from error
        finally:
            if process is not None:
                await process.end()
        return answer

    async def close(self) -> None:
        """Ends the process, if there is one. Nothing must be being asked."""
        self._dismiss()
        await asyncio.gather(*self._endings)

    def _take(self) -> _Process | None:
        """The process that waits, if it has not ended meanwhile."""
        if self._dismissal is not None:
            self._dismissal.cancel()
        process, self._waiting, self._dismissal = self._waiting, None, None
        if process is None or process.is_alive:
            return process
        self._end(process)
        return None

    def _keep(self, process: _Process) -> None:
        self._waiting = process
        self._dismissal = asyncio.get_running_loop().call_later(self._idle, self._dismiss)

    def _dismiss(self) -> None:
        process = self._take()
        if process is not None:
            self._end(process)

    def _end(self, process: _Process) -> None:
        task = asyncio.create_task(process.end(), name="end of an analysis process")
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)


class _Process:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._in, self._out = process.stdin, process.stdout
        self._words = b""
        self._listening = asyncio.create_task(self._listen(process.stderr), name="words of an analysis process")

    @classmethod
    async def start(cls, command: Sequence[str]) -> _Process:
        """A new process."""
        pipe = asyncio.subprocess.PIPE
        environment = {**os.environ, **_THREADS}
        return cls(
            await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        )

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, question: AnalysisRequest) -> tuple[bytes, bool]:
        """The answer, and whether it will give another one.

        Raises AnalysisError.
        """
        try:
            for piece in pieces(question):
                self._in.write(b"%d\n" % len(piece))
                self._in.write(piece)
                await self._in.drain()
            length, goes_on = (await self._out.readuntil(b"\n")).split()
            return await self._out.readexactly(int(length)), goes_on == _MORE
        except (OSError, EOFError) as error:
            raise AnalysisError(await self._last_words()) from error
        except (ValueError, asyncio.LimitOverrunError) as error:
            raise AnalysisError("its process wrote something else than an answer") from error

    async def end(self) -> None:
        """Ends it, and waits for that."""
        if self.is_alive:
            self._process.kill()
        await self._process.wait()
        self._in.close()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _last_words(self) -> str:
        """How it ended, and what it said of that."""
        try:
            async with asyncio.timeout(ENDS_WITHIN_SECONDS):
                code = await self._process.wait()
                await self._listening
        except TimeoutError:
            return "its process closed its output and went on"
        words = " ".join(self._words.decode(errors="replace").split())[-LAST_WORDS:]
        return f"its process ended with exit code {code}{f': {words}' if words else ''}"

    async def _listen(self, errors: asyncio.StreamReader) -> None:
        while some := await errors.read(4096):
            self._words = (self._words + some)[-4 * LAST_WORDS :]


def main() -> None:
    """Answers questions until there are no more, or it has grown too large."""
    for number in range(1, MOST_QUESTIONS + 1):
        question = read_question(sys.stdin.buffer)
        if question is None:
            return
        answer = _ANSWER.dump_json(shortened(analyse_records(question), MAX_RESULTS))
        is_last = number == MOST_QUESTIONS or _bytes_resident() > MOST_BYTES
        sys.stdout.buffer.write(b"%d %s\n" % (len(answer), _LAST if is_last else _MORE))
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
        if is_last:
            return


def pieces(question: AnalysisRequest) -> Iterator[bytes]:
    """The frames of a question, without their lines."""
    yield _QUESTION.dump_json(replace(question, records=[]))
    for start in range(0, len(question.records), LOT):
        yield _RECORDS.dump_json(question.records[start : start + LOT])
    yield b""


def read_question(questions: BinaryIO) -> AnalysisRequest | None:
    """The next question; None: whoever asked has gone."""
    head = _next(questions)
    if not head:
        return None
    question = _QUESTION.validate_json(head)
    while piece := _next(questions):
        question.records.extend(_RECORDS.validate_json(piece))
    return question


def _next(questions: BinaryIO) -> bytes:
    line = questions.readline()
    return questions.read(int(line)) if line else b""


def _bytes_resident() -> int:
    """Memory of this process; 0 where the kernel does not say. (The maximum that getrusage has would count its parent's.)"""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
