"""What holds of `plan` whatever happens, in whatever order: found by Hypothesis."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from regsweep.core.plan import Plan
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.runs import ObservedRun

from .simulation import World, sweep_of

PROMETHEUS = Scrapes(state=MetricsState.ANSWERED)


@settings(deadline=None)
@given(values=st.integers(1, 6), replicates=st.integers(1, 5), per_pod=st.integers(1, 3), parallelism=st.integers(0, 8))
def test_the_same_observation_gives_the_same_plan(values: int, replicates: int, per_pod: int, parallelism: int) -> None:
    world = World(
        sweep_of(
            {"l2": list(range(values))}, replicates=replicates, replicates_per_pod=per_pod, parallelism=parallelism
        )
    )
    copied = deepcopy(world)
    assert copied.plan() == world.plan(), "it rests on what is observed, not on which object that is"
    world.step()
    assert world.plan().is_empty, "with the plan carried out there is nothing left to do"
    assert sum(r.parallelism for r in world.created) <= parallelism


class AnyWorld(RuleBasedStateMachine):
    """Pods end, fail, vanish and are scraped or not, the spec is edited, a person suspends and resumes Jobs, a queue admits and evicts
    them, in any order."""

    @initialize(
        values=st.integers(1, 4),
        replicates=st.integers(1, 3),
        per_pod=st.integers(1, 3),
        parallelism=st.integers(1, 3),
        prometheus=st.booleans(),
        sidecar=st.booleans(),
        queue=st.sampled_from(["", "", "a queue", "a queue that may not be read"]),
    )
    def begin(
        self,
        values: int,
        replicates: int,
        per_pod: int,
        parallelism: int,
        prometheus: bool,
        sidecar: bool,
        queue: str,
    ) -> None:
        self.spec: dict[str, Any] = {
            "replicates": replicates,
            "replicates_per_pod": per_pod,
            "parallelism": parallelism,
        }
        self.flags = {"l2": list(range(values))}
        self.limit = parallelism
        self.world = World(sweep_of(self.flags, max_failed_runs="100%", **self.spec))
        self.world.sidecar = sidecar
        self.world.queue = bool(queue)
        self.world.readable = queue != "a queue that may not be read"
        if prometheus:
            self.world.scrapes = PROMETHEUS

    def _edit(self, **changes: object) -> None:
        self.spec.update(changes)
        self.world.sweep = sweep_of(self.flags, max_failed_runs="100%", **self.spec)

    def _flying(self) -> list[tuple[str, str]]:
        return [(r.name, p.name) for r in self.world.runs.values() for p in r.pods if not p.ended and not p.gone]

    @rule()
    def reconcile(self) -> None:
        before = dict(self.world.runs)
        decided = self.world.step()
        self.world.reported(decided)
        self._undoes_only_its_own(decided, before)
        assert len({request.name for request in decided.create}) == len(decided.create)
        if not (decided.rests or decided.delete):  # else slots are free once these are at rest, or gone
            again = self.world.plan()
            assert again.create == (), "carried out, it creates nothing more"
            assert not (again.suspend or again.resume or again.deactivate or again.activate), "nor stops anything"

    def _undoes_only_its_own(self, decided: Plan, before: dict[str, ObservedRun]) -> None:
        assert all(before[ref.name].paused for ref in decided.resume), "it resumes what it has suspended"
        stopped = [before[ref.name] for ref in decided.suspend]
        assert not [run.name for run in stopped if run.suspended or run.paused or run.queue_managed]
        assert all(workload.paused for workload in decided.activate)
        assert not [workload for workload in decided.deactivate if workload.paused or not workload.active]

    @rule()
    def pods_start(self) -> None:
        self.world.start_pods()

    @precondition(lambda self: self._flying())
    @rule(data=st.data(), exit_code=st.sampled_from([0, 0, 0, 1, 65, 137]), scraped=st.booleans())
    def pod_ends(self, data: st.DataObject, exit_code: int, scraped: bool) -> None:
        self.world.end_pod(*data.draw(st.sampled_from(self._flying())), exit_code=exit_code, scraped=scraped)

    @precondition(lambda self: self._flying())
    @rule(data=st.data())
    def a_running_pod_vanishes(self, data: st.DataObject) -> None:
        self.world.change_pod(*data.draw(st.sampled_from(self._flying())), gone=True)

    @precondition(lambda self: self._flying())
    @rule(
        data=st.data(),
        reason=st.sampled_from(["UnexpectedAdmissionError", "Evicted", "PreemptionByScheduler"]),
        brought=st.integers(0, 2),
    )
    def a_node_ends_a_pod(self, data: st.DataObject, reason: str, brought: int) -> None:
        run, pod = data.draw(st.sampled_from(self._flying()))
        owner = self.world.runs[run]
        # Of a Job with several indexes Kubernetes itself may train a part of one again, while the others' pods run.
        # And a queue's Job trains them again by itself, unless the queue has put it back.
        put_back = owner.queue_managed and self.world.workloads[owner.uid].active
        is_left_to_its_job = owner.completions > 1 or (owner.queue_managed and not put_back)
        done = 0 if is_left_to_its_job else min(brought, owner.replicates - 1)
        self.world.lose_pod(run, pod, reason, done, disrupted=reason == "PreemptionByScheduler")
        if done and put_back:
            self.world.kueue_evicts(run)
        if done:
            self.world.step()  # a training outlasts a pass: none ends in a pod's place before the operator has seen its end

    @rule(exit_code=st.sampled_from([0, 1]))
    def sidecars_end(self, exit_code: int) -> None:
        # Of a Job with several indexes Kubernetes tries such an index again while the others' pods run.
        exit_code = 0 if any(run.completions > 1 for run in self.world.runs.values()) else exit_code
        self.world.end_sidecars(exit_code)
        if exit_code:
            self.world.step()  # the Job controller waits ten seconds before it tries again

    def _alive(self) -> list[str]:
        return [run.name for run in self.world.runs.values() if not run.needs_no_pod]

    @precondition(lambda self: self._alive())
    @rule(data=st.data(), suspend=st.booleans())
    def a_person_suspends_or_resumes_a_job(self, data: st.DataObject, suspend: bool) -> None:
        run = self.world.runs[data.draw(st.sampled_from(self._alive()))]
        if run.queue_managed:  # Kueue undoes either at once
            return
        if suspend:
            self.world.suspend(run.name)
        else:
            self.world.resume(run.name)

    @precondition(lambda self: self.world.queue and self._alive())
    @rule(data=st.data(), admits=st.booleans())
    def a_queue_admits_or_evicts(self, data: st.DataObject, admits: bool) -> None:
        run = self.world.runs[data.draw(st.sampled_from(self._alive()))]
        if admits and run.suspended and self.world.workloads[run.uid].active:
            self.world.kueue_admits(run.name)
        elif not admits and not run.suspended:
            self.world.kueue_evicts(run.name)

    @precondition(lambda self: self.world.queue and self._alive())
    @rule(data=st.data(), active=st.booleans())
    def a_person_changes_a_workload(self, data: st.DataObject, active: bool) -> None:
        self.world.change_workload(data.draw(st.sampled_from(self._alive())), active=active)

    @rule()
    def kueue(self) -> None:
        self.world.kueue_catches_up()

    @rule()
    def job_controller(self) -> None:
        self.world.job_controller_catches_up()

    @rule(seconds=st.sampled_from([1, 40, 400]))
    def time(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @rule(parallelism=st.integers(0, 3))
    def parallelism(self, parallelism: int) -> None:
        self.limit = max(self.limit, parallelism)
        self._edit(parallelism=parallelism)

    @rule(suspend=st.booleans())
    def suspension(self, suspend: bool) -> None:
        self._edit(suspend=suspend)

    @rule()
    def grow(self) -> None:
        self.flags = {"l2": [*self.flags["l2"][:5], 10 + len(self.flags["l2"])]}
        self._edit()

    @invariant()
    def parallelism_holds(self) -> None:
        if hasattr(self, "world"):
            assert self.world.pods_that_hold_a_gpu() <= self.limit

    @invariant()
    def nothing_is_trained_to_its_end_twice(self) -> None:
        if hasattr(self, "world"):
            assert all(count == 1 for count in self.world.trained.values())

    @invariant()
    def no_two_jobs_train_one_replicate(self) -> None:
        if hasattr(self, "world"):
            training = [
                (run.point_key, k)
                for run in self.world.runs.values()
                for pod in run.pods
                if pod.in_flight
                for k in run.replicates_of(pod.index)
            ]
            assert len(training) == len(set(training))

    def teardown(self) -> None:
        """Whatever happened: when pods end well from now on, the sweep comes to its end and every result is stored."""
        if not hasattr(self, "world"):
            return
        self._edit(suspend=False, parallelism=3)
        for _ in range(60):
            self.world.step()
            self.world.kueue_catches_up()
            self._all_others_let_go()
            self.world.start_pods()
            self.world.end_all()
            self.world.job_controller_catches_up()
            self.world.pass_time(40)
        assert self.world.plan().is_empty
        for point in self.world.sweep.points:
            stored = self.world.records.of(point.key)
            assert set(range(self.world.sweep.spec.replicates)) <= set(stored)
        for point_key, replicate in self.world.trained:
            record = self.world.records.get(point_key, replicate)
            assert record is not None
            assert record.has_result

    def _all_others_let_go(self) -> None:
        for run in list(self.world.runs.values()):
            if run.held and run.queue_managed:
                if not self.world.workloads[run.uid].paused:
                    self.world.change_workload(run.name, active=True)
                    self.world.kueue_admits(run.name)
            elif run.held:
                self.world.resume(run.name)


AnyWorld.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
TestAnyWorld = AnyWorld.TestCase
