"""Who has stopped a run, who lets it go on, and what is said of it: the operator undoes what it has done itself, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.plan import Plan
from regsweep.core.queues import Pauses, goes_on, held_back, pauses
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase, RunRef, Workload, Workloads

from .simulation import START, World, sweep_of

RUN = ObservedRun("run", "run-uid", "point", 0, 1, 1, 0, created_at=START)
FLYING = ObservedPod("pod", "pod-uid", 0, PodPhase.RUNNING, created_at=START)
HELD = replace(RUN, suspended=True)
PAUSED = replace(HELD, paused=True)
RESUMED = replace(RUN, paused=True)
QUEUED = replace(HELD, queue_managed=True)
ADMITTED = replace(RUN, queue_managed=True)
REF = RunRef("run", "run-uid")

ACTIVE = Workload("job-run", "workload-uid", "7", "training")
STOPPED = replace(ACTIVE, active=False, paused=True)
DEACTIVATED = replace(ACTIVE, active=False)
REACTIVATED = replace(ACTIVE, paused=True)


@pytest.mark.parametrize(
    ("run", "workload", "expected"),
    [
        pytest.param(RUN, None, Pauses(suspend=(REF,)), id="a plain run is suspended"),
        pytest.param(HELD, None, Pauses(), id="one that somebody has suspended is left alone"),
        pytest.param(PAUSED, None, Pauses(), id="one that is suspended already"),
        pytest.param(RESUMED, None, Pauses(), id="one that somebody has resumed is not suspended again"),
        pytest.param(ADMITTED, None, Pauses(), id="a queue's Job: Kueue would resume it at once"),
        pytest.param(ADMITTED, ACTIVE, Pauses(deactivate=(ACTIVE,)), id="it is stopped by its Workload"),
        pytest.param(QUEUED, ACTIVE, Pauses(deactivate=(ACTIVE,)), id="one that waits must not be admitted"),
        pytest.param(RUN, ACTIVE, Pauses(deactivate=(ACTIVE,)), id="Kueue manages a Job without a queue's name"),
        pytest.param(ADMITTED, STOPPED, Pauses(), id="it is stopped already"),
        pytest.param(QUEUED, DEACTIVATED, Pauses(), id="somebody has deactivated its Workload"),
        pytest.param(QUEUED, replace(ACTIVE, given_up=True), Pauses(), id="Kueue has given it up"),
        pytest.param(ADMITTED, REACTIVATED, Pauses(), id="somebody has activated it again"),
    ],
)
def test_what_a_paused_sweep_stops(run: ObservedRun, workload: Workload | None, expected: Pauses) -> None:
    assert pauses(True, 1, [run], known(workload)) == expected


@pytest.mark.parametrize(
    ("run", "workload", "free", "expected"),
    [
        pytest.param(PAUSED, None, 1, Pauses(resume=(REF,)), id="what was suspended is resumed, and takes a slot"),
        pytest.param(PAUSED, None, 0, Pauses(), id="where there is one"),
        pytest.param(RESUMED, None, 0, Pauses(resume=(REF,)), id="the mark goes where somebody has resumed it before"),
        pytest.param(HELD, None, 0, Pauses(), id="what others have suspended is not resumed"),
        pytest.param(
            QUEUED, STOPPED, 0, Pauses(activate=(STOPPED,)), id="a Workload is activated: its run had kept its slot"
        ),
        pytest.param(QUEUED, STOPPED, -1, Pauses(free=0), id="with a lower parallelism it waits"),
        pytest.param(QUEUED, REACTIVATED, 0, Pauses(activate=(REACTIVATED,)), id="or its mark goes"),
        pytest.param(QUEUED, DEACTIVATED, 0, Pauses(), id="what others have deactivated is not activated"),
        pytest.param(
            replace(ADMITTED, pods=(FLYING,)),
            STOPPED,
            -1,
            Pauses(activate=(STOPPED,), free=-1),
            id="a pod that still runs keeps its slot",
        ),
    ],
)
def test_what_a_resumed_sweep_resumes(run: ObservedRun, workload: Workload | None, free: int, expected: Pauses) -> None:
    assert pauses(False, free, [run], known(workload)) == expected


def known(workload: Workload | None) -> Workloads:
    return {RUN.uid: workload} if workload is not None else {}


def test_a_person_suspends_a_job_and_nothing_else_takes_its_slot() -> None:
    world = World(sweep_of({"l2": [0, 0.1, 0.2]}, parallelism=2))
    first, _ = world.step().create
    world.start_pods()
    world.suspend(first.name)
    assert world.plan().is_empty, "when it is resumed there would be three"
    world.resume(first.name)
    assert world.plan().is_empty


def test_a_person_who_suspended_a_job_before_a_pause_finds_it_suspended_after() -> None:
    world, (first, second) = paused_world()
    assert [ref.name for ref in world.step().suspend] == [second]
    world.sweep = sweep_of(FLAGS, parallelism=2)
    assert [ref.name for ref in world.step().resume] == [second]
    assert world.runs[first].suspended


FLAGS = {"l2": [0, 0.1]}


def paused_world() -> tuple[World, tuple[str, str]]:
    """A sweep with two runs, the first of which a person has suspended; it is to be paused."""
    world = World(sweep_of(FLAGS, parallelism=2))
    first, second = (request.name for request in world.step().create)
    world.start_pods()
    world.suspend(first)
    world.sweep = sweep_of(FLAGS, parallelism=2, suspend=True)
    return world, (first, second)


def test_a_person_who_resumes_a_job_in_a_pause_is_not_contradicted_until_the_next_pause() -> None:
    world = World(sweep_of(FLAGS, parallelism=2))
    first, second = (request.name for request in world.step().create)
    world.sweep = sweep_of(FLAGS, parallelism=2, suspend=True)
    world.step()
    world.resume(first)
    assert world.plan().is_empty
    world.sweep = sweep_of(FLAGS, parallelism=2)
    assert {ref.name for ref in world.step().resume} == {first, second}, "the mark goes"
    world.sweep = sweep_of(FLAGS, parallelism=2, suspend=True)
    assert {ref.name for ref in world.step().suspend} == {first, second}


def queued_world(parallelism: int = 2, *, readable: bool = True) -> World:
    world = World(sweep_of({"l2": [0, 0.1, 0.2, 0.3]}, parallelism=parallelism), queue=True, readable=readable)
    world.step()
    return world


def names(decided: Plan) -> list[str]:
    return [ref.name for ref in decided.delete]


def test_no_more_runs_wait_in_a_queue_than_may_train() -> None:
    """However many the queue admits at once, `spec.parallelism` holds."""
    world = queued_world()
    assert len(world.runs) == 2
    for name in world.runs:
        world.kueue_admits(name)
        assert world.plan().is_empty
    world.start_pods()
    world.end_all()
    assert len(world.step().create) == 2


def test_a_preempted_run_keeps_its_slot() -> None:
    world = queued_world()
    first, _ = world.runs
    world.kueue_admits(first)
    world.start_pods()
    world.kueue_evicts(first)
    assert world.plan().is_empty


def preempted_world(*, brought: int, readable: bool = True) -> World:
    """A sweep of one combination with five replicates, whose run a queue has preempted when so many were trained."""
    world = World(sweep_of({"l2": [0]}, replicates=5), queue=True, readable=readable)
    world.step()
    (run,) = world.runs
    world.kueue_admits(run)
    world.start_pods()
    world.lose_pod(run, world.runs[run].pods[0].name, "Preempted", brought, exit_code=143, disrupted=True)
    world.kueue_evicts(run)
    return world


def test_a_preempted_run_goes_on_with_what_it_has_not_brought_home() -> None:
    world = preempted_world(brought=4)
    (first,) = world.runs
    decided = world.step()
    assert ([record.replicate for record in decided.store], [pods for _, pods in decided.scale]) == ([0, 1, 2, 3], [0])
    (again,) = world.step().create
    assert (again.first_replicate, again.replicates, again.moved) == (4, 1, 0)
    assert names(world.step()) == [first], "once the other one is there"
    world.kueue_admits(again.name)
    world.start_pods()
    world.end_all()
    world.settle()
    assert set(world.trained.values()) == {1}


def test_a_preempted_run_keeps_its_turn_where_another_job_would_train_no_less() -> None:
    world = preempted_world(brought=0)
    assert world.plan().is_empty


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"active": False}, id="a person has deactivated its Workload"),
        pytest.param({"given_up": True}, id="Kueue has given it up"),
    ],
)
def test_a_preempted_run_that_is_not_to_go_on_is_given_to_no_other_job(change: dict[str, bool]) -> None:
    world = preempted_world(brought=4)
    (run,) = world.runs
    world.change_workload(run, **change)
    assert (len(world.step().store), world.plan().is_empty) == (4, True)


def test_where_workloads_may_not_be_read_a_preempted_run_keeps_its_turn() -> None:
    """Nobody knows whether it is to go on."""
    world = preempted_world(brought=4, readable=False)
    assert (len(world.step().store), world.plan().is_empty) == (4, True)


def test_a_paused_sweep_gives_a_preempted_run_to_no_other_job() -> None:
    world = preempted_world(brought=4)
    world.sweep = sweep_of({"l2": [0]}, replicates=5, suspend=True)
    assert (world.step().scale, len(world.runs)) == ((), 1)
    world.sweep = sweep_of({"l2": [0]}, replicates=5)
    decided = world.step()
    assert ([pods for _, pods in decided.scale], decided.activate) == ([0], ()), "Kueue is not to admit it before"


def test_a_pause_holds_what_is_queued_and_stops_what_is_admitted_by_their_workloads() -> None:
    world = queued_world()
    first, second = world.runs
    world.kueue_admits(first)
    world.sweep = sweep_of({"l2": [0, 0.1, 0.2, 0.3]}, parallelism=2, suspend=True)
    assert (len(world.step().deactivate), world.plan().is_empty) == (2, True)
    world.kueue_catches_up()
    assert world.plan().is_empty
    world.sweep = sweep_of({"l2": [0, 0.1, 0.2, 0.3]}, parallelism=2)
    assert (len(world.step().activate), world.plan().is_empty) == (2, True)
    assert set(world.runs) == {first, second}, "they keep their places in the queue"


def test_where_workloads_may_not_be_read_a_pause_takes_back_what_is_queued() -> None:
    world = queued_world(readable=False)
    first, second = world.runs
    world.kueue_admits(first)
    world.sweep = sweep_of({"l2": [0, 0.1, 0.2, 0.3]}, parallelism=2, suspend=True)
    assert names(world.step()) == [second]
    assert world.plan().is_empty


@pytest.mark.parametrize(("parallelism", "kept"), [(0, 0), (1, 1), (2, 2), (3, 3)])
def test_with_a_lower_parallelism_what_is_queued_is_taken_back_the_latest_first(parallelism: int, kept: int) -> None:
    world = queued_world(3)
    runs = list(world.runs)
    world.sweep = sweep_of({"l2": [0, 0.1, 0.2, 0.3]}, parallelism=parallelism)
    world.step()
    assert list(world.runs) == runs[:kept]
    assert world.plan().is_empty


WAITS = replace(ACTIVE, words="insufficient unused quota")
PREEMPTED = replace(ACTIVE, evicted="Preempted", words="Preempted to accommodate a workload")


@pytest.mark.parametrize(
    ("runs", "workloads", "reason", "text"),
    [
        pytest.param(
            [QUEUED],
            {"run-uid": ACTIVE},
            Reason.QUEUED,
            "1 run waits for a queue to admit it (training).",
            id="not looked at yet",
        ),
        pytest.param(
            [QUEUED, replace(QUEUED, uid="other")],
            {"run-uid": WAITS, "other": WAITS},
            Reason.QUEUED,
            "2 runs wait for a queue to admit them (training). Kueue says: insufficient unused quota.",
            id="no quota",
        ),
        pytest.param(
            [HELD],
            {"run-uid": replace(ACTIVE, queue="")},
            Reason.QUEUED,
            "1 run waits for a queue to admit it. No queue is named: add label kueue.x-k8s.io/queue-name to the pod template.",
            id="manageJobsWithoutQueueName",
        ),
        pytest.param(
            [QUEUED],
            {"run-uid": PREEMPTED},
            Reason.REQUEUED,
            "1 run was stopped by Kueue and waits to be admitted again. Kueue says: Preempted to accommodate a workload.",
            id="preempted",
        ),
        pytest.param(
            [QUEUED],
            {"run-uid": DEACTIVATED},
            Reason.WORKLOAD_DEACTIVATED,
            "1 run is held back: Workload job-run is deactivated, and not by the operator. To let it be admitted again: "
            '`kubectl patch workload job-run --type merge -p \'{"spec":{"active":true}}\'`.',
            id="deactivated by a person",
        ),
        pytest.param(
            [QUEUED],
            {"run-uid": STOPPED},
            Reason.WORKLOAD_DEACTIVATED,
            "1 run waits for a free slot, to be given back to Kueue (Workload job-run).",
            id="deactivated by us, and parallelism is lower since",
        ),
        pytest.param(
            [QUEUED],
            {"run-uid": replace(ACTIVE, given_up=True, words="invalid podset info.")},
            Reason.WORKLOAD_FINISHED,
            "1 run is held back: Kueue has given up Workload job-run. Kueue says: invalid podset info. To have the run made again, correct "
            "that and delete its Job: `kubectl delete job run`.",
            id="given up by Kueue",
        ),
        pytest.param(
            [HELD],
            None,
            Reason.JOBS_SUSPENDED,
            "1 run is held back: somebody has suspended Job run; the operator has not. It keeps its slot of spec.parallelism until "
            'somebody resumes the Job: `kubectl patch job run --type merge -p \'{"spec":{"suspend":false}}\'`. Where it is Kueue, name '
            "a queue in the pod template (label kueue.x-k8s.io/queue-name) instead.",
            id="by whom is not known",
        ),
        pytest.param(
            [replace(HELD, name="mine"), replace(QUEUED, uid="other")],
            {"other": WAITS},
            Reason.JOBS_SUSPENDED,
            "1 run is held back: somebody has suspended Job mine; the operator has not. It keeps its slot of spec.parallelism until "
            'somebody resumes the Job: `kubectl patch job mine --type merge -p \'{"spec":{"suspend":false}}\'`. 1 run waits for a queue '
            "to admit it (training). Kueue says: insufficient unused quota.",
            id="what a person has to do comes first",
        ),
    ],
)
def test_what_runs_wait_for(
    runs: Sequence[ObservedRun], workloads: Workloads | None, reason: Reason, text: str
) -> None:
    assert held_back(runs, workloads) == (reason, text)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(RUN, id="one that trains"),
        pytest.param(PAUSED, id="one that we have suspended"),
        pytest.param(replace(HELD, deleting=True), id="one that leaves"),
        pytest.param(replace(HELD, succeeded=True), id="one that has ended"),
    ],
)
def test_nothing_is_held_back(run: ObservedRun) -> None:
    assert held_back([run], None) is None


@pytest.mark.parametrize(
    ("run", "workloads", "text"),
    [
        pytest.param(PAUSED, {}, "", id="it is suspended"),
        pytest.param(QUEUED, {}, "", id="it has not begun"),
        pytest.param(RUN, {}, "1 run is still being trained.", id="a write was refused"),
        pytest.param(
            RESUMED, {}, "1 run is still being trained. Somebody has resumed run.", id="a person has resumed it"
        ),
        pytest.param(
            ADMITTED,
            {"run-uid": REACTIVATED},
            "1 run is still being trained. Somebody has resumed run.",
            id="a person has activated its Workload",
        ),
        pytest.param(
            ADMITTED,
            {},
            "1 run is still being trained. Kueue has admitted run, and only its Workload stops it: let the operator do so by the chart's "
            "value kueue.enabled, or set spec.active of the Workload to false.",
            id="Kueue has admitted it",
        ),
        pytest.param(ADMITTED, {"run-uid": STOPPED}, "1 run is still being trained.", id="Kueue is stopping it"),
    ],
)
def test_why_a_run_goes_on_in_a_pause(run: ObservedRun, workloads: Workloads, text: str) -> None:
    assert goes_on([run], workloads) == text
