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
    """By the UID of the Job that owns each, of those that have not finished; the latest of a Job that has several."""
    latest: dict[str, tuple[str, Workload]] = {}
    for each in objects:
        uid, conditions = owner_uid(each), _conditions(each)
        if not uid or "Finished" in conditions or "deletionTimestamp" in each["metadata"]:
            continue
        found = (each["metadata"].get("creationTimestamp") or "", _workload(each, conditions))
        latest[uid] = max(latest.get(uid, found), found, key=lambda pair: pair[0])
    return {uid: workload for uid, (_, workload) in latest.items()}


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
        words="" if "Admitted" in conditions else _words(each, conditions, evicted, over),
    )


def _words(each: KubeObject, conditions: dict[str, KubeObject], evicted: KubeObject, over: bool) -> str:
    """Why it was put back, unless that is over, and what it waits for now: Kueue repeats the former in place of the latter at first."""
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
