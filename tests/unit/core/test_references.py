"""References: points beside the grid, trained by the same replicates, ranked never."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.objective import objective_status
from regsweep.api.status import SweepStatus
from regsweep.core.judging.analysis import rank
from regsweep.core.kubernetes.podtemplate import contract_environment
from regsweep.core.progress import Stage
from regsweep.core.references import count_beside
from regsweep.core.status import sweep_status
from regsweep.core.sweep import Sweep

from .simulation import World, sweep_of
from .test_progress import NOISE, run_out, status_of

GRID = {"l2": [0, 0.1], "dropout": [0, 0.5]}


def sweep(*references: dict[str, Any], parameters: dict[str, Any] | None = None, **spec: Any) -> Sweep:
    """References by their flags, named r0, r1 ..."""
    named = [{"name": f"r{place}", "flags": flags} for place, flags in enumerate(references)]
    trainer = {"parameters": parameters or {}}
    return sweep_of(GRID, **{"references": named, "trainer": trainer, "replicates": 3, "parallelism": 9, **spec})


def place_in_grid(of: Sweep, reference: int = 0) -> int | None:
    """Which of the grid's points the reference is; None: none."""
    keys = [point.key for point in of.points]
    key = of.references[reference].point.key
    return keys.index(key) if key in keys else None


@pytest.mark.parametrize(
    ("flags", "parameters", "place"),
    [
        pytest.param({"l2": 0, "dropout": 0.5}, {}, 1, id="all flags of a combination"),
        pytest.param({"dropout": 0.5, "l2": 0.0}, {}, 1, id="in another order and spelling"),
        pytest.param({"l2": 0.1}, {"dropout": 0}, 2, id="the rest is a parameter of the same name"),
        pytest.param({"l2": 0.1, "dropout": 0, "units": [8]}, {"units": [8]}, 2, id="a parameter's value is repeated"),
        pytest.param({"l2": 0.1}, {}, None, id="a flag is left to the trainer"),
        pytest.param({"l2": 0.1, "dropout": 0, "units": [9]}, {"units": [8]}, None, id="another parameter"),
        pytest.param({"l2": 0.2, "dropout": 0}, {}, None, id="a value that is not in the grid"),
        pytest.param({"model": "constant"}, {}, None, id="another model"),
        pytest.param({}, {}, None, id="the trainer's defaults"),
    ],
)
def test_a_reference_that_is_a_combination_is_that_point(
    flags: dict[str, Any], parameters: dict[str, Any], place: int | None
) -> None:
    found = sweep(flags, parameters=parameters)
    assert place_in_grid(found) == place
    assert count_beside(found.spec, [point.combination for point in found.points]) == (place is None)


def test_repeating_a_parameters_value_makes_no_other_point() -> None:
    plain = sweep({"model": "linear"}, parameters={"epochs": 5})
    repeated = sweep({"model": "linear", "epochs": 5.0}, parameters={"epochs": 5})
    assert plain.references[0].point.key == repeated.references[0].point.key


def test_a_growing_grid_keeps_the_key_of_a_reference() -> None:
    before = sweep({"model": "linear"}, {"l2": 0, "dropout": 0})
    after = sweep_of(
        {"l2": [0, 0.1, 0.2], "dropout": [0, 0.5, 0.7]},
        references=[{"name": "other", "flags": {"model": "linear"}}, {"name": "b", "flags": {"l2": 0, "dropout": 0}}],
    )
    assert [r.point.key for r in before.references] == [r.point.key for r in after.references]


def test_the_trainer_is_given_the_parameters_overlaid_by_the_references_flags() -> None:
    found = sweep({"epochs": 7, "model": "linear"}, parameters={"epochs": 5, "dataset": "iris"})
    world = World(found)
    request = next(r for r in world.step().create if r.point.key == found.references[0].point.key)
    environment = contract_environment(found, request, objective_status(found.spec.objective))
    assert json.loads(environment["REGSWEEP_FLAGS"]) == {"dataset": "iris", "epochs": 7, "model": "linear"}
    assert (request.first_replicate, request.replicates) == (0, 3), "the same replicates as the grid"
    assert environment["REGSWEEP_SEED_BASE"] == str(found.resolved.seed)


