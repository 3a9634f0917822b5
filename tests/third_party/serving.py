"""Another project's controller as a process beside the API server: when its webhooks answer."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from cluster import ClusterError

READY_SECONDS = 120.0


def wait_serving(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Waits until the process listens on the port. Raises ClusterError with the end of its log."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as connection:
            connection.settimeout(1)
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise ClusterError(f"{log.stem} does not serve its webhooks. The end of {log}:\n{log.read_text()[-3000:]}")
