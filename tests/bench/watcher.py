"""Watches one namespace in a process of its own and notes when each change arrived, by this machine's monotonic clock.

The API's own timestamps have whole seconds. A process of its own, because whoever measures is busy with other things.
"""

import http.client
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from bench.errors import BenchError
from cluster.controlplane import Keys

PATHS: Mapping[str, str] = {
    "jobs": "/apis/batch/v1/namespaces/{}/jobs",
    "pods": "/api/v1/namespaces/{}/pods",
    "sweeps": "/apis/regsweep.dev/v1alpha1/namespaces/{}/regularizationsweeps",
}
_OPEN_SECONDS = 3600
_READY = "watching"


@dataclass(frozen=True, slots=True)
class Seen:
    """A change of an object, and when it arrived: seconds of ``time.monotonic``."""

    at: float
    resource: str
    type: str
    object: dict[str, Any]


class Watcher:
    """Runs the process. A context: within it, everything is noted."""

    def __init__(self, api_url: str, keys: Keys, namespace: str, notes: Path) -> None:
        self._command = [sys.executable, "-m", "bench.watcher", api_url, str(keys.state), namespace, str(notes)]
        self._notes = notes
        self._process: subprocess.Popen[str] | None = None
        self._seen: list[Seen] = []
        self._read_to = 0

    def __enter__(self) -> "Watcher":
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != _READY:
            raise BenchError("the watcher did not start: see above")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def seen(self) -> list[Seen]:
        """All that arrived until now, in the order of arrival. Raises BenchError when the process has ended."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise BenchError("the watcher ended early: see above")
        with self._notes.open("rb") as notes:
            notes.seek(self._read_to)
            # A last line that is still being written waits for the next time.
            whole = notes.read().rpartition(b"\n")[0]
        if whole:
            self._read_to += len(whole) + 1
            self._seen += [_parsed(line) for line in whole.splitlines()]
            self._seen.sort(key=lambda change: change.at)
        return self._seen


def _parsed(line: bytes) -> Seen:
    at, resource, event = line.split(b" ", 2)
    decoded = json.loads(event)
    return Seen(float(at), resource.decode(), decoded["type"], decoded["object"])


def _watch(api_url: str, state: Path, namespace: str, notes: TextIO) -> int:
    """Opens all watches, says so, and returns when one of them ends."""
    # What is measured keeps the machine busy, and must not hold up the clock that measures it.
    os.nice(-10)
    lock = threading.Lock()
    ended = threading.Event()

    def note(resource: str, answer: http.client.HTTPResponse) -> None:
        while line := answer.readline():
            at = time.monotonic()
            with lock:
                notes.write(f"{at:.6f} {resource} {line.decode().strip()}\n")
                notes.flush()
        ended.set()

    for resource, path in PATHS.items():
        answer = _open(api_url, Keys(state), path.format(namespace))
        threading.Thread(target=note, args=(resource, answer), daemon=True).start()
    print(_READY, flush=True)
    ended.wait()
    print("the API server ended a watch", file=sys.stderr)
    return 1


def _open(api_url: str, keys: Keys, path: str) -> http.client.HTTPResponse:
    parts = urlsplit(api_url)
    pair = keys.pair("admin")
    context = ssl.create_default_context(cafile=keys.authority)
    context.load_cert_chain(pair.certificate, pair.key)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port or 443, context=context)
    connection.request("GET", path)
    version = json.load(connection.getresponse())["metadata"]["resourceVersion"]
    connection.request("GET", f"{path}?watch=true&resourceVersion={version}&timeoutSeconds={_OPEN_SECONDS}")
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise BenchError(f"{path}: HTTP {answer.status} {answer.read().decode()}")
    return answer


if __name__ == "__main__":
    _api_url, _state, _namespace, _notes = sys.argv[1:]
    with Path(_notes).open("w") as _file:
        sys.exit(_watch(_api_url, Path(_state), _namespace, _file))
