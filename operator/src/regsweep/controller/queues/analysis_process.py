"""The analysis in a process of its own: numpy and scipy would cost the operator 70 MiB for good, and its event loop whole seconds.

`python -m regsweep.controller.queues.analysis_process` reads a question from standard input and writes the answer to standard output.
"""

from __future__ import annotations

import asyncio
import os
import sys

from pydantic import TypeAdapter, ValidationError

from regsweep.core.judging.analysis import AnalysisRequest, AnalysisResult, analyse_records
from regsweep.errors import RegsweepError

TIMEOUT_SECONDS = 600.0
"""Ten thousand combinations take some three seconds."""
LAST_WORDS = 500
"""Characters of what a process that failed wrote to standard error."""

_QUESTION = TypeAdapter(AnalysisRequest)
_ANSWER = TypeAdapter(AnalysisResult)
_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""The arrays are small: threads would only take memory."""


class AnalysisError(RegsweepError):
    """The process gave no answer; the text says how it ended."""


async def ask_process(question: AnalysisRequest) -> AnalysisResult:
    """The answer of a new process, which has ended when this returns or is cancelled.

    Raises AnalysisError.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "regsweep.controller.queues.analysis_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **_THREADS},
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, errors = await process.communicate(_QUESTION.dump_json(question))
    except TimeoutError as error:
        raise AnalysisError(f"it took more than {TIMEOUT_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        words = " ".join(errors.decode(errors="replace").split())[-LAST_WORDS:]
        raise AnalysisError(f"its process ended with exit code {process.returncode}{f': {words}' if words else ''}")
    try:
        return _ANSWER.validate_json(output)
    except ValidationError as error:
        raise AnalysisError(f"its process returned an invalid answer ({error.error_count()} errors)") from error


def main() -> None:
    """Answers one question."""
    question = _QUESTION.validate_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(_ANSWER.dump_json(analyse_records(question)))


if __name__ == "__main__":
    main()
