"""The REST API of an MLflow tracking server, as far as sweeps need it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Annotated, Final, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from regsweep.errors import RegsweepError

TIMEOUT_SECONDS: Final = 60.0
MOST_BYTES: Final = 64 * 1024**2
"""Of an answer."""
MOST_WORDS: Final = 300
"""Characters of a refusal that are passed on."""
PAGE: Final = 1000
"""Runs in a page of a search."""
MOST_METRICS: Final = 1000
MOST_PARAMS: Final = 100
MOST_TAGS: Final = 100
"""In one request; MLflow takes no more."""
PROXIED: Final = "mlflow-artifacts"
"""Scheme of an artifact store that is reached through the server."""
MISSING: Final = "RESOURCE_DOES_NOT_EXIST"


OK: Final = 200

T = TypeVar("T", bound=BaseModel)


class MLflowError(RegsweepError):
    """MLflow cannot be reached, or refuses."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code
        """MLflow's own; empty: it is no answer of MLflow."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Entry(_Model):
    """A tag or a parameter."""

    key: str
    value: str = ""


class Info(_Model):
    """Of a run."""

    run_id: Annotated[str, Field(max_length=200)]
    status: str = ""
    artifact_uri: str = ""


class _Data(_Model):
    tags: list[Entry] = Field(default_factory=list)


class Run(_Model):
    """A run, with its tags."""

    info: Info
    data: _Data = Field(default_factory=_Data)

    @property
    def tags(self) -> dict[str, str]:
        """By name."""
        return {tag.key: tag.value for tag in self.data.tags}


class _Experiment(_Model):
    experiment_id: str
    lifecycle_stage: str = "active"


class _ExperimentAnswer(_Model):
    experiment: _Experiment


class _CreatedExperiment(_Model):
    experiment_id: str


class _RunAnswer(_Model):
    run: Run


class _Page(_Model):
    runs: list[Run] = Field(default_factory=list)
    next_page_token: str = ""


def credentials(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The header that MLflow's own variables ask for; empty: none."""
    if token := environment.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    if user := environment.get("MLFLOW_TRACKING_USERNAME"):
        both = f"{user}:{environment.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}
    return {}


