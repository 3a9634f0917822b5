"""Servers of other programs, started for tests on a port of their own."""

from __future__ import annotations

import contextlib
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

START_SECONDS = 240
"""A machine that is shared takes a minute to import what they import."""
PAUSE_SECONDS = 0.2


@contextlib.contextmanager
def served(command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Runs the server until it answers on the port, and ends it afterwards; gives its address."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, url, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(PAUSE_SECONDS)  # polled to a deadline
    raise AssertionError(f"{process.args!r} does not answer on {url}:\n{log.read_text()[-2000:]}")
