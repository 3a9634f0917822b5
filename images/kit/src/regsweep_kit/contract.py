"""The contract's environment, read once into a typed value. Every variable's default and meaning is here and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from regsweep_kit import variables
from regsweep_kit.errors import InvalidContractError, NothingToTrainError
from regsweep_kit.foreign import ForeignReport
from regsweep_kit.objective import Objective
from regsweep_kit.resampling import Resampling

T = TypeVar("T")

MOST_REPLICATES_PER_POD = 16  # so many fit into a termination message of 4,096 bytes with the metrics that matter
LARGEST_REPLICATE = 99_999  # a number of at most 5 digits: the message's room is computed with it

MOST_GPUS = 99  # in one pod

USUAL_MESSAGE_BYTES = 4096  # what the kubelet keeps of one container's termination message
LEAST_MESSAGE_BYTES = 1024  # the kubelet's share where a pod has twelve containers
MOST_MESSAGE_BYTES = 65_536  # what a reader takes from a file, where no kubelet sets a bound


@dataclass(frozen=True, slots=True)
class Contract:
    flags: Mapping[str, Any]
    flag_names: tuple[str, ...]
    """Which of the flags the sweep varies."""
    sweep: str
    run: str
    seed_base: int
    replicates: tuple[int, ...]
    """The numbers of the replicates that this pod trains, in order; never empty."""
    replicates_per_pod: int
    """What a full pod trains: decides the record's columns, so that a short last pod has the same ones."""
    objective: Objective
    resampling: Resampling
    data_digest: str | None
    """The pinned digest of the data's source bytes, or its beginning; `None`: nothing is pinned."""
    gpus: int
    allow_cpu: bool
    """Clusters whose GPUs are stand-ins: train on the CPU although GPUs were requested."""
    linger_seconds: float
    metrics_port: int
    """0: no /metrics."""
    message_bytes: int
    """Room for the termination message."""
    score_test: bool
    """Evaluate the test rows, once."""
    final: bool
    """An evaluation on the test rows will follow for this sweep: there must be some."""
    report: ForeignReport | None = None
    """How a script under the wrapper writes its metrics; `None`: the trainer keeps the contract itself."""
    history: Path | None = None
    """File for the metrics of each epoch; `None`: none is kept."""
    checkpoints: Path | None = None
    """Folder of the checkpoints of this point's replicates; `None`: none are kept."""
    checkpoint_epochs: int = 10
    """After how many epochs a checkpoint is written."""
    histograms: Path | None = None
    """File for histograms of the weights; `None`: none are kept."""
    histogram_epochs: int = 1
    """Every how many epochs they are written."""
    models: Path | None = None
    """Folder that gets each replicate's model; `None`: none is saved."""


def termination_log(environment: Mapping[str, str]) -> Path:
    """Where the termination message goes; needed before all else, so that every other mistake can be reported there."""
    return Path(environment.get("REGSWEEP_TERMINATION_LOG") or "/dev/termination-log")


def read_flags(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """The flags alone. Raises InvalidContractError."""
    reader = _Reader(environment)
    flags: Mapping[str, Any] = reader.read("REGSWEEP_FLAGS", {}, variables.flags)
    reader.check()
    return flags


def read_contract(environment: Mapping[str, str]) -> Contract:
    """Raises InvalidContractError, naming every variable that cannot be read, or NothingToTrainError."""
    reader = _Reader(environment)
    read = reader.read
    number = variables.integer(0, LARGEST_REPLICATE)
    first = read("REGSWEEP_FIRST_REPLICATE", 0, number)
    per_pod = read("REGSWEEP_REPLICATES", 1, variables.integer(1, MOST_REPLICATES_PER_POD))
    index = read("JOB_COMPLETION_INDEX", 0, number)
    start = first + index * per_pod
    last = read("REGSWEEP_LAST_REPLICATE", start + per_pod - 1, number)
    contract = Contract(
        flags=read("REGSWEEP_FLAGS", {}, variables.flags),
        flag_names=read("REGSWEEP_FLAG_NAMES", (), variables.names),
        sweep=environment.get("REGSWEEP_SWEEP", ""),
        run=environment.get("REGSWEEP_RUN", ""),
        seed_base=read("REGSWEEP_SEED_BASE", 0, variables.integer()),
        replicates=tuple(range(start, min(start + per_pod - 1, last) + 1)),
        replicates_per_pod=per_pod,
        objective=read("REGSWEEP_OBJECTIVE", Objective(), variables.objective),
        resampling=read("REGSWEEP_RESAMPLING", Resampling(), variables.resampling),
        data_digest=read("REGSWEEP_DATA_DIGEST", None, variables.digest),
        gpus=read("REGSWEEP_GPUS", 0, variables.integer(0, MOST_GPUS)),
        allow_cpu=read("REGSWEEP_ALLOW_CPU", False, variables.switch),
        linger_seconds=read("REGSWEEP_LINGER_SECONDS", 0.0, variables.seconds),
        metrics_port=read("REGSWEEP_METRICS_PORT", 9090, variables.integer(0, 65535)),
        message_bytes=read(
            "REGSWEEP_MESSAGE_BYTES",
            USUAL_MESSAGE_BYTES,
            variables.integer(LEAST_MESSAGE_BYTES, MOST_MESSAGE_BYTES),
        ),
        score_test=read("REGSWEEP_SCORE_TEST", False, variables.switch),
        final=read("REGSWEEP_FINAL", False, variables.switch),
        report=read("REGSWEEP_REPORT", None, variables.report),
        history=read("REGSWEEP_HISTORY", None, Path),
        checkpoints=read("REGSWEEP_CHECKPOINTS", None, Path),
        checkpoint_epochs=read("REGSWEEP_CHECKPOINT_EPOCHS", 10, variables.integer(1, 1_000_000)),
        histograms=read("REGSWEEP_HISTOGRAMS", None, Path),
        histogram_epochs=read("REGSWEEP_HISTOGRAM_EPOCHS", 1, variables.integer(1, 1_000_000)),
        models=read("REGSWEEP_MODELS", None, Path),
    )
    reader.check()
    _check_replicates(contract.replicates, start=start, last=last, index=index)
    return contract


def _check_replicates(replicates: tuple[int, ...], *, start: int, last: int, index: int) -> None:
    if not replicates:
        raise NothingToTrainError(
            f"JOB_COMPLETION_INDEX {index} starts at replicate {start}, but the last one is {last} "
            "(REGSWEEP_LAST_REPLICATE): the Job has too many completions"
        )
    if replicates[-1] > LARGEST_REPLICATE:
        raise InvalidContractError(
            f"JOB_COMPLETION_INDEX: index {index} ends at replicate {replicates[-1]}, want at most {LARGEST_REPLICATE}"
        )


class _Reader:
    """Reads variables and keeps what is wrong with them, so that all of it is reported at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def read(self, name: str, default: T, parse: Callable[[str], T]) -> T:
        """The variable's value; the default where it is absent, blank or wrong."""
        text = self._environment.get(name, "")
        if not text.strip():
            return default
        try:
            return parse(text)
        except ValueError as error:
            shown = repr(text if len(text) <= 60 else text[:57] + "...")
            self._problems.append(f"{name}: got {shown}, want {error}")
            return default

    def check(self) -> None:
        """Raises InvalidContractError where a variable was wrong."""
        if self._problems:
            raise InvalidContractError("; ".join(self._problems))
