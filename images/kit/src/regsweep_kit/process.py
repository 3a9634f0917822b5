"""One run, from the environment to the exit code: whatever goes wrong ends as a reason in the termination message."""

import signal
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from regsweep_kit import errors
from regsweep_kit.console import say
from regsweep_kit.contract import Contract, read_contract, termination_log
from regsweep_kit.journal import Journal
from regsweep_kit.record import Failure
from regsweep_kit.stopping import Stopping

F = TypeVar("F")


def run(
    environment: Mapping[str, str],
    stopping: Stopping,
    parse_flags: Callable[[Mapping[str, Any]], F],
    train: Callable[[Contract, F, Journal], None],
) -> int:
    """The exit code.

    parse_flags: the trainer's own check, which raises InvalidFlagsError. train: trains every replicate of the contract and writes its
    record; what it raises ends the run. Every error is printed to stderr and written to the termination message, if possible.
    """
    journal, unwritable = None, None
    try:
        journal = Journal(termination_log(environment))
    except errors.RecordUnwritableError as error:
        unwritable = error
    try:
        contract = read_contract(environment)
        flags = parse_flags(contract.flags)
        if journal is None:
            raise unwritable or AssertionError("no journal and no reason")
        journal.limit(contract.message_bytes)
        answer_signals(stopping, contract, journal)
        train(contract, flags, journal)
        return errors.EXIT_OK
    except errors.TrainerError as error:
        failure, code = Failure(error.reason, str(error)), error.exit_code
    except Exception as error:  # noqa: BLE001 - a bug, a full disk, no memory: say what it was; another node may fare better
        say(traceback.format_exc(), error=True)
        failure, code = Failure(errors.TrainerError.reason, f"{type(error).__name__}: {error}"), errors.EXIT_RETRY
    say(f"{failure.reason}: {failure.message}", error=True)
    if journal is not None and failure.reason != errors.RecordUnwritableError.reason:
        try:
            journal.fail(failure)
        except errors.RecordUnwritableError as error:
            say(str(error), error=True)
    return code


def answer_signals(
    stopping: Stopping, contract: Contract, journal: Journal, before: Callable[[int], None] | None = None
) -> None:
    """From now on a signal leaves the finished replicates and the reason in the journal. `before`: what to do with it first."""

    def answer(number: int) -> int:
        if before is not None:
            before(number)
        name, count = signal.Signals(number).name, len(contract.replicates)
        if journal.terminate(count, Failure("Terminated", f"{name} before all {count} replicates were trained")):
            return errors.EXIT_OK
        say(f"Terminated: {name} while training", error=True)
        return 128 + number

    stopping.on_signal(answer)
