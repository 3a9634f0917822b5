"""How many trainings a spec asks for, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regsweep.api.constants import MAX_REPLICATES_PER_POD
from regsweep.api.spec import SweepSpec
from regsweep.core.grid import Combination
from regsweep.core.references import count_beside

MOST_PICKS = 2
"""Combinations of a final evaluation: the best and the pick."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Trainings, and the pods that make them."""

    trainings: int
    """At most."""
    least: int
    """At least: a race may drop all but one after its first look."""
    pods: int
    """At most."""
    replicates_per_pod: int


def cost_of(spec: SweepSpec, selected: Sequence[Combination]) -> Cost:
    """Of the grid, the references and the final evaluation."""
    models = len(selected) + count_beside(spec, selected)
    per_pod = spec.replicates_per_pod or min(spec.most_replicates, MAX_REPLICATES_PER_POD)
    trainings, pods = models * spec.most_replicates, models * -(-spec.most_replicates // per_pod)
    least = trainings if spec.racing is None else models * spec.racing.initial_replicates
    if spec.final is not None:
        picks = min(MOST_PICKS, len(selected))
        trainings, least = trainings + picks * spec.final.replicates, least + spec.final.replicates
        pods += picks * -(-spec.final.replicates // per_pod)
    return Cost(trainings, least, pods, per_pod)
