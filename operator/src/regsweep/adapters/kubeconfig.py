"""Kubeconfig files as kubectl reads them: merged, one context chosen, its cluster and user checked. Nothing is connected.

Any content of such a file results in a `Selection` or a KubeconfigError that names file and field.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Generic, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from regsweep.errors import KubeconfigError

MAX_BYTES: Final = 4 * 1024**2
"""A kubeconfig with hundreds of clusters has two; anything larger is not read."""
MAX_TOKEN_BYTES: Final = 1024**2
_FILES: Final = ("certificate-authority", "client-certificate", "client-key")
_DATA: Final = ("certificate-authority-data", "client-certificate-data", "client-key-data")

_Model = TypeVar("_Model", bound=BaseModel)


def _nothing_as_absent(value: object) -> object:
    return None if value == "" else value


_Text = Annotated[str | None, BeforeValidator(_nothing_as_absent)]
"""In these files an empty text means the same as no field."""


class _Part(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="ignore", frozen=True, alias_generator=lambda name: name.replace("_", "-")
    )


class Cluster(_Part):
    """How to reach an API server."""

    server: str
    certificate_authority: _Text = None
    certificate_authority_data: _Text = None
    insecure_skip_tls_verify: bool | None = None
    tls_server_name: _Text = None
    proxy_url: _Text = None


class ExecVariable(_Part):
    """A variable that a plugin gets."""

    name: str
    value: str


class Exec(_Part):
    """A program that prints credentials."""

    api_version: str = Field(alias="apiVersion")
    command: str
    args: list[str] | None = None
    env: list[ExecVariable] | None = None
    install_hint: _Text = Field(None, alias="installHint")


class AuthProvider(_Part):
    """What older clients authenticate with."""

    name: str
    config: dict[str, str] | None = None


class User(_Part):
    """How to authenticate."""

    token: _Text = None
    token_file: _Text = Field(None, alias="tokenFile")
    client_certificate: _Text = None
    client_certificate_data: _Text = None
    client_key: _Text = None
    client_key_data: _Text = None
    username: _Text = None
    password: _Text = None
    exec: Exec | None = None
    auth_provider: AuthProvider | None = None


class Context(_Part):
    """A cluster, a user and a namespace."""

    cluster: str
    user: _Text = None
    namespace: _Text = None


class _Entry(_Part):
    """An entry of one of the three lists; what it holds is read when it is chosen."""

    model_config = ConfigDict(extra="allow")

    name: str


class KubeconfigFile(_Part):
    clusters: list[_Entry] | None = None
    contexts: list[_Entry] | None = None
    users: list[_Entry] | None = None
    current_context: _Text = None


@dataclass(frozen=True, slots=True)
class Chosen(Generic[_Model]):
    """An entry and its location."""

    name: str
    value: _Model
    file: Path
    field: str
    """Path of the entry's content within the file, such as `users[dev].user`."""

    def at(self, name: str) -> str:
        """Where that field is, for a message."""
        return f"{self.file}: {self.field}.{name}"


@dataclass(frozen=True, slots=True)
class Selection:
    """What one context resolves to. Paths of other files are absolute."""

    context: Chosen[Context]
    cluster: Chosen[Cluster]
    user: Chosen[User] | None
    """None: the context names no user, and requests carry no credentials."""


