"""Whether a sweep on a real API server has come to a sound end: what the tests of faults ask in the end."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integration.laboratory import DEADLINE_SECONDS, Lab, Process, Way, eventually, operating
from regsweep.adapters.kubeapi import JOBS, PODS, RESULTS, SWEEPS
from support.invariants import Left, broken, starts_nothing
from support.metrics import writes_sent

TWELVE = [{"name": "l2", "values": [0, 0.01, 0.1, 1]}, {"name": "dropout", "values": [0.0, 0.25, 0.5]}]
TROUBLED_SECONDS = 3 * DEADLINE_SECONDS
"""How long a sweep may take of which every fifth request fails."""


async def left_of(lab: Lab, name: str = "demo") -> Left:
    """All that is stored of the sweep, in a namespace of its own."""
    sweep = await lab.api.get(SWEEPS, lab.namespace, name)
    return Left(sweep, await lab.all(JOBS), await lab.all(PODS), await lab.all(RESULTS))


async def begin(lab: Lab, source: Path | None) -> None:
    """An operator runs the sweep until some results are stored, and dies; what it has started ends meanwhile."""
    async with operating(lab, Way(source=source)) as operator:
        await lab.apply(flags=TWELVE, replicates=2, parallelism=3, retention={"succeededJobs": 2})
        for _ in range(2):
            await eventually(lambda: _new_pods(lab))
            await lab.train(most=2)
        await eventually(lambda: lab.all(RESULTS))
        await operator.end(signal.SIGKILL)
    await lab.train()


async def _new_pods(lab: Lab) -> bool:
    return any(pod["status"]["phase"] == "Pending" for pod in await lab.all(PODS))


async def finishes(lab: Lab, pinned: Mapping[str, Any]) -> None:
    """What `begin` has begun comes to a sound end by the present operator. pinned: what was, when it had begun, and stays."""
    async with operating(lab) as operator:
        await train_to_the_end(lab)
        await is_quiet(lab, operator)
    assert await unsound(lab, parallelism=3) == []
    status = await lab.status()
    assert (status["progress"], len(lab.trained)) == ("12/12", 24)
    assert {name: status["resolved"].get(name) for name in pinned} == pinned, "nothing is pinned anew"


async def train_to_the_end(lab: Lab, *, seconds: float = TROUBLED_SECONDS) -> None:
    """Trains until the sweep is over and its Jobs have ended."""
    async with asyncio.timeout(seconds):
        while not is_at_rest(await left_of(lab)):
            await lab.train()
            await asyncio.sleep(0.1)


def is_at_rest(left: Left) -> bool:
    """Whether the sweep is over, and all of its Jobs have ended or are held."""
    return left.is_over and all(map(starts_nothing, left.jobs))


def crowds(lab: Lab, parallelism: int) -> list[str]:
    """That more slots were held at a time than the sweep ever asked for; empty: they were not."""
    return [f"{lab.most_slots} slots were held at parallelism {parallelism}"] if lab.most_slots > parallelism else []


async def unsound(lab: Lab, parallelism: int) -> list[str]:
    """What does not hold of the sweep in the end; empty: all is well."""
    left = await left_of(lab)
    found = [*broken(left), *crowds(lab, parallelism)]
    twice = {each: times for each, times in Counter(lab.trained).items() if times > 1}
    if twice:
        found.append(f"trained twice: {twice}")
    stored = {(record["point"], record["replicate"]) for record in left.records()}
    if lost := set(lab.trained) - stored:
        found.append(f"trained and not stored: {sorted(lost)}")
    names = Counter(lab.seen.values())
    found += [f"Job {name} was made {times} times" for name, times in names.items() if times > 1]
    return found


async def is_quiet(lab: Lab, *operators: Process) -> None:
    """Waits until one of them has made a pass in which none writes. Raises TimeoutError where each pass writes."""

    async def sent() -> tuple[int, int]:
        counts = [writes_sent((await operator.get("/metrics"))[1]) for operator in operators]
        return sum(passes for passes, _ in counts), sum(writes for _, writes in counts)

    async def writes_nothing() -> bool:
        passes, writes = await sent()
        patch = {"metadata": {"annotations": {"example.com/touched": str(passes)}}}
        await lab.api.patch(SWEEPS, lab.namespace, "demo", patch)

        async def has_passed() -> bool:
            return (await sent())[0] > passes

        await eventually(has_passed)
        return (await sent())[1] == writes

    await eventually(writes_nothing)
