"""What a Job trains, by what nobody can change of it once it is created.

Whoever may edit Jobs may edit their annotations. So an annotation counts only where the Job's immutable parts bear it out:
its name, whose hash covers sweep, point, first replicate, attempt, losses and moves; its completions; and the REGSWEEP_* variables
of its pod template, which name the replicates. A Job that contradicts itself is no run of the sweep.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from pydantic import BaseModel, ValidationError

from regsweep.api import constants as names
from regsweep.api.objective import EpochRule
from regsweep.api.spec import MAX_REPLICATES, Goal
from regsweep.core.identity import HASH_LENGTH, run_hash
from regsweep.core.ownership import KubeObject, owner_uid
from regsweep.core.runs import MAX_AVOIDED, AlteredJob

VARIABLES: Final = frozenset(
    {"REGSWEEP_FIRST_REPLICATE", "REGSWEEP_LAST_REPLICATE", "REGSWEEP_REPLICATES", "REGSWEEP_OBJECTIVE"}
)
"""Variables of container `trainer` that say what the Job trains."""
ANNOTATIONS: Final = frozenset(
    {
        names.POINT_KEY_ANNOTATION,
        names.FIRST_REPLICATE_ANNOTATION,
        names.REPLICATES_ANNOTATION,
        names.REPLICATES_PER_POD_ANNOTATION,
        names.ATTEMPT_ANNOTATION,
        names.LOST_ANNOTATION,
        names.MOVED_ANNOTATION,
        names.AVOIDED_NODES_ANNOTATION,
        names.SPENT_ANNOTATION,
        names.SUSPENDED_ANNOTATION,
        names.TEMPLATE_ANNOTATION,
    }
)
"""Annotations that are read, if not believed."""
MAX_VALUE: Final = 253
"""Characters that are read of a variable: ours are shorter."""
MAX_TEXT: Final = MAX_AVOIDED * (names.MAX_NAME_LENGTH + 1)
"""Characters that are read of an annotation: the longest names nodes."""
CONTRACT: Final = "contract"
"""Field of a trimmed Job that keeps VARIABLES in place of the pod template."""

_POINT_KEY: Final = re.compile(r"[0-9a-f]{1,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,7}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a Job trains: replicates first_replicate ... first_replicate + replicates - 1 of a point."""

    point_key: str
    first_replicate: int
    replicates: int
    replicates_per_pod: int
    attempt: int
    lost: int
    moved: int
    rule: EpochRule | None
    """The rule that its trainer chooses best epochs by; None: not known."""


def identify(job: KubeObject) -> Identity | AlteredJob:
    """What the Job trains, or why that cannot be told. The Job: as the API server has it, or trimmed (CONTRACT).

    All numbers are within the API's own bounds.
    """
    name, uid = job["metadata"]["name"], job["metadata"].get("uid", "")
    identity = _claimed(job["metadata"].get("annotations") or {})
    if isinstance(identity, str):
        return AlteredJob(name, uid, identity)
    variables, completions = contract_of(job), (job.get("spec") or {}).get("completions")
    first, last, per_pod = (
        _number(variables.get(f"REGSWEEP_{each}")) for each in ("FIRST_REPLICATE", "LAST_REPLICATE", "REPLICATES")
    )
    if name[-HASH_LENGTH:] != _hash_of(job, identity):
        problem = "its name is not that of the run which its annotations describe"
    elif (first, last) != (identity.first_replicate, identity.first_replicate + identity.replicates - 1):
        problem = "its annotations and its pod template name different replicates"
    elif per_pod != identity.replicates_per_pod:
        problem = "its annotations and its pod template differ in the replicates of a pod"
    elif completions != -(-identity.replicates // identity.replicates_per_pod):
        problem = "its completions are not those of its replicates"
    else:
        return _with_rule(identity, variables.get("REGSWEEP_OBJECTIVE"))
    return AlteredJob(name, uid, problem)


def contract_of(job: KubeObject) -> Mapping[str, str]:
    """Those of VARIABLES that container `trainer` of the Job's pods gets; a value that is too long is none of ours."""
    if CONTRACT in job:
        return job[CONTRACT]  # type: ignore[no-any-return]  # our own shape
    spec = ((job.get("spec") or {}).get("template") or {}).get("spec") or {}
    for container in spec.get("containers") or ():
        if container["name"] == names.TRAINER_CONTAINER:
            entries = ((entry["name"], entry.get("value") or "") for entry in container.get("env") or ())
            return {name: value for name, value in entries if name in VARIABLES and len(value) <= MAX_VALUE}
    return {}


def _claimed(annotations: KubeObject) -> Identity | str:
    """What the annotations say, which is not believed yet; or what is wrong with them."""
    point_key = annotations.get(names.POINT_KEY_ANNOTATION) or ""
    first, replicates, per_pod = (
        _number(annotations.get(name))
        for name in (
            names.FIRST_REPLICATE_ANNOTATION,
            names.REPLICATES_ANNOTATION,
            names.REPLICATES_PER_POD_ANNOTATION,
        )
    )
    attempt = _number(annotations.get(names.ATTEMPT_ANNOTATION, "0"))
    # A Job without the annotation is an old one, whose odd attempts mean once.
    lost = _number(annotations.get(names.LOST_ANNOTATION, str(attempt % 2) if attempt is not None else None))
    moved = _number(annotations.get(names.MOVED_ANNOTATION, "0"))
    if not _POINT_KEY.fullmatch(point_key) or attempt is None or lost is None or moved is None:
        return "its annotations do not say what it trains"
    if first is None or not replicates or not per_pod or first + replicates > MAX_REPLICATES:
        return f"its annotations name no replicates from 0 to {MAX_REPLICATES - 1}"
    return Identity(point_key, first, replicates, per_pod, attempt, lost, moved, None)


def _hash_of(job: KubeObject, claimed: Identity) -> str:
    """The end of the name that a run has which is just what is claimed."""
    sweep_uid = owner_uid(job) or ""
    return run_hash(sweep_uid, claimed.point_key, claimed.first_replicate, claimed.attempt, claimed.lost, claimed.moved)


def _with_rule(identity: Identity, objective: str | None) -> Identity:
    """The identity with the rule of the objective that the trainer was given; without one where it cannot be read."""
    rule = _rule_of(objective or "")
    return replace(identity, rule=rule) if rule is not None else identity


@lru_cache(maxsize=64)  # all Jobs of a sweep have the same
def _rule_of(objective: str) -> EpochRule | None:
    try:
        given = _Objective.model_validate_json(objective)
    except ValidationError:
        return None
    return EpochRule(given.metric, given.goal)


class _Objective(BaseModel):
    metric: str
    goal: Goal


def _number(text: str | None) -> int | None:
    """A number of ours; None where somebody wrote something else."""
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None
