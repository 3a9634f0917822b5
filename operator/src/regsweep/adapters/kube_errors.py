"""What goes wrong with a request to the API server, as errors of regsweep.errors: by its answer, or by the want of one."""

from __future__ import annotations

import json
import os
import re
from typing import Final

import aiohttp

from regsweep.adapters.kubeapi import KubeObject
from regsweep.core.refusals import QUOTA_WORDS
from regsweep.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    NamespaceTerminating,
    NotFound,
    NotPermitted,
    QuotaExceeded,
    Refused,
    Unavailable,
    UnknownResource,
)

_RBAC_WORDS: Final = re.compile(r'User "[^"]*" cannot [a-z]+ resource')
"""In the API server's words for what RBAC does not allow."""


def error_of(status: int, answer: KubeObject, retry_after: str | None) -> ApiError:
    """The error for an HTTP status and the API's Status object (`reason`, `message`); `retry_after` is the header, in seconds."""
    message = str(answer.get("message") or f"HTTP {status}")
    reason = answer.get("reason")
    wait = _seconds(retry_after)
    if status == 404:
        # Where the kind is not served at all, the answer names no object; older servers answer in plain text.
        known = (answer.get("details") or {}).get("name")
        return NotFound(message, status) if known else UnknownResource(message, status)
    if status == 409:
        return AlreadyExists(message, status) if reason == "AlreadyExists" else Conflict(message, status)
    causes = (answer.get("details") or {}).get("causes") or ()
    if status == 422 and any(cause.get("field") == "metadata.uid" for cause in causes):
        return Conflict(message, status)  # a patch meant for another object of that name: the server calls it immutable
    if status == 410 or reason in ("Expired", "Gone"):
        return Expired(message, status)
    if status in (401, 408, 429) or status >= 500:
        # 401: tokens expire and are read again before the next request.
        return Unavailable(message, status, wait)
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return NamespaceTerminating(message, status)
    return _refusal(message, status)


def _refusal(message: str, status: int) -> Refused:
    """Why a request was refused for good, or until somebody makes room. Of a 403 only the words tell what it is about."""
    if status == 403 and QUOTA_WORDS in message:
        return QuotaExceeded(message, status)
    if status == 403 and _RBAC_WORDS.search(message):
        return NotPermitted(message, status)
    return Refused(message, status)


def reason_of(error: Exception) -> str:
    """Why there is no answer, briefly; the library's messages name sockets and modules."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            cause = error.certificate_error
            return f"its certificate is not trusted: {getattr(cause, 'verify_message', '') or cause}"
        case aiohttp.ClientConnectorDNSError():
            return "the host name cannot be resolved"
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy cannot be reached: {error.os_error.strerror or error.os_error}"
        case aiohttp.ClientConnectorSSLError():
            return f"the TLS connection failed: {getattr(error.os_error, 'reason', None) or error.os_error}"
        case aiohttp.ClientConnectorError() if error.os_error.errno:
            return os.strerror(error.os_error.errno).lower()
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before the answer"
        case json.JSONDecodeError() | UnicodeDecodeError():
            return "it is not JSON"
        case TimeoutError():
            return "it took too long"
        case RecursionError():
            return "it is nested too deeply"
    return " ".join(str(error).split()) or type(error).__name__


def _seconds(retry_after: str | None) -> float | None:
    """A Retry-After in seconds, at most a minute; the API server never sends the other form, a date."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return None
    return min(float(retry_after), 60.0)
