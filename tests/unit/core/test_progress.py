"""A sweep's stages: trained, analysed, its picks frozen and evaluated; back to the start when it grows; and races."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from regsweep.api.analysis import PickRole, RaceReason
from regsweep.api.conditions import ConditionStatus, ConditionType
from regsweep.api.spec import Flag
from regsweep.api.status import SweepStatus
from regsweep.core.identity import final_seed
from regsweep.core.judging.analysis import rank
from regsweep.core.kubernetes.jobs import job_manifest
from regsweep.core.plan import Plan, plan
from regsweep.core.progress import Progress, Stage
from regsweep.core.standings import PointState
from regsweep.core.sweep import points_of

from .simulation import World, sweep_of

NOISE = (0.0, 0.011, -0.007, 0.004, -0.003, 0.006, -0.009, 0.002)
LossOf = Callable[[float], float]


def by_l2(l2: float) -> float:
    """A loss that 0.1 is best in, and 0.2 next to it."""
    return {0: 0.9, 0.1: 0.2, 0.2: 0.200008}.get(l2, 0.6)


def train(world: World, loss_of: LossOf = by_l2) -> None:
    """Every pod in flight ends well, with the losses of its combination and a noise that its replicates share."""
    world.start_pods()
    for request in world.created:
        if (run := world.runs.get(request.name)) is None:
            continue
        for pod in run.pods:
            if pod.ended:
                continue
            l2 = float(request.point.combination.flags["l2"])  # type: ignore[arg-type]  # these tests sweep numbers alone
            rows = []
            for k in run.replicates_of(pod.index):
                loss = loss_of(l2) + NOISE[k % 8] + 0.002 * NOISE[(3 * k + int(10 * l2)) % 8]
                tests = [loss + 0.01] if request.point.final else []
                rows.append([k, "Ok", 3, [0.1, loss, *tests], None])
            columns = [
                "train_average_loss",
                "val_average_loss",
                *(["test_average_loss"] if request.point.final else []),
            ]
            text = json.dumps({"version": 1, "columns": columns, "records": rows})
            world.end_pod(request.name, pod.name, message=text)


def progress(world: World) -> Progress:
    found = world.plan().progress
    assert found is not None
    return found


def run_out(world: World, loss_of: LossOf = by_l2) -> list[Stage]:
    """Trains until nothing is left to do; returns the stages that it went through."""
    stages: list[Stage] = []
    for _ in range(200):
        decided = world.step()
        assert decided.progress is not None
        if not stages or stages[-1] is not decided.progress.stage:
            stages.append(decided.progress.stage)
        train(world, loss_of)
        if decided.is_empty and decided.progress.stage is Stage.DECIDED:
            return stages
    raise AssertionError(f"it does not end: {stages[-5:]}")


def status_of(world: World, planned: Plan | None = None) -> SweepStatus:
    found = planned or world.plan()
    return world.reported(found)


def is_complete(status: SweepStatus) -> bool:
    return any(c.type is ConditionType.COMPLETE and c.status is ConditionStatus.TRUE for c in status.conditions)


def test_a_sweep_is_decided_once_its_records_are_analysed() -> None:
    world = World(sweep_of({"l2": [0, 0.1, 0.2]}, replicates=5))
    assert run_out(world) == [Stage.TRAINING, Stage.ANALYSING, Stage.DECIDED]
    status = status_of(world)
    assert is_complete(status)
    assert status.analysis is not None
    assert sorted(status.analysis.tied_with_best) == ["l2=0.1", "l2=0.2"]


def test_nothing_is_complete_before_the_analysis_is_there() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3))
    world.step()
    train(world)
    world.step()
    decided = world.plan()
    assert decided.analyse is not None
    assert decided.create == ()
    assert not is_complete(status_of(world, decided))


def test_below_three_replicates_there_is_no_analysis_to_wait_for() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=2))
    assert run_out(world) == [Stage.TRAINING, Stage.DECIDED]


def test_an_analysis_of_fewer_records_is_made_anew() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3))
    run_out(world)
    grow(world, [0, 0.1, 0.2])
    assert not is_complete(status_of(world))
    assert status_of(world).analysis is None, "an analysis of another grid would mislead"
    assert run_out(world) == [Stage.TRAINING, Stage.ANALYSING, Stage.DECIDED]
    assert status_of(world).analysis is not None


def test_the_objective_can_be_changed_without_training_anything() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3))
    run_out(world)
    trained = len(world.created)
    objective = world.sweep.spec.objective.model_copy(update={"metric": "train_average_loss"})
    world.sweep = replace(world.sweep, spec=world.sweep.spec.model_copy(update={"objective": objective}))
    assert run_out(world) == [Stage.ANALYSING, Stage.DECIDED]
    assert len(world.created) == trained


def test_picks_whose_values_read_alike_are_distinguished() -> None:
    """A list of the number 1 and a list of the text 1: the best is the one, the pick the other."""
    world = World(sweep_of({"l2": [0.1, 0.2], "units": [[1], ["1"]]}, replicates=5, final={"replicates": 3}))
    run_out(world)
    status = status_of(world)
    assert status.final is not None and status.analysis is not None and status.analysis.pick is not None
    picks = {role: pick.flags for pick in status.final.picks for role in pick.roles}
    assert picks[PickRole.BEST] == status.results[0].flags
    by_id = {point.combination.id: point.combination.flags for point in world.sweep.points}
    assert picks[PickRole.ONE_STANDARD_ERROR] == by_id[status.analysis.pick.combination or ""]
    assert len({result.label for result in status.results}) == len(status.results) == 4


def test_the_picks_are_frozen_before_they_are_trained_for_the_test_rows() -> None:
    world = World(sweep_of({"l2": [0, 0.1, 0.2]}, replicates=5, final={"replicates": 3}))
    assert run_out(world) == [
        Stage.TRAINING,
        Stage.ANALYSING,
        Stage.FREEZING,
        Stage.EVALUATING,
        Stage.ANALYSING,
        Stage.DECIDED,
    ]
    finals = [request for request in world.created if request.point.final]
    assert [request.point.combination.flags["l2"] for request in finals] == [0.1, 0.2]
    status = status_of(world)
    assert is_complete(status)
    assert status.final is not None
    assert [pick.roles for pick in status.final.picks] == [[PickRole.BEST], [PickRole.ONE_STANDARD_ERROR]]
    assert (status.final.ended, status.final.failed, status.final.stale) == (6, 0, False)
    assert status.analysis is not None
    assert status.analysis.final is not None
    assert [result.label for result in status.analysis.final.results] == ["l2=0.1", "l2=0.2"]
    assert len(status.results) == 3, "the final evaluation is none of what is ranked"


def test_the_final_evaluation_alone_scores_the_test_rows_and_shares_no_seed() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3, final={"replicates": 3}, seed=7))
    run_out(world)
    seen = set()
    for request in world.created:
        manifest = job_manifest(world.sweep, request, rank(world.sweep, world.records, None).objective)
        template = json.loads(json.dumps(manifest))["spec"]["template"]
        env = {e["name"]: e.get("value") for e in template["spec"]["containers"][0]["env"]}
        seen.add((request.point.final, env["REGSWEEP_SCORE_TEST"], env["REGSWEEP_SEED_BASE"], env["REGSWEEP_SWEEP"]))
    assert seen == {(False, "0", "7", "demo"), (True, "1", str(final_seed(7)), "demo/final")}
    assert final_seed(7) != 7


def test_a_final_training_that_failed_is_counted_as_ended_and_failed_and_is_listed() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3, final={"replicates": 3}))
    while progress(world).stage is not Stage.EVALUATING:
        world.step()
        if progress(world).stage is not Stage.EVALUATING:
            train(world)
    world.step()
    world.start_pods()
    world.end_all(exit_code=65)
    world.step()
    status = status_of(world)
    assert status.final is not None
    wanted = status.final.replicates * len(status.final.picks)
    assert (status.final.ended, status.final.failed) == (wanted, wanted)
    assert [failure.final for failure in status.failures] == [True] * len(status.final.picks)
    assert all("(final evaluation)" in failure.label for failure in status.failures)


def test_frozen_picks_stay_when_the_sweep_grows_and_are_called_stale() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3, final={"replicates": 3}))
    run_out(world)
    frozen = world.final
    finals = sum(request.point.final for request in world.created)
    grow(world, [0, 0.1, 0.05])
    run_out(world, lambda l2: 0.1 if l2 == 0.05 else by_l2(l2))
    status = status_of(world)
    assert status.best_label == "l2=0.05"
    assert status.final is not None
    assert status.final.stale
    assert world.final is frozen
    assert sum(request.point.final for request in world.created) == finals, "the test rows are looked at once"
    assert is_complete(status)


def test_flags_in_another_order_are_named_anew_and_change_nothing_else() -> None:
    world = World(sweep_of({"l2": [0, 0.1], "dropout": [0, 0.5]}, replicates=3, parallelism=4, final={"replicates": 3}))
    run_out(world)
    trained = len(world.created)
    spec = world.sweep.spec.model_copy(update={"flags": world.sweep.spec.flags[::-1]})
    world.sweep = replace(world.sweep, spec=spec, points=points_of(spec, world.sweep.resolved))
    run_out(world)
    status = status_of(world)
    assert len(world.created) == trained
    assert status.final is not None
    assert not status.final.stale
    assert status.analysis is not None
    assert status.analysis.comparisons[0].label.startswith("dropout=")
    assert status.analysis.final is not None
    assert all(result.label.startswith("dropout=") for result in status.analysis.final.results)


def test_where_nothing_may_be_called_best_there_is_nothing_to_evaluate() -> None:
    constraint = {"metric": "val_average_loss", "max": 0.01}
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3, final={}, objective={"constraints": [constraint]}))
    run_out(world)
    status = status_of(world)
    assert status.final is not None
    assert status.final.picks == []
    assert status.best is None
    assert status.results[0].violated == ["val_average_loss"]
    assert is_complete(status)


def test_a_race_trains_on_what_may_still_win() -> None:
    values = [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    world = World(sweep_of({"l2": values}, parallelism=6, racing={"initialReplicates": 3, "maxReplicates": 8}))
    run_out(world)
    status = status_of(world)
    assert is_complete(status)
    assert status.analysis is not None
    assert status.analysis.race is not None
    assert status.analysis.race.reason is not RaceReason.RACING
    assert status.analysis.race.trained < status.analysis.race.full_grid == 48
    by_value = {v: sum(r.replicates for r in world.created if r.point.combination.flags["l2"] == v) for v in values}
    assert by_value[0] == 3, "far behind, it is dropped at the first look"
    assert by_value[0.1] == by_value[0.2] == max(by_value.values())
    assert all(trained == 1 for trained in world.trained.values()), "nothing runs twice"
    assert {result.label for result in status.results if result.dropped} == {
        f"l2={v}" for v in values if by_value[v] < by_value[0.1]
    }


def test_a_race_is_open_until_it_is_over() -> None:
    world = World(sweep_of({"l2": [0.1, 0.2]}, racing={"initialReplicates": 3, "maxReplicates": 8}))
    world.step()
    train(world)
    world.step()
    assert progress(world).states == (PointState.OPEN, PointState.OPEN)
    status = status_of(world)
    assert not is_complete(status)
    assert (status.runs.running, status.runs.pending) == (0, 2), "what has ended and is recorded trains no more"


def test_a_race_goes_on_from_its_records_alone() -> None:
    world = World(sweep_of({"l2": [0, 0.1, 0.2]}, racing={"initialReplicates": 3, "maxReplicates": 8}))
    for _ in range(4):
        world.step()
        train(world)
    world.analysis_result = None  # an operator that has just started knows none
    run_out(world)
    assert is_complete(status_of(world))
    assert all(trained == 1 for trained in world.trained.values())


@pytest.mark.parametrize("metric", ["val_f1", "val_average_loss"])
def test_a_race_without_the_objective_stops(metric: str) -> None:
    world = World(
        sweep_of({"l2": [0, 0.1, 0.2]}, parallelism=3, racing={}, objective={"metric": metric, "goal": "Minimize"})
    )
    world.step()
    train(world)
    world.step()
    assert (world.plan().stop is not None) == (metric == "val_f1")


def grow(world: World, values: list[float]) -> None:
    """The spec has these values of l2 now."""
    spec = world.sweep.spec.model_copy(update={"flags": [Flag(name="l2", values=list(values))]})
    world.sweep = replace(world.sweep, spec=spec, points=points_of(spec, world.sweep.resolved))
    assert plan(world.sweep, world.observe(), world.now).progress is not None
