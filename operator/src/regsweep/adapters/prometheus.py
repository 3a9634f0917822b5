"""Prometheus' HTTP API: one instant query, a typed answer, typed failures.

An empty vector is an answer. A partial one is not: an error status, a warning, a wrong type or anything unreadable is a MetricsError,
because what is ranked on half the data looks like what is ranked on all of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import aiohttp
from pydantic import BaseModel, Field, ValidationError

from regsweep.api.conditions import Reason
from regsweep.errors import MetricsError

MAX_ERROR_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an instant vector."""

    labels: Mapping[str, str]
    """All labels, `__name__` among them where the query kept it."""
    value: float
    """NaN and infinities as they are."""


class _Vector(BaseModel):
    resultType: Literal["vector"]  # noqa: N815 (Prometheus' own name)
    result: list[_Item]


class _Item(BaseModel):
    metric: dict[str, str]
    value: tuple[float, str]


class _Answer(BaseModel):
    """What stands in the answer of /api/v1/query."""

    status: Literal["success", "error"]
    data: _Vector | None = None
    errorType: str = ""  # noqa: N815
    error: str = ""
    warnings: list[str] = Field(default_factory=list)


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

    async def query(self, promql: str, at: datetime | None = None) -> list[Series]:
        """The instant vector of a query; `at` None: now, by Prometheus' clock.

        Raises MetricsError.
        """
        form = {"query": promql, "timeout": f"{self._timeout_seconds:g}s"}
        if at is not None:
            form["time"] = f"{at.timestamp():.3f}"
        try:
            headers = await self._headers()
            # POST: a query over a long list of names would not fit into a URL.
            async with self._session.post(f"{self._url}/api/v1/query", data=form, headers=headers) as response:
                body = await response.read()
                status = response.status
        except TimeoutError as error:
            raise _failed(f"Prometheus at {self._url} gave no answer within {self._timeout_seconds:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failed(f"Prometheus at {self._url} cannot be reached: {error or type(error).__name__}") from error
        return self._vector(status, body)

    async def _headers(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        token = await asyncio.to_thread(self._token_file.read_text)
        return {"Authorization": f"Bearer {token.strip()}"}

    def _vector(self, status: int, body: bytes) -> list[Series]:
        try:
            answer = _Answer.model_validate(json.loads(body))
        except (ValueError, ValidationError) as error:
            text = body[:MAX_ERROR_LENGTH].decode(errors="replace").strip()
            raise _failed(f"Prometheus at {self._url} answered HTTP {status} and no instant vector: {text}") from error
        if answer.status == "error" or status != 200:
            words = f"{answer.errorType}: {answer.error}"[:MAX_ERROR_LENGTH]
            raise _failed(f"Prometheus at {self._url} answered HTTP {status}: {words}")
        if answer.warnings:
            words = "; ".join(answer.warnings)[:MAX_ERROR_LENGTH]
            raise _failed(f"Prometheus at {self._url} warns that its answer is not whole: {words}")
        if answer.data is None:
            raise _failed(f"Prometheus at {self._url} answered without data")
        return [Series(item.metric, float(item.value[1])) for item in answer.data.result]


def _failed(message: str) -> MetricsError:
    return MetricsError(Reason.QUERY_FAILED.value, message)