class MLflow:
    """One tracking server. Close it when done. All methods raise MLflowError."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url.rstrip("/")
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_SECONDS, sock_read=TIMEOUT_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout, headers=headers, trust_env=True)

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()

    async def experiment(self, name: str) -> str:
        """The id of the experiment, which is made where it does not exist."""
        try:
            answer = await self._get("experiments/get-by-name", {"experiment_name": name})
        except MLflowError as error:
            if error.code != MISSING:
                raise
            made = await self._post("experiments/create", {"name": name})
            return self._read(_CreatedExperiment, made).experiment_id
        found = self._read(_ExperimentAnswer, answer).experiment
        if found.lifecycle_stage != "active":
            raise MLflowError(
                f"MLflow at {self._url}: experiment {name} is deleted. Restore it (`mlflow experiments restore -x "
                f"{found.experiment_id}`), or name another with --experiment."
            )
        return found.experiment_id

    async def runs(self, experiment_id: str, filters: str) -> list[Run]:
        """The runs that meet the filter, those that are deleted not among them."""
        found: list[Run] = []
        token = ""
        while True:
            query: dict[str, JsonValue] = {"experiment_ids": [experiment_id], "filter": filters, "max_results": PAGE}
            answer = await self._post("runs/search", {**query, **({"page_token": token} if token else {})})
            page = self._read(_Page, answer)
            found += page.runs
            token = page.next_page_token
            if not token:
                return found

    async def create_run(self, experiment_id: str, name: str, start_ms: int, tags: Mapping[str, str]) -> Run:
        """A new run, which is running."""
        body: dict[str, JsonValue] = {
            "experiment_id": experiment_id,
            "run_name": name,
            "start_time": start_ms,
            "tags": _entries(tags),
        }
        return self._read(_RunAnswer, await self._post("runs/create", body)).run

    async def log(self, run_id: str, params: Mapping[str, str], metrics: Sequence[Mapping[str, JsonValue]]) -> None:
        """Adds parameters and metrics, in requests of the size that MLflow takes."""
        entries = _entries(params)
        for start in range(0, len(entries), MOST_PARAMS):
            await self._post("runs/log-batch", {"run_id": run_id, "params": entries[start : start + MOST_PARAMS]})
        for start in range(0, len(metrics), MOST_METRICS):
            some: list[JsonValue] = [dict(metric) for metric in metrics[start : start + MOST_METRICS]]
            await self._post("runs/log-batch", {"run_id": run_id, "metrics": some})

    async def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Sets these tags."""
        entries = _entries(tags)
        for start in range(0, len(entries), MOST_TAGS):
            await self._post("runs/log-batch", {"run_id": run_id, "tags": entries[start : start + MOST_TAGS]})

    async def end(self, run_id: str, status: str, end_ms: int) -> None:
        """The run has ended."""
        await self._post("runs/update", {"run_id": run_id, "status": status, "end_time": end_ms})

    async def delete(self, run_id: str) -> None:
        """Deletes the run; MLflow keeps it among the deleted ones."""
        await self._post("runs/delete", {"run_id": run_id})

    async def upload(self, run: Run, name: str, file: Path) -> bool:
        """Puts the file among the run's artifacts; False where their store is not reached through the server."""
        where = urlsplit(run.info.artifact_uri)
        if where.scheme != PROXIED:
            return False
        path = quote(f"{where.path.strip('/')}/{name}")
        try:
            content = file.open("rb")
        except OSError as error:
            raise MLflowError(f"{file}: cannot be read ({error.strerror or error}).") from error
        with content:
            await self._send("PUT", f"mlflow-artifacts/artifacts/{path}", data=content)
        return True

    async def _get(self, path: str, query: Mapping[str, str]) -> bytes:
        return await self._send("GET", f"mlflow/{path}", query)

    async def _post(self, path: str, body: Mapping[str, JsonValue]) -> bytes:
        content = json.dumps(body, allow_nan=False)
        return await self._send("POST", f"mlflow/{path}", data=content, headers={"Content-Type": "application/json"})

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        data: str | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        url = f"{self._url}/api/2.0/{path}"
        try:
            async with self._session.request(method, url, params=query, data=data, headers=headers) as response:
                return await self._body(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise MLflowError(
                f"MLflow at {self._url} cannot be reached ({error or type(error).__name__}). Check the address, and that the server runs."
            ) from error

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """The answer. Raises MLflowError with MLflow's own words where it refuses."""
        parts: list[bytes] = []
        async for part in response.content.iter_chunked(65_536):
            parts.append(part)
            if sum(map(len, parts)) > MOST_BYTES:
                raise MLflowError(f"MLflow at {self._url}: an answer of more than {MOST_BYTES:,} bytes is not read.")
        body = b"".join(parts)
        if response.status == OK:
            return body
        code, words = _refusal(body)
        raise MLflowError(f"MLflow at {self._url} refuses (HTTP {response.status}): {words}", code)

    def _read(self, model: type[T], body: bytes) -> T:
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            raise MLflowError(
                f"{self._url} does not answer as MLflow does: it begins {body[:60].decode(errors='replace')!r}. Check the address."
            ) from error


def _entries(values: Mapping[str, str]) -> list[JsonValue]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _refusal(body: bytes) -> tuple[str, str]:
    """(MLflow's code, its words)."""
    try:
        told = json.loads(body)
        return str(told["error_code"]), " ".join(str(told["message"]).split())[:MOST_WORDS]
    except (ValueError, TypeError, KeyError):
        return "", " ".join(body[:MOST_WORDS].decode(errors="replace").split())
