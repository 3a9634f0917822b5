"""Results of a version that did not note the environment keep their keys, and are of what is set when they are met first."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from regsweep.core.results.records import Environment, Outcome, Record, Records
from regsweep.local.baseline import baseline
from regsweep.local.directory import SETTINGS_FILE, RunsDirectory, RunsDirectoryError
from regsweep.local.facts import DataFacts, RunFacts
from regsweep.local.trainer import TrainerCommand, python_trainer

TORCH = {"keras.backend": "torch"}


@pytest.fixture
def directory(tmp_path: Path) -> RunsDirectory:
    (tmp_path / "mine").mkdir()
    return RunsDirectory(tmp_path / "mine")


def trainer_of(folder: Path, text: str = "import keras\n") -> TrainerCommand:
    (folder / "train.py").write_text(text)
    return python_trainer(sys.executable, folder / "train.py")


def facts_of(trainer: TrainerCommand, run: str = "mine-0", settings: dict[str, str] | None = None) -> RunFacts:
    return RunFacts(
        sweep="mine", run=run, flags={}, parameters={}, seed=0, trainer=trainer.identity, point_key="0123", first_replicate=0,
        replicates=1, replicates_per_pod=1, attempt=0, command=["x"], data=DataFacts(settings=settings),
    )  # fmt: skip


def records_of(*backends: str) -> Records:
    return Records(
        Record("0123", k, Outcome.OK, run="mine-0", environment=Environment(backend=backend))
        for k, backend in enumerate(backends)
    )


@pytest.mark.parametrize(
    ("text", "backends", "now", "taken"),
    [
        pytest.param("import keras\n", ["tensorflow"], {}, {}, id="nothing was set"),
        pytest.param("import keras\n", ["torch"], TORCH, TORCH, id="what is set, and what they say themselves"),
        pytest.param("import keras\n", ["torch", "torch"], {}, TORCH, id="another backend than now"),
        pytest.param("import keras\n", ["tensorflow"], TORCH, {}, id="the usual one, and another one now"),
        pytest.param("import keras\n", ["tensorflow", "torch"], {}, {}, id="what is mixed stays so"),
        pytest.param("import keras\n", [""], TORCH, TORCH, id="they do not say it"),
        pytest.param("import torch\n", ["torch"], {}, {}, id="the script needs no Keras"),
        pytest.param(
            "import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras\n", ["jax"], {}, {}, id="the script chooses it itself"
        ),
        pytest.param("import keras\n", ["tensorflow"], {"LR": "1f0c"}, {"LR": "1f0c"}, id="a variable that the script reads"),
    ],
)  # fmt: skip
def test_what_they_are_taken_to_rest_on(
    directory: RunsDirectory,
    tmp_path: Path,
    text: str,
    backends: list[str],
    now: Mapping[str, str],
    taken: dict[str, str],
) -> None:
    trainer = trainer_of(tmp_path, text)
    found, said = baseline(directory, trainer, [facts_of(trainer)], records_of(*backends), now)
    assert found == taken
    assert bool(said) == bool(taken)
    again, said = baseline(directory, trainer, [facts_of(trainer)], records_of(*backends), {"OTHER": "9a"})
    assert again == taken, "what was decided once stays"
    assert said == ""


@pytest.mark.parametrize("settings", [{}, TORCH], ids=["noted as none", "noted"])
def test_of_results_that_note_it_nothing_is_taken(
    directory: RunsDirectory, tmp_path: Path, settings: dict[str, str]
) -> None:
    trainer = trainer_of(tmp_path)
    assert baseline(directory, trainer, [facts_of(trainer, settings=settings)], records_of("torch"), TORCH) == ({}, "")
    assert not (directory.path / SETTINGS_FILE).exists()


def test_of_another_trainers_results_nothing_is_taken(directory: RunsDirectory, tmp_path: Path) -> None:
    facts = [facts_of(trainer_of(tmp_path))]
    assert baseline(directory, trainer_of(tmp_path, "import keras  # edited\n"), facts, records_of("torch"), TORCH) == (
        {},
        "",
    )


def test_each_trainer_has_its_own(directory: RunsDirectory, tmp_path: Path) -> None:
    one, other = trainer_of(tmp_path), trainer_of(tmp_path, "import keras  # edited\n")
    for trainer, settings in ((one, {}), (other, TORCH)):
        (tmp_path / "train.py").write_text("import keras\n")
        assert baseline(directory, trainer, [facts_of(trainer)], Records(), settings)[0] == settings
    assert json.loads((directory.path / SETTINGS_FILE).read_text()) == {one.identity: {}, other.identity: TORCH}


def test_where_nothing_can_be_written_it_is_decided_anew(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path)
    nowhere = RunsDirectory(tmp_path / "train.py" / "mine")
    with pytest.raises(RunsDirectoryError, match=r"settings.json: cannot be read"):
        baseline(nowhere, trainer, [facts_of(trainer)], Records(), TORCH)
    gone = RunsDirectory(tmp_path / "gone")
    assert baseline(gone, trainer, [facts_of(trainer)], Records(), TORCH)[0] == TORCH


@pytest.mark.parametrize("text", ["{", '{"process:x": {"LR": 1}}', "[]"])
def test_a_file_that_was_damaged_is_no_reason_to_decide_anew(
    directory: RunsDirectory, tmp_path: Path, text: str
) -> None:
    trainer = trainer_of(tmp_path)
    (directory.path / SETTINGS_FILE).write_text(text)
    with pytest.raises(RunsDirectoryError, match="It says what earlier results rest on"):
        baseline(directory, trainer, [facts_of(trainer)], Records(), {})
