"""What goes with each request to a Prometheus that is somebody else's: credentials, certificates, headers and parameters.

Secrets stand in files, which are read for each request: a mounted Secret is renewed without a restart. No text of this module
shows what such a file holds.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from regsweep.errors import RegsweepError

MAX_CREDENTIAL_BYTES: Final = 65_536
"""Of a file that holds a token, a user name or a password."""

_Stamp = tuple[int, int, int]
"""Device, inode and time of change: another one after a mounted Secret was renewed."""


class LoginError(RegsweepError):
    """A file of the login cannot be used; the text names it."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a request carries. None: not given. A token and a user name exclude each other."""

    token_file: Path | None = None
    username_file: Path | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    """Authorities that are trusted in place of the system's."""
    certificate_file: Path | None = None
    key_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the address, beside the query's own."""

    def request_headers(self) -> dict[str, str]:
        """The headers of the next request; reads files. Raises LoginError."""
        headers = dict(self.headers)
        if self.token_file is not None:
            headers["Authorization"] = f"Bearer {_credential(self.token_file)}"
        elif self.username_file is not None and self.password_file is not None:
            user, password = _credential(self.username_file), _password(self.password_file)
            if ":" in user:
                raise LoginError(f"{self.username_file}: a user name for basic authentication has no colon")
            headers["Authorization"] = f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
        return headers

    def described(self) -> str:
        """Which credentials are sent, as a sentence."""
        sent = [f"the token of {self.token_file}"] if self.token_file is not None else []
        if self.username_file is not None:
            sent.append(f"the user name of {self.username_file} and its password")
        if self.certificate_file is not None:
            sent.append(f"the client certificate {self.certificate_file}")
        return f"It was sent {', and '.join(sent)}." if sent else "It was sent no credentials."


class TlsContexts:
    """The TLS context that a login's files make, made anew when one of them has changed."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._stamps: tuple[_Stamp, ...] = ()
        self._context: ssl.SSLContext | None = None

    def current(self) -> ssl.SSLContext | None:
        """The context; None where the login names no file for it. Reads files. Raises LoginError."""
        login = self._login
        files = [path for path in (login.ca_file, login.certificate_file, login.key_file) if path is not None]
        # Read before the files are: a change in between is seen at the next request.
        stamps = tuple(_stamp(path) for path in files)
        if stamps != self._stamps:
            self._context, self._stamps = _context(login), stamps
        return self._context


def _context(login: Login) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=login.ca_file)
    except (ssl.SSLError, OSError) as error:
        raise LoginError(f"{login.ca_file}: holds no certificate in PEM ({_reason(error)})") from error
    if login.certificate_file is not None and login.key_file is not None:
        try:
            # Without a password of ours OpenSSL would ask for one at the terminal, and wait.
            context.load_cert_chain(login.certificate_file, login.key_file, password=_no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            pair = f"{login.certificate_file} and {login.key_file}"
            raise LoginError(
                f"{pair} are no certificate in PEM with its key, which must not be encrypted ({_reason(error)})"
            ) from error
    return context


def _no_password() -> str:
    return ""


def _reason(error: Exception) -> str:
    """OpenSSL's reason, or the system's."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError as error:
        raise LoginError(f"{path}: {error.strerror}") from error
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _credential(path: Path) -> str:
    """The one word that the file holds. Raises LoginError."""
    text = _password(path)
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise LoginError(f"{path}: must hold one word of printable ASCII")
    return text


def _password(path: Path) -> str:
    """What the file holds, without the line's end. Raises LoginError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CREDENTIAL_BYTES + 1)
        text = content.decode().strip("\r\n")
    except OSError as error:
        raise LoginError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LoginError(f"{path}: is not UTF-8") from error
    if not text or len(content) > MAX_CREDENTIAL_BYTES:
        raise LoginError(f"{path}: {'is empty' if not text else f'is larger than {MAX_CREDENTIAL_BYTES:,} bytes'}")
    return text
