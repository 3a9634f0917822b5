"""A pod's own way to the API server: its service account, as the kubelet mounts it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from regsweep.adapters.access import DEFAULT_NAMESPACE, Access, Connection, check_authority
from regsweep.adapters.secret_files import FromFiles, SecretFileError, read_word
from regsweep.errors import KubeconfigError, Unavailable

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def connection_in_pod() -> Connection | None:
    """The service account's; None outside of a pod, or where it has none. Raises KubeconfigError where it cannot be used."""
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
    token, authority = SERVICE_ACCOUNT / "token", SERVICE_ACCOUNT / "ca.crt"
    if not (host and port and token.is_file() and authority.is_file()):
        return None
    bearer = FromFiles([token], lambda: f"Bearer {read_word(token)}")  # the kubelet renews it every hour

    async def authorization() -> str:
        try:
            return bearer.current()
        except SecretFileError as error:
            raise Unavailable(f"the pod's service account cannot be read: {error}") from error

    try:
        bearer.current()
    except SecretFileError as error:
        raise KubeconfigError(f"{SERVICE_ACCOUNT}: the pod's service account cannot be read: {error}.") from error
    url = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    access = Access(url, authorization, ca_file=str(authority))
    check_authority(access, str(authority))
    try:
        namespace = (SERVICE_ACCOUNT / "namespace").read_text().strip()
    except (OSError, ValueError):
        namespace = ""
    where = str(SERVICE_ACCOUNT)
    return Connection(access, namespace or DEFAULT_NAMESPACE, server_at=where, credentials_at=where)
