"""Access to a cluster from the command line: connection, and its errors with their origin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regsweep.adapters.access import Connection
from regsweep.adapters.connection import load_connection
from regsweep.cli.exits import UsageError
from regsweep.errors import ApiError, KubeconfigError, RegsweepError, UnknownResource

BAD_REQUEST = 400
UNAUTHORIZED = 401
FORBIDDEN = 403


async def connection_of(kubeconfig: Path | None, context: str | None) -> Connection:
    """As `load_connection`; what the command line itself names wrongly is a UsageError."""
    try:
        return await load_connection(kubeconfig, context)
    except KubeconfigError as error:
        if kubeconfig is None and context is None:
            raise
        raise UsageError(str(error)) from error


@contextmanager
def explained(connection: Connection) -> Iterator[None]:
    """Adds to errors of the API server where its address and the credentials are configured, and what to do."""
    try:
        yield
    except ApiError as error:
        raise RegsweepError(explanation(error, connection)) from error


def explanation(error: ApiError, connection: Connection) -> str:
    """One sentence on what went wrong, and one on what to do."""
    server = f"{connection.server_at}: {connection.access.host}"
    message = " ".join(str(error).split()).rstrip(".")
    match error:
        case UnknownResource():
            return f"{server} has no RegularizationSweeps ({message}). Install regsweep there, or choose another cluster with --context."
        case ApiError(status=status) if status < BAD_REQUEST:
            # None at all, or one that is no API server's: a page, or the way to one.
            return f"{server}: {message}. Check the address, and that it can be reached from here."
        case ApiError(status=status) if status == UNAUTHORIZED:
            return (
                f"{connection.credentials_at}: the API server rejects these credentials ({message}). "
                "Log in again, or renew the token or certificate."
            )
        case ApiError(status=status) if status == FORBIDDEN:
            return (
                f"{connection.credentials_at}: the API server denies access: {message}. "
                "The role `view` in the sweep's namespace is enough; ask an administrator for it."
            )
    return f"{server}: {message} (HTTP {error.status}). Try again later."
