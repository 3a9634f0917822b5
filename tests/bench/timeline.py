"""From what a watcher saw of one trial to its figures. Times are seconds of one monotonic clock."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.accounts import Answer
from bench.watcher import Seen

_ENDED_PHASES = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Refill:
    """Where the time from a pod's end to its replacement Job went, in seconds; the watcher's lateness is in both ends."""

    asked: float
    """From the news of the end until the API server had the request: the operator, and the news to it."""
    answered: float
    """Until the API server had answered it."""
    told: float
    """Until the news of the new Job; below 0 where they came before the answer."""

    @property
    def total(self) -> float:
        """From the news of the end to those of the new Job."""
        return self.asked + self.answered + self.told


@dataclass(frozen=True, slots=True)
class Timeline:
    """When Jobs and pods were created and pods ended, each in the order of time."""

    job_creations: tuple[float, ...]
    pod_creations: tuple[float, ...]
    pod_ends: tuple[float, ...]
    job_names: tuple[str, ...] = ()
    """Of the Jobs that were created, in the same order."""

    def job_refills(self, slots: int) -> list[float]:
        """From each pod's end to the creation of the Job that takes its slot."""
        return _refills(self.pod_ends, self.job_creations, slots)

    def job_refill_parts(self, slots: int, answers: Mapping[str, Answer], epoch: float) -> list[Refill]:
        """The same, in parts, for the Jobs whose creation has an answer. ``epoch`` is the clock's 0, in seconds since 1970."""
        created = zip(self.pod_ends, self.job_creations[slots:], self.job_names[slots:], strict=False)
        return [
            Refill(answer.received - epoch - ended, answer.answered - answer.received, came - (answer.answered - epoch))
            for ended, came, name in created
            if (answer := answers.get(name)) is not None
        ]

    def pod_refills(self, slots: int) -> list[float]:
        """From each pod's end to the creation of the pod that takes its slot."""
        return _refills(self.pod_ends, self.pod_creations, slots)


def timeline(changes: Iterable[Seen]) -> Timeline:
    """The timeline of all Jobs and pods that were created while the watcher watched.

    A pod has ended when the API first shows its phase as terminal or a container of it as terminated: the earliest moment
    at which anybody who watches can know.
    """
    jobs: list[float] = []
    names: list[str] = []
    pods: list[float] = []
    ends: dict[str, float] = {}
    for change in changes:
        if change.resource == "jobs" and change.type == "ADDED":
            jobs.append(change.at)
            names.append(change.object["metadata"]["name"])
        elif change.resource == "pods":
            if change.type == "ADDED":
                pods.append(change.at)
            if has_ended(change.object):
                ends.setdefault(change.object["metadata"]["uid"], change.at)
    return Timeline(tuple(jobs), tuple(pods), tuple(sorted(ends.values())), tuple(names))


def has_ended(pod: dict[str, Any]) -> bool:
    """Whether its containers are over, by its status."""
    status = pod.get("status", {})
    if status.get("phase") in _ENDED_PHASES:
        return True
    return any("terminated" in container.get("state", {}) for container in status.get("containerStatuses", []))


def became(changes: Iterable[Seen], condition: str) -> float | None:
    """When a sweep first showed that condition as True; None while none does."""
    for change in changes:
        if change.resource == "sweeps":
            for one in change.object.get("status", {}).get("conditions", []):
                if one["type"] == condition and one["status"] == "True":
                    return change.at
    return None


def added(changes: Iterable[Seen], resource: str) -> float | None:
    """When the first of them arrived; None while there is none."""
    return next((change.at for change in changes if change.resource == resource and change.type == "ADDED"), None)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all do not exceed (nearest rank); NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _refills(ends: Sequence[float], creations: Sequence[float], slots: int) -> list[float]:
    """The k-th end frees the slot that creation number slots + k takes: which is which pod does not matter."""
    return [created - ended for ended, created in zip(ends, creations[slots:], strict=False)]
