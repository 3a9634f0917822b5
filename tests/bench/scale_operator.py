"""The operator as a process of its own, and what it costs by the kernel's and by its own account."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.errors import BenchError
from cluster import Cluster
from cluster.ports import free_port

STARTS_WITHIN_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
_REQUESTS = re.compile(r"^regsweep_operator_api_requests_total\{([^}]*)\} ([0-9.e+]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
WRITES = ("create", "update", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Account:
    """What the operator has cost since it started."""

    cpu: float
    """Seconds, its analyses included."""
    peak: int
    """Bytes that were most ever resident, its analyses not included."""
    writes: int
    requests: int


@dataclass(frozen=True, slots=True)
class RunningOperator:
    """The process and its port."""

    pid: int
    port: int
    started: float
    """When it was started, by the monotonic clock."""

    async def account(self) -> Account:
        """What it has cost until now."""
        cpu, peak = _of_kernel(self.pid)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/metrics") as answer,
        ):
            text = await answer.text()
        counts = [
            (dict(_LABEL.findall(labels))["verb"], int(float(number))) for labels, number in _REQUESTS.findall(text)
        ]
        return Account(
            cpu=cpu,
            peak=peak,
            writes=sum(number for verb, number in counts if verb in WRITES),
            requests=sum(number for _, number in counts),
        )

    async def leads(self) -> bool:
        """Whether it acts."""
        return "regsweep_operator_leader 1.0" in await self._ask("/metrics")

    async def is_ready(self) -> bool:
        """Whether it acts, or could take over: its caches are complete."""
        return "ok" in await self._ask("/readyz")

    async def _ask(self, path: str) -> str:
        """The good answer; empty where there is none."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
                return await answer.text() if answer.ok else ""
        except aiohttp.ClientError:
            return ""


def _of_kernel(pid: int) -> tuple[float, int]:
    """CPU seconds of the process and its children that have ended, and bytes that were most resident (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return sum(map(int, fields[11:15])) / _TICKS, int(peak[1]) * 1024 if peak else 0


@asynccontextmanager
async def operator(cluster: Cluster, namespace: str, *, standby: bool = False) -> AsyncIterator[RunningOperator]:
    """An operator for the namespace, which leads, or is ready to; it is ended at the end."""
    port = free_port()
    settings = {
        "REGSWEEP_NAMESPACES": f'["{namespace}"]',
        "REGSWEEP_LEASE_NAMESPACE": namespace,
        "REGSWEEP_HTTP_PORT": str(port),
        "REGSWEEP_TRAINER_IMAGE": "trainer:1",
    }
    with (cluster.logs / "operator.log").open("ab") as log:
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "regsweep.cli.main",
            "operator",
            env={**os.environ, **settings, "KUBECONFIG": str(cluster.kubeconfig)},
            stdout=log,
            stderr=log,
        )
    running = RunningOperator(process.pid, port, started)
    try:
        has_started = running.is_ready if standby else running.leads
        while not await has_started():
            if process.returncode is not None or time.monotonic() > started + STARTS_WITHIN_SECONDS:
                raise BenchError(f"the operator does not start: see {cluster.logs / 'operator.log'}")
            await asyncio.sleep(0.1)
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
