"""What trains in a local run: the command, what identifies it, and the environment that its processes get."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from regsweep.errors import RegsweepError
from regsweep.local.gpus import Gpus
from regsweep.local.preloading import Warmth, warm_script
from regsweep.local.sources import script_digest

REFERENCE_DISTRIBUTION = "regsweep-trainer"
REFERENCE_MODULE = "regsweep_trainer"
PRELOADED = "regsweep_trainer.preloaded"
"""Module that imports what the reference trainer needs."""
WRAPPER = "regsweep_kit"
"""Module that keeps the training contract for scripts that do not."""
PYTHON = re.compile(r"python(3(\.\d+)?)?")
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
"""Read by NumPy's libraries and by TensorFlow: without them every process takes every core."""
RUN_MEMORY_BYTES = 1024**3
"""What a TensorFlow process of a small network takes at its highest (some 760 MB measured), with room."""


class NoTrainerError(RegsweepError):
    """There is no trainer; the message says how to install one."""


@dataclass(frozen=True, slots=True)
class TrainerCommand:
    """A command that keeps the training contract."""

    arguments: tuple[str, ...]
    identity: str
    """Part of the point's key, as the image is in a cluster: another trainer means training again."""
    version: str = ""
    """For people alone; empty: not known."""
    is_reference: bool = False
    """It is the reference trainer, run in isolation: see `process_environment`."""
    warmth: Warmth | None = None
    """How its processes are forked; None: each is started afresh."""

    @property
    def own_arguments(self) -> tuple[str, ...]:
        """The arguments without the kit's wrapper."""
        return self.arguments[self.arguments.index("--") + 1 :] if WRAPPER in self.arguments else self.arguments


def reference_trainer() -> TrainerCommand:
    """The trainer that comes with regsweep, run by this very interpreter. Nothing of it is imported here.

    Raises NoTrainerError where it is not installed.
    """
    try:
        version = metadata.version(REFERENCE_DISTRIBUTION)
    except metadata.PackageNotFoundError as error:
        raise NoTrainerError(
            "The reference trainer is not installed here. Install it with `pip install 'regsweep[local]'`, "
            "or name your own with --trainer-command."
        ) from error
    # -P: a random.py in the working directory is not Python's.
    isolated = (sys.executable, "-P")
    identity = f"process:{REFERENCE_DISTRIBUTION}=={version}"
    warmth = Warmth(isolated, (PRELOADED,), module=REFERENCE_MODULE)
    return TrainerCommand(
        (*isolated, "-m", REFERENCE_MODULE), identity, version=version, is_reference=True, warmth=warmth
    )


def of_generation(trainer: TrainerCommand, generation: int | None) -> TrainerCommand:
    """The trainer as the key knows it. The reference trainer's generation says what its version says, and says it better:
    a version that trains the same is no other trainer."""
    if not trainer.is_reference or generation is None:
        return trainer
    return replace(trainer, identity=f"process:{REFERENCE_DISTRIBUTION}")


def custom_trainer(command: str) -> TrainerCommand:
    """The user's own command, split as a shell splits it; no shell runs it.

    Its identity is the command with the contents of every file that it names, and of the modules beside a Python script
    that it imports, so that an edited script is another trainer.

    Raises NoTrainerError where the command is empty or its quotes are not closed.
    """
    try:
        arguments = tuple(shlex.split(command))
    except ValueError as error:
        raise NoTrainerError(f"--trainer-command: {error} in {command!r}") from error
    if not arguments:
        raise NoTrainerError(
            "--trainer-command: is empty; give a program and its arguments, such as 'python train.py'."
        )
    program, *rest = arguments
    parts = [Path(program).name, *(_content(argument) for argument in rest)]
    if os.sep in program:
        parts.insert(0, _content(program))
    return TrainerCommand(arguments, _identity(parts), warmth=_warmth(program, rest))


def _warmth(program: str, arguments: Sequence[str]) -> Warmth | None:
    """Of `python SCRIPT`, and of no other command."""
    if len(arguments) != 1 or not arguments[0].endswith(".py") or not PYTHON.fullmatch(Path(program).name):
        return None
    return warm_script(program, Path(arguments[0]))


def python_trainer(interpreter: str, script: Path) -> TrainerCommand:
    """The script as a trainer. It is the same as by `python SCRIPT`, whatever the interpreter's path."""
    identity = _identity(["python", _content(str(script))])
    return TrainerCommand((interpreter, str(script)), identity, warmth=warm_script(interpreter, script))


def reporting_trainer(trainer: TrainerCommand) -> TrainerCommand:
    """The trainer under the kit's wrapper, which reads what it writes (`spec.trainer.report`); the same one if it is under it already."""
    if WRAPPER in trainer.arguments:
        return trainer
    return replace(trainer, arguments=(sys.executable, "-m", WRAPPER, "run", "--", *trainer.arguments), warmth=None)


def _identity(parts: Sequence[str]) -> str:
    return f"process:{hashlib.sha256(repr(list(parts)).encode()).hexdigest()[:16]}"


def _content(argument: str) -> str:
    path = Path(argument)
    if not path.is_file():
        return argument
    return script_digest(path) if path.suffix == ".py" else hashlib.sha256(path.read_bytes()).hexdigest()


def default_parallelism(asked: int, gpus: Gpus | None = None) -> int:
    """Runs at a time: as many as the manifest asks for, at most one per core, one per GiB of memory that is free, and as many as
    share no GPU."""
    room = sys.maxsize if gpus is None else gpus.room
    return max(1, min(asked or 1, available_cores(), free_memory_bytes() // RUN_MEMORY_BYTES, room))


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Linux alone has it
        return os.cpu_count() or 1


def free_memory_bytes(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Memory that processes can still get; without /proc, as much as needed: then the cores decide."""
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return sys.maxsize
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields.get("MemAvailable", f"{sys.maxsize}").split()[0]) * 1024


def process_environment(
    contract: Mapping[str, str], base: Mapping[str, str], parallelism: int, *, isolated: bool = False
) -> dict[str, str]:
    """The environment of a trainer's process: the user's own, the contract's, and a fair share of the cores.

    Thread counts that the user has set are kept. Several processes may share a GPU, so TensorFlow must not take all of
    its memory at once. `isolated`, for the reference trainer: nothing is imported from the working directory.
    """
    threads = str(max(1, available_cores() // parallelism))
    usual = dict.fromkeys(THREAD_VARIABLES, threads) | {
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONUNBUFFERED": "1",
    }
    own = {name: value for name, value in base.items() if not is_contract(name)}
    alone = {"PYTHONPATH": _absolute(base.get("PYTHONPATH", ""))} if isolated else {}
    return usual | own | alone | dict(contract)


def _absolute(search_path: str) -> str:
    """The module search path without what depends on the working directory, such as the empty entry of `:/mine`."""
    return os.pathsep.join(entry for entry in search_path.split(os.pathsep) if Path(entry).is_absolute())


def is_contract(name: str) -> bool:
    """Whether the training contract sets the variable."""
    return name.startswith("REGSWEEP_") or name == "JOB_COMPLETION_INDEX"
