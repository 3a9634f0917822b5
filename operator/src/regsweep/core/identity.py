"""Names that come from content: the key of a point, the name of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pydantic import JsonValue

from regsweep.api.canonical import canonical_json, digest, text_digest
from regsweep.api.objective import ranked_rule
from regsweep.api.spec import FlagValue
from regsweep.api.status import Resolved

KEY_VERSION: Final = 2
"""The formula of new sweeps' keys, the latest that there is. `status.resolved.keyVersion` keeps a sweep's own."""
POINT_KEY_LENGTH: Final = 16
"""Hex digits of a point's key: 64 bits, so that two of a million points are alike once in 37 million sweeps."""
NAME_LENGTH: Final = 40
"""Characters of the sweep's name in a run's: with a hash of 12 and the index of a pod (`-9999`) 58 of the 63 allowed."""
HASH_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class OuterFold:
    """An outer fold of nested resampling: its rows are the test rows of what is trained on the others."""

    fold: int
    """From 0."""
    folds: int

    def to_json(self) -> dict[str, JsonValue]:
        """As the training contract has it."""
        return {"fold": self.fold, "folds": self.folds}


def point_key(
    flags: Mapping[str, FlagValue],
    resolved: Resolved,
    *,
    final: bool = False,
    outer: OuterFold | None = None,
) -> str:
    """The key of a point: 16 hex digits of a hash of all that determines its results and is known before, replicate apart.

    That is its flags, and what was pinned: parameters, script and its arguments, how it reports, trainer image (of a local run: the
    trainer with the digest of its script), seed base, folds, data revision, and the rule of the best epoch where results are
    taken from there.
    `final`: it is trained for the final evaluation, with seeds of its own. `outer`: on the rows outside this fold.
    """
    return PointKeys(resolved, final=final, outer=outer)(flags)


class PointKeys:
    """Keys of points that differ in their flags alone: what they share becomes text once, for ten thousand of them."""

    def __init__(self, resolved: Resolved, *, final: bool = False, outer: OuterFold | None = None) -> None:
        """See `point_key`."""
        shared = _determines(resolved, final, outer)
        self._before, self._after = (
            canonical_json({name: value for name, value in shared.items() if (name < "flags") is before})[1:-1]
            for before in (True, False)
        )

    def __call__(self, flags: Mapping[str, FlagValue]) -> str:
        """The key of the point with these flags."""
        parts = (self._before, f'"flags":{canonical_json(flags)}', self._after)
        return text_digest("{" + ",".join(filter(None, parts)) + "}", POINT_KEY_LENGTH)


def _determines(resolved: Resolved, final: bool, outer: OuterFold | None) -> dict[str, object]:
    """All that determines a point's results but its flags."""
    determines: dict[str, object] = {
        "parameters": resolved.parameters,
        "image": resolved.image,
        "seed": final_seed(resolved.seed) if final else resolved.seed,
    }
    if resolved.resampling.has_folds:
        determines["resampling"] = resolved.resampling.to_json()
    if final:
        determines["final"] = True
    if outer is not None:
        determines["outer"] = outer.to_json()
    if resolved.script is not None:
        determines["script"] = resolved.script.to_json()
    if resolved.args:
        determines["args"] = resolved.args
    if resolved.report is not None:
        determines["report"] = resolved.report.to_json()
    if resolved.data_revision is not None:
        determines["dataRevision"] = resolved.data_revision
    if resolved.key_version is not None:
        determines["keyVersion"] = resolved.key_version
        rule = ranked_rule(resolved.objective) if resolved.objective is not None else None
        if rule is not None:
            determines["rule"] = [rule.metric, rule.goal.value]
    return determines


def final_seed(seed: int) -> int:
    """The seed base of the final evaluation, from 0 to 2**31 - 1: its replicates share no seed with those that chose the picks."""
    return int(digest(["final", seed], 8), 16) >> 1


def run_name(
    sweep_name: str,
    sweep_uid: str,
    point_key: str,
    first_replicate: int,
    attempt: int,
    lost: int = 0,
    moved: int = 0,
) -> str:
    """The name of the Job that trains a point from a replicate on: a DNS label with room for a pod's index.

    The first 40 characters of the sweep's name are for readability; only the hash distinguishes runs, also those of two
    sweeps of one name, since it holds the sweep's UID. `lost`: how often these replicates were trained before without a
    record that could be read. `moved`: how often they were taken from another run.
    """
    readable = re.sub(r"[^a-z0-9-]", "-", sweep_name.lower())[:NAME_LENGTH].strip("-") or "sweep"
    return f"{readable}-{run_hash(sweep_uid, point_key, first_replicate, attempt, lost, moved)}"


@lru_cache(maxsize=1024)  # a Job is looked at again with each change of it
def run_hash(sweep_uid: str, point_key: str, first_replicate: int, attempt: int, lost: int = 0, moved: int = 0) -> str:
    """The end of a run's name, by which a Job is known to be the run that it claims to be."""
    identity = [
        sweep_uid,
        point_key,
        first_replicate,
        attempt,
        *([lost] if lost or moved else []),
        *([moved] if moved else []),
    ]
    return digest(identity, HASH_LENGTH)
