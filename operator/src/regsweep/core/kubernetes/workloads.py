"""Kueue's Workloads as the API server's JSON has them, read into what is observed of the world.

The Job owns its Workload. Anybody with rights in the namespace may write one, so the owner decides whose it is, and Kueue's words
are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from regsweep.api import constants as names
from regsweep.api.wording import cut
from regsweep.core.ownership import KubeObject, owner_uid
from regsweep.core.runs import Workload

MAX_WORDS: Final = 500
"""Characters of Kueue's words that are passed on."""


def observed_workloads(objects: Iterable[KubeObject]) -> dict[str, Workload]:
    """By the UID of the Job that owns each; of a Job that has several the latest, and rather one that has not finished."""
    latest: dict[str, tuple[bool, str, Workload]] = {}
    for each in objects:
        uid, workload = owner_uid(each), _workload(each, _conditions(each))
        if not uid or "deletionTimestamp" in each["metadata"]:
            continue
        found = (not workload.given_up, each["metadata"].get("creationTimestamp") or "", workload)
        latest[uid] = max(latest.get(uid, found), found, key=lambda ranked: ranked[:2])
    return {uid: workload for uid, (_, _, workload) in latest.items()}


def _workload(each: KubeObject, conditions: dict[str, KubeObject]) -> Workload:
    metadata, spec = each["metadata"], each.get("spec") or {}
    active = spec.get("active") is not False
    evicted = conditions.get("Evicted", {}) if "Admitted" not in conditions else {}
    reason = (evicted.get("reason") or "Evicted") if evicted else ""
    over = active and reason == "Deactivated"  # Kueue leaves the condition there until the Workload is admitted
    return Workload(
        name=metadata["name"],
        uid=metadata["uid"],
        version=metadata.get("resourceVersion") or "",
        queue=spec.get("queueName") or "",
        active=active,
        paused=(metadata.get("annotations") or {}).get(names.SUSPENDED_ANNOTATION) == "true",
        evicted="" if over else reason,
        given_up="Finished" in conditions,
        words=_words(each, conditions, evicted, over),
    )


def _words(each: KubeObject, conditions: dict[str, KubeObject], evicted: KubeObject, over: bool) -> str:
    """Why it was given up; or why it was put back, unless that is over, and what it waits for now, for which Kueue repeats the former
    at first."""
    if (finished := conditions.get("Finished")) is not None:
        return cut(" ".join((finished.get("message") or "").split()), MAX_WORDS)
    if "Admitted" in conditions:
        return ""
    why = evicted.get("message") or ""
    said = [] if over else [conditions.get("Preempted", evicted).get("message") or why]
    waits = [c.get("message") or "" for c in (each.get("status") or {}).get("conditions") or () if _waits(c)]
    said += [text for text in waits if text not in (*said, why)]
    return cut("; ".join(" ".join(text.split()).rstrip(". ") for text in said if text), MAX_WORDS)


def _waits(condition: KubeObject) -> bool:
    return condition.get("type") == "QuotaReserved" and condition.get("status") == "False"


def _conditions(each: KubeObject) -> dict[str, KubeObject]:
    """The conditions that hold, by their type."""
    conditions = (each.get("status") or {}).get("conditions") or ()
    return {c["type"]: c for c in conditions if c.get("status") == "True"}
