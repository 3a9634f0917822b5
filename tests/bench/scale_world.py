"""A sweep in mid-flight as the operator has it in its hands, of any size: for what a pass over it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

from regsweep.api.status import SweepStatus
from regsweep.api.validation import parse_sweep
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.ownership import KubeObject
from regsweep.core.plan import Plan, plan
from regsweep.core.results.records import Environment, Outcome, Record, Records
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase, RunRequest
from regsweep.core.sweep import Sweep
from regsweep.core.world import Observed
from support.training import message_of

REPLICATES, IN_FLIGHT = 5, 100
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
METRICS = ("train_average_loss", "val_average_loss", "train_accuracy", "val_accuracy", "val_auc")
_ENVIRONMENT = Environment("tensorflow", "cpu", "sha256:0011", "1f0c9a3e", 400, 169, "9a3e1f0c")


@dataclass
class World:
    """Some combinations are trained, others in flight."""

    sweep: Sweep
    records: Records
    runs: dict[str, ObservedRun]
    prior: SweepStatus
    now: datetime = NOW

    def observe(self) -> Observed:
        return Observed(records=self.records, runs=tuple(self.runs.values()))

    def plan(self, observed: Observed | None = None) -> Plan:
        return plan(self.sweep, observed or self.observe(), self.now)

    def carry_out(self, planned: Plan) -> None:
        """Stores and creates what is planned."""
        self.records = self.records.plus(planned.store)
        for ref in planned.delete:
            self.runs.pop(ref.name, None)
        for request in planned.create:
            self.runs[request.name] = run_of(request, self.now)

    def end_pod(self) -> None:
        """The pod that trains longest ends, with its records."""
        run = next(run for run in self.runs.values() if run.pods and run.pods[0].in_flight)
        message = message_of(range(run.replicates))
        pod = replace(
            run.pods[0], phase=PodPhase.SUCCEEDED, exit_code=0, message=message, ended_at=self.now, end_seen_at=self.now
        )
        self.runs[run.name] = replace(run, pods=(pod,), succeeded=True, ended_at=self.now)
        self.now += timedelta(seconds=1)


def sweep_of(combinations: int, name: str = "large", parallelism: int = IN_FLIGHT) -> Sweep:
    """An accepted sweep of two flags."""
    rows = max(1, round(combinations**0.5))
    flags = [
        {"name": "l2", "values": [i / 1000 for i in range(rows)]},
        {"name": "dropout", "values": [i / 1000 for i in range(combinations // rows)]},
    ]
    obj: KubeObject = {
        "kind": "RegularizationSweep",
        "metadata": {"name": name},
        "spec": {"flags": flags, "replicates": REPLICATES, "parallelism": parallelism},
    }
    defaults = Defaults("trainer:1", "nvidia.com/gpu", "0.1.0")
    return accept(Identity(name, "team", f"uid-{name}", 1), parse_sweep(obj), defaults)[0]


def record_of(key: str, replicate: int, random: Random) -> Record:
    """A record as a trainer leaves it."""
    values = dict.fromkeys(METRICS, random.random()) | {"val_average_loss": 1 + random.random()}
    return Record(
        key,
        replicate,
        Outcome.OK,
        f"large-{key[:12]}",
        epochs=20,
        metrics=values,
        environment=_ENVIRONMENT,
        started_at=NOW,
        ended_at=NOW,
        gpu_seconds=12.5,
    )


def run_of(request: RunRequest, now: datetime) -> ObservedRun:
    """The run as it is once its pod trains."""
    pod = ObservedPod(f"{request.name}-0-abcde", f"pod-{request.name}", 0, PodPhase.RUNNING, now, now)
    return ObservedRun(
        name=request.name,
        uid=f"job-{request.name}",
        point_key=request.point.key,
        first_replicate=request.first_replicate,
        replicates=request.replicates,
        replicates_per_pod=request.replicates_per_pod,
        attempt=request.attempt,
        created_at=now,
        pods=(pod,),
    )


def world_of(combinations: int, done: float = 0.5) -> World:
    """A world of a sweep of which this part has been trained."""
    sweep, random = sweep_of(combinations), Random(1)
    trained = sweep.points[: int(combinations * done)]
    records = Records(record_of(point.key, k, random) for point in trained for k in range(REPLICATES))
    world = World(sweep, records, {}, SweepStatus(resolved=sweep.resolved))
    world.carry_out(world.plan())
    return world
