"""How to reach the API server: from the pod's service account or from a kubeconfig, in the client library's terms.

Everything that can be wrong on the way, the files' content and the plugins they name included, is a KubeconfigError.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import aiohttp
from kubernetes.aio import config as kube_config
from kubernetes.aio.client.configuration import Configuration
from pydantic import JsonValue

from regsweep.adapters.exec_plugin import Credentials, credentials_of
from regsweep.adapters.kubeconfig import Chosen, Selection, User, kubeconfig_paths, read_kubeconfigs, select
from regsweep.errors import KubeconfigError, Unavailable

RENEW_SECONDS: Final = 300.0
"""How often a kubeconfig is read again: the tokens of exec plugins live 15 minutes and more."""
SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_NAMESPACE: Final = "default"


@dataclass(frozen=True, slots=True)
class Connection:
    """A way to an API server, and where its parts were written, for messages."""

    configuration: Configuration
    namespace: str
    """What kubectl would take without -n."""
    server_at: str
    """Where the server's address is configured."""
    credentials_at: str
    """Where the credentials are configured."""


async def load_connection(kubeconfig: Path | None = None, context: str | None = None) -> Connection:
    """The connection that the kubeconfig and its context name; with neither given the pod's own, else the user's kubeconfig.

    Raises KubeconfigError.
    """
    if kubeconfig is None and context is None and (connection := _in_pod()) is not None:
        return connection
    paths = kubeconfig_paths(kubeconfig)
    files = read_kubeconfigs(paths, must_exist=kubeconfig is not None)
    if not files:
        looked = ", ".join(map(str, paths))
        raise KubeconfigError(
            f"no kubeconfig: {looked} {'does' if len(paths) == 1 else 'do'} not exist, and this process does not run in a pod. "
            "Set KUBECONFIG, or give --kubeconfig."
        )
    selection = select(files, context)
    configuration = Configuration()
    await _apply(selection, configuration)
    _check_tls(selection, configuration)
    loaded_at = monotonic()

    async def renew(_: Configuration) -> None:
        """Reads the files again every few minutes: the client itself never renews the token of an exec plugin."""
        nonlocal loaded_at
        if monotonic() - loaded_at <= RENEW_SECONDS:
            return
        loaded_at = monotonic()
        try:
            # What was read from a pipe cannot be read twice.
            files.update(read_kubeconfigs([path for path in files if path.is_file()], must_exist=False))
            await _apply(select(files, selection.context.name), configuration)
        except KubeconfigError as error:
            raise Unavailable(str(error)) from error

    configuration.refresh_api_key_hook = renew  # type: ignore[assignment]  # annotated as None alone, awaited all the same
    user = selection.user
    return Connection(
        configuration,
        namespace=selection.context.value.namespace or DEFAULT_NAMESPACE,
        server_at=selection.cluster.at("server"),
        credentials_at=f"{user.file}: {user.field}" if user is not None else selection.context.at("user"),
    )


def _in_pod() -> Connection | None:
    """The service account's; None outside of a pod."""
    configuration = Configuration()
    try:
        kube_config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # not annotated
    except kube_config.ConfigException:
        return None
    except (OSError, ValueError) as error:
        raise KubeconfigError(f"{SERVICE_ACCOUNT}: the pod's service account cannot be read: {error}.") from error
    _load_authority(configuration, f"{SERVICE_ACCOUNT}/ca.crt")
    try:
        namespace = (SERVICE_ACCOUNT / "namespace").read_text().strip()
    except (OSError, ValueError):
        namespace = ""
    where = str(SERVICE_ACCOUNT)
    return Connection(configuration, namespace or DEFAULT_NAMESPACE, server_at=where, credentials_at=where)


async def _apply(selection: Selection, configuration: Configuration) -> None:
    """Sets the configuration by the selection. The library does it; its errors are of many kinds, and name no file."""
    user = selection.user
    fields = {} if user is None else _as_library_has_it(user, await credentials_of(user))
    cluster = selection.cluster.value.model_dump(by_alias=True, exclude_none=True)
    document = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "it", "user": fields}],
    }
    try:
        await kube_config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]  # not annotated
            document, client_configuration=configuration
        )
    except (
        kube_config.ConfigException,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        aiohttp.ClientError,
    ) as error:
        where = str(selection.context.file)
        if user is not None and user.value.auth_provider is not None:
            where = user.at("auth-provider")
        raise KubeconfigError(
            f"{where}: cannot be used: {' '.join(str(error).split()) or type(error).__name__}."
        ) from error


def _as_library_has_it(user: Chosen[User], credentials: Credentials | None) -> dict[str, JsonValue]:
    fields: dict[str, JsonValue] = user.value.model_dump(by_alias=True, exclude_none=True, exclude={"exec"})
    if credentials is not None and credentials.token:
        fields["token"] = credentials.token
    elif credentials is not None:
        for name, pem in (
            ("client-certificate", credentials.client_certificate_data),
            ("client-key", credentials.client_key_data),
        ):
            fields.pop(name, None)
            fields[f"{name}-data"] = base64.b64encode(pem.encode()).decode("ascii")
    return fields


def _check_tls(selection: Selection, configuration: Configuration) -> None:
    """Raises KubeconfigError where certificates or the key are none; without it the first request would."""
    cluster, user = selection.cluster, selection.user
    if configuration.ssl_ca_cert:
        data = cluster.value.certificate_authority_data
        _load_authority(configuration, cluster.at(f"certificate-authority{'-data' if data else ''}"))
    if configuration.cert_file and user is not None:
        fields: Mapping[str, object] = user.value.model_dump(by_alias=True)
        given = [name for name in ("client-certificate", "client-certificate-data", "exec") if fields[name]]
        try:
            # An encrypted key would ask for its password; kubectl refuses it too.
            ssl.create_default_context().load_cert_chain(configuration.cert_file, configuration.key_file, lambda: "")
        except (OSError, ValueError) as error:
            raise KubeconfigError(
                f"{user.at(given[0])}: is not a PEM certificate that belongs to the unencrypted key  "
                f"({_reason(error)})."
            ) from error


def _load_authority(configuration: Configuration, where: str) -> None:
    try:
        ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    except (OSError, ValueError) as error:
        raise KubeconfigError(f"{where}: contains no PEM certificate ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return str(reason).replace("_", " ").lower()
