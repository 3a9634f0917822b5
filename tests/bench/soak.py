"""Sweep after sweep on a real API server while things go wrong at random: `python -m bench.soak --minutes 60 [--seed N] [--kind K]`.

Each sweep meets one kind of disturbance again and again, or all of them; then it is left alone and has to come to a sound end, after which
nothing is written any more. The table
says of each kind how often it was tried, and how many replicates were lost or trained twice and how many sweeps stood still. A replicate
that two pods of one Job have trained counts apart: a Job controller that does not hear whether its create was done creates again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster import Cluster, Profile, paths
from integration.disturbances import DISTURBANCES, FAULTS, KINDS, Keeper, Scene, harm, let_go
from integration.laboratory import laboratory
from integration.soundness import TWELVE, crowds, is_at_rest, is_quiet, left_of
from regsweep.errors import ApiError
from support.crds import wait_established
from support.faulty_proxy import OFTEN_LISTED, Fault, Schedule, faulty_proxy
from support.invariants import broken

INSTANCE = "soak"
HARMS = 6
"""Of one sweep, at most."""
TROUBLED_SECONDS = 40.0
"""How long a sweep is disturbed at most."""
PARALLELISM = 4
"""No disturbance asks for more."""
STUCK_SECONDS = 400.0
"""A sweep that is left alone for so long and does not end is stuck."""


@dataclass
class Tally:
    """What came of one kind."""

    sweeps: int = 0
    tried: int = 0
    lost: int = 0
    doubled: int = 0
    """By another Job."""
    repeated: int = 0
    """By another pod of the same Job, which is Kubernetes' doing."""
    stuck: int = 0
    unsound: list[str] = field(default_factory=list)
    """What else does not hold in the end."""

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.stuck or self.unsound)


def spec_of(chance: random.Random) -> dict[str, Any]:
    """Some sweep of twelve combinations."""
    kind = chance.choice(["plain", "replicates", "retention", "race", "final", "budget"])
    common = {"flags": TWELVE, "replicates": 1, "parallelism": PARALLELISM}
    more: dict[str, dict[str, Any]] = {
        "replicates": {"replicates": 4, "replicatesPerPod": 2},
        "retention": {"retention": {"succeededJobs": 2}},
        "race": {"racing": {"initialReplicates": 3, "maxReplicates": 5}},
        "final": {"replicates": 3, "final": {"replicates": 3}},
        "budget": {"budget": {"maxRuns": 9}},
    }
    return {**common, **more.get(kind, {})}


async def one_sweep(cluster: Cluster, kind: str, seed: int, tally: Tally, folder: Path) -> None:
    """One sweep that meets the kind, and what came of it."""
    chance = random.Random(seed)
    every = kind == "all of it"
    faults = list(Fault) if every else [FAULTS[kind]] if kind in FAULTS else []
    settings = OFTEN_LISTED if Fault.LOST_EVENT in faults else {}
    schedule = Schedule(faults, seed, chance=0.05 if every else 0.2)
    async with laboratory(cluster) as lab, faulty_proxy(cluster, schedule, folder / f"{seed}.kubeconfig") as proxy:
        keepers = [
            Keeper(lab, folder / f"{seed}.kubeconfig", f"operator-{n}", settings)
            for n in range(1 + (chance.random() < 0.3))
        ]
        scene = Scene(lab, keepers, chance)
        for keeper in keepers:
            keeper.start()
        try:
            await lab.apply(**spec_of(chance))
            kinds = list(DISTURBANCES) if every else [kind] if kind in DISTURBANCES else []
            tally.tried += await _disturbed(scene, kinds)
            proxy.schedule = Schedule([], seed)
            is_over = await _left_alone(scene)
            tally.tried += schedule.tried.total()
            tally.sweeps += 1
            was_good = tally.is_good
            await _judge(scene, tally, is_over, f"{kind}, seed {seed}")
            if was_good and not tally.is_good:
                print(f"What was done to the sweep of seed {seed}:", *lab.story, sep="\n  ", flush=True)
        finally:
            for keeper in keepers:
                await keeper.stop()
        await asyncio.to_thread(cluster.kubectl, "delete", "namespace", lab.namespace, "--wait=false")


