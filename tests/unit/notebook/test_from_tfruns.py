"""docs/from-tfruns.md against the code: every function and column of tfruns has its row, and what stands beside it is there."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer.main
import yaml
from typer.core import TyperGroup

import regsweep
import regsweep_kit
from regsweep.cli.main import app
from regsweep.local.runrows import OWN, RUN_DIR, TAIL

DOCUMENT = (Path(__file__).parents[3] / "docs" / "from-tfruns.md").read_text()
TFRUNS = (
    *(
        "as_run_dir",
        "clean_runs",
        "compare_runs",
        "copy_run",
        "copy_run_files",
        "flag_boolean",
        "flag_integer",
        "flag_numeric",
    ),
    *("flag_string", "flags", "is_run_active", "latest_run", "ls_runs", "purge_runs", "run_dir", "run_info"),
    *("training_run", "tuning_run", "unique_run_dir", "update_run_metrics", "view_run_metrics", "write_run_data"),
    *("view_run", "save_run_view", "save_run_comparison", "copy_run_files", "write_run_metadata"),
)
"""What tfruns 1.5.4 exports, but for the pipe."""
TFRUNS_COLUMNS = (
    *(
        "run_dir",
        "eval_*",
        "metric_*",
        "flag_*",
        "samples",
        "validation_samples",
        "batch_size",
        "epochs",
        "epochs_completed",
    ),
    *(
        "metrics",
        "model",
        "loss_function",
        "optimizer",
        "learning_rate",
        "script",
        "start",
        "end",
        "completed",
        "output",
    ),
    *("error_message", "error_traceback", "source_code", "context", "type"),
)
"""In the order in which tfruns returns them."""


def table(title: str) -> list[list[str]]:
    """The cells of the table below this headline, its own headline left out."""
    section = DOCUMENT.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def options_of(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def commands() -> dict[str, Any]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return dict(group.commands)


@pytest.mark.parametrize("name", TFRUNS)
def test_each_function_of_tfruns_has_its_row(name: str) -> None:
    assert [row for row in table("Functions") if f"`{name}(" in row[0]], name


@pytest.mark.parametrize("row", table("Functions"), ids=lambda row: row[0])
def test_what_stands_beside_a_function_is_there(row: list[str]) -> None:
    named = re.findall(r"`regsweep\.(\w+)\(([^)`]*)\)`", row[1])
    for name, arguments in named:
        assert name in regsweep.__all__
        parameters = inspect.signature(getattr(regsweep, name)).parameters
        wanted = [argument.split("=")[0].strip() for argument in arguments.split(",") if argument.strip()]
        taken = {*parameters, "run_dir"} if name == "is_run_active" else set(parameters)
        assert set(wanted) <= taken, (name, wanted)
    assert named or "not needed" in row[1] or row[0].startswith("`flags()")
    known = commands()
    for line in re.findall(r"`regsweep ([^`]+)`", row[2]):
        command, *words = line.split()
        assert {word for word in words if word.startswith("--")} <= options_of(known[command]), line


def test_the_columns_are_those_that_the_code_has_in_its_order() -> None:
    documented = [name for row in table("Columns") for name in re.findall(r"`([^`]+)`", row[0])]
    assert tuple(documented[: len(TFRUNS_COLUMNS)]) == TFRUNS_COLUMNS
    assert documented == [
        RUN_DIR,
        *("eval_*", "metric_*", "flag_*"),
        *TAIL,
        *OWN,
        "eval_*_standard_error",
        *("rank", "tied_with_best", "pick"),
    ]


@pytest.mark.parametrize(
    "taught",
    [
        "Overfitting: small variance",
        "Tackling an overfit model",
        "L2 (ridge)",
        "Dropout changes the network itself",
        "Canned estimator",
        "What can be tuned",
        "Best practice: flags",
        "A run per value",
        "A run per combination",
        "TensorBoard",
        "The ranked data frame",
    ],
)
def test_nothing_that_was_taught_is_left_without_its_row(taught: str) -> None:
    (row,) = [row for row in table("What was taught") if row[0].startswith(taught)]
    assert row[2]


OTHERS = {"kubectl apply -f", "regsweep-trainer --help", "overfit gap", "parameters"}
"""What a row of what was taught names beside functions, commands, flags, metrics and columns."""


def is_there(named: str) -> bool:
    """Whether a function, command, flag (with or without a value), metric or column of this name exists."""
    from regsweep_trainer.data.dataset import Head
    from regsweep_trainer.flags import Flags
    from regsweep_trainer.metrics import METRICS

    if (match := re.match(r"(regsweep|kit)\.(\w+)\(", named)) is not None:
        return match[2] in (regsweep.__all__ if match[1] == "regsweep" else regsweep_kit.__all__)
    if named.startswith("regsweep "):
        command, *words = shlex.split(named)[1:]
        return command in commands() and {word for word in words if word.startswith("--")} <= options_of(
            commands()[command]
        )
    if (match := re.match(r'runs\.(\w+)\("(\w+)"', named)) is not None:
        return hasattr(pd.DataFrame, match[1]) and is_there(match[2])
    metrics = {"regularization_loss", *(name for head in Head for name in METRICS[head])}
    columns = {RUN_DIR, *(prefix + name for prefix in ("eval_", "metric_", "metric_val_") for name in metrics)}
    if named.partition(":")[0] in Flags.model_fields:
        name, _, value = named.partition(": ")
        Flags.model_validate({name: yaml.safe_load(value)} if value else {})
        return True
    return named in metrics | columns | OTHERS


@pytest.mark.parametrize("row", table("What was taught"), ids=lambda row: row[0])
def test_what_stands_beside_what_was_taught_is_there(row: list[str]) -> None:
    named = re.findall(r"`([^`]+)`", row[2])
    assert named or "eight combinations" in row[2]
    assert [each for each in named if not is_there(each)] == []


def test_every_public_function_is_in_the_document() -> None:
    assert [name for name in regsweep.__all__ if f"regsweep.{name}(" not in DOCUMENT] == []


def test_the_flags_that_the_document_names_are_the_reference_trainers() -> None:
    from regsweep_trainer.flags import Flags

    named = {"units", "layers", "l1", "l2", "dropout", "activation", "batch_size"}
    assert all(f"`{name}`" in DOCUMENT or f"`{name}: " in DOCUMENT for name in named)
    assert named <= Flags.model_fields.keys()
