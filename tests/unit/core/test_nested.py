"""Nested resampling: the choice is repeated in each outer fold, frozen, and scored on rows that it did not see."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from regsweep.api.analysis import PickRole
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.objective import objective_status
from regsweep.api.status import FinalStatus
from regsweep.core.cost import trainings_needed
from regsweep.core.judging.analysis import analyse_records
from regsweep.core.kubernetes.podtemplate import contract_environment
from regsweep.core.nested import fold_sweeps
from regsweep.core.progress import Stage
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Point, Sweep, final_points

from .simulation import World, sweep_of
from .test_progress import NOISE, status_of

FOLDS = 3
BEST_IN_FOLD = (0.1, 0.2, 0.1)
"""The l2 that is best on the rows outside each fold."""


def nested(values: list[float] | None = None, **spec: Any) -> Sweep:
    final = {"evaluate": "Nested", "folds": FOLDS, "replicates": 3}
    return sweep_of({"l2": values or [0, 0.1, 0.2]}, **{"replicates": 3, "parallelism": 4, "final": final, **spec})


def loss_of(point: Point) -> float:
    """On all rows 0 is the best; in each fold another value."""
    wanted = 0 if point.outer is None else BEST_IN_FOLD[point.outer.fold]
    return 0.2 if point.combination.flags["l2"] == wanted else 0.6


def train(world: World, test_loss: Mapping[int, float] | None = None) -> None:
    """Every pod in flight ends well."""
    points = {target.point.key: target.point for target in _targets(world)}
    world.start_pods()
    for run in list(world.runs.values()):
        point = points.get(run.point_key)
        for pod in run.pods:
            if pod.ended or point is None:
                continue
            rows: list[list[object]] = []
            for k in run.replicates_of(pod.index):
                val = loss_of(point) + NOISE[k] + 0.002 * NOISE[(k + len(point.combination.id)) % 8]
                fold = point.outer.fold if point.outer is not None else 0
                tests = [(test_loss or {}).get(fold, 0.3 + 0.01 * fold)] if point.final else []
                rows.append([k, "Ok", 3, [0.1, val, *tests], None])
            columns = ["train_average_loss", "val_average_loss", *(["test_average_loss"] if point.final else [])]
            world.end_pod(run.name, pod.name, message=json.dumps({"version": 1, "columns": columns, "records": rows}))


def _targets(world: World) -> Any:
    found = world.plan().progress
    assert found is not None
    return found.targets


def run_out(world: World) -> list[Stage]:
    stages: list[Stage] = []
    for _ in range(100):
        decided = world.step()
        assert decided.progress is not None
        if not stages or stages[-1] is not decided.progress.stage:
            stages.append(decided.progress.stage)
        train(world)
        if decided.is_empty and decided.progress.stage is Stage.DECIDED:
            return stages
    raise AssertionError(f"it does not end: {stages}")


def frozen(world: World) -> FinalStatus:
    assert world.final is not None
    return world.final


def test_each_fold_chooses_on_its_other_rows_and_its_choice_is_scored_on_the_fold() -> None:
    world = World(nested())
    assert run_out(world) == [
        Stage.TRAINING,
        Stage.ANALYSING,
        Stage.FREEZING,
        Stage.EVALUATING,
        Stage.ANALYSING,
        Stage.DECIDED,
    ]
    picks = {(pick.fold, pick.flags["l2"]) for pick in frozen(world).picks if PickRole.BEST in pick.roles}
    assert picks == {(0, 0.1), (1, 0.2), (2, 0.1)}
    status = status_of(world)
    assert status.best is not None and status.best.label == "l2=0", "the sweep's own best is that of all rows"
    assert status.progress == "3/3"
    evaluation = status.analysis.final if status.analysis is not None else None
    assert evaluation is not None and evaluation.results == []
    (result,) = evaluation.nested
    assert (result.role, result.folds, result.combinations, result.diverged) == (PickRole.BEST, 3, 2, 0)
    assert result.loss is not None and result.loss.mean == pytest.approx(0.31)
    assert world.plan().is_empty


def test_it_trains_what_it_says_and_nothing_twice() -> None:
    world = World(nested())
    run_out(world)
    needed = trainings_needed(world.sweep.spec, len(world.sweep.points))
    assert set(world.trained.values()) == {1}
    assert (needed.grid, needed.outer, needed.final) == (9, 27, 18)
    assert len(world.trained) == 9 + 27 + 3 * len(frozen(world).picks)
    assert len(world.trained) <= needed.total == 54


@pytest.mark.parametrize(
    ("spec", "references", "needed"),
    [
        ({}, 0, (6, 0, 0, 0)),
        ({"final": {"replicates": 5}}, 0, (6, 0, 0, 10)),
        ({"final": {"evaluate": "Nested", "folds": 5, "replicates": 4}}, 2, (6, 6, 30, 40)),
        ({"racing": {"maxReplicates": 9}}, 3, (18, 27, 0, 0)),
    ],
)
def test_what_a_sweep_costs_is_known_before(
    spec: dict[str, Any], references: int, needed: tuple[int, int, int, int]
) -> None:
    found = trainings_needed(sweep_of({"l2": [0, 0.1]}, replicates=3, **spec).spec, 2, references)
    assert (found.grid, found.references, found.outer, found.final) == needed
    assert found.total == sum(needed)


def test_the_trainer_is_told_the_fold_and_looks_at_its_rows_in_the_final_training_alone() -> None:
    world = World(nested(parallelism=50))
    outer = next(r for r in world.step().create if r.point.outer is not None and r.point.outer.fold == 1)
    run_out(world)
    final = next(r for r in world.created if r.point.final and r.point.outer is not None and r.point.outer.fold == 1)
    plain = next(r for r in world.created if r.point.outer is None)
    objective = objective_status(world.sweep.spec.objective)
    told = [contract_environment(world.sweep, request, objective) for request in (plain, outer, final)]
    assert [json.loads(each["REGSWEEP_RESAMPLING"]).get("outer") for each in told] == [
        None,
        {"fold": 1, "folds": 3},
        {"fold": 1, "folds": 3},
    ]
    assert [each["REGSWEEP_SCORE_TEST"] for each in told] == ["0", "0", "1"]
    assert [each["REGSWEEP_FINAL"] for each in told] == ["0", "0", "0"], "no test rows are missed in the grid"
    assert [each["REGSWEEP_SWEEP"] for each in told] == ["demo", "demo/outer", "demo/final"]
    assert told[1]["REGSWEEP_SEED_BASE"] == told[0]["REGSWEEP_SEED_BASE"] != told[2]["REGSWEEP_SEED_BASE"]


def test_all_points_have_keys_of_their_own() -> None:
    world = World(nested())
    run_out(world)
    points = [*world.sweep.points, *world.sweep.outer, *final_points(world.sweep, frozen(world))]
    assert len({point.key for point in points}) == len(points) == 3 + 9 + len(frozen(world).picks)


@given(data=st.data())
@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_a_folds_choice_depends_on_its_own_records_alone(data: st.DataObject) -> None:
    """Whatever the grid of all rows and the other folds come to."""
    sweep = nested()
    fold = data.draw(st.integers(0, FOLDS - 1))
    own = {point.key for point in sweep.outer if point.outer is not None and point.outer.fold == fold}
    picks = []
    for _ in range(2):
        records = Records(
            _record(point, k, loss_of(point) if point.key in own else data.draw(st.floats(0.1, 0.9)))
            for point in (*sweep.points, *sweep.outer)
            for k in range(3)
        )
        world = World(sweep, records=records)
        request = world.plan().analyse
        assert request is not None
        found = analyse_records(request).outer
        assert found is not None
        picks.append([pick for pick in found.picks if pick.fold == fold])
    assert picks[0] == picks[1] != []


def _record(point: Point, replicate: int, loss: float) -> Record:
    metrics = {"val_average_loss": loss + NOISE[replicate] / 10, "train_average_loss": 0.1}
    return Record(point.key, replicate, Outcome.OK, "run", epochs=3, metrics=metrics)


def test_a_fold_is_a_sweep_of_its_own_rows_without_references_or_folds() -> None:
    sweep = nested(references=[{"name": "a", "flags": {"model": "linear"}}])
    folds = list(fold_sweeps(sweep))
    assert [point.key for fold in folds for point in fold.points] == [point.key for point in sweep.outer]
    assert all((fold.references, fold.outer, fold.spec.final) == ((), (), None) for fold in folds)
    assert list(fold_sweeps(sweep_of())) == []


def test_the_picks_stay_when_the_sweep_is_changed_afterwards_and_it_is_said() -> None:
    world = World(nested())
    run_out(world)
    before, picks = Counter(world.trained), frozen(world).picks
    world.sweep = nested([0, 0.1, 0.2, 0.3])
    run_out(world)
    assert frozen(world).picks == picks
    assert len(world.trained - before) == 3, "the new combination on all rows, and no fold again"
    status = status_of(world)
    assert status.final is not None and status.final.stale
    other = nested(final={"evaluate": "Nested", "folds": 5, "replicates": 3})
    world.sweep = other
    assert world.plan().create == (), "other folds choose nothing anew"
    status = status_of(world)
    assert status.final is not None and status.final.stale


def test_a_restart_before_the_picks_are_frozen_chooses_again_and_the_same() -> None:
    one, other = World(nested()), World(nested())
    for world in (one, other):
        for _ in range(40):
            if world.plan().progress.stage is Stage.FREEZING:  # type: ignore[union-attr]
                break
            world.step()
            train(world)
    other.analysis_result = None
    assert other.plan().freeze is None, "nothing is frozen that was not chosen from these records"
    run_out(one)
    run_out(other)
    assert frozen(one) == frozen(other)


@given(data=st.data())
@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_a_restart_anywhere_changes_neither_picks_nor_trainings(data: st.DataObject) -> None:
    world = World(nested(parallelism=data.draw(st.integers(1, 9))))
    for _ in range(100):
        decided = world.step()
        assert decided.freeze or world.plan().create == (), "carried out, it creates nothing more"
        if data.draw(st.booleans()):
            train(world)
        if data.draw(st.booleans()):
            world.analysis_result = None
        if decided.is_empty and decided.progress is not None and decided.progress.stage is Stage.DECIDED:
            break
    else:
        run_out(world)
    calm = World(nested())
    run_out(calm)
    assert set(world.trained.values()) == {1}
    assert world.trained == calm.trained
    assert frozen(world) == frozen(calm)


def test_a_fold_in_which_all_diverge_has_no_pick_and_there_is_no_interval() -> None:
    world = World(nested())
    world.step()
    for _ in range(30):
        world.start_pods()
        points = {target.point.key: target.point for target in _targets(world)}
        for run in list(world.runs.values()):
            point = points.get(run.point_key)
            for pod in run.pods:
                if pod.ended or point is None:
                    continue
                if point.outer is not None and point.outer.fold == 2 and not point.final:
                    rows = [[k, "Diverged", 1, [None, None], None] for k in run.replicates_of(pod.index)]
                    columns = ["train_average_loss", "val_average_loss"]
                    text = {"version": 1, "columns": columns, "records": rows}
                    world.end_pod(run.name, pod.name, message=json.dumps(text))
        train(world)
        world.step()
    evaluation = status_of(world).analysis.final  # type: ignore[union-attr]
    assert {pick.fold for pick in frozen(world).picks} == {0, 1}
    assert evaluation is not None
    assert (evaluation.nested[0].folds, evaluation.nested[0].loss) == (2, None)
    assert evaluation.notes[0].message.startswith("The best: in 1 of 3 outer folds nothing could be chosen")


def test_the_progress_of_the_folds_is_shown() -> None:
    world = World(nested(parallelism=3))
    world.step()
    train(world)
    world.step()
    status = status_of(world)
    said = {c.type: (c.reason, c.message) for c in status.conditions}
    assert said[ConditionType.ACCEPTED][1] == "3 runs, 9 trainings, and 27 trainings in 3 outer folds."
    world.settle()
    status = status_of(world)
    assert status.outer is not None and (status.outer.total, status.outer.ended) == (9, 0)
    said = {c.type: (c.reason, c.message) for c in status.conditions}
    text = "All runs of the grid have ended; runs in outer folds: 0 of 9 have ended."
    assert said[ConditionType.PROGRESSING] == (Reason.RUNS_TRAINING, text)
    assert said[ConditionType.COMPLETE] == (Reason.RUNS_REMAIN, text)
    world.start_pods()
    assert {run.label for run in status_of(world).running} == {f"l2={l2} (outer fold 1 of 3)" for l2 in (0, 0.1, 0.2)}
    run_out(world)
    assert status_of(world).outer is None


def test_outer_folds_that_all_fail_alike_stop_the_sweep() -> None:
    """Such as data that mark their own test rows: a hundred more runs would fail as well."""
    world = World(nested(parallelism=3))
    world.step()
    train(world)
    world.settle()
    world.start_pods()
    error = {"reason": "BadData", "message": "10 rows are marked test"}
    for run in list(world.runs.values()):
        for pod in run.pods:
            if not pod.ended:
                world.end_pod(run.name, pod.name, 64, message=json.dumps({"version": 1, "error": error}))
                world.fail_job(run.name, "PodFailurePolicy")
    world.step()
    assert world.plan().create == ()
    failed = next(c for c in status_of(world).conditions if c.type is ConditionType.FAILED)
    assert (failed.status, failed.reason) == (ConditionStatus.TRUE, Reason.RUNS_FAIL_ALIKE)
    assert failed.message.startswith(
        "The first 3 runs in outer folds all failed with BadData: 10 rows are marked test."
    )


def test_a_final_evaluation_on_test_rows_has_no_folds() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3, final={"replicates": 3}))
    assert world.sweep.outer == ()
    assert status_of(world).outer is None
    request = world.step().create[0]
    environment = contract_environment(world.sweep, request, objective_status(world.sweep.spec.objective))
    assert environment["REGSWEEP_FINAL"] == "1"
