"""Taking a sweep in: what is pinned on acceptance, and which later edits are not followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regsweep.api.spec import SweepSpec
from regsweep.api.status import Resolved
from regsweep.api.validation import changed_pinned_fields
from regsweep.api.warnings import spec_warnings
from regsweep.core.sweep import Sweep, points_of
from regsweep.errors import InvalidSweep, Problem


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the operator (or the local runner) puts where the spec is silent."""

    trainer_image: str
    """Empty: there is none, every sweep must name its own."""
    gpu_resource: str
    version: str
    """The operator's version."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which sweep it is, as the API server has it."""

    name: str
    namespace: str
    uid: str
    generation: int
    retry: int = 0


def accept(
    identity: Identity, spec: SweepSpec, defaults: Defaults, pinned: Resolved | None, started: bool
) -> tuple[Sweep, Sequence[Problem]]:
    """The sweep with what is pinned, and the edits of pinned fields that are not followed.

    `pinned`: from the status, None on first sight. Until the sweep has `started` (a Job or a record of it exists) it is
    pinned anew at each edit. The result depends on nothing else, so it can be kept for a generation.

    Raises InvalidSweep where no image is named anywhere.
    """
    edits: Sequence[Problem] = ()
    if pinned is not None and started:
        edits = changed_pinned_fields(spec, pinned)
    else:
        pinned = _pin(spec, defaults)
    points = points_of(spec, pinned)
    sweep = Sweep(
        name=identity.name,
        namespace=identity.namespace,
        uid=identity.uid,
        generation=identity.generation,
        spec=spec,
        resolved=pinned,
        points=points,
        retry=identity.retry,
        warnings=spec_warnings(spec, len(points)),
    )
    return sweep, edits


def _pin(spec: SweepSpec, defaults: Defaults) -> Resolved:
    image = spec.trainer.image or defaults.trainer_image
    if not image:
        text = "is missing, and the operator has no default (REGSWEEP_TRAINER_IMAGE). Name a training image."
        raise InvalidSweep([Problem("spec.trainer.image", text)])
    return Resolved(
        image=image,
        parameters=spec.trainer.parameters,
        gpus=spec.trainer.gpus,
        gpu_resource=defaults.gpu_resource,
        seed=spec.seed,
        resampling=spec.resampling,
        operator_version=defaults.version,
    )
