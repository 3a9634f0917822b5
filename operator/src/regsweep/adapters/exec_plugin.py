"""Credentials that a program prints, as kubectl gets them from it (client.authentication.k8s.io)."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from regsweep.adapters.kubeconfig import Chosen, User, token_of
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
    """Runs the user's plugin; None where it has none.

    What the plugin writes to standard error is seen as it comes: it may ask the user to log in.

    Raises KubeconfigError where it cannot be started, fails, or prints something else.
    """
    plugin = user.value.exec
    if plugin is None:
        return None
    where = user.at("exec")
    command = plugin.command
    if os.sep in command:
        command = str(user.file.parent.absolute() / command)
    request = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": {"interactive": sys.stdin.isatty()}}
    variables = {variable.name: variable.value for variable in plugin.env or ()}
    try:
        process = await asyncio.create_subprocess_exec(
            command,
            *(plugin.args or ()),
            env={**os.environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdout=subprocess.PIPE,
        )
    except (OSError, ValueError) as error:
        reason = (
            "it is not there" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None) or error
        )
        hint = f" {' '.join(plugin.install_hint.split())}" if plugin.install_hint else " Install it, or name another."
        raise KubeconfigError(f"{where}.command: {plugin.command} cannot be started: {reason}.{hint}") from error
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:  # this was cancelled
            process.kill()
    name = Path(plugin.command).name
    if process.returncode != 0:
        raise KubeconfigError(
            f"{where}: {name} gave no credentials and ended with exit code {process.returncode}. Log in as it asks."
        )
    try:
        answer = _Answer.model_validate_json(printed)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(map(str, problem["loc"]))
        raise KubeconfigError(
            f"{where}: {name} printed no ExecCredential ({field or 'JSON'}: {problem['msg']})."
        ) from error
    if answer.api_version != plugin.api_version:
        raise KubeconfigError(
            f"{where}.apiVersion: is {plugin.api_version}, but {name} printed an ExecCredential of {answer.api_version}."
        )
    if not answer.status.token and not (answer.status.client_certificate_data and answer.status.client_key_data):
        raise KubeconfigError(f"{where}: {name} printed neither a token nor a certificate with its key.")
    if answer.status.token:
        return answer.status.model_copy(update={"token": token_of(answer.status.token, f"{where}: {name}")})
    return answer.status
