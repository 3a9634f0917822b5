"""SIGTERM (and Ctrl-C), answered at once wherever the process is, also deep inside TensorFlow, and as PID 1 of a container.

A Python signal handler runs only between two byte codes of the main thread, which may sit in one TensorFlow call for minutes. The
interpreter's own C handler, though, writes the signal's number to a descriptor immediately: a thread waits at its other end.
(PID 1 ignores a signal without a handler; so this is installed before anything slow is imported.)
"""

import os
import signal
import threading
from collections.abc import Callable

from regsweep_kit.console import occupy_standard_descriptors

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    def __init__(self) -> None:
        """Call it in the main thread. Until `on_signal` says otherwise a signal ends the process with code 128 + its number."""
        occupy_standard_descriptors()  # or the pipe would get their numbers
        self._lock = threading.Lock()
        self._answer: Callable[[int], int] = lambda number: 128 + number
        self._last: Callable[[], None] = lambda: None
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._wait, name="stopping", daemon=True).start()
        _leave_forks_alone()

    def on_signal(self, answer: Callable[[int], int]) -> None:
        """What to do from now on, in another thread than the main one: gets the signal's number, returns the exit code."""
        with self._lock:
            self._answer = answer

    def at_last(self, action: Callable[[], None]) -> None:
        """What to do after the answer, before the process ends: within the time that a signal leaves."""
        with self._lock:
            self._last = action

    def _wait(self) -> None:
        number = 0
        while number not in SIGNALS:
            number = os.read(self._reader, 1)[0]
        code = 1
        try:
            with self._lock:
                answer, last = self._answer, self._last
            code = answer(number)
            last()
        finally:
            os._exit(code)


def _leave_forks_alone() -> None:
    """Lets a forked process end by its own signals. It shares the pipe but not the thread: they would end the parent, and never itself.

    Signals wait while a fork is made, so that none comes before that.
    """
    kept = threading.local()

    def before() -> None:
        kept.mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def in_parent() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, kept.mask)

    def in_child() -> None:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        in_parent()

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)
