"""Credentials that a program prints, as kubectl gets them from it (client.authentication.k8s.io)."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from regsweep.adapters.kubeconfig import Chosen, Exec, User, token_of
from regsweep.errors import KubeconfigError


class Credentials(BaseModel):
    """What a plugin gives: a token, or a certificate with its key."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    token: str = ""
    client_certificate_data: str = Field("", alias="clientCertificateData")
    """PEM."""
    client_key_data: str = Field("", alias="clientKeyData")
    """PEM."""


class _Answer(BaseModel):
    api_version: str = Field(alias="apiVersion")
    status: Credentials


async def credentials_of(user: Chosen[User]) -> Credentials | None:
    """Runs the user's plugin; None where the user has none.

    What the plugin writes to standard error is seen as it comes: it may ask the user to log in.

    Raises KubeconfigError where it cannot be started, fails, or prints something else.
    """
    plugin = user.value.exec
    if plugin is None:
        return None
    where, name = user.at("exec"), Path(plugin.command).name
    process = await _started(plugin, user)
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:  # this was cancelled
            process.kill()
    if process.returncode != 0:
        raise KubeconfigError(
            f"{where}: {name} returned no credentials and ended with exit code {process.returncode}. Log in as it asks."
        )
    return _credentials(printed, plugin, where, name)


async def _started(plugin: Exec, user: Chosen[User]) -> asyncio.subprocess.Process:
    command = plugin.command
    if os.sep in command:
        command = str(user.file.parent.absolute() / command)
    request = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": {"interactive": sys.stdin.isatty()}}
    variables = {variable.name: variable.value for variable in plugin.env or ()}
    try:
        return await asyncio.create_subprocess_exec(
            command,
            *(plugin.args or ()),
            env={**os.environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdout=subprocess.PIPE,
        )
    except (OSError, ValueError) as error:
        reason = (
            "it does not exist" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None) or error
        )
        hint = " ".join(plugin.install_hint.split()) if plugin.install_hint else "Install it, or configure another one."
        where = user.at("exec.command")
        raise KubeconfigError(f"{where}: {plugin.command} cannot be started: {reason}. {hint}") from error


def _credentials(printed: bytes, plugin: Exec, where: str, name: str) -> Credentials:
    """What the plugin of that name printed. Raises KubeconfigError where it is no ExecCredential of its version."""
    try:
        answer = _Answer.model_validate_json(printed)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(map(str, problem["loc"])) or "JSON"
        raise KubeconfigError(f"{where}: {name} printed no ExecCredential ({field}: {problem['msg']}).") from error
    if answer.api_version != plugin.api_version:
        raise KubeconfigError(
            f"{where}.apiVersion: is {plugin.api_version}, but {name} printed an ExecCredential of {answer.api_version}."
        )
    credentials = answer.status
    if credentials.token:
        return credentials.model_copy(update={"token": token_of(credentials.token, f"{where}: {name}")})
    if not (credentials.client_certificate_data and credentials.client_key_data):
        raise KubeconfigError(f"{where}: {name} printed neither a token nor a certificate with its key.")
    return credentials