def finished(of: Sweep, reference_loss: float = 0.7) -> World:
    world = World(of)
    losses = {point.key: loss for point, loss in zip(of.points, (0.9, 0.2, 0.5, 0.6), strict=True)}
    for reference in of.references:
        losses.setdefault(reference.point.key, reference_loss)
    for _ in range(20):
        world.step()
        world.start_pods()
        for run in list(world.runs.values()):
            for pod in run.pods:
                if not pod.ended:
                    rows = [
                        [
                            k,
                            "Ok",
                            3,
                            [0.1, losses[run.point_key] + NOISE[k] + 0.003 * NOISE[(k + len(world.trained)) % 8]],
                            None,
                        ]
                        for k in run.replicates_of(pod.index)
                    ]
                    text = {"version": 1, "columns": ["train_average_loss", "val_average_loss"], "records": rows}
                    world.end_pod(run.name, pod.name, message=json.dumps(text))
    return world


def test_it_is_shown_outside_the_grid_with_the_difference_to_it() -> None:
    world = finished(sweep({"model": "linear"}))
    status = status_of(world)
    assert (status.runs.total, status.progress, len(status.results)) == (4, "4/4", 4)
    (shown,) = status.references
    assert (shown.name, shown.flags, shown.replicates, shown.source) == ("r0", {"model": "linear"}, 3, "Record")
    assert shown.objective is not None and shown.objective.mean == pytest.approx(0.7 + sum(NOISE[:3]) / 3, abs=1e-3)
    analysis = status.analysis
    assert analysis is not None
    assert len(analysis.comparisons) == 4
    (compared,) = analysis.references
    assert compared.name == "r0" and compared.difference is not None
    assert compared.difference.mean == pytest.approx(0.5, abs=1e-3)
    assert 0 < compared.difference.low < compared.difference.mean < compared.difference.high


def test_it_is_never_the_best_tied_or_picked_however_good_it_is() -> None:
    world = finished(sweep({"model": "linear"}), reference_loss=0.01)
    status = status_of(world)
    assert status.best is not None and status.best.label == "l2=0, dropout=0.5"
    analysis = status.analysis
    assert analysis is not None
    assert analysis.tied_with_best == ["l2=0, dropout=0.5"]
    assert analysis.pick is not None and analysis.pick.combination == status.best.combination
    assert analysis.references[0].difference is not None and analysis.references[0].difference.high < 0
    assert len(rank(world.sweep, world.records, world.analysis_result).rows) == 4


def test_the_analysis_of_the_grid_is_the_same_with_and_without_references() -> None:
    alone, beside = finished(sweep()), finished(sweep({"model": "linear"}))
    ours, theirs = (world.analysis_result for world in (beside, alone))
    assert ours is not None and theirs is not None
    changed = {"references": [], "rests_on": ""}
    assert ours.analysis.effects == theirs.analysis.effects
    assert [c.combination for c in ours.analysis.comparisons] == [c.combination for c in theirs.analysis.comparisons]
    assert ours.analysis.model_copy(update=changed).tied_count == theirs.analysis.tied_count


def test_a_reference_that_is_a_combination_is_trained_once() -> None:
    world = finished(sweep({"l2": 0, "dropout": 0.5}, {"model": "linear"}, {"model": "linear"}))
    assert set(world.trained.values()) == {1}
    assert len(world.created) == 5
    found = world.analysis_result
    assert found is not None
    best, *others = found.analysis.references
    assert (best.is_best, best.difference) == (True, None)
    assert others[0].difference is not None
    assert others[0].difference == others[1].difference
    assert [row.replicates for row in status_of(world).references] == [3, 3, 3]


def test_a_reference_that_fails_is_named_and_fails_nothing_else() -> None:
    world = World(sweep({"model": "lniear"}, max_failed_runs=0))
    created = world.step().create
    world.start_pods()
    bad = next(r.name for r in created if r.point.key == world.sweep.references[0].point.key)
    for run in list(world.runs.values()):
        pod = run.pods[0]
        if run.name == bad:
            error = {"reason": "InvalidFlags", "message": "flag model: did you mean linear?"}
            world.end_pod(run.name, pod.name, 64, message=json.dumps({"version": 1, "error": error}))
            world.fail_job(bad, "PodFailurePolicy")
        else:
            world.end_pod(run.name, pod.name)
    world.settle()
    status = status_of(world)
    complete = next(c for c in status.conditions if c.type is ConditionType.COMPLETE)
    assert (complete.status, complete.message) == (
        ConditionStatus.TRUE,
        "4 runs succeeded; 1 reference failed: see status.failures.",
    )
    (failure,) = status.failures
    assert (failure.reference, failure.label, failure.reason) == ("r0", "reference r0", "InvalidFlags")
    assert status.runs.failed == 0


