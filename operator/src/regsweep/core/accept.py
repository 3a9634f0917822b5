"""Taking a sweep in: what is pinned on acceptance, and which later edits are not followed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from regsweep.api.objective import epoch_rule, objective_status, ranked_rule
from regsweep.api.spec import SweepSpec
from regsweep.api.status import ObjectiveStatus, RefinementStatus, Resolved
from regsweep.api.validation import changed_pinned_fields
from regsweep.api.warnings import spec_warnings
from regsweep.api.wording import plural
from regsweep.core.identity import KEY_VERSION
from regsweep.core.references import references_of
from regsweep.core.refinement import refined
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.runs import ObservedRun
from regsweep.core.scripts import ScriptFiles, changed_script, resolved_script, script_problem
from regsweep.core.sweep import Point, Sweep, outer_points, points_of
from regsweep.errors import InvalidSweep, Problem


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the operator (or the local runner) puts where the spec is silent."""

    trainer_image: str
    """Empty: there is no default, every sweep must name its own."""
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


@dataclass(frozen=True, slots=True)
class Past:
    """The history of a sweep, as far as it decides which edits are followed."""

    pinned: Resolved | None = None
    """From the status; None on first sight."""
    objective: ObjectiveStatus | None = None
    """The one that is in force, from the status; None: not known."""
    records: Records = field(default_factory=Records)
    runs: Sequence[ObservedRun] = ()
    refinement: RefinementStatus | None = None
    """What refinement has chosen, from the status; None: nothing."""

    @property
    def started(self) -> bool:
        """Whether a Job or a record of it exists."""
        return bool(self.runs) or len(self.records) > 0


NO_PAST = Past()


def accept(
    identity: Identity, spec: SweepSpec, defaults: Defaults, past: Past = NO_PAST, script: ScriptFiles | None = None
) -> tuple[Sweep, Sequence[Problem]]:
    """The sweep with what is pinned, and the edits that are not followed.

    Until the sweep has started it is pinned again at each edit. After that its data revision follows the spec, and its
    objective where everything that was trained fits it: no edit trains a grid again that did not ask for it.

    script: the files of the ConfigMap that the spec names; None: it names none, or its script is not pinned from there.

    Raises InvalidSweep where no image is named anywhere, where the script is not there, or where a later version of the operator
    has pinned the sweep.
    """
    if past.pinned is None or not past.started:
        resolved = _pin(spec, defaults, script)
        return sweep_of(identity, spec, resolved), ()
    resolved = _kept(past.pinned, spec, past.objective)
    edits = changed_pinned_fields(spec, resolved)
    if (problem := changed_script(spec.trainer.script, resolved.script, script)) is not None:
        edits.append(problem)
    points = points_of(spec, resolved)
    wanted, in_force = objective_status(spec.objective), past.objective or resolved.objective
    if in_force is not None and wanted != in_force:
        problem = _objective_problem(wanted, in_force, resolved, points, past)
        if problem is not None:
            edits.append(problem)
            spec = with_objective(spec, in_force)
    return sweep_of(identity, spec, resolved, past.refinement), edits


def with_objective(spec: SweepSpec, objective: ObjectiveStatus | None) -> SweepSpec:
    """The spec with the objective that is in force, its own constraints kept; None: its own is.

    A minimum difference is in the unit of the objective that it was written for: with another in force there is none.
    """
    if objective is None or objective == objective_status(spec.objective):
        return spec
    in_force = {
        "metric": objective.metric,
        "goal": objective.goal,
        "epoch": objective.epoch,
        "minimum_difference": None,
    }
    return spec.model_copy(update={"objective": spec.objective.model_copy(update=in_force)})


def sweep_of(
    identity: Identity, spec: SweepSpec, resolved: Resolved, refinement: RefinementStatus | None = None
) -> Sweep:
    """The sweep under what is pinned, with all points that it has: grid, references, outer folds, and what refinement has added."""
    points = points_of(spec, resolved)
    sweep = Sweep(
        name=identity.name,
        namespace=identity.namespace,
        uid=identity.uid,
        generation=identity.generation,
        spec=spec,
        resolved=resolved,
        points=points,
        references=references_of(spec, resolved, points),
        outer=outer_points(spec, resolved, points),
        retry=identity.retry,
        warnings=spec_warnings(spec, len(points)),
    )
    return refined(sweep, refinement)


