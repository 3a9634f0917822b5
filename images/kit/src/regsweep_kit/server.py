"""Serves /metrics, and knows when a scrape that began after a given moment has been served whole."""

import fcntl
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from regsweep_kit.errors import PortTakenError

IDLE_SECONDS = 120.0  # a kept-alive connection without a request is closed; Prometheus scrapes far more often
ALONE_SECONDS = 2.0  # the same where a connection is served while others wait
DELIVERY_SECONDS = 5.0  # how long a written answer may wait for its acknowledgement before it counts as lost


class MetricsServer:
    """A thread that answers `GET /metrics` with `text()`."""

    def __init__(self, port: int, text: Callable[[], bytes]) -> None:
        """port 0 is any free one, see `port`. Raises PortTakenError."""
        self._text = text
        self._changed = threading.Condition()
        self._last_start = -1.0  # when the latest of the wholly served scrapes began, by time.monotonic()
        try:
            self._server = _Server(port, self)
        except OSError as error:
            raise PortTakenError(
                f"REGSWEEP_METRICS_PORT: cannot serve /metrics on port {port}: {error.strerror or error}; "
                "choose another port, or 0 for none"
            ) from error
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def wait_scraped(self, since: float, seconds: float) -> bool:
        """Waits until a whole scrape that began after `since` (time.monotonic()) was served; False when time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: self._last_start > since, timeout=seconds)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def render(self) -> bytes:
        return self._text()

    def served(self, start: float) -> None:
        with self._changed:
            self._last_start = max(self._last_start, start)
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, owner: MetricsServer) -> None:
        self.owner = owner
        self.is_alone = False
        """No thread can be started for a connection: each is served by this one, has one answer, and is closed."""
        self.address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        super().__init__(("", port), _Handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own. From Python 3.12 on there are no new ones while the interpreter ends, which is when a script waits for
        its last scrape.
        """
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            self.is_alone = True
            self.process_request_thread(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that went away is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        if self.server.is_alone:
            self.connection.settimeout(ALONE_SECONDS)

    def parse_request(self) -> bool:
        self.began = time.monotonic()  # the request's first line is there; its values are gathered later
        return super().parse_request()

    def do_GET(self) -> None:
        if self.path.split("?")[0] != "/metrics":
            self.send_error(404, "only /metrics is served")
            return
        body = self.server.owner.render()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(body)))
        if self.server.is_alone:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if _delivered(self.connection):
            self.server.owner.served(self.began)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Scrapes are not logged."""


def _delivered(connection: socket.socket) -> bool:
    """Waits until the other side has acknowledged every byte: a pod that ends takes its unsent bytes with it.

    If the system does not know (only Linux does), written counts as delivered.
    """
    deadline = time.monotonic() + DELIVERY_SECONDS
    while time.monotonic() < deadline:
        if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return False
        try:
            (unacknowledged,) = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))
        except OSError:
            return True
        if unacknowledged == 0:
            return True
        time.sleep(0.001)
    return False
