"""Runs a program to its end; one that fails is an error that shows what it said."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.errors import ClusterError

_SHOWN_LINES = 25


def run(
    command: Sequence[str | Path],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float | None = None,
) -> str:
    """Its standard output. ``env`` is added to this process's own. Raises ClusterError on a non-zero exit."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            timeout=seconds,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as missing:
        raise ClusterError(f"{words[0]} is not there: run `make cluster-up` or install it") from missing
    except subprocess.TimeoutExpired as late:
        raise ClusterError(f"{' '.join(words[:6])}: not done after {seconds} s") from late
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(words[:6])}: exit {done.returncode}\n{tail(done.stderr or done.stdout)}")
    return done.stdout


def run_logged(command: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path) -> None:
    """For long builds: all output goes to ``log``, whose end is shown when the program fails."""
    words = [str(word) for word in command]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            check=False,
        )
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(words[:4])}: exit {done.returncode}; all of it: {log}\n{tail(log.read_text())}")


def tail(text: str) -> str:
    """The last lines: where a program says why it failed."""
    return "\n".join(text.rstrip().splitlines()[-_SHOWN_LINES:])
