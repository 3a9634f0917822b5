"""`regsweep-trainer`: trains what the environment says; --help and --describe tell what there is."""

import os
import sys
from typing import NoReturn

from regsweep_trainer.stopping import Stopping

USAGE = """\
Trains one combination of a sweep. Everything comes from the environment (docs/trainer-contract.md), the flags as JSON:

    REGSWEEP_TERMINATION_LOG=record.json REGSWEEP_FLAGS='{"dataset": "iris", "l2": 0.001}' regsweep-trainer

Options: --help, --describe (JSON schema of the flags)
Exit codes: 0 trained (also when it diverged), 64 invalid flags or data, 65 nothing to train for this index, 143 SIGTERM,
1 anything that may go better elsewhere

Flags (default; values):
"""


def main() -> NoReturn:
    stopping = Stopping()  # before the slow imports: until then SIGTERM would not reach a process that is PID 1
    code = _main(sys.argv[1:], stopping)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # TensorFlow's own ending takes a while, and has nothing left to do


def _main(arguments: list[str], stopping: Stopping) -> int:
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(_help())
        return 0
    if arguments == ["--describe"]:
        import json

        from regsweep_trainer.flags import describe

        sys.stdout.write(json.dumps(describe(), indent=2) + "\n")
        return 0
    if arguments:
        sys.stderr.write(f"regsweep-trainer: got {' '.join(arguments)!r}, want --help, --describe or nothing\n")
        return 64
    from regsweep_trainer.run import run

    return run(os.environ, stopping)


def _help() -> str:
    from regsweep_trainer.flags import flag_lines

    lines = [f"  {name} ({default}; {values})\n      {text}\n" for name, default, values, text in flag_lines()]
    return USAGE + "".join(lines)
