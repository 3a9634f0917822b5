"""Run the tests in two pytest processes side by side: one lane takes the folders that are named, the other all the rest.

    python tests/lanes.py tests/e2e tests/faults -- -rsfE -m "not long"

What stands behind `--` is for both. Lines come as they are written, with the lane's number in front; at the end both summaries are
shown once more. The exit code is 0 where both lanes have succeeded. Ctrl-C reaches both by the terminal, SIGTERM is passed on as
Ctrl-C; in either case the lanes take down what they have brought up.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
SUMMARY = b"short test summary info"
PYTEST = (sys.executable, "-m", "pytest")
OK, FAILED, USAGE = 0, 1, 2


class Lane:
    """A command that runs; its output comes out line by line, and is kept."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self.lines: list[bytes] = []
        self.minutes = 0.0
        """How long it took, once it has ended."""
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, name=name)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self.lines.append(line)
                try:
                    show(f"{self.name} | ".encode() + line)
                except OSError:
                    self.interrupt()
                    raise
        self.minutes = (time.monotonic() - self._began) / 60

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """Its exit code, once it has ended and all of its output is out."""
        self._reader.join()
        return self._process.wait()


def show(text: bytes) -> None:
    """As it is, whatever encoding the terminal has."""
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def rest_of(folders: Iterable[str], testpaths: Iterable[str]) -> list[str]:
    """Arguments by which pytest takes what is below `testpaths` but not below `folders`."""
    taken = sorted({folder.rstrip("/") for folder in folders})
    below = [path for path in testpaths if path not in taken]
    return below + [f"--ignore={folder}" for folder in taken if any(folder.startswith(f"{path}/") for path in below)]


def summary(lines: Sequence[bytes]) -> list[bytes]:
    """The end of pytest's output: what was skipped or has failed, and the counts; the last line where there is no summary."""
    begins = [number for number, line in enumerate(lines) if SUMMARY in line]
    return list(lines[begins[-1] + 1 :] if begins else lines[-1:])


def folders() -> list[str]:
    """Where pytest looks when nobody names a folder."""
    options = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    return [str(path) for path in options["testpaths"]]


def run(commands: dict[str, Sequence[str]]) -> int:
    """Lane -> command; all of them at once. Returns the exit code."""
    lanes: list[Lane] = []

    def pass_on(*_: object) -> None:
        for lane in lanes:
            lane.interrupt()

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to the lanes, too, and they are waited for
    signal.signal(signal.SIGTERM, pass_on)
    lanes += [Lane(name, command) for name, command in commands.items()]
    codes = [lane.wait() for lane in lanes]
    for lane, code in zip(lanes, codes, strict=True):
        show(f"\nlane {lane.name}: exit code {code} after {lane.minutes:.1f} minutes\n".encode())
        show(b"".join(summary(lane.lines)))
    return OK if not any(codes) else FAILED


def main(arguments: Sequence[str]) -> int:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    named, options = arguments[:at], arguments[at + 1 :]
    if not named:
        print(__doc__, file=sys.stderr)
        return USAGE
    return run({"1": [*PYTEST, *options, *named], "2": [*PYTEST, *options, *rest_of(named, folders())]})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
