"""A world in miniature that carries plans out: Jobs, pods and a Prometheus, moved by hand or by Hypothesis.

It keeps count of what a user pays for: which (point, replicate) was trained, and how many pods were ever in flight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from regsweep.api.objective import epoch_rule, objective_status
from regsweep.api.spec import Flag, FlagValue, SweepSpec
from regsweep.api.status import FinalStatus, SweepStatus
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.judging.analysis import AnalysisResult, analyse_records
from regsweep.core.kept import Kept
from regsweep.core.moves import delay_of
from regsweep.core.plan import Plan, plan
from regsweep.core.refinement import refined
from regsweep.core.results.records import Records
from regsweep.core.results.scrapes import MetricsState, Sample, Scrapes
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase, RunRequest, Workload
from regsweep.core.status import sweep_status
from regsweep.core.sweep import Sweep
from regsweep.core.world import Observed
from support.training import indexes_to_start, message_of

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
DEFAULTS = Defaults(trainer_image="trainer:1", gpu_resource="nvidia.com/gpu", version="0.1.0")


def sweep_of(
    flags: Mapping[str, Sequence[FlagValue]] | None = None, *, retry: int = 0, name: str = "demo", **spec: object
) -> Sweep:
    """An accepted sweep; by default two values of l2 and one replicate."""
    wanted = [Flag(name=n, values=list(values)) for n, values in (flags or {"l2": [0, 0.1]}).items()]
    fields = {"replicates": 1, "parallelism": 2} | spec
    sweep, edits = accept(
        Identity(name, "default", "uid-1", 1, retry),
        SweepSpec.model_validate({"flags": wanted, **fields}),
        DEFAULTS,
    )
    assert not edits
    return sweep


@dataclass
class World:
    """Jobs by name, records, and the clock; `step` observes, plans and carries out."""

    sweep: Sweep
    now: datetime = START
    runs: dict[str, ObservedRun] = field(default_factory=dict)
    records: Records = field(default_factory=Records)
    scrapes: Scrapes = field(default_factory=Scrapes)
    trained: Counter[tuple[str, int]] = field(default_factory=Counter)
    created: list[RunRequest] = field(default_factory=list)
    analysis_result: AnalysisResult | None = None
    final: FinalStatus | None = None
    kept: Kept = field(default_factory=Kept)
    workloads: dict[str, Workload] = field(default_factory=dict)
    """What Kueue knows of runs, by their UIDs."""
    queue: bool = False
    """Whether Kueue admits the runs: each is suspended when it is created."""
    readable: bool = True
    """Whether the operator may read Workloads."""
    sidecar: bool = False
    """Whether each pod has another container, which goes on when training has ended."""

    def observe(self) -> Observed:
        return Observed(
            records=self.records,
            runs=tuple(self.runs.values()),
            workloads=self.workloads if self.readable else None,
            scrapes=self.scrapes,
            analysis_result=self.analysis_result,
            final=self.final,
        )

    def plan(self) -> Plan:
        """What is planned. What is kept from earlier plans makes no difference to it, whatever has happened since."""
        decided = plan(self.sweep, self.observe(), self.now, self.kept)
        assert decided == plan(self.sweep, self.observe(), self.now), "it is what a look at everything gives"
        return decided

    def reported(self, planned: Plan, prior: SweepStatus | None = None) -> SweepStatus:
        """The status. What is kept from earlier ones makes no difference to it, whatever has happened since."""
        arguments = (self.sweep, self.observe(), planned, (), prior or SweepStatus(), self.now)
        status = sweep_status(*arguments, self.kept)
        assert status == sweep_status(*arguments), "it is what a look at everything gives"
        return status

    def step(self) -> Plan:
        """One pass of the control loop; returns the plan that was carried out."""
        decided = self.plan()
        self.carry_out(decided)
        return decided

    def settle(self) -> None:
        """Passes until there is nothing left to do."""
        for _ in range(50):
            decided = self.step()
            if decided.is_empty and decided.analyse is None:
                return
        raise AssertionError("the plan never becomes empty")

    def carry_out(self, decided: Plan) -> None:
        self.records = self.records.plus(decided.store)
        for ref in decided.delete:
            del self.runs[ref.name]
        for ref in decided.suspend:
            self.suspend(ref.name, paused=True)
        for ref in decided.resume:
            self._change(ref.name, suspended=False, paused=False)
        for workload in (*decided.deactivate, *decided.activate):
            active = workload in decided.activate
            uid = next(uid for uid, each in self.workloads.items() if each.uid == workload.uid)
            self.workloads[uid] = replace(self.workloads[uid], active=active, paused=not active)
        for ref, parallelism in decided.scale:
            self._change(ref.name, parallelism=parallelism)
            if parallelism == 0:
                pods = (replace(p, gone=True) if p.holds_node else p for p in self.runs[ref.name].pods)
                self._change(ref.name, pods=tuple(pods))
            if self.queue:
                self.kueue_takes_as_new(ref.name)
        for request in decided.create:
            self._create(request)
        self.final = decided.freeze or self.final
        self.sweep = refined(self.sweep, decided.refine)
        if decided.analyse is not None:
            self.analysis_result = analyse_records(decided.analyse)

    def _create(self, request: RunRequest) -> None:
        assert request.name not in self.runs, "a name is created once"
        self.created.append(request)
        self.runs[request.name] = ObservedRun(
            name=request.name,
            uid=f"uid-{request.name}",
            point_key=request.point.key,
            first_replicate=request.first_replicate,
            replicates=request.replicates,
            replicates_per_pod=request.replicates_per_pod,
            attempt=request.attempt,
            created_at=self.now,
            lost=request.lost,
            moved=request.moved,
            avoids=request.avoids,
            gpu_seconds=request.gpu_seconds,
            rule=epoch_rule(objective_status(self.sweep.spec.objective)),
            parallelism=request.parallelism,
            suspended=self.queue,
            queue_managed=self.queue,
        )
        if self.queue:
            uid = f"uid-{request.name}"
            self.workloads[uid] = Workload(f"job-{request.name}", f"workload-{request.name}", "1", "training")

    def suspend(self, run: str, **fields: object) -> None:
        """Its Job is suspended by anybody: the Job controller deletes the pods that have not ended."""
        kept = tuple(replace(p, gone=p.gone or p.holds_node) for p in self.runs[run].pods if p.ended)
        self._change(run, suspended=True, pods=kept, **fields)

    def resume(self, run: str) -> None:
        """Its Job is resumed by somebody else than the operator."""
        self._change(run, suspended=False)

    def kueue_admits(self, run: str) -> None:
        """Kueue has quota for the run."""
        self.change_workload(run, evicted="", words="")
        self.resume(run)

    def kueue_evicts(self, run: str) -> None:
        """Kueue needs the run's quota for another one."""
        self.change_workload(run, evicted="Preempted", words="Preempted to accommodate a workload")
        self.suspend(run)

    def kueue_takes_as_new(self, run: str) -> None:
        """The Job's parallelism has changed: Kueue stops it, and makes another Workload of it, at the end of its queue."""
        if not self.runs[run].suspended:
            self.suspend(run)
            before = self.workloads[self.runs[run].uid]
            self.workloads[self.runs[run].uid] = Workload(before.name, f"{before.uid}-again", "1", before.queue)

    def kueue_catches_up(self) -> None:
        """What Kueue does about Workloads that are not active: it stops their Jobs."""
        for run in list(self.runs.values()):
            if run.uid in self.workloads and not self.workloads[run.uid].active and not run.suspended:
                self.change_workload(run.name, evicted="Deactivated", words="The workload is deactivated")
                self.suspend(run.name)

    def change_workload(self, run: str, **fields: object) -> None:
        uid = self.runs[run].uid
        self.workloads[uid] = replace(self.workloads[uid], **fields)  # type: ignore[arg-type]  # of any one field

    def pods_in_flight(self) -> int:
        return sum(pod.in_flight for run in self.runs.values() for pod in run.pods)

    def pods_that_hold_a_gpu(self) -> int:
        return sum(pod.holds_node for run in self.runs.values() for pod in run.pods)

    def start_pods(self) -> None:
        """What the Job controller does: pods up to each Job's parallelism, for the indexes that need one."""
        for run in list(self.runs.values()):
            if run.suspended or run.succeeded or run.failed_reason:
                continue
            done = {pod.index for pod in run.pods if pod.exit_code == 65 or pod.phase is PodPhase.SUCCEEDED}
            busy = done | {pod.index for pod in run.pods if pod.holds_node}
            flying = sum(pod.holds_node for pod in run.pods)
            for index in indexes_to_start(run.completions, run.parallelism, busy | run.failed_indexes, flying):
                self.add_pod(run.name, index)

    def add_pod(self, run: str, index: int = 0, **fields: object) -> ObservedPod:
        number = len(self.runs[run].pods)
        pod = ObservedPod(
            name=f"{run}-{index}-{number}",
            uid=f"pod-{run}-{index}-{number}",
            index=index,
            phase=PodPhase.RUNNING,
            created_at=self.now,
            started_at=self.now,
            others=("proxy",) if self.sidecar else (),
        )
        pod = replace(pod, **fields)  # type: ignore[arg-type]  # keyword arguments of any one field
        self._change(run, pods=(*self.runs[run].pods, pod))
        return pod

    def end_pod(self, run: str, pod: str, exit_code: int = 0, message: str | None = None, scraped: bool = True) -> None:
        """The pod's container ends; by default with a record of all its replicates, scraped in time."""
        owner = self.runs[run]
        target = next(p for p in owner.pods if p.name == pod)
        replicates = owner.replicates_of(target.index)
        if exit_code == 0:
            self.trained.update((owner.point_key, k) for k in replicates)
            if scraped and self.scrapes.state is MetricsState.ANSWERED:
                samples = {(pod, k): sample_of(0.5) for k in replicates}
                self.scrapes = replace(self.scrapes, samples={**self.scrapes.samples, **samples})
        text = message if message is not None else message_of(list(replicates)) if exit_code == 0 else ""
        phase = PodPhase.SUCCEEDED if exit_code == 0 else PodPhase.FAILED
        self.change_pod(run, pod, phase=phase, exit_code=exit_code, ended_at=self.now, message=text)

    def lose_pod(self, run: str, pod: str, reason: str, brought: int = 0, **fields: object) -> None:
        """Its node ends the pod with all of its containers; it leaves the records of its first `brought` replicates."""
        owner = self.runs[run]
        target = next(p for p in owner.pods if p.name == pod)
        done = list(owner.replicates_of(target.index))[:brought]
        self.trained.update((owner.point_key, k) for k in done)
        ending = {"phase": PodPhase.FAILED, "ended_at": self.now, "reason": reason, "node": "n1", "others": ()}
        self.change_pod(run, pod, **{**ending, "message": message_of(done) if done else "", **fields})

    def end_sidecars(self, exit_code: int = 0) -> None:
        """The other containers end, where training has ended; a pod has failed with any of its containers."""
        for run in list(self.runs.values()):
            for pod in run.pods:
                if pod.ended and pod.holds_node:
                    failed = exit_code != 0 or pod.phase is PodPhase.FAILED
                    phase = PodPhase.FAILED if failed else PodPhase.SUCCEEDED
                    self.change_pod(run.name, pod.name, others=(), phase=phase)

    def make_again(self, moves: int) -> None:
        """A run that was ended goes on in another Job; it has been moved so often before."""
        self.step()
        self.pass_time(delay_of(moves).total_seconds())
        self.step()
        self.step()
        self.start_pods()

    def change_pod(self, run: str, pod: str, **fields: object) -> None:
        pods = tuple(
            replace(p, **fields) if p.name == pod else p  # type: ignore[arg-type]  # keyword arguments of any one field
            for p in self.runs[run].pods
        )
        self._change(run, pods=pods)

    def end_all(self, **fields: object) -> None:
        """Every pod in flight ends well."""
        for run in list(self.runs.values()):
            for pod in run.pods:
                if not pod.ended and not pod.gone:
                    self.end_pod(run.name, pod.name, **fields)  # type: ignore[arg-type]  # passed on as they are

    def job_controller_catches_up(self) -> None:
        """Jobs whose pods have all succeeded become Complete, a second later than the pods."""
        for run in list(self.runs.values()):
            done = {pod.index for pod in run.pods if pod.phase is PodPhase.SUCCEEDED and not pod.holds_node}
            if len(done) == run.completions and not run.succeeded:
                self._change(run.name, succeeded=True, ended_at=self.now, succeeded_indexes=frozenset(done))

    def fail_job(self, run: str, reason: str, message: str = "") -> None:
        self._change(run, failed_reason=reason, failed_message=message, ended_at=self.now)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _change(self, run: str, **fields: object) -> None:
        self.runs[run] = replace(self.runs[run], **fields)  # type: ignore[arg-type]  # keyword arguments of any one field


def sample_of(loss: float, complete: bool = True) -> Sample:
    """What Prometheus has of a replicate whose message is `message_of(..., loss)`."""
    metrics = {"train_average_loss": loss, "val_average_loss": loss + 0.1}
    return Sample(complete, 3, 3, metrics, best_epoch=2, best_train=loss, best_val=loss + 0.05)


def world_of(replicates: int = 1, **spec: Any) -> World:
    """One combination, its Job, and its first pod."""
    world = World(sweep_of({"l2": [0]}, replicates=replicates, parallelism=2, **spec))
    world.step()
    world.start_pods()
    return world


def only(world: World) -> ObservedRun:
    """The only run that there is."""
    (run,) = world.runs.values()
    return run
