"""Checkpoints: whole or not at all, of the same training or not at all, and never a reason for a run to end."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regsweep_kit.checkpoints import Checkpoint, Checkpoints
from regsweep_kit.contract import read_contract

ARRAYS: list[np.ndarray] = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.array(7, np.int64),
    np.empty(0, np.float32),
]


def checkpoint(epoch: int = 10, rests_on: str = "a", **state: Any) -> Checkpoint:
    return Checkpoint(rests_on, epoch, {"x": 0.1, "nothing": float("nan"), **state}, ARRAYS)


def test_what_was_kept_is_loaded_to_the_bit(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "new" / "folder", 10).keep(3, checkpoint())
    found = Checkpoints(tmp_path / "new" / "folder", 10).load(3, "a")
    assert found is not None
    assert (found.epoch, found.state["x"]) == (10, 0.1)
    assert found.state["nothing"] != found.state["nothing"]
    for one, other in zip(found.arrays, ARRAYS, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_it_is_written_when_it_is_due_when_the_replicate_ends_and_on_a_signal(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, 10)

    def epoch() -> int | None:
        found = Checkpoints(tmp_path, 10).load(0, "a")
        return None if found is None else found.epoch

    kept.keep(0, checkpoint(9))
    assert epoch() is None
    kept.flush()
    assert epoch() == 9
    kept.keep(0, checkpoint(10))
    assert epoch() == 10
    kept.keep(0, checkpoint(11))
    assert epoch() == 10
    kept.keep(0, checkpoint(12), last=True)
    assert epoch() == 12
    kept.flush()
    assert [path.name for path in tmp_path.iterdir()] == ["replicate-0.npz"]


def test_each_replicate_has_its_own(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, 1)
    kept.keep(0, checkpoint(1))
    assert kept.load(1, "a") is None


def test_one_of_another_training_is_not_resumed_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = Checkpoints(tmp_path, 1)
    kept.keep(0, checkpoint(1))
    assert kept.load(0, "b") is None
    assert "is of other flags, data, rows or versions; replicate 0 begins anew" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive", None])
def test_a_damaged_one_is_not_resumed_from(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Checkpoints(tmp_path, 1)
    kept.keep(0, checkpoint(1))
    path = tmp_path / "replicate-0.npz"
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    assert kept.load(0, "a") is None
    assert "cannot read" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said_once_and_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    kept = Checkpoints(tmp_path / "file" / "folder", 1)
    for epoch in (1, 2, 3):
        kept.keep(0, checkpoint(epoch))
    assert capsys.readouterr().err.count("REGSWEEP_CHECKPOINTS: cannot write") == 1
    assert not kept.are_kept


def test_a_write_that_fails_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Checkpoints(tmp_path, 1)
    kept.keep(0, checkpoint(1))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    kept.keep(0, checkpoint(2))
    monkeypatch.undo()
    found = Checkpoints(tmp_path, 1).load(0, "a")
    assert found is not None
    assert found.epoch == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_folder_nothing_is_kept() -> None:
    kept = Checkpoints(None, 10)
    kept.keep(0, checkpoint(), last=True)
    kept.flush()
    assert kept.load(0, "a") is None


def test_the_contract_names_folder_and_epochs() -> None:
    assert read_contract({}).checkpoints is None
    named = read_contract({"REGSWEEP_CHECKPOINTS": "/c/k", "REGSWEEP_CHECKPOINT_EPOCHS": "5"})
    assert (named.checkpoints, named.checkpoint_epochs) == (Path("/c/k"), 5)
