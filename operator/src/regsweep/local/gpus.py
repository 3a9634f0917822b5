"""GPUs of this machine, dealt to the processes of a local run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from regsweep.errors import RegsweepError

VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
MOST_GPUS: Final = 64
"""Of one run, as in a cluster."""
DEVICES: Final = Path("/dev")
DEVICE: Final = re.compile(r"nvidia\d+")


class NoGpuError(RegsweepError):
    """This machine has not the GPUs that a person asks for; the message says what to do."""


class Gpus:
    """So many GPUs for each process, and which ones others hold."""

    def __init__(self, names: Sequence[str], each: int) -> None:
        """names: what CUDA_VISIBLE_DEVICES may say, such as `0` or the UUID of a MIG slice. each: GPUs of a process."""
        self._names, self.each = tuple(names), each
        self._held: Counter[str] = Counter()

    @property
    def room(self) -> int:
        """Processes that share no GPU."""
        return len(self._names) // self.each

    def take(self) -> tuple[str, ...]:
        """GPUs for one process: those that the fewest others hold."""
        chosen = tuple(sorted(self._names, key=lambda name: self._held[name])[: self.each])
        self._held.update(chosen)
        return chosen

    def give_back(self, taken: Sequence[str]) -> None:
        self._held.subtract(taken)


def gpus_for(each: int, environment: Mapping[str, str], devices: Path = DEVICES) -> Gpus:
    """NVIDIA's GPUs of this machine, `each` of them for a process; where CUDA_VISIBLE_DEVICES is set, those that it names.

    Raises NoGpuError where there are fewer.
    """
    names = visible_gpus(environment, devices)
    if len(names) < each:
        where = f"{VISIBLE} names" if VISIBLE in environment else f"{devices}/nvidia* shows"
        raise NoGpuError(
            f"gpus: got {each}, but {where} {len(names)}. Check the driver with nvidia-smi, or leave gpus out to train without."
        )
    return Gpus(names, each)


def visible_gpus(environment: Mapping[str, str], devices: Path = DEVICES) -> list[str]:
    """As CUDA_VISIBLE_DEVICES names them, else by number. As for CUDA, what follows -1 is not visible."""
    if VISIBLE not in environment:
        present = [path for path in _entries(devices) if DEVICE.fullmatch(path.name)]
        return [str(number) for number in range(len(present))]
    names: list[str] = []
    for name in (each.strip() for each in environment[VISIBLE].split(",")):
        if not name or name.startswith("-") or name in names:
            break
        names.append(name)
    return names


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
