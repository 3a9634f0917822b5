"""The accepted sweep, worked out anew only when what it rests on has changed: a grid may have ten thousand combinations."""

from __future__ import annotations

from dataclasses import dataclass, field

from regsweep.adapters.kubeapi import KubeObject, name_of, namespace_of, uid_of
from regsweep.api import constants as names
from regsweep.api.objective import objective_status
from regsweep.api.spec import SweepSpec
from regsweep.api.status import ObjectiveStatus, RefinementStatus, Resolved
from regsweep.api.validation import parse_sweep
from regsweep.controller.caches.kept_sweeps import whole_sweep
from regsweep.controller.passes.observation import Accepted
from regsweep.core.accept import Defaults, Identity, Past, accept
from regsweep.core.kubernetes.podtemplate import JobDefaults
from regsweep.core.scripts import ScriptFiles
from regsweep.settings import variable_of


@dataclass(frozen=True, slots=True)
class Rules:
    """What an installation decides about every sweep that it accepts."""

    defaults: Defaults
    max_combinations: int
    jobs: JobDefaults = field(default_factory=JobDefaults)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What an acceptance rests on."""

    generation: int
    retry: int
    pinned: Resolved | None
    objective: ObjectiveStatus | None
    refinement: RefinementStatus | None
    started: bool
    script: ScriptFiles | None
    trained: object
    """Tells apart what was trained by then; None where the objective is not edited, and nothing depends on it."""


class Acceptance:
    """The last acceptance of one sweep."""

    def __init__(self) -> None:
        self._spec: tuple[int, SweepSpec] | None = None
        self._accepted: tuple[_Basis, Accepted] | None = None

    def is_new(self, sweep: KubeObject) -> bool:
        """Whether the sweep's present spec was not accepted yet: that may take seconds, since a grid may have a million combinations."""
        return self._accepted is None or self._accepted[0].generation != int(sweep["metadata"]["generation"])

    def accept(self, sweep: KubeObject, past: Past, rules: Rules, script: ScriptFiles | None = None) -> Accepted:
        """The accepted sweep. `past`, `script`: as for `core.accept`.

        Raises InvalidSweep.
        """
        generation = int(sweep["metadata"]["generation"])
        retry = _retry_of(sweep)
        spec = self._parsed(sweep, generation, rules)
        edited = objective_status(spec.objective) != past.objective
        basis = _Basis(
            generation=generation,
            retry=retry,
            pinned=past.pinned,
            objective=past.objective,
            refinement=past.refinement,
            started=past.started,
            script=script,
            trained=_trained_so_far(past) if edited else None,
        )
        if self._accepted is None or self._accepted[0] != basis:
            identity = Identity(name_of(sweep), namespace_of(sweep), uid_of(sweep), generation, retry)
            self._accepted = (basis, Accepted(*accept(identity, spec, rules.defaults, past, script)))
        return self._accepted[1]

    def _parsed(self, sweep: KubeObject, generation: int, rules: Rules) -> SweepSpec:
        if self._spec is None or self._spec[0] != generation:
            how_to_raise = f"raise the operator's {variable_of('max_combinations')}"
            self._spec = (
                generation,
                parse_sweep(whole_sweep(sweep), rules.max_combinations, how_to_raise=how_to_raise),
            )
        return self._spec[1]


def _trained_so_far(past: Past) -> object:
    return len(past.records), frozenset(run.uid for run in past.runs)


def _retry_of(sweep: KubeObject) -> int:
    """The retry annotation as a number; 0 where it is absent or not a number of at most 6 digits."""
    text = (sweep["metadata"].get("annotations") or {}).get(names.RETRY_ANNOTATION, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
