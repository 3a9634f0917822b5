"""What is around an operator in a cluster: the Job controller and the kubelet over the API in memory, in virtual time.

Unlike `fake_cluster`, which does at once what a test says, it goes on by itself as the real ones do: pods end late, are replaced, wait
for their end, and outlive their Jobs. It keeps an account of what may never happen.
"""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from regsweep.adapters.kubeapi import (
    JOBS,
    PODS,
    RESULTS,
    SWEEPS,
    KubeObject,
    Resource,
    controller_uid_of,
    is_deleting,
    label_of,
    name_of,
    uid_of,
)
from regsweep.adapters.memory import MemoryApi
from regsweep.api import constants as names
from support.invariants import Left, starts_nothing, summary
from support.pods import has_ended, trained_by, trainer_runs
from support.virtual_time import VirtualTime
from unit.controller.fake_cluster import FakeCluster
from unit.controller.jobs_by_hand import Counted, JobController
from unit.controller.pods_by_hand import Kubelet

TRAINING_SECONDS = 3


@dataclass
class Account:
    """What has happened, beside what the API has stored."""

    counted: dict[str, Counted] = field(default_factory=dict)
    """By Job UID."""
    trained: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often each replicate was trained to its end."""
    started_at: dict[str, datetime] = field(default_factory=dict)
    """Pod UID to the beginning of its training."""
    limits: dict[str, int] = field(default_factory=dict)
    """Sweep UID to the highest parallelism that it ever asked for."""
    edits: int = 0
    """Edits of the script that were made."""
    wrong: list[str] = field(default_factory=list)
    """What may never happen, and did."""


@dataclass(frozen=True)
class Edit:
    """A person's edit of the sweep, once something has come true."""

    when: Callable[[Machinery], bool]
    spec: dict[str, Any]


class Machinery(FakeCluster):
    """A cluster that lives. script: the edits that a person makes, one after the other."""

    def __init__(self, time: VirtualTime, script: Sequence[Edit] = (), before: Machinery | None = None) -> None:
        """before: the cluster that it was, with nobody who watches it; None: it is empty."""
        super().__init__()
        self.time = time
        self.script = script
        uids = count(1000 * before.api.version if before is not None else 0)
        clock: dict[str, Any] = {"now": time.now, "new_uid": lambda: f"uid-{next(uids)}"}
        self.api = before.api.copy(**clock) if before is not None else MemoryApi(**clock)
        self.api.after_write = self._note
        self.account: Account = copy.deepcopy(before.account) if before is not None else Account()
        self.created = list(before.created) if before is not None else []
        self.training_seconds: int | None = TRAINING_SECONDS
        """After so long training ends well; None: when a test says so."""
        self.silent: set[str] = set()
        """Nodes that do nothing, and are not heard of."""
        self.controller = JobController(self.api, time, self.account.counted, self.api.version)
        self.kubelet = Kubelet(self.api, time, self.account.trained)

    # Time

    async def live(self, done: Callable[[], bool], *, most_seconds: int = 300) -> None:
        """Goes on second by second: pods start, train and end well, and a person makes the edits of the script."""
        for _ in range(most_seconds):
            if done():
                return
            await self.second()
            await asyncio.sleep(1)
        raise AssertionError(f"not done after {most_seconds} s: {summary(self.left())}")

    async def second(self) -> None:
        """What happens in a second."""
        await self._edit_by_script()
        await self.look()
        for pod in self.pods("Pending"):
            await self.start(pod)
        for pod in self.pods("Running"):
            if pod["spec"]["nodeName"] in self.silent:
                continue
            if is_deleting(pod):
                await self.kubelet.stop(pod)
            elif trainer_runs(pod) and self._is_trained(pod):
                await self.kubelet.finish(pod)
        await self.look()

    async def look(self) -> None:
        """The Job controller does its work."""
        self._note_limits()
        await self.controller.look()
        self._check_pods()

    async def start(self, pod: KubeObject) -> None:
        """A pod starts to train."""
        running = await self.kubelet.start(pod)
        if running is not None:
            self.account.started_at[uid_of(pod)] = self.time.now()
            self._check_twice(running)

    def _is_trained(self, pod: KubeObject) -> bool:
        if self.training_seconds is None:
            return False
        return self.time.now() - self.account.started_at[uid_of(pod)] >= timedelta(seconds=self.training_seconds)

    async def _edit_by_script(self) -> None:
        number = self.account.edits
        if number < len(self.script) and self.script[number].when(self):
            self.account.edits += 1
            await self.edit(**self.script[number].spec)

    # Looking

    def pods(self, *phases: str) -> list[KubeObject]:
        """The pods in one of these phases."""
        return self.api.objects(PODS, where=lambda pod: pod["status"].get("phase") in phases)

    def left(self, name: str = "demo") -> Left:
        """All that is stored of one sweep."""
        sweep = self.sweep(name)

        def of_it(resource: Resource) -> list[KubeObject]:
            return self.api.objects(resource, where=lambda obj: label_of(obj, names.SWEEP_UID_LABEL) == uid_of(sweep))

        return Left(sweep, of_it(JOBS), of_it(PODS), of_it(RESULTS))

    def is_at_rest(self, name: str = "demo") -> bool:
        """Whether the sweep is over, and so are its Jobs and its script."""
        left = self.left(name)
        ended = all(map(starts_nothing, left.jobs)) and all(map(has_ended, left.pods))
        return left.is_over and self.account.edits == len(self.script) and ended

    # What may never happen

    def _note_limits(self) -> None:
        for sweep in self.api.objects(SWEEPS):
            uid = uid_of(sweep)
            self.account.limits[uid] = max(self.account.limits.get(uid, 0), sweep["spec"]["parallelism"])

    def _check_pods(self) -> None:
        """The pods of a sweep that may hold a GPU are no more than it asked for."""
        holding = Counter(label_of(pod, names.SWEEP_UID_LABEL) for pod in self.pods("Pending", "Running"))
        for uid, number in holding.items():
            if number > self.account.limits.get(uid, number):
                self.account.wrong.append(f"{self.time.now()}: {number} pods at parallelism {self.account.limits[uid]}")

    def _check_twice(self, pod: KubeObject) -> None:
        """No two Jobs train one replicate at a time."""
        mine = trained_by(pod)
        for other in self.pods("Running"):
            of_another = controller_uid_of(other) != controller_uid_of(pod)
            if of_another and trainer_runs(other) and not is_deleting(other) and mine & trained_by(other):
                self.account.wrong.append(f"{name_of(pod)} and {name_of(other)} train the same")
