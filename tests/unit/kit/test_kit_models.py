"""`replicate.save`: a model is saved where a sweep wants it, whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from regsweep_kit.contract import read_contract
from regsweep_kit.script.outputs import Silent
from regsweep_kit.script.replicate import Known, Replicate


def replicate(models: Path | None, number: int = 2) -> Replicate:
    environment = {} if models is None else {"REGSWEEP_MODELS": str(models)}
    return Replicate(number, read_contract(environment), Silent(), Known())


class Model:
    """Has a method `save`, as Keras' have."""

    def save(self, path: Path) -> None:
        path.write_text("the model")


def test_a_model_is_saved_under_the_replicates_number(tmp_path: Path) -> None:
    assert replicate(tmp_path / "new" / "folder").save(Model()) == tmp_path / "new" / "folder" / "replicate-2.keras"
    assert (tmp_path / "new" / "folder" / "replicate-2.keras").read_text() == "the model"


def test_a_function_writes_models_of_other_kinds(tmp_path: Path) -> None:
    file = replicate(tmp_path).save(lambda path: path.write_text("a forest"), ".joblib")
    assert file == tmp_path / "replicate-2.joblib"
    assert file.read_text() == "a forest"


def test_where_nobody_wants_it_nothing_is_written() -> None:
    def write(path: Path) -> None:
        raise AssertionError(path)

    assert replicate(None).save(write) is None


def test_a_file_that_is_there_gives_way_to_a_whole_one_alone(tmp_path: Path) -> None:
    replicate(tmp_path).save(Model())

    def half(path: Path) -> None:
        path.write_text("the m")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        replicate(tmp_path).save(half)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the model"]


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert replicate(tmp_path / "file").save(Model()) is None
    assert "note: REGSWEEP_MODELS: cannot write" in capsys.readouterr().err


def test_a_diverged_training_leaves_no_model(tmp_path: Path) -> None:
    diverged = replicate(tmp_path)
    diverged.report(1, train={"average_loss": math.nan}, val={"average_loss": math.nan})
    assert diverged.save(Model()) is None


def test_it_is_saved_with_the_weights_of_the_epoch_that_counts(tmp_path: Path) -> None:
    weights = ["last"]

    @contextmanager
    def at_best() -> Iterator[None]:
        weights.append("best")
        yield
        weights.pop()

    given = replicate(tmp_path)
    given.at_best = at_best
    file = given.save(lambda path: path.write_text(weights[-1]))
    assert file is not None
    assert (file.read_text(), weights) == ("best", ["last"])
