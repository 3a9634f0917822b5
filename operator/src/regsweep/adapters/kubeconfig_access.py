"""The way that a kubeconfig names, by the official client, which knows the ways to log in. Exec plugins are asked by us."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Final

import aiohttp
from kubernetes.aio import config as kube_config
from kubernetes.aio.client.configuration import Configuration
from pydantic import JsonValue

from regsweep.adapters.access import DEFAULT_NAMESPACE, Access, Connection, check_authority, reason_of
from regsweep.adapters.exec_plugin import Credentials, credentials_of
from regsweep.adapters.kubeconfig import (
    Chosen,
    KubeconfigFile,
    Selection,
    User,
    kubeconfig_paths,
    read_kubeconfigs,
    select,
)
from regsweep.errors import KubeconfigError, Unavailable

RENEW_SECONDS: Final = 300.0
"""How often a kubeconfig is read again: the tokens of exec plugins live 15 minutes and more."""


async def connection_by(kubeconfig: Path | None, context: str | None) -> Connection:
    """The connection that the context names (None: the current one). kubeconfig: None: the user's own files.

    Raises KubeconfigError.
    """
    paths = kubeconfig_paths(kubeconfig)
    files = read_kubeconfigs(paths, must_exist=kubeconfig is not None)
    if not files:
        looked = ", ".join(map(str, paths))
        raise KubeconfigError(
            f"no kubeconfig: {looked} {'does' if len(paths) == 1 else 'do'} not exist, and this process does not run in a pod. "
            "Set KUBECONFIG, or give --kubeconfig."
        )
    selection = select(files, context)
    access = await _access_by(files, selection)
    _check_tls(selection, access)
    user = selection.user
    return Connection(
        access,
        namespace=selection.context.value.namespace or DEFAULT_NAMESPACE,
        server_at=selection.cluster.at("server"),
        credentials_at=f"{user.file}: {user.field}" if user is not None else selection.context.at("user"),
    )


async def _access_by(files: dict[Path, KubeconfigFile], selection: Selection) -> Access:
    """Access by the context that was selected from these files, which are read again every few minutes.

    Raises KubeconfigError.
    """
    configuration = Configuration()
    await _apply(selection, configuration)
    loaded_at = monotonic()

    async def authorization() -> str:
        """The client itself never renews the token of an exec plugin."""
        nonlocal loaded_at
        if monotonic() - loaded_at > RENEW_SECONDS:
            loaded_at = monotonic()
            try:
                # What was read from a pipe cannot be read twice.
                files.update(read_kubeconfigs([path for path in files if path.is_file()], must_exist=False))
                await _apply(select(files, selection.context.name), configuration)
            except KubeconfigError as error:
                raise Unavailable(str(error)) from error
            access.certificate_file, access.key_file = configuration.cert_file, configuration.key_file
        key = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return key.strip() if key else ""

    access = Access(
        host=str(configuration.host),
        authorization=authorization,
        ca_file=configuration.ssl_ca_cert,
        certificate_file=configuration.cert_file,
        key_file=configuration.key_file,
        verify=configuration.verify_ssl,
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
    )
    return access


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


def _check_tls(selection: Selection, access: Access) -> None:
    """Raises KubeconfigError where certificates or the key are none; without it the first request would."""
    cluster, user = selection.cluster, selection.user
    if access.ca_file:
        data = cluster.value.certificate_authority_data
        check_authority(access, cluster.at(f"certificate-authority{'-data' if data else ''}"))
    if access.certificate_file and user is not None:
        fields: Mapping[str, object] = user.value.model_dump(by_alias=True)
        given = [name for name in ("client-certificate", "client-certificate-data", "exec") if fields[name]]
        try:
            # An encrypted key would ask for its password; kubectl refuses it too.
            ssl.create_default_context().load_cert_chain(access.certificate_file, access.key_file, lambda: "")
        except (OSError, ValueError) as error:
            raise KubeconfigError(
                f"{user.at(given[0])}: is not a PEM certificate that belongs to the unencrypted key  "
                f"({reason_of(error)})."
            ) from error