def kubeconfig_paths(explicit: Path | None, environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The files that kubectl would read: the one that is given, else those of KUBECONFIG, else ~/.kube/config."""
    if explicit is not None:
        return (explicit,)
    listed = [path for path in environment.get("KUBECONFIG", "").split(os.pathsep) if path]
    return tuple(Path(path).expanduser() for path in listed) or (Path.home() / ".kube" / "config",)


def read_kubeconfigs(paths: Sequence[Path], must_exist: bool) -> dict[Path, KubeconfigFile]:
    """The existing files, in order. Raises KubeconfigError if one is not a kubeconfig.

    must_exist: a file that is not there is an error too, as with kubectl's --kubeconfig.
    """
    files = {}
    for path in paths:
        try:
            files[path] = _parsed(path, _content(path))
        except FileNotFoundError as error:
            if must_exist:
                raise KubeconfigError(f"{path}: the file does not exist. Name a kubeconfig that exists.") from error
    return files


def select(files: Mapping[Path, KubeconfigFile], context: str | None) -> Selection:
    """The context of that name (None: the current one) with its cluster and user. Raises KubeconfigError."""
    name = context or next((file.current_context for file in files.values() if file.current_context), None)
    names = ", ".join(map(str, files))
    if name is None:
        raise KubeconfigError(
            f"{names}: current-context is not set. Choose one with `kubectl config use-context`, or name one with --context."
        )
    chosen = _chosen(files, "contexts", name, Context)
    if chosen is None:
        known = ", ".join(_names(files, "contexts")) or "none"
        raise KubeconfigError(f"{names}: context {name} does not exist. Contexts: {known}.")
    cluster = _chosen(files, "clusters", chosen.value.cluster, Cluster)
    if cluster is None:
        known = ", ".join(_names(files, "clusters")) or "none"
        raise KubeconfigError(
            f"{chosen.at('cluster')}: cluster {chosen.value.cluster} does not exist. Clusters: {known}."
        )
    user = _chosen(files, "users", chosen.value.user, User) if chosen.value.user else None
    if chosen.value.user and user is None:
        known = ", ".join(_names(files, "users")) or "none"
        raise KubeconfigError(f"{chosen.at('user')}: user {chosen.value.user} does not exist. Users: {known}.")
    _check_url(cluster, "server", cluster.value.server)
    if cluster.value.proxy_url:
        _check_url(cluster, "proxy-url", cluster.value.proxy_url)
    if user is not None:
        _check_user(user)
        user = _resolved(user)
    return Selection(chosen, _resolved(cluster), user)


class _Loader(yaml.SafeLoader):
    """YAML without dates: a token's expiry is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _content(path: Path) -> bytes:
    """Raises FileNotFoundError, and KubeconfigError for all else."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KubeconfigError(f"{path}: cannot be read: {error.strerror}.") from error
    if len(content) > MAX_BYTES:
        raise KubeconfigError(f"{path}: is larger than {MAX_BYTES // 1024**2} MiB, too large for a kubeconfig.")
    return content


def _parsed(path: Path, content: bytes) -> KubeconfigFile:
    try:
        document = yaml.load(content.decode("utf-8-sig"), Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise KubeconfigError(f"{path}: is not YAML: {_where(error)}.") from error
    if document is None:
        raise KubeconfigError(f"{path}: is empty. A kubeconfig has clusters, users and contexts.")
    if not isinstance(document, dict):
        raise KubeconfigError(
            f"{path}: contains {_kind(document)}. A kubeconfig is a mapping with clusters, users and contexts."
        )
    return _validated(KubeconfigFile, document, f"{path}: ")


def _where(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
    if isinstance(error, UnicodeDecodeError | yaml.reader.ReaderError):
        return "it contains bytes that are not text"
    return "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())


def _validated(model: type[_Model], value: object, prefix: str) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
        where = f"{prefix}{field.removeprefix('.')}".rstrip(".")
        raise KubeconfigError(f"{where}: {_wording(problem)}") from error


def _wording(problem: ErrorDetails) -> str:
    if problem["type"] == "missing":
        return "is missing."
    wanted = {
        "string_type": "a string",
        "bool_type": "true or false",
        "list_type": "a list",
        "dict_type": "a mapping",
        "model_type": "a mapping",
    }.get(problem["type"])
    got = _kind(problem["input"])
    if wanted is None:
        return f"{problem['msg']}."
    return f"must be {wanted}, got {got}.{' Write it in quotes.' if got == 'a number' and wanted == 'a string' else ''}"


def _kind(value: object) -> str:
    kinds: tuple[tuple[type, str], ...] = (
        (str, "a string"),
        (bool, "true or false"),
        (int, "a number"),
        (float, "a number"),
        (list, "a list"),
        (dict, "a mapping"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "nothing")


def _names(files: Mapping[Path, KubeconfigFile], kind: str) -> list[str]:
    return list(dict.fromkeys(entry.name for file in files.values() for entry in getattr(file, kind) or ()))


def _chosen(files: Mapping[Path, KubeconfigFile], kind: str, name: str, model: type[_Model]) -> Chosen[_Model] | None:
    """The entry of that name; as with kubectl the first file that has it wins."""
    for path, file in files.items():
        for entry in getattr(file, kind) or ():
            if entry.name == name:
                content = kind.removesuffix("s")
                field = f"{kind}[{name}].{content}"
                value = (entry.model_extra or {}).get(content)
                return Chosen(name, _validated(model, {} if value is None else value, f"{path}: {field}."), path, field)
    return None


def _check_url(cluster: Chosen[Cluster], field: str, url: str) -> None:
    problem = ""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            problem = "it must begin with https:// or http://, and name a host"
        elif parts.port == 0:
            problem = "port 0 cannot be reached"
        else:
            parts.hostname.encode("idna")
    except ValueError as error:
        problem = " ".join(str(error).split())
    if problem:
        raise KubeconfigError(f"{cluster.at(field)}: {url!r} is not an address: {problem}.")


def _check_user(user: Chosen[User]) -> None:
    value = user.value
    certificate = value.client_certificate or value.client_certificate_data
    key = value.client_key or value.client_key_data
    if bool(certificate) != bool(key):
        missing, present = ("client-key", "client-certificate") if certificate else ("client-certificate", "client-key")
        raise KubeconfigError(f"{user.at(missing)}: is missing, and {present} cannot be used without it.")
    if value.exec is not None and not value.exec.command:
        raise KubeconfigError(f"{user.at('exec.command')}: is empty. Name the program that prints the credentials.")


def _resolved(chosen: Chosen[_Model]) -> Chosen[_Model]:
    """The entry with absolute paths of files that can be read, base64 that can be decoded, and the token of its file."""
    fields = chosen.value.model_dump(by_alias=True, exclude_none=True)
    for field in _FILES:
        if field in fields:
            path = chosen.file.parent.absolute() / fields[field]
            _head(path, 1, chosen.at(field))
            fields[field] = str(path)
    if (name := fields.pop("tokenFile", None)) is not None:
        # As in kubectl, the file's token takes precedence over the inline one.
        path = chosen.file.parent.absolute() / name
        fields["token"] = token_of(
            _head(path, MAX_TOKEN_BYTES, chosen.at("tokenFile")).decode(errors="replace"),
            f"{chosen.at('tokenFile')}: {path}",
        )
    elif "token" in fields:
        fields["token"] = token_of(fields["token"], chosen.at("token"))
    for field in _DATA:
        if field in fields:
            try:
                base64.b64decode("".join(fields[field].split()), validate=True)
            except (binascii.Error, ValueError) as error:
                raise KubeconfigError(
                    f"{chosen.at(field)}: is not base64 ({error}). Copy the whole value, without quotes or dots."
                ) from error
    value = type(chosen.value).model_validate(fields)
    return Chosen(chosen.name, value, chosen.file, chosen.field)


def _head(path: Path, size: int, where: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise KubeconfigError(f"{where}: {path} cannot be read: {error.strerror}.") from error


def token_of(text: str, where: str) -> str:
    """The token in the text, without blanks around it; raises KubeconfigError where a header cannot hold it."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable():
        raise KubeconfigError(f"{where}: contains no token, which is one line of ASCII characters.")
    return token
