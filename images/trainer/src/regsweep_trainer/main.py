"""`regsweep-trainer`: trains what the environment specifies; --help, --describe and --identify describe flags and data."""

import json
import os
import sys
from typing import NoReturn

from regsweep_kit import console
from regsweep_kit.errors import EXIT_INVALID, EXIT_OK, EXIT_RETRY, TrainerError
from regsweep_kit.stopping import Stopping

USAGE = """\
Trains one combination of a sweep. Everything comes from the environment (docs/trainer-contract.md), the flags as JSON:

    REGSWEEP_TERMINATION_LOG=record.json REGSWEEP_FLAGS='{"dataset": "iris", "l2": 0.001}' regsweep-trainer

Options: --help; --describe (JSON schema of the flags); --identify (JSON: SHA-256 of the data's files that REGSWEEP_FLAGS name, and the
generation of this trainer's semantics)
Exit codes: 0 trained (also when it diverged), 64 invalid flags or data, 65 nothing to train for this index, 143 SIGTERM,
1 anything that may succeed elsewhere

Flags (default; values):
"""


def main() -> NoReturn:
    stopping = Stopping()  # before the slow imports: until then SIGTERM would not reach a process that is PID 1
    code = _main(sys.argv[1:], stopping)
    console.flush()
    os._exit(code)  # TensorFlow's own ending takes a while, and has nothing left to do


def _main(arguments: list[str], stopping: Stopping) -> int:
    match arguments:
        case []:
            from regsweep_trainer.run import run

            return run(os.environ, stopping)
        case ["--help" | "-h"]:
            return _answer(_help())
        case ["--describe"]:
            from regsweep_trainer.flags import describe

            return _answer(json.dumps(describe(), indent=2))
        case ["--identify"]:
            return _identify()
        case _:
            got = " ".join(arguments)
            console.say(f"regsweep-trainer: got {got!r}, want --help, --describe, --identify or nothing", error=True)
            return EXIT_INVALID


def _identify() -> int:
    from regsweep_trainer.identity import identify

    try:
        return _answer(json.dumps(identify(os.environ)))
    except TrainerError as error:
        console.say(f"{error.reason}: {error}", error=True)
        return error.exit_code


def _answer(text: str) -> int:
    """Prints the answer and returns the exit code; a failed write is reported."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except (OSError, AttributeError) as error:  # a full disk, a closed pipe; no stdout at all
        console.say(f"regsweep-trainer: cannot write the answer: {error}", error=True)
        return EXIT_RETRY
    return EXIT_OK


def _help() -> str:
    from regsweep_trainer.flags import flag_lines

    lines = [f"  {name} ({default}; {values})\n      {text}\n" for name, default, values, text in flag_lines()]
    return (USAGE + "".join(lines)).removesuffix("\n")
