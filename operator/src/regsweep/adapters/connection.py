"""How to reach the API server: from the pod's service account or from a kubeconfig.

Everything that can be wrong on the way, the files' content and the plugins they name included, is a KubeconfigError.
"""

from __future__ import annotations

from pathlib import Path

from regsweep.adapters.access import Connection
from regsweep.adapters.service_account import connection_in_pod


async def load_connection(kubeconfig: Path | None = None, context: str | None = None) -> Connection:
    """The connection that the kubeconfig and its context name; with neither given the pod's own, else the user's kubeconfig.

    Raises KubeconfigError.
    """
    if kubeconfig is None and context is None and (connection := connection_in_pod()) is not None:
        return connection
    # Imported only here: it brings the client library along, which no pod needs (ADR 41).
    from regsweep.adapters.kubeconfig_access import connection_by

    return await connection_by(kubeconfig, context)
