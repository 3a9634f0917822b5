"""Flags that make no difference to any result are told, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.api.findings import NoteType
from regsweep.api.spec import SweepSpec
from regsweep.cli.run import local_sweep
from regsweep.core.judging.analysis import judge
from regsweep.core.judging.idle import idle_flags
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.sweep import Sweep
from regsweep.local.trainer import TrainerCommand

FLAGS = [{"name": "l2", "values": [0, 0.1, 1]}, {"name": "augment", "values": [True, False]}]


def sweep_of(flags: list[dict[str, Any]] = FLAGS, **spec: Any) -> Sweep:
    body = {"flags": flags, "replicates": 2, "trainer": {"gpus": 0}, **spec}
    return local_sweep("mine", SweepSpec.model_validate(body), TrainerCommand(("t",), "process:x"), 1)


def records_of(sweep: Sweep, loss: Any, **changes: Any) -> Records:
    """loss: of flags and replicate; None: it has diverged."""
    found = []
    for point in sweep.points:
        for replicate in range(2):
            value = loss(point.combination.flags, replicate)
            outcome, metrics = (Outcome.DIVERGED, {}) if value is None else (Outcome.OK, {"val_average_loss": value})
            found.append(Record(point.key, replicate, outcome, run="r", metrics=metrics, **changes))
    return Records(found)


@pytest.mark.parametrize(
    ("loss", "idle"),
    [
        pytest.param(lambda flags, k: flags["l2"] + k, ["augment"], id="one is not read"),
        pytest.param(lambda flags, k: k, ["l2", "augment"], id="none is read"),
        pytest.param(lambda flags, k: flags["l2"] + flags["augment"], [], id="both are"),
        pytest.param(lambda flags, k: flags["l2"] + flags["augment"] * (flags["l2"] == 1), [], id="one makes a difference somewhere"),
        pytest.param(lambda flags, k: flags["l2"] + flags["augment"] * (k == 1), [], id="in some replicate"),
        pytest.param(lambda flags, k: None, [], id="all have diverged"),
        pytest.param(lambda flags, k: None if flags["augment"] else flags["l2"], [], id="one value always diverges"),
    ],
)  # fmt: skip
def test_a_flag_that_is_not_read_is_told(loss: Any, idle: list[str]) -> None:
    sweep = sweep_of()
    assert idle_flags(sweep, records_of(sweep, loss)) == idle


def test_what_was_not_trained_tells_nothing() -> None:
    sweep = sweep_of()
    assert idle_flags(sweep, Records()) == []
    only = next(iter(sweep.points)).key
    assert idle_flags(sweep, Records(r for r in records_of(sweep, lambda flags, k: k) if r.point_key == only)) == []


@pytest.mark.parametrize(("values", "idle"), [([0, 0.1], []), ([0, 0.1, 1], ["l2"])])
def test_two_pairs_of_equal_trainings_may_be_chance(values: list[float], idle: list[str]) -> None:
    sweep = sweep_of([{"name": "l2", "values": values}])
    assert idle_flags(sweep, Records(r for r in records_of(sweep, lambda flags, k: k) if r.replicate == 0)) == []
    assert idle_flags(sweep, records_of(sweep, lambda flags, k: k)) == idle


def test_it_is_a_note_of_the_analysis() -> None:
    sweep = sweep_of()
    (note,) = [
        note
        for note in judge(sweep, records_of(sweep, lambda flags, k: flags["l2"] + k)).analysis.notes
        if note.type is NoteType.IDLE_FLAGS
    ]
    assert note.flags == ["augment"]
    assert note.message.startswith("augment makes no difference: whatever the value, all results are")
