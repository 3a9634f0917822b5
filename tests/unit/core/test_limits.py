"""When a sweep stops: failures alike, more of them than are allowed, and metrics that no run reports."""

from __future__ import annotations

import json

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.limits import failed_run_limit, first_failure
from regsweep.core.results.records import Outcome, Record, Records

from .simulation import World, sweep_of


@pytest.mark.parametrize(
    ("runs", "parallelism", "words"),
    [
        pytest.param(10, 3, "The first 3 runs all failed with InvalidFlags: ", id="the first three of ten"),
        pytest.param(2, 2, "All 2 runs failed with InvalidFlags: ", id="fewer than three, all of them"),
        pytest.param(1, 1, "The only run failed with InvalidFlags: ", id="the only one"),
    ],
)
def test_the_first_three_failing_alike_for_what_no_retry_mends_stop_the_sweep(
    runs: int, parallelism: int, words: str
) -> None:
    world = World(sweep_of({"l2": list(range(runs))}, parallelism=parallelism))
    world.step()
    world.start_pods()
    world.end_all(exit_code=64)
    decided = world.step()
    assert decided.stop is not None
    assert decided.stop.reason is Reason.RUNS_FAIL_ALIKE
    assert decided.stop.message.startswith(words)
    assert decided.create == ()


@pytest.mark.parametrize(
    ("runs", "asked", "limit"),
    [
        pytest.param(4, None, 3, id="by default at least 3"),
        pytest.param(100, None, 10, id="by default 10 %"),
        pytest.param(24, "25%", 6, id="a percentage"),
        pytest.param(24, 0, 0, id="none"),
    ],
)
def test_the_limit_of_failed_runs(runs: int, asked: str | int | None, limit: int) -> None:
    assert failed_run_limit(sweep_of({"l2": list(range(runs))}, max_failed_runs=asked)) == limit


@pytest.mark.parametrize(
    ("limit", "ends", "words"),
    [
        pytest.param(0, (65,), "1 of 4 runs failed; none is allowed (spec.maxFailedRuns).", id="none is tolerated"),
        pytest.param(1, (0, 65, 65), "2 of 4 runs failed; at most 1 failed run is allowed", id="one is tolerated"),
        pytest.param(
            "50%", (0, 65, 65, 65), "3 of 4 runs failed; at most 2 failed runs are allowed", id="half of them"
        ),
    ],
)
def test_one_failure_more_than_the_limit_stops_the_sweep(limit: int | str, ends: tuple[int, ...], words: str) -> None:
    world = World(sweep_of({"l2": [0, 1, 2, 3]}, parallelism=1, max_failed_runs=limit))
    for exit_code in ends:
        world.step()
        world.start_pods()
        world.end_all(exit_code=exit_code)
    decided = world.step()
    assert decided.stop is not None
    assert decided.stop.reason is Reason.TOO_MANY_FAILED_RUNS
    assert words in decided.stop.message
    assert "The first: IndexFinal: " in decided.stop.message
    assert decided.create == ()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        pytest.param("drpout is no flag", "drpout is no flag. Fix the cause", id="no full stop: one is set"),
        pytest.param("drpout is no flag.", "drpout is no flag. Fix the cause", id="a full stop: no second one"),
        pytest.param("Where is l2?", "Where is l2? Fix the cause", id="a question"),
        pytest.param("No data!", "No data! Fix the cause", id="a cry"),
    ],
)
def test_a_trainers_words_end_as_a_sentence_before_ours_begin(message: str, words: str) -> None:
    world = World(sweep_of({"l2": [0]}))
    (request,) = world.step().create
    text = json.dumps({"version": 1, "error": {"reason": "InvalidFlags", "message": message}})
    world.end_pod(request.name, world.add_pod(request.name).name, exit_code=64, message=text)
    stop = world.step().stop
    assert stop is not None
    assert stop.message.startswith(f"The only run failed with InvalidFlags: {words}, then raise the annotation ")


def test_runs_that_fail_for_different_reasons_do_not_stop_the_sweep_as_alike() -> None:
    world = World(sweep_of({"l2": list(range(20))}, parallelism=3))
    world.step()
    world.start_pods()
    for run, reason in zip(list(world.runs.values()), ("InvalidFlags", "BadData", "BadData"), strict=True):
        text = json.dumps({"version": 1, "columns": [], "records": [], "error": {"reason": reason, "message": "no"}})
        world.end_pod(run.name, run.pods[0].name, exit_code=64, message=text)
    assert world.step().stop is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param([0], "The only run failed. The first: IndexFinal: ", id="a sweep of one run"),
        pytest.param([0, 1], "All 2 runs failed. The first: IndexFinal: ", id="fewer than the limit"),
        pytest.param(list(range(5)), "All 5 runs failed. The first: IndexFinal: ", id="more than the limit, at once"),
    ],
)
def test_where_every_run_failed_the_limit_is_not_the_reason(values: list[int], words: str) -> None:
    world = World(sweep_of({"l2": values}, parallelism=len(values)))
    world.step()
    world.start_pods()
    world.end_all(exit_code=65)
    stop = world.step().stop
    assert stop is not None
    assert stop.reason is Reason.ALL_RUNS_FAILED
    assert stop.message.startswith(words)
    assert "maxFailedRuns" not in stop.message