def _pin(spec: SweepSpec, defaults: Defaults, script: ScriptFiles | None) -> Resolved:
    image = spec.trainer.image or defaults.trainer_image
    if not image:
        text = "is missing, and the operator has no default (REGSWEEP_TRAINER_IMAGE). Name a training image."
        raise InvalidSweep([Problem("spec.trainer.image", text)])
    source = spec.trainer.script
    if source is not None and script is not None and (problem := script_problem(source, script)) is not None:
        raise InvalidSweep([problem])
    return Resolved(
        image=image,
        script=resolved_script(source, script) if source is not None and script is not None else None,
        parameters=spec.trainer.parameters,
        args=spec.trainer.args,
        report=spec.trainer.report,
        gpus=spec.trainer.gpus,
        gpu_resource=spec.trainer.gpu_resource or defaults.gpu_resource,
        seed=spec.seed,
        resampling=spec.resampling,
        data_revision=spec.trainer.data_revision,
        objective=objective_status(spec.objective),
        key_version=KEY_VERSION,
        operator_version=defaults.version,
    )


def _kept(pinned: Resolved, spec: SweepSpec, in_force: ObjectiveStatus | None) -> Resolved:
    """What was pinned, with the data revision of the spec.

    A sweep of an older operator has no objective pinned. Its trainings were given the one that is in force now, as far as
    anybody can know, so that is pinned once, and its keys stay as they are.
    """
    if pinned.key_version is not None and pinned.key_version > KEY_VERSION:
        text = (
            f"is {pinned.key_version}, and this operator supports keys up to version {KEY_VERSION}: it would train everything "
            "again. Install the version that accepted the sweep, or a later one."
        )
        raise InvalidSweep([Problem("status.resolved.keyVersion", text)])
    objective = pinned.objective or in_force or objective_status(spec.objective)
    return pinned.model_copy(update={"data_revision": spec.trainer.data_revision, "objective": objective})


def _objective_problem(
    wanted: ObjectiveStatus, in_force: ObjectiveStatus, resolved: Resolved, points: Sequence[Point], past: Past
) -> Problem | None:
    """Why an edited objective cannot be followed; None where all that was trained fits it."""
    rule = ranked_rule(wanted)
    trained = list(_trained(points, past.records))
    if rule is None:
        lacking = sum(wanted.metric not in record.metrics for record in trained)
        what = f"no {wanted.metric} at the last epoch"
    else:
        # Old records and Jobs do not name their rule. It is that of the pinned objective: no other was in force by then.
        unnamed = epoch_rule(resolved.objective) if resolved.objective is not None else None
        lacking = sum((record.best.rule or unnamed if record.best else None) != rule for record in trained)
        lacking += sum((run.rule or unnamed) != rule for run in _unrecorded(points, past))
        what = "a best epoch chosen by another rule"
    if not lacking:
        return None
    was = f"{in_force.metric} ({in_force.goal}, {in_force.epoch} epoch)"
    have = "has" if lacking == 1 else "have"
    text = (
        f"cannot change from {was} to {wanted.metric} ({wanted.goal}, {wanted.epoch} epoch) without training again, since "
        f"{plural(lacking, 'training')} {have} {what}. Runs continue with the objective in force. Restore it, or create a new sweep."
    )
    return Problem("spec.objective", text)


def _trained(points: Iterable[Point], records: Records) -> Iterator[Record]:
    """Results of the present grid that have values."""
    for point in points:
        yield from (record for record in records.of(point.key).values() if record.outcome is Outcome.OK)


def _unrecorded(points: Iterable[Point], past: Past) -> Iterator[ObservedRun]:
    """Runs of the present grid that have records still to come."""
    keys = {point.key for point in points}
    for run in past.runs:
        replicates = range(run.first_replicate, run.first_replicate + run.replicates)
        if run.point_key in keys and any(past.records.get(run.point_key, k) is None for k in replicates):
            yield run
