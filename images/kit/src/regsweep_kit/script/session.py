"""The process of a script: under a sweep it keeps the contract, by itself it is an ordinary script."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from regsweep_kit import digests, errors
from regsweep_kit.contract import read_contract, read_flags, termination_log
from regsweep_kit.journal import Journal
from regsweep_kit.process import answer_signals
from regsweep_kit.script import commandline, devices
from regsweep_kit.script.declarations import Flag, declared, show
from regsweep_kit.script.ending import Ending
from regsweep_kit.script.outputs import Output, Printed, Silent, Swept
from regsweep_kit.script.precedence import Flags, resolve
from regsweep_kit.script.profiles import read_profile
from regsweep_kit.script.replicate import Known, Replicate
from regsweep_kit.script.seeding import seed_generators
from regsweep_kit.stopping import Stopping
from regsweep_kit.timing import Stopwatch

GENERATION: Final = 1
"""Of what the kit itself does to a script's results: rows, seeds, and what of an epoch is reported."""
RANKS: Final = (
    ("RANK", "WORLD_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
)
"""(variable of a process' number, variable that must be there too): torchrun, Open MPI, MPICH, Slurm."""


def rank(environment: Mapping[str, str]) -> int:
    """The number of this process among those that train together; 0: it reports."""
    for name, beside in RANKS:
        text = environment.get(name, "")
        if text.isdecimal() and beside in environment:
            return int(text)
    return 0


def is_swept(environment: Mapping[str, str]) -> bool:
    """Whether a sweep has started this process."""
    return "REGSWEEP_FLAGS" in environment or "REGSWEEP_TERMINATION_LOG" in environment


def is_child() -> bool:
    """Whether Python's multiprocessing has started this process, which may import the script anew.

    While it does so only the attribute `_inheriting` says it, by which multiprocessing itself knows.
    """
    process: Any = sys.modules.get("multiprocessing.process")
    if process is None:
        return False
    return process.parent_process() is not None or getattr(process.current_process(), "_inheriting", False)


class Session:
    """One process, from kit.flags to its end."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._stopwatch = Stopwatch()
        self.swept = is_swept(environment)
        self.reports = rank(environment) == 0 and not is_child()
        self._ending = Ending() if self.reports else None
        self._journal: Journal | None = None
        self.flags = Flags({})
        self._data_digest = ""
        self.turn: Replicate | None = None
        """The replicate for which the script is being run; `None`: it has a loop over its replicates, or has not come to them."""
        self.seeded = False
        """Whether generators were seeded since this turn began."""
        self._asked = self._complete = False
        self._unfinished: int | None = None
        self.on_signal: Callable[[int], None] | None = None
        """What to do with a signal before the process ends by it."""

    def open(self, environment: Mapping[str, str]) -> None:
        """Reads the contract; under a sweep also opens the record and answers signals.

        Raises RecordUnwritableError and InvalidContractError.
        """
        if not self.swept or self._ending is None:
            self.contract = read_contract(environment)
            return
        stopping = Stopping() if threading.current_thread() is threading.main_thread() else None
        self._journal = self._ending.journal = Journal(termination_log(environment))
        self._ending.missing = self._missing
        self.contract = read_contract(environment)
        self._journal.limit(self.contract.message_bytes)
        if stopping is not None:
            answer_signals(stopping, self.contract, self._journal, self._pass_on)

    def _pass_on(self, number: int) -> None:
        if self.on_signal is not None:
            self.on_signal(number)

    def take(self, flags: Flags, declarations: Mapping[str, Flag]) -> None:
        """The script's flags, and the data that they name. Raises BadDataError and DataChangedError."""
        self.flags = flags
        self._data_digest = data_digest(flags, declarations)
        if self._data_digest and self._journal is not None:
            self._journal.describe(data_digest=self._data_digest)
            digests.check_pinned(self._data_digest, self.contract.data_digest)

    def replicates(self) -> Iterator[Replicate]:
        """Each replicate in its turn; the next turn finishes the last one."""
        if self._asked and self.swept:
            raise errors.InvalidContractError("kit.replicates() was asked for twice; go through it once")
        self._asked = True
        if self.swept:
            devices.check(self.contract)
        output, known = self._output(), Known()
        for number in self.contract.replicates:
            self._unfinished = number
            replicate = Replicate(number, self.contract, output, known)
            seed_generators(replicate.seed)
            output.begin()
            yield replicate
            replicate.finish()
        self._complete = True
        if self._ending is not None:
            self._ending.last = output.linger

    def _output(self) -> Output:
        if not self.reports:
            return Silent()
        if self._journal is None:
            return Printed()
        if missing := [name for name in self.contract.flag_names if name not in self.flags]:
            raise errors.InvalidContractError(
                f"REGSWEEP_FLAG_NAMES: {', '.join(map(repr, missing))} are not flags of this script"
            )
        labels = {name: _label(self.contract.flags.get(name, self.flags[name])) for name in self.contract.flag_names}
        return Swept(self.contract, self._journal, labels, self._data_digest, self._stopwatch)

    def _missing(self) -> str:
        """Why a script that ends now has not done what was asked; empty: it has."""
        if self._complete:
            return ""
        if not self._asked:
            return "the script ended without kit.replicates(); train in `for replicate in kit.replicates():`, or by `kit.replicate()`"
        where = f"replicate {self._unfinished} was finished" if self._unfinished is not None else "its first replicate"
        return (
            f"the script ended before {where}: it called sys.exit, or left the loop over kit.replicates() by break or return; let the loop "
            "come to its end"
        )


_current: Session | None = None


def begin(given: Mapping[str, Any]) -> Flags:
    """`kit.flags`: declares the script's flags, and gives their values. Raises InvalidFlagsError, BadDataError and DataChangedError."""
    global _current
    if _current is not None and _current.turn is not None:
        return _current.flags  # the script's next turn
    if _current is not None and _current.swept:
        raise errors.InvalidFlagsError(
            "kit.flags was called twice; declare all flags in one call, before kit.replicates()"
        )
    arguments = _arguments()
    _current = Session(os.environ)
    if "--identify" not in arguments:
        _current.open(os.environ)
    declarations = declared(given)
    options = commandline.parse(declarations, arguments)
    if options.help:
        main = sys.modules["__main__"]
        _answer(commandline.help_text(declarations, Path(sys.argv[0]).name, main.__doc__ or ""))
    profile = read_profile(options.profile) if options.profile is not None else {}
    swept = read_flags(os.environ) if _current.swept else {}
    flags = resolve(
        declarations, (f"--profile {options.profile}", profile), ("command line", options.flags), ("", swept)
    )
    if options.identify:
        digest = data_digest(flags, declarations)
        _answer(json.dumps({**({"dataDigest": digest} if digest else {}), "generation": GENERATION}) + "\n")
    _current.take(flags, declarations)
    return flags


def current() -> Session:
    """This process'; one without flags where kit.flags was not called."""
    if _current is None:
        begin({})
    assert _current is not None
    return _current


def replicates() -> Iterator[Replicate]:
    """`kit.replicates`: the replicates to train, in order. The next turn of the loop finishes the last one."""
    session = current()
    if session.turn is not None:
        raise errors.InvalidContractError(
            "kit.replicate() and kit.replicates() are two ways to the same replicates; use one of them"
        )
    return session.replicates()


def data_digest(flags: Flags, declarations: Mapping[str, Flag]) -> str:
    """Of the files that flags name, SHA-256 in hex; empty where there are none. Raises BadDataError."""
    named = {name: flags[name] for name, flag in declarations.items() if flag.is_file and flags[name]}
    for name, path in named.items():
        if not Path(path).exists():
            raise errors.BadDataError(f"flag {name}: cannot read {path}: no such file or folder")
    try:
        return digests.source_digest([Path(path) for path in named.values()]) if named else ""
    except OSError as error:
        raise errors.BadDataError(
            f"flag {next(iter(named))}: cannot read {error.filename}: {error.strerror or error}"
        ) from error


def _arguments() -> list[str]:
    """The script's own; a notebook's kernel has others."""
    return [] if "ipykernel" in sys.modules else sys.argv[1:]


def _answer(text: str) -> None:
    """Prints it and ends the process."""
    sys.stdout.write(text)
    sys.exit(errors.EXIT_OK)


def _label(value: Any) -> str:
    return value if isinstance(value, str) else show(value)
