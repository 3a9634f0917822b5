"""Prometheus' HTTP API: an instant query and one over a period; `core.results` interprets their answers. Failures become a MetricsError."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp

from regsweep.api.conditions import Reason
from regsweep.errors import MetricsError

MAX_WORDS: Final = 300
"""Characters of a refusal that are passed on."""
MAX_REFUSAL_BYTES: Final = 65_536
"""Of a refusal that are read."""


class Prometheus:
    """Asks one Prometheus server. Close it when done."""

    def __init__(self, url: str, *, timeout_seconds: float = 10.0, token_file: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._token_file = token_file
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_seconds), trust_env=True)

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()

    async def query(self, promql: str, max_bytes: int) -> bytes:
        """The answer's body to an instant query, evaluated now by Prometheus' own clock.

        max_bytes: no more is read of it.

        Raises MetricsError: no answer in time, not reachable, one that is larger, or any status but 200, with Prometheus' own
        words.
        """
        return await self._post("query", {"query": promql}, max_bytes)

    async def query_range(
        self, promql: str, start: datetime, end: datetime, step_seconds: float, max_bytes: int
    ) -> bytes:
        """The answer's body to a query over a period. Raises MetricsError as `query` does."""
        period = {"start": f"{start.timestamp():.0f}", "end": f"{end.timestamp():.0f}", "step": f"{step_seconds:g}"}
        return await self._post("query_range", {"query": promql, **period}, max_bytes)

    async def _post(self, endpoint: str, form: Mapping[str, str], max_bytes: int) -> bytes:
        # POST: a query may be longer than a URL may be.
        form = {**form, "timeout": f"{self._timeout_seconds:g}s"}
        try:
            headers = await self._headers()
            async with self._session.post(f"{self._url}/api/v1/{endpoint}", data=form, headers=headers) as response:
                body = await _read(response, max_bytes if response.status == 200 else MAX_REFUSAL_BYTES)
                status = response.status
        except TimeoutError as error:
            raise _failed(f"Prometheus at {self._url} did not answer within {self._timeout_seconds:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            detail = str(error) or type(error).__name__
            raise _failed(f"Prometheus at {self._url} cannot be reached: {detail}") from error
        if status != 200:
            raise _failed(f"Prometheus at {self._url} answered HTTP {status}: {_words(body)}")
        if len(body) > max_bytes:
            raise _failed(
                f"Prometheus at {self._url} answered with more than {max_bytes:,} bytes: trainers expose more series than the "
                "training contract has. Set a sample limit where trainers are scraped"
            )
        return body

    async def _headers(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        token = await asyncio.to_thread(self._token_file.read_text)
        return {"Authorization": f"Bearer {token.strip()}"}


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


def _words(body: bytes) -> str:
    """The message of the error response: Prometheus' `error`, or the page of a proxy, truncated."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    text = str(answer["error"]) if isinstance(answer, dict) and "error" in answer else body.decode(errors="replace")
    return " ".join(text.split())[:MAX_WORDS] or "no message"


def _failed(message: str) -> MetricsError:
    return MetricsError(Reason.QUERY_FAILED.value, message)
