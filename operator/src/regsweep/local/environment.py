"""The training contract's environment for a local process (docs/trainer-contract.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from regsweep.api.objective import objective_status
from regsweep.core.kubernetes.checkpoints import checkpoint_environment
from regsweep.core.kubernetes.podtemplate import contract_environment
from regsweep.core.runs import RunRequest
from regsweep.core.sweep import Sweep
from regsweep.local.facts import MODEL_FOLDER, histograms_file, history_file, message_file

CHECKPOINTS: Final = "checkpoints"
"""Folder of the sweep with a folder for each point's checkpoints."""
MESSAGE_BYTES: Final = 65_536
"""Room for a termination message: the most that the contract allows, since no kubelet cuts the file."""


def local_environment(
    sweep: Sweep, request: RunRequest, index: int, folder: Path, histogram_epochs: int = 0, gpus: int = 0
) -> dict[str, str]:
    """Environment of the process of this index: that of a pod except for metrics port and linger, since it is not scraped.

    `folder`: the run's. `histogram_epochs`: every so many epochs the trainer notes histograms of its weights; 0: never. `gpus`: what
    the person asks for, whatever the manifest asks of a cluster: it demands GPUs, and a laptop has what it has.
    """
    checkpoints = sweep.spec.trainer.checkpoints
    beside = (folder.parent / CHECKPOINTS / request.point.key).absolute()
    return {
        **contract_environment(sweep, request, objective_status(sweep.spec.objective), MESSAGE_BYTES),
        "JOB_COMPLETION_INDEX": str(index),
        "REGSWEEP_GPUS": str(gpus),
        "REGSWEEP_HISTORY": str((folder / history_file(index)).absolute()),
        "REGSWEEP_LINGER_SECONDS": "0",
        "REGSWEEP_METRICS_PORT": "0",
        "REGSWEEP_TERMINATION_LOG": str((folder / message_file(index)).absolute()),
        **({"REGSWEEP_MODELS": str((folder / MODEL_FOLDER).absolute())} if request.point.saves_model else {}),
        **(_histograms(folder / histograms_file(index), histogram_epochs) if histogram_epochs else {}),
        **({} if checkpoints is None else checkpoint_environment(checkpoints, str(beside))),
    }


def _histograms(file: Path, every: int) -> dict[str, str]:
    return {"REGSWEEP_HISTOGRAMS": str(file.absolute()), "REGSWEEP_HISTOGRAM_EPOCHS": str(every)}
