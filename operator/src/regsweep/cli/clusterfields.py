"""Fields of a manifest that are for clusters alone, and what a local run does in their place."""

from __future__ import annotations

from typing import Final

from pydantic import JsonValue

from regsweep.api.spec import SweepSpec
from regsweep.cli.exits import UsageError
from regsweep.local.trainer import TrainerCommand

MOST_NAMED: Final = 5
"""Variables that a sentence names."""


def differences(spec: SweepSpec, trainer: TrainerCommand, has_command: bool, gpus: int) -> list[str]:
    """What the manifest asks of a cluster and this machine does otherwise, a line each.

    has_command: the trainer is a command that the person gives. gpus: that each run gets here.

    Raises UsageError for an image: without it something else would be trained.
    """
    by_script = spec.trainer.script is not None
    if spec.trainer.image is not None and not has_command and not by_script:
        raise UsageError(
            f"spec.trainer.image: {spec.trainer.image} is an image, and a local run starts processes. Give the command "
            "that the image runs, such as --trainer-command 'python train.py'; or leave spec.trainer.image out to train "
            "with the reference trainer; or run the sweep on a cluster with kubectl apply."
        )
    lines = []
    if spec.trainer.image is not None:
        instead = "--trainer-command replaces it" if has_command else "the script runs with this Python"
        lines.append(f"spec.trainer.image ({spec.trainer.image}) is ignored: {instead}.")
    if spec.trainer.gpus > 0 and not gpus:
        here = (
            "the reference trainer computes on the CPU"
            if trainer.is_reference
            else "each run uses the devices of this machine"
        )
        lines.append(
            f"spec.trainer.gpus: {spec.trainer.gpus} applies to clusters only; here {here}, or with --gpus on GPUs of its own."
        )
    if spec.template is not None or spec.template_ref is not None:
        variables = template_variables(spec.template or {})
        names = ", ".join(variables[:MOST_NAMED]) + (", ..." if len(variables) > MOST_NAMED else "")
        own = (
            f" So are the variables in it ({names}): set them in this shell, where they are meant here too."
            if names
            else ""
        )
        lines.append(f"spec.template and spec.templateRef apply to clusters only and are ignored.{own}")
    if spec.trainer.data_revision is not None:
        lines.append("spec.trainer.dataRevision applies to clusters only; here a digest of the data replaces it.")
    if spec.suspend:
        lines.append("spec.suspend applies to clusters only: the sweep runs now.")
    return [f"note: {line}" for line in lines]


def template_variables(template: JsonValue) -> list[str]:
    """Names of the environment variables that a pod template sets, wherever in it."""
    if isinstance(template, list):
        return list(dict.fromkeys(name for each in template for name in template_variables(each)))
    if not isinstance(template, dict):
        return []
    own = template.get("env")
    entries = own if isinstance(own, list) else []
    names = [name for each in entries if isinstance(each, dict) and isinstance(name := each.get("name"), str)]
    return list(dict.fromkeys([*names, *(name for value in template.values() for name in template_variables(value))]))
