"""Files with secrets and certificates, which a mounted Secret renews without a restart. No text here shows what one holds."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from regsweep.errors import RegsweepError

MAX_SECRET_BYTES: Final = 65_536
"""Of a file that holds a token, a user name or a password."""

_Made = TypeVar("_Made")
_Stamp = tuple[int, int, int]
"""Device, inode and time of change: another one after a mounted Secret was renewed."""


class SecretFileError(RegsweepError):
    """A file of a secret or a certificate cannot be used; the text names it."""


class FromFiles(Generic[_Made]):
    """What is made of files, made anew when one of them has changed."""

    def __init__(self, files: Sequence[Path | None], make: Callable[[], _Made]) -> None:
        """files: None for one that is not given."""
        self._files = [file for file in files if file is not None]
        self._make = make
        self._made: tuple[tuple[_Stamp, ...], _Made] | None = None

    def current(self) -> _Made:
        """What the files make now; reads them if need be. Raises SecretFileError, and what `make` raises."""
        # Read before the files are: a change in between is seen at the next call.
        stamps = tuple(_stamp(file) for file in self._files)
        if self._made is None or self._made[0] != stamps:
            self._made = (stamps, self._make())
        return self._made[1]


def read_word(path: Path) -> str:
    """The one word that the file holds. Raises SecretFileError."""
    text = read_line(path)
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise SecretFileError(f"{path}: must hold one word of printable ASCII")
    return text


def read_line(path: Path) -> str:
    """What the file holds, without the line's end. Raises SecretFileError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        text = content.decode().strip("\r\n")
    except OSError as error:
        raise SecretFileError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SecretFileError(f"{path}: is not UTF-8") from error
    if not text or len(content) > MAX_SECRET_BYTES:
        raise SecretFileError(f"{path}: {'is empty' if not text else f'is larger than {MAX_SECRET_BYTES:,} bytes'}")
    return text


def tls_context(
    purpose: ssl.Purpose, *, ca_file: Path | None, certificate_file: Path | None, key_file: Path | None
) -> ssl.SSLContext:
    """A TLS context. purpose: of the other side's certificates. ca_file: their authorities; None: the system's.

    Raises SecretFileError.
    """
    try:
        context = ssl.create_default_context(purpose, cafile=ca_file)
    except (ssl.SSLError, OSError) as error:
        raise SecretFileError(f"{ca_file}: holds no certificate in PEM ({_reason(error)})") from error
    if certificate_file is not None and key_file is not None:
        try:
            # Without a password of ours OpenSSL would ask for one at the terminal, and wait.
            context.load_cert_chain(certificate_file, key_file, password=_no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise SecretFileError(
                f"{certificate_file} and {key_file} are no certificate in PEM with its key, which must not be encrypted "
                f"({_reason(error)})"
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
        raise SecretFileError(f"{path}: {error.strerror}") from error
    return found.st_dev, found.st_ino, found.st_mtime_ns