async def _disturbed(scene: Scene, kinds: list[str]) -> int:
    """Trains while the kinds happen, until the sweep is over or it was enough; returns how often they happened."""
    tried, until, next_at = 0, time.monotonic() + TROUBLED_SECONDS, time.monotonic() + 3
    while time.monotonic() < until and tried < HARMS:
        with suppress(ApiError):
            if (await left_of(scene.lab)).is_over:
                break
            await scene.lab.train(most=1, but=scene.altered)
        if kinds and time.monotonic() >= next_at:
            tried += await harm(scene, scene.chance.choice(kinds))
            next_at = time.monotonic() + scene.chance.uniform(0.3, 2.0)
        await asyncio.sleep(0.2)
    return tried


async def _left_alone(scene: Scene) -> bool:
    """Trains until the sweep is at rest and what Kubernetes collects is gone; returns whether the sweep comes to rest."""
    until, at_rest = time.monotonic() + STUCK_SECONDS, False
    while time.monotonic() < until:
        with suppress(ApiError):
            await let_go(scene)
            await scene.lab.train(but=scene.altered)
            left = await left_of(scene.lab)
            at_rest = is_at_rest(left)
            if at_rest and not broken(left):
                break
        await asyncio.sleep(0.2)
    return at_rest


async def _judge(scene: Scene, tally: Tally, is_over: bool, where: str) -> None:
    lab = scene.lab
    left = await left_of(lab)
    stored = {(record["point"], record["replicate"]) for record in left.records()}
    trained, by_job = set(lab.trained), set(lab.trainings)
    tally.lost += len(trained - stored)
    tally.doubled += len(by_job) - len(trained)
    tally.repeated += len(lab.trainings) - len(by_job)
    tally.stuck += not is_over
    wrong = [*broken(left), *crowds(lab, PARALLELISM), *(await _restless(scene) if is_over else [])]
    tally.unsound += [f"{where}: {each}" for each in wrong]


async def _restless(scene: Scene) -> list[str]:
    """That the operators go on writing after the end; empty: they do not."""
    try:
        await is_quiet(scene.lab, *(keeper.process for keeper in scene.keepers if keeper.process is not None))
    except TimeoutError:
        return ["it is over, and each pass writes"]
    return []


async def soak(cluster: Cluster, minutes: float, seed: int, kinds: Iterable[str] = KINDS) -> dict[str, Tally]:
    """Sweeps until the time is up, of kinds in a random order; prints a line for each."""
    chance, until = random.Random(seed), time.monotonic() + 60 * minutes
    tallies = {kind: Tally() for kind in kinds}
    waiting: list[str] = []
    with tempfile.TemporaryDirectory(prefix="regsweep-soak-") as folder:
        while time.monotonic() < until:
            if not waiting:
                waiting = chance.sample(list(tallies), len(tallies))
            kind, own = waiting.pop(), chance.randrange(10**6)
            began = time.monotonic()
            await one_sweep(cluster, kind, own, tallies[kind], Path(folder))
            good = "sound" if tallies[kind].is_good else f"NOT SOUND {tallies[kind]}"
            print(f"{time.monotonic() - began:5.0f} s  {kind} (seed {own}): {good}", flush=True)
    return tallies


def table(tallies: dict[str, Tally]) -> str:
    """The tallies as the documentation shows them."""
    rows = [
        f"| {kind} | {t.sweeps} | {t.tried} | {t.lost} | {t.doubled} | {t.repeated} | {t.stuck} |"
        for kind, t in tallies.items()
        if t.sweeps
    ]
    return "\n".join(
        ["| Kind | Sweeps | Tried | Lost | Doubled | Repeated | Stuck |", "|---|---|---|---|---|---|---|", *rows]
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--kind", choices=KINDS, action="append")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    cluster = Cluster.up(Profile.CONTROL_PLANE, instance=INSTANCE)
    try:
        cluster.kubectl("apply", "-f", paths.CHECKOUT / "manifests" / "crd")
        wait_established(cluster)
        tallies = asyncio.run(soak(cluster, options.minutes, options.seed, options.kind or KINDS))
    finally:
        cluster.down()
    print(table(tallies))
    print(*(each for tally in tallies.values() for each in tally.unsound), sep="\n")
    return 0 if all(tally.is_good for tally in tallies.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
