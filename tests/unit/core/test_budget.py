"""What a user may rely on in `spec.budget`: what would exceed it is not started, the end is said, and raising it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.conditions import ConditionStatus, ConditionType
from regsweep.api.status import Condition, SweepStatus
from regsweep.core.plan import Plan, plan
from regsweep.core.runs import PodPhase
from regsweep.core.status import sweep_status
from regsweep.core.world import Observed, Usage

from .simulation import START, World, sweep_of

FOUR = {"l2": [0, 0.1, 0.2, 0.3]}


@dataclass
class Metered(World):
    """A world whose pods have GPUs, and whose sweep has a status."""

    gpus: int = 1
    status: SweepStatus = field(default_factory=SweepStatus)

    def observe(self) -> Observed:
        known = self.status.gpu_seconds or 0.0
        return replace(super().observe(), usage=Usage(START, self.gpus, known))

    def step(self) -> Plan:
        decided = plan(self.sweep, self.observe(), self.now)
        self.carry_out(decided)
        self.status = sweep_status(self.sweep, self.observe(), decided, (), self.status, self.now)
        return decided

    def rest(self) -> None:
        """Passes until nothing changes, the status included."""
        for _ in range(20):
            before = self.status
            if self.step().is_empty and self.status == before:
                return
        raise AssertionError("it never comes to rest")

    def train(self, seconds: float) -> None:
        """Every pod runs for so long, and ends well."""
        self.start_pods()
        self.pass_time(seconds)
        self.end_all()
        self.job_controller_catches_up()
        self.rest()

    @property
    def complete(self) -> Condition:
        return next(c for c in self.status.conditions if c.type is ConditionType.COMPLETE)

    @property
    def started(self) -> list[Any]:
        return [request.point.combination.flags["l2"] for request in self.created]


def metered(budget: dict[str, Any], gpus: int = 1, **spec: Any) -> Metered:
    world = Metered(sweep_of(FOUR, budget=budget, **{"parallelism": 1, **spec}), gpus=gpus)
    world.rest()
    return world


def test_a_budget_of_runs_trains_so_many_combinations_and_says_what_is_missing() -> None:
    world = metered({"maxRuns": 2})
    world.train(10)
    world.train(10)
    assert world.started == [0, 0.1]
    assert (world.complete.status, world.complete.reason) == (ConditionStatus.TRUE, "BudgetExhausted")
    assert "The ranking is of 2 of 4 runs; 2 are missing" in world.complete.message
    assert "spec.budget.maxRuns" in world.complete.message
    assert world.status.completion_time is not None
    assert [row.rank for row in world.status.results] == [1, 2]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({"budget": {"maxRuns": 3}}, [0, 0.1, 0.2], id="a raised limit continues"),
        pytest.param({"budget": None}, [0, 0.1, 0.2, 0.3], id="no budget trains all of it"),
        pytest.param(
            {"budget": {"maxRuns": 2}, "replicates": 2}, [0, 0.1, 0, 0.1], id="more replicates are no other runs"
        ),
    ],
)
def test_an_edit_reopens_what_the_budget_had_ended(more: dict[str, Any], expected: list[float]) -> None:
    world = metered({"maxRuns": 2})
    world.train(10)
    world.train(10)
    world.sweep = sweep_of(FOUR, parallelism=1, **more)
    world.rest()
    assert world.complete.status is ConditionStatus.FALSE
    assert world.status.completion_time is None
    for _ in range(4):
        world.train(10)
    assert world.started == expected


def test_a_sweep_that_needs_just_its_budget_is_complete_in_the_ordinary_way() -> None:
    world = metered({"maxRuns": 4, "maxGpuSeconds": 40, "maxElapsedSeconds": 40})
    for _ in range(4):
        world.train(10)
    assert (world.complete.status, world.complete.reason) == (ConditionStatus.TRUE, "AllRunsEnded")


@pytest.mark.parametrize(
    ("budget", "gpus", "expected"),
    [
        pytest.param({"maxGpuSeconds": 36}, 1, 3, id="three runs of 10 GPU-seconds fit into 36"),
        pytest.param({"maxGpuSeconds": 36}, 2, 1, id="with two GPUs each takes 20"),
        pytest.param({"maxGpuSeconds": 36}, 0, 4, id="without a GPU nothing is used"),
        pytest.param({"maxElapsedSeconds": 36}, 0, 3, id="time counts without a GPU too"),
        pytest.param({"maxRuns": 0}, 1, 0, id="a budget of nothing starts nothing"),
        pytest.param({"maxGpuSeconds": 0}, 1, 0, id="nor one of no GPU time"),
    ],
)
def test_what_would_exceed_the_budget_is_not_started(budget: dict[str, Any], gpus: int, expected: int) -> None:
    world = metered(budget, gpus)
    for _ in range(5):
        world.start_pods()
        for name, run in list(world.runs.items()):
            for pod in run.pods:
                if pod.in_flight:
                    text = _message_with_times(world, list(run.replicates_of(pod.index)), 10)
                    world.pass_time(10)
                    world.end_pod(name, pod.name, message=text)
        world.job_controller_catches_up()
        world.rest()
    assert len(world.started) == expected
    assert world.complete.status is ConditionStatus.TRUE
    assert world.complete.reason == ("AllRunsEnded" if expected == 4 else "BudgetExhausted")
    assert (world.status.gpu_seconds or 0) == expected * 10 * gpus


def _message_with_times(world: World, replicates: list[int], seconds: float) -> str:
    from support.training import message_of

    each = seconds / len(replicates)
    periods = [[i * each, (i + 1) * each] for i in range(len(replicates))]
    return message_of(replicates, times={"start": int(world.now.timestamp()), "replicates": periods})


def test_the_first_run_goes_alone_where_gpu_time_is_limited() -> None:
    world = metered({"maxGpuSeconds": 100}, parallelism=4)
    assert len(world.created) == 1
    world.train(10)
    assert len(world.created) == 4, "each takes 10 of the 90 that are left"


def test_what_keeps_slots_empty_is_said_while_runs_are_under_way() -> None:
    world = metered({"maxGpuSeconds": 100}, parallelism=4)
    world.start_pods()
    world.rest()
    (progressing,) = [c for c in world.status.conditions if c.type is ConditionType.PROGRESSING]
    assert progressing.message == "1 running, 3 pending. For now spec.budget has no room for another run."
    world.train(10)
    (progressing,) = [c for c in world.status.conditions if c.type is ConditionType.PROGRESSING]
    assert "spec.budget" not in progressing.message


def test_runs_under_way_are_reckoned_with() -> None:
    world = metered({"maxGpuSeconds": 35}, parallelism=4)
    world.train(10)
    assert len(world.created) == 3, "two more take 20 of the 25 that are left"
    assert world.complete.status is ConditionStatus.FALSE


def test_stop_suspends_what_runs_when_the_gpu_time_is_used_up_and_goes_on_when_it_is_raised() -> None:
    world = metered({"maxGpuSeconds": 36, "onExhausted": "Stop"})
    world.start_pods()
    assert plan(world.sweep, world.observe(), world.now).wake_at == START + timedelta(seconds=36)
    world.pass_time(36)
    world.rest()
    (run,) = world.runs.values()
    assert run.suspended
    assert not world.pods_in_flight()
    assert (world.complete.status, world.complete.reason) == (ConditionStatus.TRUE, "BudgetExhausted")
    assert world.status.gpu_seconds == 36
    world.pass_time(1000)
    world.rest()
    assert run.suspended, "what was used stays used, though no record says so"
    world.sweep = sweep_of(FOUR, parallelism=1, budget={"maxGpuSeconds": 100, "onExhausted": "Stop"})
    world.rest()
    assert not next(iter(world.runs.values())).suspended
    assert world.complete.status is ConditionStatus.FALSE


def test_what_was_stopped_is_reckoned_with_when_it_goes_on() -> None:
    world = metered({"maxGpuSeconds": 36, "onExhausted": "Stop"})
    world.start_pods()
    world.pass_time(36)
    world.step()
    assert not any(run.suspended for run in world.runs.values()), "first the status says what was used"
    assert world.status.gpu_seconds == 36
    (run,) = world.runs.values()
    (pod,) = run.pods
    world.change_pod(run.name, pod.name, gone=True, ended_at=world.now, phase=PodPhase.FAILED, exit_code=1)
    world.sweep = sweep_of(FOUR, parallelism=1, budget={"maxGpuSeconds": 100, "onExhausted": "Stop"})
    world.rest()
    world.train(60)
    assert [record.gpu_seconds for record in world.records] == [96]
    assert world.complete.reason == "BudgetExhausted", "4 GPU-seconds are no room for another run"


def test_finish_lets_them_end() -> None:
    world = metered({"maxElapsedSeconds": 36})
    world.start_pods()
    world.pass_time(40)
    world.rest()
    assert world.pods_in_flight() == 1
    assert world.complete.status is ConditionStatus.FALSE, "one run is under way"
    world.end_all()
    world.rest()
    assert world.complete.reason == "BudgetExhausted"
    assert len(world.records) == 1


def test_stop_deletes_what_a_queue_manages() -> None:
    world = metered({"maxElapsedSeconds": 36, "onExhausted": "Stop"})
    world.start_pods()
    (name,) = world.runs
    world.runs[name] = replace(world.runs[name], queue_managed=True)
    world.pass_time(36)
    decided = world.step()
    assert ([ref.name for ref in decided.delete], decided.suspend) == ([name], ())
    world.rest()
    assert world.complete.reason == "BudgetExhausted"


def test_a_run_that_fails_uses_its_gpu_time_too() -> None:
    world = metered({"maxGpuSeconds": 30, "onExhausted": "Finish"}, maxFailedRuns=4)
    world.start_pods()
    (run,) = world.runs.values()
    world.pass_time(30)
    world.end_pod(run.name, run.pods[0].name, exit_code=1)
    world.fail_job(run.name, "BackoffLimitExceeded")
    world.rest()
    assert world.status.gpu_seconds == 30
    assert world.complete.reason == "BudgetExhausted"


def test_pods_that_were_tried_again_count_with_the_one_that_brought_the_results() -> None:
    world = metered({"maxGpuSeconds": 1000}, replicates=2)
    world.start_pods()
    (run,) = world.runs.values()
    world.pass_time(30)
    world.end_pod(run.name, run.pods[0].name, exit_code=1)
    world.start_pods()
    world.pass_time(10)
    world.end_all()
    world.rest()
    assert [record.gpu_seconds for record in world.records] == [20, 20]


def test_a_final_evaluation_that_the_budget_has_no_room_for_is_said_to_be_missing() -> None:
    world = metered({"maxRuns": 4}, replicates=3, final={"replicates": 3}, parallelism=4)
    for _ in range(3):
        world.train(10)
    assert len(world.created) == 4
    assert world.final is not None, "the picks are known, and frozen"
    assert world.complete.reason == "BudgetExhausted"
    assert "Missing is the final evaluation" in world.complete.message
    assert world.status.analysis is not None


def test_a_race_goes_on_with_the_runs_that_were_started() -> None:
    world = metered({"maxRuns": 4}, racing={"initialReplicates": 3, "maxReplicates": 5}, parallelism=4)
    for _ in range(6):
        world.train(10)
    assert world.complete.reason == "AllRunsEnded", "more replicates are no other runs"


def test_references_count_too() -> None:
    world = metered({"maxRuns": 4}, references=[{"name": "constant", "flags": {"model": "constant"}}], parallelism=4)
    for _ in range(3):
        world.train(10)
    assert world.complete.reason == "BudgetExhausted"
    assert "references: 0 of 1 have ended" in world.complete.message


def test_a_budget_that_leaves_combinations_with_some_of_their_replicates_says_so() -> None:
    world = metered({"maxGpuSeconds": 30}, replicates=3, replicatesPerPod=1, parallelism=1, gpus=1)
    for _ in range(6):
        world.train(10)
    assert world.complete.reason == "BudgetExhausted"
    assert "are missing or lack replicates" in world.complete.message
    assert len(world.records) == 3


def test_a_sweep_that_a_person_suspends_is_not_exhausted() -> None:
    world = metered({"maxRuns": 1})
    world.start_pods()
    world.sweep = sweep_of(FOUR, parallelism=1, budget={"maxRuns": 1}, suspend=True)
    world.rest()
    assert world.complete.status is ConditionStatus.FALSE
    assert world.status.state == "Suspended"


def test_a_run_that_its_node_ended_takes_its_gpu_time_along_to_the_next_job() -> None:
    world = Metered(sweep_of({"l2": [0]}, replicates=2, budget={"maxGpuSeconds": 1000}))
    world.rest()
    world.start_pods()
    (run,) = world.runs.values()
    world.pass_time(30)
    world.lose_pod(run.name, run.pods[0].name, "Evicted")
    world.rest()
    assert world.complete.status is ConditionStatus.FALSE
    world.pass_time(600)
    world.rest()
    (second,) = [each for each in world.runs.values() if each.moved]
    assert second.gpu_seconds == 30
    world.train(10)
    assert [record.gpu_seconds for record in world.records] == [20, 20]
    assert world.status.gpu_seconds == 40


@given(
    seconds=st.lists(st.integers(1, 60), min_size=4, max_size=4),
    most=st.integers(0, 200),
    parallelism=st.integers(1, 4),
)
def test_only_a_run_that_takes_longer_than_all_before_it_exceeds_the_gpu_time(
    seconds: list[int], most: int, parallelism: int
) -> None:
    world = metered({"maxGpuSeconds": most}, parallelism=parallelism)
    ends: dict[str, Any] = {}
    trained: list[int] = []
    for _ in range(8):
        world.start_pods()
        for name, run in world.runs.items():
            if run.pods and name not in ends:
                ends[name] = (world.now + timedelta(seconds=seconds[len(ends)]), seconds[len(ends)])
        flying = {name: end for name, end in ends.items() if any(pod.in_flight for pod in world.runs[name].pods)}
        if not flying:
            break
        name, (at, took) = min(flying.items(), key=lambda item: item[1][0])
        world.now = max(world.now, at)
        world.end_pod(name, world.runs[name].pods[0].name)
        trained.append(took)
        world.rest()
    used = world.status.gpu_seconds or 0
    assert used == sum(trained)
    if trained and all(each <= trained[0] for each in trained):
        assert used <= max(most, trained[0])
    assert world.complete.status is ConditionStatus.TRUE
    assert len(trained) == 4 or world.complete.reason == "BudgetExhausted"


@given(
    budget=st.fixed_dictionaries(
        {"onExhausted": st.sampled_from(["Finish", "Stop"])},
        optional={
            "maxRuns": st.integers(0, 4),
            "maxGpuSeconds": st.integers(0, 90),
            "maxElapsedSeconds": st.integers(1, 9000),
        },
    ),
    happens=st.lists(st.sampled_from(["train", "evict", "crash", "wait", "suspend", "resume"]), max_size=8),
    parallelism=st.integers(1, 3),
)
def test_whatever_happens_a_sweep_with_a_budget_comes_to_its_end(
    budget: dict[str, Any], happens: list[str], parallelism: int
) -> None:
    world = metered(budget, parallelism=parallelism, replicates=2, maxFailedRuns=4)
    for what in (*happens, "resume"):
        world.start_pods()
        world.pass_time(5)
        flying = [(run.name, pod.name) for run in world.runs.values() for pod in run.pods if pod.in_flight]
        if what == "evict" and flying:
            world.lose_pod(*flying[0], "Evicted")
        elif what == "crash" and flying:
            world.end_pod(*flying[0], exit_code=1)
            world.fail_job(flying[0][0], "BackoffLimitExceeded")
        elif what in ("suspend", "resume"):
            world.sweep = replace(world.sweep, spec=world.sweep.spec.model_copy(update={"suspend": what == "suspend"}))
        elif what == "train":
            world.end_all()
        elif what == "wait":
            world.pass_time(400)
        world.rest()
    for _ in range(12):
        world.train(10)
        world.pass_time(400)
        world.rest()
    over = {c.type for c in world.status.conditions if c.status is ConditionStatus.TRUE}
    assert over & {ConditionType.COMPLETE, ConditionType.FAILED}
    assert not world.pods_in_flight()
    started = {request.point.key for request in world.created}
    assert "maxRuns" not in budget or len(started) <= budget["maxRuns"]
