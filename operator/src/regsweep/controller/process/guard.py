"""Who may read /metrics, and by which certificate the port is served. The probes of the kubelet, which has no login, stay open."""

from __future__ import annotations

import asyncio
import hmac
import logging
import ssl
from pathlib import Path

from aiohttp import web

from regsweep.adapters.secret_files import FromFiles, SecretFileError, read_word, tls_context
from regsweep.settings import Settings

logger = logging.getLogger(__name__)


class Guard:
    """TLS of the port, and the login of /metrics. Certificates and token are read again when their files change."""

    def __init__(
        self,
        *,
        certificate_file: Path | None = None,
        key_file: Path | None = None,
        client_ca_file: Path | None = None,
        token_file: Path | None = None,
    ) -> None:
        """client_ca_file: authorities of the client certificates that /metrics wants; token_file: of the token. None: neither."""
        self._certificate_file = certificate_file
        self._key_file = key_file
        self._client_ca_file = client_ca_file
        self._token_file = token_file
        self._contexts = FromFiles((certificate_file, key_file, client_ca_file), self._new_context)

    def listening(self) -> ssl.SSLContext | None:
        """The context to listen with; None: plain HTTP. Raises SecretFileError."""
        if self._certificate_file is None:
            return None
        context = self._new_context()
        # Called at each connection: it is answered by what the files hold then.
        context.sni_callback = self._renew
        return context

    async def refusal(self, request: web.Request) -> web.Response | None:
        """The answer to one who may not read the metrics; None to one who may."""
        if self._client_ca_file is not None and not _has_certificate(request):
            return web.Response(status=401, text="/metrics wants a client certificate\n")
        if self._token_file is None:
            return None
        try:
            token = await asyncio.to_thread(read_word, self._token_file)
        except SecretFileError as error:
            logger.warning("/metrics is not served: %s", error)
            return web.Response(status=503, text="the token of /metrics cannot be read; the operator's log says why\n")
        given = request.headers.get("Authorization", "").encode(errors="replace")
        if hmac.compare_digest(given, f"Bearer {token}".encode()):
            return None
        headers = {"WWW-Authenticate": "Bearer"}
        return web.Response(status=401, text="/metrics wants a bearer token\n", headers=headers)

    def _renew(self, connection: ssl.SSLSocket | ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        try:
            connection.context = self._contexts.current()
        except SecretFileError as error:
            logger.warning("the certificate of /metrics is not renewed: %s", error)

    def _new_context(self) -> ssl.SSLContext:
        context = tls_context(
            ssl.Purpose.CLIENT_AUTH,
            ca_file=self._client_ca_file,
            certificate_file=self._certificate_file,
            key_file=self._key_file,
        )
        if self._client_ca_file is not None:
            # Not required: the kubelet's probes come without one.
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


def guard_of(settings: Settings) -> Guard:
    """The guard of the settings."""
    return Guard(
        certificate_file=_path(settings.http_certificate_file),
        key_file=_path(settings.http_key_file),
        client_ca_file=_path(settings.metrics_client_ca_file),
        token_file=_path(settings.metrics_token_file),
    )


def _has_certificate(request: web.Request) -> bool:
    return request.transport is not None and bool(request.transport.get_extra_info("peercert"))


def _path(file: str) -> Path | None:
    return Path(file) if file else None
