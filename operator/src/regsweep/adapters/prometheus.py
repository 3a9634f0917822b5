"""Prometheus' HTTP API: an instant query and one over a period; `core.results` interprets their answers. Failures become a MetricsError."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

from regsweep.adapters import prometheus_failures as failures
from regsweep.adapters.prometheus_login import Login
from regsweep.adapters.proxies import bypasses_proxy
from regsweep.adapters.secret_files import SecretFileError
from regsweep.api.conditions import Reason
from regsweep.errors import MetricsError
from regsweep.settings import PrometheusSettings

MAX_REFUSAL_BYTES: Final = 65_536
"""Of a refusal that are read."""


class Prometheus:
    """Asks one Prometheus server, or what speaks as one. Close it when done."""

    def __init__(self, url: str, *, timeout_seconds: float = 10.0, login: Login | None = None) -> None:
        self._url = url.rstrip("/")
        self._where = f"Prometheus at {self._url}"
        self._timeout_seconds = timeout_seconds
        self._login = login or Login()
        self._tls = self._login.tls()
        # Half of the time for a connection: which part of it was in vain says whom to ask.
        timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=timeout_seconds / 2)
        self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()

    async def query(self, promql: str, max_bytes: int) -> bytes:
        """The answer's body to an instant query, evaluated now by Prometheus' own clock.

        max_bytes: no more is read of it.

        Raises MetricsError: no answer in time, not reachable, one that is larger, a web page, or any status but 200, with
        Prometheus' own words and what to set.
        """
        return await self._post("query", {"query": promql}, max_bytes)

    async def query_range(
        self, promql: str, start: datetime, end: datetime, step_seconds: float, max_bytes: int
    ) -> bytes:
        """The answer's body to a query over a period. Raises MetricsError as `query` does."""
        period = {"start": f"{start.timestamp():.0f}", "end": f"{end.timestamp():.0f}", "step": f"{step_seconds:g}"}
        return await self._post("query_range", {"query": promql, **period}, max_bytes)

    async def _post(self, endpoint: str, form: Mapping[str, str], max_bytes: int) -> bytes:
        form = {**form, "timeout": f"{self._timeout_seconds:g}s"}
        try:
            headers, tls = await asyncio.to_thread(self._credentials)
            return await self._answer(f"{self._url}/api/v1/{endpoint}", form, headers, tls, max_bytes)
        except SecretFileError as error:
            raise _failed(f"{self._where} cannot be asked: {error}") from error
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _failed(failures.of_connection(self._where, error, self._timeout_seconds, self._login)) from error

    def _credentials(self) -> tuple[dict[str, str], ssl.SSLContext | None]:
        return self._login.request_headers(), self._tls.current()

    async def _answer(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], tls: ssl.SSLContext | None, max_bytes: int
    ) -> bytes:
        """The body of a good answer. Raises MetricsError, or what aiohttp does."""
        proxy, proxy_login = await asyncio.to_thread(_proxy_for, url)
        # POST: a query may be longer than a URL may be. A redirection would lose it, and take the credentials along.
        async with self._session.post(
            url,
            data=form,
            params=self._login.parameters,
            headers=headers,
            ssl=tls if tls is not None else True,
            proxy=proxy,
            proxy_auth=proxy_login,
            allow_redirects=False,
        ) as response:
            status, location = response.status, response.headers.get("Location")
            body = await _read(response, max_bytes if status == 200 else MAX_REFUSAL_BYTES)
        if status != 200:
            path = URL(url).path
            raise _failed(failures.of_status(self._where, path, status, body, location, self._login))
        if failures.is_page(response.content_type, body):
            raise _failed(failures.of_page(self._where, self._login))
        if len(body) > max_bytes:
            raise _failed(
                f"{self._where} answered with more than {max_bytes:,} bytes: trainers expose more series than the "
                "training contract has. Set a sample limit where trainers are scraped"
            )
        return body


def prometheus_of(settings: PrometheusSettings) -> Prometheus | None:
    """The Prometheus of the settings; None where they name none."""
    if not settings.prometheus_url:
        return None
    login = Login(
        token_file=_path(settings.prometheus_token_file),
        username_file=_path(settings.prometheus_username_file),
        password_file=_path(settings.prometheus_password_file),
        ca_file=_path(settings.prometheus_ca_file),
        certificate_file=_path(settings.prometheus_certificate_file),
        key_file=_path(settings.prometheus_key_file),
        headers=settings.prometheus_headers,
        parameters=settings.prometheus_parameters,
    )
    return Prometheus(settings.prometheus_url, timeout_seconds=settings.prometheus_timeout_seconds, login=login)


def _path(file: str) -> Path | None:
    return Path(file) if file else None


def _proxy_for(url: str) -> tuple[URL | None, aiohttp.BasicAuth | None]:
    """The environment's proxy for this address. The session itself would take a password from ~/.netrc along with it."""
    address = URL(url)
    try:
        return (None, None) if address.host and bypasses_proxy(address.host) else get_env_proxy_for_url(address)
    except LookupError:
        return None, None


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The body, or a part of it that is longer than `max_bytes`."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(65_536):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            break
    return b"".join(parts)


def _failed(message: str) -> MetricsError:
    return MetricsError(Reason.QUERY_FAILED.value, message)
