"""What a person reads in the status: states, conditions that say what to do, and the ranking."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.findings import FindingType
from regsweep.api.objective import EpochRule
from regsweep.api.spec import Constraint, Goal
from regsweep.api.status import Condition, SweepStatus
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.ranking import Estimate, RankedCombination
from regsweep.core.plan import plan
from regsweep.core.refusals import Refusal
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.runs import PodPhase
from regsweep.core.status import ranked_result, refused_status, sweep_status
from regsweep.core.world import Observed
from regsweep.errors import Problem
from support.training import message_of

from .simulation import START, World, sample_of, sweep_of


def status_of(
    world: World, prior: SweepStatus | None = None, edits: tuple[Problem, ...] = (), **seen: object
) -> SweepStatus:
    observed: Observed = replace(world.observe(), **seen)  # type: ignore[arg-type]  # keyword arguments of any one field
    planned = plan(world.sweep, observed, world.now)
    status = sweep_status(world.sweep, observed, planned, edits, prior or SweepStatus(), world.now)
    for reported in status.conditions:
        assert reported.type in Reason(reported.reason).about.conditions, (
            f"{reported.reason} is not documented for {reported.type}"
        )
    return status


def condition(status: SweepStatus, wanted: ConditionType) -> Condition:
    return next(c for c in status.conditions if c.type is wanted)


def finished(**spec: Any) -> World:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3, **spec))
    losses = iter((0.5, 0.3))
    created = world.step().create
    world.start_pods()
    for request in created:
        pod = world.runs[request.name].pods[0]
        world.end_pod(request.name, pod.name, message=message_of(range(3), next(losses)))
    world.settle()
    return world


def test_a_finished_sweep_is_complete_ranked_and_names_its_best() -> None:
    status = status_of(finished())
    assert (status.state, status.progress, status.best_label, status.best_objective) == (
        "Complete",
        "2/2",
        "l2=0.1",
        "0.4",
    )
    assert [result.label for result in status.results] == ["l2=0.1", "l2=0"]
    ids = [point.combination.id for point in finished().sweep.points]
    assert [result.combination for result in status.results] == ids[::-1]
    assert status.results[0].overfit_gap is not None
    assert status.results[0].overfit_gap.mean == pytest.approx(0.1)
    assert status.results[0].source == "Record"
    assert condition(status, ConditionType.COMPLETE).status is ConditionStatus.TRUE
    assert condition(status, ConditionType.FAILED).status is ConditionStatus.FALSE
    assert status.completion_time is not None


def test_a_sweep_that_grows_is_no_longer_complete_and_keeps_its_ranking() -> None:
    world = finished()
    before = status_of(world)
    world.sweep = replace(sweep_of({"l2": [0, 0.1, 0.2]}, replicates=3), generation=2)
    world.pass_time(60)
    status = status_of(world, before)
    complete = condition(status, ConditionType.COMPLETE)
    assert complete.status is ConditionStatus.FALSE
    assert (complete.observed_generation, complete.last_transition_time) == (2, "2026-11-23T10:01:00Z")
    assert status.completion_time is None
    assert status.best_label == "l2=0.1"


def test_a_condition_keeps_its_time_of_transition_while_its_status_holds() -> None:
    world = finished()
    before = status_of(world)
    world.pass_time(60)
    assert status_of(world, before).conditions == before.conditions


def test_warnings_stand_in_the_message_of_accepted_and_the_sweep_runs() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, exclude=[{"l2": 0.2}]))
    accepted = condition(status_of(world), ConditionType.ACCEPTED)
    assert (accepted.status, accepted.reason) == (ConditionStatus.TRUE, "Valid")
    assert accepted.message.startswith("2 runs, 2 trainings. Warning: spec.exclude[0].l2: 0.2 is not a value")
    assert len(world.plan().create) == 2


def test_a_thousand_warnings_fit_into_a_message() -> None:
    exclude = [{"l2": f"{place}" * 60} for place in range(100, 1100)]
    accepted = condition(status_of(World(sweep_of({"l2": ["x"]}, exclude=exclude))), ConditionType.ACCEPTED)
    assert accepted.message.endswith("995 more warnings: `regsweep validate` shows all.")
    assert len(accepted.message) < 2000


def test_counts_are_disjoint_and_add_up() -> None:
    world = World(sweep_of({"l2": [0, 1, 2, 3]}, parallelism=3))
    first, second, _ = world.step().create
    world.start_pods()
    world.end_pod(first.name, world.runs[first.name].pods[0].name)
    world.end_pod(second.name, world.runs[second.name].pods[0].name, exit_code=65)
    world.step()
    runs = status_of(world).runs
    assert (runs.total, runs.pending, runs.running, runs.succeeded, runs.failed) == (4, 1, 1, 1, 1)


def test_a_run_with_a_diverged_replicate_is_counted_as_succeeded_and_as_diverged() -> None:
    world = World(sweep_of({"l2": [0, 1, 2]}, parallelism=3))
    for request, outcome in zip(world.step().create, ("Diverged", "Ok", "Diverged"), strict=True):
        row = [0, outcome, 3, [0.5, 0.6] if outcome == "Ok" else [None, None], None]
        text = json.dumps({"version": 1, "columns": ["train_average_loss", "val_average_loss"], "records": [row]})
        world.end_pod(request.name, world.add_pod(request.name).name, message=text)
    world.step()
    runs = status_of(world).runs
    assert (runs.total, runs.succeeded, runs.diverged, runs.failed) == (3, 3, 2, 0)


def test_a_sweep_is_pending_until_a_pod_trains_and_running_from_then_on() -> None:
    world = World(sweep_of({"l2": [0, 1]}, parallelism=1))
    assert status_of(world).state == "Pending"
    (request,) = world.step().create
    assert status_of(world).state == "Pending", "a Job without a pod trains nothing"
    world.start_pods()
    assert status_of(world).state == "Running"
    world.end_pod(request.name, world.runs[request.name].pods[0].name)
    world.step()
    assert status_of(world).state == "Running", "one run has ended, the other has not begun"


def test_a_row_of_the_ranking_stands_whole_in_the_status() -> None:
    row = RankedCombination(
        combination=Combination("0123456789ab", {"l2": 0.1}, 0),
        rank=2,
        objective=Estimate(0.12345678, 0.0123456789, 5),
        adjusted_mean=None,
        train_loss=0.1,
        val_loss=0.2,
        overfit_gap=Estimate(0.1, None, 2),
        replicates=5,
        diverged=1,
        failed=2,
        undefined=0,
        violated=(Constraint(metric="val_auc", min=0.9),),
        complete=True,
        dropped=True,
        source="Mixed",
    )
    assert ranked_result(row, {}).model_dump(exclude_none=True) == {
        "rank": 2,
        "combination": "0123456789ab",
        "flags": {"l2": 0.1},
        "label": "l2=0.1",
        "objective": {"mean": 0.123457, "standard_error": 0.0123457},
        "train_loss": 0.1,
        "val_loss": 0.2,
        "overfit_gap": {"mean": 0.1},
        "replicates": 5,
        "diverged": 1,
        "failed": 2,
        "violated": ["val_auc"],
        "dropped": True,
        "source": "Mixed",
    }


def test_a_failed_run_stands_in_the_status_with_its_reason() -> None:
    world = World(sweep_of({"l2": [0, 1, 2, 3]}, parallelism=4))
    request = world.step().create[0]
    world.start_pods()
    world.end_pod(request.name, world.runs[request.name].pods[0].name, exit_code=65)
    world.end_all()
    world.settle()
    status = status_of(world)
    assert status.state == "Complete"
    assert [(f.label, f.reason) for f in status.failures] == [("l2=0", "IndexFinal")]
    assert [(f.combination, f.final) for f in status.failures] == [(world.sweep.points[0].combination.id, None)]
    assert "1 failed" in condition(status, ConditionType.COMPLETE).message


def test_what_a_running_trainer_shows_is_seen() -> None:
    world = World(sweep_of({"l2": [0]}))
    (request,) = world.step().create
    world.start_pods()
    pod = world.runs[request.name].pods[0].name
    world.scrapes = Scrapes(MetricsState.ANSWERED, {(pod, 0): sample_of(0.25, complete=False)})
    (running,) = status_of(world).running
    assert (running.combination, running.final) == (world.sweep.points[0].combination.id, None)
    assert (running.label, running.epoch, running.epochs, running.objective) == ("l2=0", 3, 3, 0.35)


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        pytest.param(EpochRule("val_average_loss", Goal.MINIMIZE), 0.3, id="the objective's rule"),
        pytest.param(None, 0.3, id="an old Job, which does not say"),
        pytest.param(EpochRule("val_accuracy", Goal.MAXIMIZE), None, id="another rule"),
    ],
)
def test_the_best_epoch_so_far_is_shown_where_the_objective_chose_it(
    rule: EpochRule | None, shown: float | None
) -> None:
    world = World(sweep_of({"l2": [0]}, objective={"epoch": "Best"}))
    (request,) = world.step().create
    world.start_pods()
    pod = world.runs[request.name].pods[0].name
    world.scrapes = Scrapes(MetricsState.ANSWERED, {(pod, 0): sample_of(0.25, complete=False)})
    world.runs[request.name] = replace(world.runs[request.name], rule=rule)
    (running,) = status_of(world).running
    assert running.objective == shown


def pending_pod(reason: str, message: str) -> World:
    world = World(sweep_of({"l2": [0, 1]}, parallelism=1))
    (request,) = world.step().create
    world.add_pod(request.name, phase=PodPhase.PENDING, waiting_reason=reason, waiting_message=message)
    return world


@pytest.mark.parametrize(
    ("waiting", "words", "reason", "remedy"),
    [
        pytest.param(
            "Unschedulable",
            "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
            Reason.UNSCHEDULABLE,
            "Lower spec.parallelism, or wait.",
            id="no node has a GPU to spare",
        ),
        pytest.param(
            "ImagePullBackOff", 'pulling "x"', Reason.IMAGE_UNAVAILABLE, "pull secret", id="the image cannot be pulled"
        ),
        pytest.param(
            "CreateContainerConfigError",
            'secret "s" not found',
            Reason.CONFIG_ERROR,
            "Fix what",
            id="a Secret is missing",
        ),
    ],
)
def test_why_a_run_does_not_start_is_reported_with_what_to_do(
    waiting: str, words: str, reason: Reason, remedy: str
) -> None:
    reported = condition(status_of(pending_pod(waiting, words)), ConditionType.PROGRESSING)
    assert (reported.status, reported.reason) == (ConditionStatus.FALSE, reason.value)
    assert words.rstrip(".") in reported.message
    assert remedy in reported.message


@pytest.mark.parametrize(
    ("seen", "reason", "words"),
    [
        pytest.param(
            {"template_missing": "gold"}, Reason.TEMPLATE_NOT_FOUND, "PodTemplate gold", id="templateRef is not there"
        ),
        pytest.param(
            {"refusal": Refusal(Reason.TEMPLATE_REFUSED, "spec.x: Invalid")},
            Reason.TEMPLATE_REFUSED,
            "spec.x: Invalid",
            id="the template is refused",
        ),
    ],
)
def test_what_the_api_server_does_not_take_is_not_accepted(seen: dict[str, Any], reason: Reason, words: str) -> None:
    status = status_of(World(sweep_of()), **seen)
    said = condition(status, ConditionType.ACCEPTED)
    assert (said.status, said.reason) == (ConditionStatus.FALSE, reason.value)
    assert words in said.message
    progressing = condition(status, ConditionType.PROGRESSING)
    assert (progressing.status, progressing.reason) == (ConditionStatus.FALSE, Reason.NOT_ACCEPTED.value)


def test_an_edit_of_what_is_pinned_is_named_and_runs_go_on() -> None:
    world = finished()
    status = status_of(world, edits=(Problem("spec.seed", "is pinned to 0, got 1"),))
    reported = condition(status, ConditionType.ACCEPTED)
    assert (reported.status, reported.reason) == (ConditionStatus.FALSE, "Immutable")
    assert "spec.seed" in reported.message
    assert status.progress == "2/2"


@pytest.mark.parametrize(
    ("scrapes", "status", "reason"),
    [
        pytest.param(Scrapes(), ConditionStatus.FALSE, Reason.NOT_CONFIGURED, id="no Prometheus"),
        pytest.param(
            Scrapes(MetricsState.FAILED, error="answered 503", failing_since=START),
            ConditionStatus.FALSE,
            Reason.QUERY_FAILED,
            id="Prometheus answers errors",
        ),
        pytest.param(
            Scrapes(MetricsState.ANSWERED), ConditionStatus.UNKNOWN, Reason.NOTHING_TO_SCRAPE_YET, id="nothing yet"
        ),
        pytest.param(
            Scrapes(MetricsState.ANSWERED, {("p", 0): sample_of(1)}),
            ConditionStatus.TRUE,
            Reason.SCRAPED,
            id="all is well",
        ),
    ],
)
def test_the_state_of_the_metrics_is_reported(scrapes: Scrapes, status: ConditionStatus, reason: Reason) -> None:
    reported = condition(status_of(World(sweep_of()), scrapes=scrapes), ConditionType.METRICS_AVAILABLE)
    assert (reported.status, reported.reason) == (status, reason.value)


def test_a_stopped_sweep_is_failed_and_not_complete() -> None:
    world = World(sweep_of({"l2": list(range(10))}, parallelism=3))
    world.step()
    world.start_pods()
    world.end_all(exit_code=64)
    world.step()
    status = status_of(world)
    assert status.state == "Failed"
    assert condition(status, ConditionType.COMPLETE).status is ConditionStatus.FALSE
    failed = condition(status, ConditionType.FAILED)
    assert (failed.status, failed.reason) == (ConditionStatus.TRUE, "RunsFailAlike")


def test_a_refused_spec_keeps_what_was_reached() -> None:
    before = status_of(finished())
    problem = Problem("spec.flags[0].values", "0.1 stands twice")
    status = refused_status(Reason.INVALID, [problem], before, 2, START + timedelta(hours=1))
    assert status.state == "Invalid"
    assert "spec.flags[0].values" in condition(status, ConditionType.ACCEPTED).message
    assert (status.best, status.results) == (before.best, before.results)


def test_a_status_of_ten_thousand_combinations_stays_under_100_kilobytes() -> None:
    world = World(sweep_of({"l2": list(range(1000)), "dropout": [n / 20 for n in range(10)]}, parallelism=20))
    world.step()
    world.start_pods()
    world.end_all(exit_code=65, message="x" * 4096)
    world.step()
    assert len(status_of(world).model_dump_json(by_alias=True)) < 100_000


def test_replicates_of_different_devices_are_not_called_paired() -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3))
    created = world.step().create
    world.start_pods()
    for request, device in zip(created, ("cpu", "NVIDIA H100"), strict=True):
        pod = world.runs[request.name].pods[0]
        world.end_pod(request.name, pod.name, message=message_of(range(3), device=device))
    world.settle()
    status = status_of(world)
    paired = condition(status, ConditionType.REPLICATES_PAIRED)
    assert (paired.status, paired.reason) == (ConditionStatus.FALSE, Reason.MIXED.value)
    assert "devices (NVIDIA H100, cpu)" in paired.message
    assert "create a new sweep" in paired.message
    assert status.analysis is not None
    assert not status.analysis.paired
    assert condition(status, ConditionType.COMPLETE).status is ConditionStatus.TRUE


@pytest.mark.parametrize(("gain", "said"), [("0.004", True), ("2.5e-05", False), ("null", True)])
def test_that_training_was_cut_short_is_said_by_what_the_message_has_of_its_last_epochs(gain: str, said: bool) -> None:
    world = World(sweep_of({"l2": [0, 0.1]}, replicates=3))
    created = world.step().create
    world.start_pods()
    rows = ",".join(f'[{k},"Ok",10,[0.1,0.{k + 2},{gain}],[10,0.1,0.{k + 2}]]' for k in range(3))
    columns = '["train_average_loss","val_average_loss","late_gain"]'
    for request in created:
        message = f'{{"version":1,"columns":{columns},"records":[{rows}]}}'
        world.end_pod(request.name, world.runs[request.name].pods[0].name, message=message, scraped=False)
    world.settle()
    found = status_of(world).analysis
    assert found is not None
    messages = [each.message for each in found.findings if each.type is FindingType.NOT_CONVERGED]
    assert len(messages) == said
    assert all(("which still brought 0.004 (1 %)" in each) == (gain == "0.004") for each in messages)
