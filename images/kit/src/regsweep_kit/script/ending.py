"""How a script's process ends: an error leaves its reason in the record, and what is missing is said, whoever ends the script and how.

`sys.excepthook` sees an error that nothing has caught; what `atexit` runs last sets the exit code. So a script's own handlers still run,
and only SIGKILL and os._exit go by unseen.
"""

import atexit
import os
import sys
import traceback
from collections.abc import Callable
from types import TracebackType

from regsweep_kit import console, errors
from regsweep_kit.console import say
from regsweep_kit.journal import Journal
from regsweep_kit.record import Failure


class Ending:
    """Of this process; of no child that it forks."""

    def __init__(self) -> None:
        self.journal: Journal | None = None
        """`None`: by itself, or another process reports."""
        self.missing: Callable[[], str] = lambda: ""
        """What has not been done that was asked, as a sentence; empty: all has been."""
        self.last: Callable[[], None] = lambda: None
        """What to do at the end where all has been done."""
        self._pid = os.getpid()
        self._exit_code: int | None = None
        self._usual = sys.excepthook
        sys.excepthook = self._caught
        atexit.register(self._end)

    def _caught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if os.getpid() != self._pid or not isinstance(error, Exception):
            self._usual(kind, error, trace)
        elif isinstance(error, errors.TrainerError):
            say(f"{error.reason}: {error}", error=True)
            self._fail(Failure(error.reason, str(error)), error.exit_code)
        else:
            self._usual(kind, error, trace)
            text = traceback.format_exception_only(error)[-1].strip()
            self._fail(Failure(errors.TrainerError.reason, text), errors.EXIT_RETRY)

    def _end(self) -> None:
        """The last that this process does."""
        if os.getpid() != self._pid:
            return
        if self.journal is not None and self._exit_code is None:
            if missing := self.missing():
                say(f"{errors.TrainerError.reason}: {missing}", error=True)
                self._fail(Failure(errors.TrainerError.reason, missing), errors.EXIT_RETRY)
            else:
                self.last()
        if self._exit_code is not None:
            console.flush()
            os._exit(self._exit_code)

    def _fail(self, failure: Failure, exit_code: int) -> None:
        self._exit_code = exit_code
        if self.journal is None:
            return
        if not self.missing():
            say("note: every replicate has its record, so that the run has succeeded all the same", error=True)
            self._exit_code = errors.EXIT_OK
            return
        try:
            self.journal.fail(failure)
        except errors.RecordUnwritableError as error:
            say(str(error), error=True)
