"""A sweep of a training script, without a manifest: `regsweep run --script train.py --flag 'dropout=[0.2, 0.3]'`."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from regsweep.api.constants import API_VERSION, SWEEP_KIND
from regsweep.core.scripts import ScriptFiles
from regsweep.errors import RegsweepError
from regsweep.local.trainer import TrainerCommand, python_trainer

DIGEST_LENGTH = 16
RANGE_FIELDS = {"from", "to", "points", "scale"}


class ScriptError(RegsweepError):
    """The script cannot be swept; the message says why and what to do."""


def sweep_of_script(
    script: Path,
    flags: Mapping[str, JsonValue],
    *,
    name: str | None = None,
    fields: Mapping[str, JsonValue] | None = None,
) -> dict[str, JsonValue]:
    """The manifest of a sweep of the script.

    flags: a list is swept, `{from, to, points, scale}` is a range of values, anything else is the same in every run. A list that is one
    value is written as `[[64, 64]]`. name: default is the script's. fields: others of the spec, such as `replicates`.

    Raises ScriptError where nothing is swept.
    """
    grid: list[JsonValue] = []
    parameters: dict[str, JsonValue] = {}
    for flag, value in flags.items():
        if isinstance(value, list):
            grid.append({"name": flag, "values": value})
        elif isinstance(value, dict) and value.keys() <= RANGE_FIELDS:
            grid.append({"name": flag, "range": value})
        else:
            parameters[flag] = value
    if not grid:
        raise ScriptError(
            f"{script}: no flag has several values, so there is nothing to compare. Give one a list, such as --flag 'dropout=[0, 0.5]'."
        )
    spec: dict[str, JsonValue] = {**(fields or {}), "flags": grid, "trainer": {"parameters": parameters, "gpus": 0}}
    return {
        "apiVersion": API_VERSION,
        "kind": SWEEP_KIND,
        "metadata": {"name": name or script_name(script)},
        "spec": spec,
    }


def script_trainer(script: Path) -> TrainerCommand:
    """The script, run by this interpreter. Raises ScriptError where it is not there."""
    if not script.is_file():
        raise ScriptError(f"--script: {script}: no such file.")
    if script.suffix != ".py":
        raise ScriptError(
            f"--script: {script}: is no Python script (.py). Give what runs it with --trainer-command, and a manifest."
        )
    return python_trainer(sys.executable, script)


def placed_script(files: ScriptFiles, entrypoint: str, folder: Path) -> TrainerCommand:
    """The script of a ConfigMap, its files written below the folder, under a name of their content.

    Raises ScriptError where they cannot be written.
    """
    place = folder / "script" / files.digest[:DIGEST_LENGTH]
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.files.items():
            path = place / name
            if not path.is_file() or path.read_bytes() != content:
                path.write_bytes(content)
    except OSError as error:
        raise ScriptError(
            f"{place}: cannot be written ({error.strerror}), and the script is to be run from there. Name another directory "
            "with --runs-dir."
        ) from error
    return replace(
        python_trainer(sys.executable, place / entrypoint), identity=f"script:{files.digest[:DIGEST_LENGTH]}"
    )


def script_name(script: Path) -> str:
    """The script's name, as a sweep can have it."""
    return re.sub(r"[^a-z0-9]+", "-", script.stem.lower()).strip("-")[:63].strip("-") or "script"
