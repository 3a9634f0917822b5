"""A real Prometheus of one's own for a test: a process on a free port."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from cluster import binaries
from cluster.api import wait_until
from cluster.ports import free_port

USER: Final = "reader"
PASSWORD: Final = "secret"
HASHED: Final = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
"""The password as `--web.config.file` has it (bcrypt)."""
LOGIN: Final[Mapping[str, object]] = {"basic_auth_users": {USER: HASHED}}
START_SECONDS: Final = 60.0


@contextmanager
def running_prometheus(
    folder: Path, web: Mapping[str, object], options: Sequence[str] = (), config: Mapping[str, object] | None = None
) -> Iterator[int]:
    """Its port. web: the content of its `--web.config.file`; an empty one is none. config: None: it scrapes nothing."""
    binaries.ensure((binaries.PROMETHEUS,))
    folder.mkdir(exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(dict(config or {"global": {}})))
    (folder / "web.yml").write_text(yaml.safe_dump(dict(web)))
    port = free_port()
    command = [
        str(binaries.program(binaries.PROMETHEUS)),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.config.file={folder / 'web.yml'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={folder / 'data'}",
        *options,
    ]
    log = folder / "log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd=folder) as process:
        try:
            wait_until("Prometheus answers", lambda: _ready(log, process), START_SECONDS, log.read_text)
            yield port
        finally:
            process.terminate()


def _ready(log: Path, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, log.read_text()
    return "Server is ready to receive web requests" in log.read_text()


def ask(url: str, query: str) -> list[dict[str, Any]]:
    """The series that an instant query gives."""
    with urlopen(f"{url}/api/v1/query?{urlencode({'query': query})}") as response:
        found: list[dict[str, Any]] = json.load(response)["data"]["result"]
    return found
