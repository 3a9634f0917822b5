"""`regsweep run --script`: options of the command line become a sweep of the script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from regsweep.adapters.yamlreader import read_documents
from regsweep.api.validation import parse_sweep
from regsweep.cli.exits import UsageError
from regsweep.cli.manifest import Manifest
from regsweep.errors import UnreadableManifest
from regsweep.local.scripts import ScriptError, script_trainer, sweep_of_script
from regsweep.local.trainer import TrainerCommand


@dataclass(frozen=True, slots=True)
class ScriptOptions:
    """A script and how it is swept."""

    script: Path
    flags: Mapping[str, JsonValue]
    fields: Mapping[str, JsonValue]
    """Others of the spec."""


def script_options(
    script: Path | None,
    flags: Sequence[str],
    replicates: int | None,
    objective: tuple[str | None, str | None],
    others: Sequence[object],
) -> ScriptOptions | None:
    """The options, None where no script was given. objective: metric and goal. others: what cannot be given beside a script.

    Raises UsageError.
    """
    if script is None:
        if flags or replicates is not None or objective != (None, None):
            raise UsageError(
                "--flag, --replicates, --metric and --goal belong to --script. With a manifest, write them into its spec."
            )
        return None
    if any(other is not None for other in others):
        raise UsageError("--script: give either a script or a manifest and --trainer-command, not both.")
    fields: dict[str, JsonValue] = {}
    if replicates is not None:
        fields["replicates"] = replicates
    metric, goal = objective
    if metric is not None or goal is not None:
        fields["objective"] = {
            **({} if metric is None else {"metric": metric}),
            **({} if goal is None else {"goal": goal}),
        }
    return ScriptOptions(script, dict(_read(flag) for flag in _once(flags)), fields)


def chosen_script(options: ScriptOptions, name: str | None) -> tuple[Manifest, TrainerCommand]:
    """The sweep of the script, and the script as its trainer. Raises UsageError and InvalidSweep."""
    try:
        trainer = script_trainer(options.script)
        manifest = sweep_of_script(options.script, options.flags, name=name, fields=options.fields)
    except ScriptError as error:
        raise UsageError(str(error)) from error
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    return Manifest(str(metadata["name"]), parse_sweep(manifest)), trainer


def _once(flags: Sequence[str]) -> Sequence[str]:
    names = [flag.partition("=")[0].strip() for flag in flags]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(
            f"--flag: {twice[0]} is given twice. Write all its values as one list, such as '{twice[0]}=[0, 0.5]'."
        )
    return flags


def _read(flag: str) -> tuple[str, JsonValue]:
    """Such as `dropout=[0.2, 0.3]`."""
    name, equals, text = flag.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"--flag: must be NAME=VALUE, such as 'dropout=[0, 0.5]', got '{flag}'.")
    try:
        documents = read_documents(text.encode(errors="surrogateescape"))
    except UnreadableManifest as error:
        raise UsageError(f"--flag {name}: {error}") from error
    if len(documents) > 1:
        raise UsageError(f"--flag {name}: has several documents. Give one value.")
    return name.strip(), documents[0].value if documents else None
