"""`python -m regsweep_kit run -- CMD`: trains with a command that knows nothing of the contract (REGSWEEP_REPORT says what it writes)."""

import json
import os
import sys
from typing import NoReturn

from regsweep_kit.errors import EXIT_INVALID, InvalidContractError, InvalidFlagsError
from regsweep_kit.script.precedence import Flags
from regsweep_kit.script.session import GENERATION, Session, is_swept
from regsweep_kit.wrapper.naming import needs_test
from regsweep_kit.wrapper.running import Command

USAGE = "usage: python -m regsweep_kit run -- COMMAND [ARGUMENT ...]\n"


def main() -> None:
    match sys.argv[1:]:
        case ["run", "--", program, *rest]:
            run([program, *rest])
        case _:
            sys.stderr.write(USAGE)
            sys.exit(EXIT_INVALID)


def run(arguments: list[str]) -> None:
    """Trains every replicate of the contract; outside of a sweep the command is all that is run."""
    if not is_swept(os.environ):
        _become(arguments)
    if arguments[-1] == "--identify":
        sys.stdout.write(json.dumps({"generation": GENERATION}) + "\n")
        return
    session = Session(os.environ)
    session.open(os.environ)
    contract = session.contract
    if contract.report is None:
        raise InvalidContractError("REGSWEEP_REPORT is missing: say in spec.trainer.report what the script writes")
    if (contract.score_test or contract.final) and needs_test(contract.report):
        raise InvalidFlagsError(
            "a final evaluation on test rows is asked for, and trainer.report.metrics names none of them; add test_average_loss, or remove "
            "the final evaluation"
        )
    session.take(Flags(contract.flags), {})
    command = Command(arguments, contract.report, os.environ)
    session.on_signal = command.terminate
    for replicate in session.replicates():
        command.train(replicate)


def _become(arguments: list[str]) -> NoReturn:
    try:
        os.execvp(arguments[0], arguments)
    except OSError as error:
        sys.exit(f"cannot start {arguments[0]}: {error.strerror or error}")


if __name__ == "__main__":
    main()
