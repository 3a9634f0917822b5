"""Why a Prometheus could not be asked, and what to set, as sentences. The settings named here are those of docs/operator.md."""

from __future__ import annotations

import json
import ssl
from typing import Final

import aiohttp
from yarl import URL

from regsweep.adapters.prometheus_login import Login

MAX_WORDS: Final = 300
"""Characters of a refusal that are passed on."""

_HOSTNAME_MISMATCH: Final = (62, 64)
"""OpenSSL's codes: the certificate is for another host name, or another address."""
_URL: Final = "REGSWEEP_PROMETHEUS_URL"
_CERTIFICATE: Final = (
    "If it wants a client certificate, set REGSWEEP_PROMETHEUS_CERTIFICATE_FILE and REGSWEEP_PROMETHEUS_KEY_FILE"
)
_POLICY: Final = (
    "a NetworkPolicy may drop it. Let the operator out to that port, and the operator's namespace in at Prometheus"
)
_MESH: Final = (
    "A service mesh with strict mTLS closes connections that come from outside it: let the operator's pod join the mesh, or "
    "exempt Prometheus' port"
)


def of_connection(where: str, error: Exception, timeout_seconds: float, login: Login) -> str:
    """Why there was no answer, or none to the end. where: address and name, such as `Prometheus at URL`."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"{where} accepted no connection: {_POLICY}"
    if isinstance(error, TimeoutError):
        return f"{where} did not answer within {timeout_seconds:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"{where} shows a certificate that is not trusted: {_untrusted(error.certificate_error)}"
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return f"{where} refused the TLS connection: {_handshake(error, login)}"
    if isinstance(error, (aiohttp.ServerDisconnectedError, ConnectionResetError, BrokenPipeError)):
        return f"{where} closed the connection without an answer. {_MESH}"
    return f"{where} cannot be reached: {str(error) or type(error).__name__}"


def of_status(where: str, path: str, status: int, body: bytes, location: str | None, login: Login) -> str:
    """What an answer that is no 200 means. path: of the request; location: where a redirection leads."""
    if 300 <= status < 400:
        return (
            f"{where} redirects to {_without_query(location)} (HTTP {status}), which is not followed: credentials would go along. "
            f"It is a login page, or another address: set {_URL} to the one that answers"
        )
    words = _words(body)
    if status == 401:
        return f"{where} refused the login (HTTP 401): {words}. {login.described()} {_login_remedy(login)}"
    if status == 403:
        return (
            f"{where} does not permit the query (HTTP 403): {words}. {login.described()} Its user lacks the right to query, or the "
            "policy of a service mesh or proxy forbids it"
        )
    if status == 404:
        return f"{where} has no {path} (HTTP 404): {words}. Check the path in {_URL}"
    return f"{where} answered HTTP {status}: {words}"


def of_page(where: str, login: Login) -> str:
    """What it means that the answer is a web page."""
    return (
        f"{where} answered with a web page in place of data: a login page, or an address that is not Prometheus'. "
        f"{login.described()} Check {_URL} and the login"
    )


def is_page(content_type: str, body: bytes) -> bool:
    """Whether the answer is HTML, whatever it calls itself."""
    return content_type in ("text/html", "application/xhtml+xml") or body[:64].lstrip().startswith(b"<")


def _untrusted(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _HOSTNAME_MISMATCH:
        return f"{error.verify_message.rstrip('.')}. Use a name in {_URL} that the certificate has"
    words = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return f"{words}. Set REGSWEEP_PROMETHEUS_CA_FILE to the certificate of the authority that signed it"


def _handshake(error: Exception, login: Login) -> str:
    # aiohttp's errors are SSLErrors too, but have the reason in their cause.
    cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
    words = str(getattr(cause, "reason", None) or error).replace("_", " ").lower()
    if "wrong version number" in words or "record layer failure" in words:
        return f"{words}. It seems to speak plain HTTP: use http:// in {_URL}"
    return f"{words}. {login.described()} {_CERTIFICATE}"


def _login_remedy(login: Login) -> str:
    if login.token_file is None and login.username_file is None:
        return (
            "Set REGSWEEP_PROMETHEUS_TOKEN_FILE or REGSWEEP_PROMETHEUS_USERNAME_FILE; a tenant's header in "
            "REGSWEEP_PROMETHEUS_HEADERS"
        )
    return "Check that it is still valid there"


def _without_query(location: str | None) -> str:
    """Where a redirection leads, without what a login would put into the query."""
    try:
        url = URL(location or "").with_query(None).with_fragment(None)
        return str(url.with_user(None) if url.absolute else url)[:MAX_WORDS] or "nowhere"
    except ValueError:
        return "an address that is none"


def _words(body: bytes) -> str:
    """The message of the error response: Prometheus' `error`, or the page of a proxy, truncated."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    text = str(answer["error"]) if isinstance(answer, dict) and "error" in answer else body.decode(errors="replace")
    return " ".join(text.split())[:MAX_WORDS].rstrip(".") or "no message"
