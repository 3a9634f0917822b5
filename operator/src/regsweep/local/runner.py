"""The loop of a local run: observe, plan, carry out by processes, until nothing is left to do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from regsweep.api.objective import objective_status
from regsweep.api.status import FinalStatus, SweepStatus
from regsweep.core.identity import final_seed
from regsweep.core.judging.analysis import AnalysisResult, analyse_records, prepare_analysis
from regsweep.core.kept import Kept
from regsweep.core.kubernetes.expansion import expand
from regsweep.core.plan import Plan, plan
from regsweep.core.refinement import refined
from regsweep.core.results.records import Record, Records
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase, RunRequest
from regsweep.core.status import is_over, sweep_status
from regsweep.core.sweep import Sweep
from regsweep.core.timestamps import timestamp
from regsweep.core.world import Observed, Usage
from regsweep.local.directory import RunsDirectory, UnwritableRunsError, observed_run, pod_name
from regsweep.local.environment import local_environment
from regsweep.local.facts import ProcessFacts, RunFacts, output_file
from regsweep.local.failures import local_message
from regsweep.local.gpus import Gpus
from regsweep.local.identify import DataIdentity
from regsweep.local.jobcontrol import with_end
from regsweep.local.lineage import data_facts, outer_facts, rule_facts
from regsweep.local.ownfiles import EditedTrainerError, OwnFiles
from regsweep.local.process import GRACE_SECONDS, Process
from regsweep.local.provenance import Keepsakes, computing_packages, keepsakes
from regsweep.local.starting import Launch, Starter
from regsweep.local.trainer import TrainerCommand, process_environment
from regsweep.report.documents import as_json
from regsweep.report.text import visible

OnStatus = Callable[[SweepStatus], None]
KILLED = 137
"""Exit code of a process that SIGKILL ended."""


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class _Run:
    """A run of this process' making."""

    request: RunRequest
    facts: RunFacts
    observed: ObservedRun
    timer: asyncio.TimerHandle | None = None
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """What is there when the training starts."""

    lock: int | None
    """Descriptor of the directory's lock; None: nothing can be written there, and so nothing is trained."""
    data: DataIdentity
    """What the results rest on."""
    records: Records
    """Results of earlier runs."""
    final: FinalStatus | None = None
    """Picks of a final evaluation that are frozen; None: none."""
    files: OwnFiles = field(default_factory=lambda: OwnFiles(()))
    """What the trainer consists of."""


