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


class Api:
    """Asks one API server as the owner of a client certificate."""

    def __init__(self, url: str, authority: str, pair: Pair) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._context = ssl.create_default_context(cafile=authority)
        self._context.load_cert_chain(pair.certificate, pair.key)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 when nobody answered."""
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=5, context=self._context)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

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
