"""What `regsweep run` says beside the results: what was asked for and is not there, or is for clusters alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regsweep.cli.announcement import shared_gpus, without_histograms
from regsweep.cli.clusterfields import template_variables
from regsweep.errors import RegsweepError
from regsweep.local.gpus import Gpus
from regsweep.notebook.training import host_of


@pytest.mark.parametrize(
    ("asked", "written", "has_trained", "words"),
    [
        pytest.param(0, False, True, "", id="nobody asked"),
        pytest.param(2, True, True, "", id="they are there"),
        pytest.param(2, False, True, "the trainer has written none", id="the trainer writes none"),
        pytest.param(
            2, False, False, "nothing was trained, and finished trainings have none", id="all was done already"
        ),
    ],
)
def test_histograms_that_are_missing_are_said(
    tmp_path: Path, asked: int, written: bool, has_trained: bool, words: str
) -> None:
    if written:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "histograms.jsonl").touch()
    found = " ".join(without_histograms(asked, tmp_path, has_trained))
    assert words in found
    assert bool(words) == bool(found)


def test_from_python_they_are_asked_for_by_a_number_of_epochs() -> None:
    assert host_of(True, 5).histogram_epochs == 5
    assert host_of(True, None).histogram_epochs == 0
    for wrong in (0, -1, True):
        with pytest.raises(RegsweepError, match="want a number of epochs of at least 1"):
            host_of(True, wrong)


def test_from_python_gpus_are_asked_for_by_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    asked = host_of(True, None, 2).gpus
    assert asked is not None
    assert asked.take() == ("3", "4")
    assert host_of(True, None).gpus is None
    for wrong in (-1, 65, True):
        with pytest.raises(RegsweepError, match="want a number of GPUs from 0 to 64"):
            host_of(True, None, wrong)


def test_runs_that_share_gpus_are_told() -> None:
    assert shared_gpus(8, None) == shared_gpus(2, Gpus(["0", "1"], 1)) == []
    (said,) = shared_gpus(3, Gpus(["0", "1"], 1))
    assert said.startswith("note: 3 runs at a time share GPUs, since only 2 of them can have 1 to themselves")


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ({}, []),
        ({"spec": {"containers": [{"name": "t", "env": [{"name": "KERAS_BACKEND"}, {"name": "LR"}]}]}}, ["KERAS_BACKEND", "LR"]),
        ({"env": "text", "spec": {"containers": [{"env": [1, {"name": 2}, {"name": "A"}]}, {"env": [{"name": "A"}]}]}}, ["A"]),
    ],
)  # fmt: skip
def test_variables_that_a_template_sets_are_known(template: Any, names: list[str]) -> None:
    """They do not reach a process here, so that a backend that is named there is not the one that trains."""
    assert template_variables(template) == names