@dataclass(frozen=True, slots=True)
class Host:
    """The machine as the runner uses it."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    """What trainers inherit."""
    grace_seconds: float = GRACE_SECONDS
    """From SIGTERM to SIGKILL."""
    clock: Callable[[], datetime] = now
    warm: bool = True
    """Trainers may be forked from a process that has imported what they need."""
    histogram_epochs: int = 0
    """Every so many epochs trainers note histograms of their weights; 0: never."""
    gpus: Gpus | None = None
    """Dealt to the trainers; None: a person asks for none."""


class LocalRunner:
    """Trains a sweep on this machine.

    Failed runs are not retried: a retry on the same machine would fail again. To start the command once
    more does that.
    """

    def __init__(
        self,
        sweep: Sweep,
        directory: RunsDirectory,
        trainer: TrainerCommand,
        start: Start,
        *,
        on_status: OnStatus,
        host: Host | None = None,
    ) -> None:
        self._sweep = sweep
        self._directory = directory
        self._trainer = trainer
        self._lock = start.lock
        self._data = start.data
        self._host = host or Host()
        self._clock = self._host.clock
        self._starter = Starter(trainer, warm=self._host.warm, gpus=self._host.gpus)
        self._on_status = on_status
        self._records = start.records
        self._analysis_result: AnalysisResult | None = None
        self._final = start.final
        self._files = start.files
        self._edited: list[str] = []
        """Files that are others than at the start: no more processes are started."""
        self._kept: Keepsakes | None = None
        self._kept_progress = Kept()
        self._runs: dict[str, _Run] = {}
        self._processes: dict[asyncio.Task[None], Process] = {}
        self._changed = asyncio.Event()
        self._interrupts = 0
        self._begun = False
        self._error: BaseException | None = None
        self._status = SweepStatus()
        self._start_time = self._clock()

    @property
    def sweep(self) -> Sweep:
        """The sweep, with what its refinement has added."""
        return self._sweep

    @property
    def records(self) -> Records:
        """All records, those of earlier runs included."""
        return self._records

    @property
    def analysis_result(self) -> AnalysisResult | None:
        """The last analysis, be it of fewer records; None: none was made."""
        return self._analysis_result

    @property
    def has_trained(self) -> bool:
        """Whether anything was trained at all."""
        return self._begun

    @property
    def interrupted(self) -> bool:
        """Whether a person (or the system) ended the run early."""
        return self._interrupts > 0

    def interrupt(self) -> None:
        """Ends all training: gently the first time, at once the second."""
        self._interrupts += 1
        for process in self._processes.values():
            if self._interrupts == 1:
                process.terminate()
            else:
                process.kill()
        self._changed.set()

    async def run(self) -> SweepStatus:
        """Trains until the sweep is over, or is interrupted; returns the last status. No process is left in any case."""
        # It begins with the first wait, while the trainers' imports leave a core idle.
        preparing = asyncio.create_task(asyncio.to_thread(prepare_analysis))
        try:
            while not self.interrupted:
                self._changed.clear()
                if self._error is not None:
                    raise self._error
                decided = plan(self._sweep, self._observed(), self._clock(), self._kept_progress)
                await self._carry_out(decided)
                self._publish(decided)
                if decided.analyse is not None:
                    self._analysis_result = await asyncio.to_thread(analyse_records, decided.analyse)
                elif decided.is_empty or self._edited:
                    if is_over(self._status.conditions) and not self._processes:
                        break
                    await self._wait(decided.wake_at)
        finally:
            if not self.interrupted and self._processes:
                self.interrupt()
            while self._processes:
                await asyncio.wait(self._processes)
            await self._starter.close()
            await preparing
        if self.interrupted:
            # Results that were finished before the signal are in the message files.
            self._records = self._records.plus(self._directory.records())
            self._publish(Plan())
        return self._status

    async def _wait(self, until: datetime | None) -> None:
        seconds = None if until is None else max(0.0, (until - self._clock()).total_seconds())
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    def _observed(self) -> Observed:
        runs = tuple(run.observed for run in self._runs.values())
        return Observed(
            records=self._records,
            runs=runs,
            analysis_result=self._analysis_result,
            final=self._final,
            usage=Usage(self._start_time),
        )

    def _publish(self, decided: Plan) -> None:
        self._status = sweep_status(
            self._sweep, self._observed(), decided, (), self._status, self._clock(), self._kept_progress
        )
        self._on_status(self._status)

    async def _carry_out(self, decided: Plan) -> None:
        if self._lock is None and (decided.freeze is not None or decided.refine is not None or decided.create):
            raise UnwritableRunsError(f"{self._directory.path}: cannot be written, and training is not complete.")
        self._records = self._records.plus(map(self._in_local_words, decided.store))
        if decided.freeze is not None:
            self._directory.freeze(decided.freeze)
            self._final = decided.freeze
        if decided.refine is not None:
            self._directory.refine(decided.refine)
            self._sweep = refined(self._sweep, decided.refine)
        for ref in decided.delete:
            # Its directory stays; the plan has no more use for it.
            del self._runs[ref.name]
        for ref, parallelism in decided.scale:
            run = self._runs[ref.name]
            run.observed = replace(run.observed, parallelism=parallelism)
            await self._start_processes(run)
        for request in decided.create:
            if self._may_start():
                await self._create(request)
        if self._edited and not self._processes:
            raise EditedTrainerError(self._edited)

    def _in_local_words(self, record: Record) -> Record:
        """A failed record whose message describes this machine's processes and files."""
        run = self._runs.get(record.run)
        if record.has_result or run is None:
            return record
        index = (record.replicate - run.facts.first_replicate) // run.facts.replicates_per_pod
        pod = next((p for p in run.observed.pods if p.index == index), None)
        if pod is None:
            return record
        output = self._directory.run(record.run) / output_file(index)
        words = self._directory.last_words(record.run, index)
        return replace(record, message=local_message(record, pod, output, words))

    def _may_start(self) -> bool:
        """Whether a process that starts now trains what the sweep is identified by, and is wanted."""
        if self.interrupted:
            return False
        self._edited = self._edited or self._files.changed()
        return not self._edited

    async def _create(self, request: RunRequest) -> None:
        sweep = self._sweep
        facts = RunFacts(
            sweep=sweep.name,
            run=request.name,
            flags=request.point.combination.flags,
            parameters=sweep.resolved.parameters,
            seed=final_seed(sweep.resolved.seed) if request.point.final else sweep.resolved.seed,
            trainer=sweep.resolved.image,
            trainer_version=self._trainer.version,
            point_key=request.point.key,
            first_replicate=request.first_replicate,
            replicates=request.replicates,
            replicates_per_pod=request.replicates_per_pod,
            attempt=request.attempt,
            lost=request.lost,
            final=request.point.final,
            outer=outer_facts(request.point),
            key_version=sweep.resolved.key_version,
            resampling=sweep.resolved.resampling.to_json(),
            rule=rule_facts(objective_status(sweep.spec.objective)),
            data=data_facts(self._data),
            packages=computing_packages(self._trainer),
            command=[visible(argument) for argument in self._trainer.arguments],
        )
        self._begun = True
        if self._kept is None:
            self._kept = keepsakes(self._trainer, as_json(self._sweep.spec.to_json()))
        self._directory.begin(facts, self._kept, resumes=sweep.spec.trainer.checkpoints is not None)
        observed = replace(observed_run(facts, self._clock()), parallelism=request.parallelism)
        run = _Run(request, facts, observed)
        self._runs[request.name] = run
        if (limit := sweep.spec.run_timeout_seconds) is not None:
            run.timer = asyncio.get_running_loop().call_later(limit, self._time_out, run)
        await self._start_processes(run)

    async def _start_processes(self, run: _Run) -> None:
        """Starts as many of the run's processes as its parallelism has room for."""
        started = {pod.index for pod in run.observed.pods}
        room = run.observed.parallelism - sum(not pod.ended for pod in run.observed.pods)
        waiting = [index for index in range(run.observed.completions) if index not in started]
        if run.observed.failed_reason is None and self._may_start():
            for index in waiting[: max(0, room)]:
                await self._start_process(run, index)

    async def _start_process(self, run: _Run, index: int) -> None:
        host, path = self._host, self._directory.run(run.facts.run)
        gpus = 0 if host.gpus is None else host.gpus.each
        contract = local_environment(self._sweep, run.request, index, path, host.histogram_epochs, gpus)
        process = await self._starter.start(
            Launch(
                [expand(argument, contract) for argument in self._sweep.resolved.args or ()],
                process_environment(
                    contract,
                    host.environment,
                    max(1, self._sweep.spec.parallelism),
                    isolated=self._trainer.is_reference,
                ),
                path / output_file(index),
                held=(self._lock,) if self._lock is not None else (),
                grace_seconds=host.grace_seconds,
            )
        )
        at = self._clock()
        name = pod_name(run.facts.run, index)
        pod = ObservedPod(name, name, index, PodPhase.RUNNING, created_at=at, started_at=at, image=run.facts.image)
        run.observed = replace(run.observed, pods=(*run.observed.pods, pod))
        self._set_process_facts(run, ProcessFacts(index=index, started_at=timestamp(at)))
        task = asyncio.create_task(self._follow(run, pod, process), name=name)
        self._processes[task] = process
        task.add_done_callback(self._followed)
        if self.interrupted:  # while it was being started
            process.terminate()

    def _followed(self, task: asyncio.Task[None]) -> None:
        del self._processes[task]
        if (error := task.exception()) is not None:
            self._error = error
        self._changed.set()

    async def _follow(self, run: _Run, pod: ObservedPod, process: Process) -> None:
        """Waits for the process' end, and takes it down as the Job controller and the kubelet would."""
        code = await process.wait()
        at = self._clock()
        ended = replace(
            pod,
            phase=PodPhase.SUCCEEDED if code == 0 else PodPhase.FAILED,
            ended_at=at,
            exit_code=code,
            message=self._directory.message(run.facts.run, pod.index),
            reason=_reason(run, code, process),
        )
        run.observed = with_end(run.observed, ended, at)
        if run.timed_out:
            run.observed = replace(run.observed, succeeded=False, failed_reason="DeadlineExceeded", ended_at=at)
        started = next(p.started_at for p in run.facts.processes if p.index == pod.index)
        facts = ProcessFacts(index=pod.index, started_at=started, ended_at=timestamp(at), exit_code=code)
        if run.observed.succeeded:
            run.facts = run.facts.model_copy(update={"completed": True})
        self._set_process_facts(run, facts)
        if run.observed.ended_at is not None and run.timer is not None:
            run.timer.cancel()
        await self._start_processes(run)

    def _set_process_facts(self, run: _Run, facts: ProcessFacts) -> None:
        others = [p for p in run.facts.processes if p.index != facts.index]
        run.facts = run.facts.model_copy(update={"processes": sorted([*others, facts], key=lambda p: p.index)})
        self._directory.write(run.facts)

    def _time_out(self, run: _Run) -> None:
        run.timed_out = True
        names = {pod.name for pod in run.observed.pods}
        for task, process in self._processes.items():
            if task.get_name() in names:
                process.terminate()


def _reason(run: _Run, code: int, process: Process) -> str:
    """The kubelet's reason for the end of the process; empty if the exit code suffices."""
    if run.timed_out:
        return "DeadlineExceeded"
    return "OOMKilled" if code == KILLED and process.memory_ran_out else ""
