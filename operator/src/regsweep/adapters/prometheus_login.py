"""What goes with each request to a Prometheus that is somebody else's: credentials, certificates, headers and parameters."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from regsweep.adapters.secret_files import FromFiles, SecretFileError, read_line, read_word, tls_context


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
        """The headers of the next request; reads files. Raises SecretFileError."""
        headers = dict(self.headers)
        if self.token_file is not None:
            headers["Authorization"] = f"Bearer {read_word(self.token_file)}"
        elif self.username_file is not None and self.password_file is not None:
            user, password = read_word(self.username_file), read_line(self.password_file)
            if ":" in user:
                raise SecretFileError(f"{self.username_file}: a user name for basic authentication has no colon")
            headers["Authorization"] = f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
        return headers

    def tls(self) -> FromFiles[ssl.SSLContext | None]:
        """The TLS context that its files make; None where it names none."""
        files = (self.ca_file, self.certificate_file, self.key_file)
        return FromFiles(files, self._tls_context)

    def described(self) -> str:
        """Which credentials are sent, as a sentence."""
        sent = [f"the token of {self.token_file}"] if self.token_file is not None else []
        if self.username_file is not None:
            sent.append(f"the user name of {self.username_file} and its password")
        if self.certificate_file is not None:
            sent.append(f"the client certificate {self.certificate_file}")
        return f"It was sent {', and '.join(sent)}." if sent else "It was sent no credentials."

    def _tls_context(self) -> ssl.SSLContext | None:
        if self.ca_file is None and self.certificate_file is None:
            return None
        return tls_context(
            ssl.Purpose.SERVER_AUTH,
            ca_file=self.ca_file,
            certificate_file=self.certificate_file,
            key_file=self.key_file,
        )
