"""An API server and what lets us in, whoever says it: a kubeconfig or a pod's service account. No client library is needed to use it."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from regsweep.errors import KubeconfigError

DEFAULT_NAMESPACE: Final = "default"


async def _without_credentials() -> str:
    return ""


@dataclass(slots=True)
class Access:
    """How an API server is reached. Credentials that are renewed are changed in place."""

    host: str
    """Its URL."""
    authorization: Callable[[], Awaitable[str]] = _without_credentials
    """The header Authorization, with a token that is fresh; empty: none, as with client certificates. Raises Unavailable."""
    ca_file: str | None = None
    """Authorities of its certificate; None: the system's."""
    certificate_file: str | None = None
    """Our own certificate; None: none is shown."""
    key_file: str | None = None
    verify: bool = True
    """Whether its certificate is checked."""
    server_name: str | None = None
    """Name in its certificate; None: the URL's."""
    proxy: str | None = None
    """URL of the proxy to it; None: what the environment names."""

    def tls(self) -> ssl.SSLContext:
        """A TLS context for it. Raises OSError and ValueError where a file is no certificate or key."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.certificate_file:
            context.load_cert_chain(self.certificate_file, self.key_file)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True)
class Connection:
    """A way to an API server, and where its parts were written, for messages."""

    access: Access
    namespace: str
    """What kubectl would take without -n."""
    server_at: str
    """Where the server's address is configured."""
    credentials_at: str
    """Where the credentials are configured."""


def check_authority(access: Access, where: str) -> None:
    """Raises KubeconfigError where the file of authorities holds none. where: it was written there."""
    try:
        ssl.create_default_context(cafile=access.ca_file)
    except (OSError, ValueError) as error:
        raise KubeconfigError(f"{where}: contains no PEM certificate ({reason_of(error)}).") from error


def reason_of(error: Exception) -> str:
    """OpenSSL's reason, or the system's."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return str(reason).replace("_", " ").lower()