VAL_ACC = {"metric": "val_acc", "min": 0.5}


@pytest.mark.parametrize(
    ("objective", "reason", "words"),
    [
        pytest.param(
            {"metric": "val_acuracy", "goal": "Maximize"},
            Reason.OBJECTIVE_NOT_REPORTED,
            "spec.objective.metric: no run reported val_acuracy. Reported: train_average_loss, val_average_loss.",
            id="the objective",
        ),
        pytest.param(
            {"constraints": [VAL_ACC]},
            Reason.CONSTRAINT_NOT_REPORTED,
            "spec.objective.constraints[0].metric: no run reported val_acc. Reported: train_average_loss, val_average_loss.",
            id="the only constraint",
        ),
        pytest.param(
            {"constraints": [{"metric": "train_average_loss", "max": 9}, {"metric": "val_averageloss", "max": 9}]},
            Reason.CONSTRAINT_NOT_REPORTED,
            "spec.objective.constraints[1].metric: no run reported val_averageloss. Reported: train_average_loss, ",
            id="the second of two constraints, a misprint",
        ),
        pytest.param(
            {"metric": "val_auc", "constraints": [VAL_ACC]},
            Reason.OBJECTIVE_NOT_REPORTED,
            "spec.objective.metric: no run reported val_auc.",
            id="objective and constraint: the objective first",
        ),
    ],
)
def test_a_metric_that_no_run_reports_stops_the_sweep_and_the_message_lists_the_reported_ones(
    objective: dict[str, object], reason: Reason, words: str
) -> None:
    flags = {"l2": list(range(10))}
    world = World(sweep_of(flags, parallelism=3, objective=objective))
    world.step()
    world.start_pods()
    world.end_all()
    stop = world.step().stop
    assert stop is not None
    assert stop.reason is reason
    assert stop.message.startswith(words)
    world.sweep = sweep_of(flags, parallelism=3)
    assert len(world.plan().create) == 3, "another objective lets it continue"


def test_runs_that_are_still_open_do_not_hide_that_later_ones_lack_the_objective() -> None:
    world = World(sweep_of({"l2": list(range(10))}, parallelism=4, objective={"metric": "val_auc"}))
    world.step()
    world.start_pods()
    for run in list(world.runs.values())[1:]:
        world.end_pod(run.name, run.pods[0].name)
    stop = world.step().stop
    assert stop is not None
    assert stop.reason is Reason.OBJECTIVE_NOT_REPORTED


def test_of_a_points_failures_the_lowest_replicate_is_named_in_whatever_order_they_were_stored() -> None:
    point = sweep_of({"l2": [0]}).points[0]
    ok, *failed = (
        Record(point.key, k, Outcome.FAILED if k else Outcome.OK, "run", message=f"replicate {k}") for k in range(3)
    )
    assert first_failure(point, Records([*reversed(failed), ok])).message == "replicate 1"


def test_only_metrics_that_may_be_chosen_are_listed_as_reported() -> None:
    world = World(sweep_of({"l2": [0]}, objective={"metric": "val_auc"}))
    (request,) = world.step().create
    world.start_pods()
    columns = ["regularization_loss", "val_average_loss"]
    text = json.dumps({"version": 1, "columns": columns, "records": [[0, "Ok", 1, [0.5, 0.5], None]]})
    world.end_pod(request.name, world.runs[request.name].pods[0].name, message=text)
    stop = world.step().stop
    assert stop is not None
    assert "Reported: val_average_loss. Set" in stop.message


def test_a_constraint_on_a_metric_that_some_run_reports_stops_nothing() -> None:
    world = World(sweep_of({"l2": [0, 1, 2, 3]}, parallelism=4, objective={"constraints": [VAL_ACC]}))
    world.step()
    world.start_pods()
    columns = ["train_average_loss", "val_average_loss", "val_acc"]
    rich = json.dumps({"version": 1, "columns": columns, "records": [[0, "Ok", 1, [0.5, 0.5, 0.9], None]]})
    first, *others = world.runs.values()
    world.end_pod(first.name, first.pods[0].name, message=rich)
    for run in others:
        world.end_pod(run.name, run.pods[0].name)
    assert world.step().stop is None
