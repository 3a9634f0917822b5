"""The little of the Kubernetes API that bringing a cluster up needs, without starting kubectl for each question."""

import http.client
import json
import ssl
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from cluster.errors import ClusterError
from cluster.pki import Pair

_POLL_SECONDS = 0.05
_ANSWER_SECONDS = 5


class Api:
    """Asks one API server as the owner of a client certificate, over a connection that is kept. For one thread at a time."""

    def __init__(self, url: str, authority: str, pair: Pair) -> None:
        parts = urlsplit(url)
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(pair.certificate, pair.key)
        self._connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port or 443, timeout=_ANSWER_SECONDS, context=context
        )

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 when nobody answered."""
        was_open = self._connection.sock is not None
        answer = self._ask(path)
        if answer is None and was_open:
            # Perhaps the server, or a new one in its place, knew nothing of that connection.
            answer = self._ask(path)
        return answer or (0, "")

    def _ask(self, path: str) -> tuple[int, str] | None:
        """None: nobody answered."""
        try:
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return None

    def get_object(self, path: str) -> dict[str, Any] | None:
        """An object; None where there is none or nobody answered."""
        status, body = self.get(path)
        if status != http.HTTPStatus.OK:
            return None
        decoded: dict[str, Any] = json.loads(body)
        return decoded

    def is_ready(self) -> bool:
        """True once all start-up hooks, RBAC's built-in roles among them, are done."""
        return self.get("/readyz")[0] == http.HTTPStatus.OK


def wait_until(what: str, holds: Callable[[], bool], seconds: float, otherwise: Callable[[], str] = str) -> None:
    """Poll. Raises ClusterError with ``what`` and what ``otherwise`` tells when ``seconds`` have passed."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not so after {seconds:.0f} s. {otherwise()}".rstrip())
        time.sleep(_POLL_SECONDS)