def test_a_sweep_says_that_references_alone_are_left() -> None:
    world = World(sweep({"model": "linear"}, parallelism=4))
    world.step()
    world.start_pods()
    world.end_all()
    decided = world.step()
    assert [request.point.key for request in decided.create] == [world.sweep.references[0].point.key]
    world.settle()
    status = status_of(world)
    said = {c.type: (c.reason, c.message) for c in status.conditions}
    text = "All runs of the grid have ended; references: 0 of 1 have ended."
    assert said[ConditionType.PROGRESSING] == (Reason.RUNS_TRAINING, text)
    assert said[ConditionType.COMPLETE] == (Reason.RUNS_REMAIN, text)
    assert said[ConditionType.ACCEPTED][1].startswith("4 runs, 12 trainings, and 1 reference.")
    world.start_pods()
    (running,) = status_of(world).running
    assert (running.reference, running.label) == ("r0", "reference r0")


def test_a_reference_that_is_added_later_is_trained_alone() -> None:
    world = finished(sweep())
    before = Counter(world.trained)
    world.sweep = sweep({"model": "linear"})
    assert {request.point.key for request in world.step().create} == {world.sweep.references[0].point.key}
    world.start_pods()
    world.end_all()
    world.settle()
    assert world.trained - before == Counter({(world.sweep.references[0].point.key, k): 1 for k in range(3)})
    assert world.plan().progress is not None and world.plan().progress.stage is Stage.DECIDED  # type: ignore[union-attr]


def test_in_a_race_it_has_as_many_replicates_as_those_that_still_race() -> None:
    flags = {"l2": [0, 0.1, 0.2, 0.3]}
    references = [{"name": "same", "flags": {"l2": 0.3}}]
    world = World(
        sweep_of(flags, references=references, racing={"initialReplicates": 3, "maxReplicates": 8}, parallelism=9)
    )
    run_out(world)
    assert set(world.trained.values()) == {1}
    most = max(k for _, k in world.trained) + 1
    assert {k for key, k in world.trained if key == world.sweep.references[0].point.key} == set(range(most))


REFERENCES = st.lists(
    st.dictionaries(st.sampled_from(["l2", "dropout", "model"]), st.sampled_from([0, 0.1, 0.5]), max_size=3), max_size=4
)


@given(references=REFERENCES, parameters=st.sampled_from([{}, {"l2": 0}, {"dropout": 0.5, "model": 0}]), data=st.data())
def test_nothing_is_trained_twice_and_a_restart_anywhere_changes_nothing(
    references: list[dict[str, Any]], parameters: dict[str, Any], data: st.DataObject
) -> None:
    of = sweep(*references, parameters=parameters, replicates=2, parallelism=data.draw(st.integers(1, 6)))
    world = World(of)
    for _ in range(40):
        decided = world.step()
        assert world.plan().create == (), "carried out, it creates nothing more"
        world.start_pods()
        flying = [(r.name, p.name) for r in world.runs.values() for p in r.pods if not p.ended]
        for run, pod in data.draw(st.sets(st.sampled_from(flying))) if flying else ():
            world.end_pod(run, pod)
        if data.draw(st.booleans()):
            world.analysis_result = None  # the operator starts anew: what is stored is all it has
        if decided.is_empty and not flying and decided.analyse is None:
            break
    else:
        world.end_all()
        for _ in range(30):
            world.step()
            world.start_pods()
            world.end_all()
    assert set(world.trained.values()) == {1}
    models = len(of.points) + count_beside(of.spec, [point.combination for point in of.points])
    assert len(world.trained) == 2 * models
    status = sweep_status(of, world.observe(), world.plan(), (), SweepStatus(), world.now)
    assert [row.replicates for row in status.references] == [2] * len(references)
