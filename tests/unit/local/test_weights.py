"""Histograms that a run's first replicate has noted, read as whatever somebody has written there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regsweep.local.inventory import read_run
from regsweep.local.weights import MOST_BUCKETS, MOST_WEIGHTS, Noted, read_weights
from support.kept_runs import keep_run

KERNEL = {"dense/kernel": [-1.0, 1.0, [1, 2, 3]]}


def line(epoch: Any = 1, **changes: Any) -> str:
    return json.dumps({"replicate": 0, "epoch": epoch, "at": 5.0, "weights": KERNEL} | changes)


def noted(tmp_path: Path, *lines: str) -> dict[int, Noted]:
    folder = keep_run(tmp_path, {"l2": 0.1}, (0.1, 0.2, 0.9, 0.8))
    (folder / "histograms.jsonl").write_text("\n".join(lines) + "\n")
    return read_weights(folder, read_run(folder).facts)


def test_each_epoch_is_there_once_in_order_with_the_graph(tmp_path: Path) -> None:
    """As after a training that went on from a checkpoint."""
    found = noted(tmp_path, '{"graph": "{}"}', line(1), line(5), line(9), '{"graph": "[]"}', line(5, at=7.0))
    assert [(each.epoch, each.at) for each in found[0].snapshots] == [(1, 5.0), (5, 7.0), (9, 5.0)]
    assert found[0].graph == "[]"
    assert found[0].snapshots[0].weights == {"dense/kernel": (-1.0, 1.0, [1, 2, 3])}


@pytest.mark.parametrize(
    "bad",
    [
        line()[:40], "[]", '{"graph": null}', line(-1), line(epoch="1"), line(weights={"k": [0, 1]}), line(weights={"k": [0, "1", [1]]}),
        line(weights={"k": [0.0, 1.0, [-1]]}), line(weights={"k": [0.0, 1.0, []]}), line(weights={"k": [0.0, 1.0, [1.5]]}),
        line(weights={"k": [0.0, float("nan"), [1]]}), line(weights={"": [0.0, 1.0, [1]]}), line(at=-1.0), line(at=float("inf")),
        line(weights={"k": [0.0, 1.0, [1] * (MOST_BUCKETS + 1)]}),
        line(weights={str(n): [0.0, 1.0, [1]] for n in range(MOST_WEIGHTS + 1)}),
        line(weights={"k": [0.0, 1.0, [10**30]]}),
    ],
    ids=lambda text: text[:60],
)  # fmt: skip
def test_what_is_wrong_is_left_out(tmp_path: Path, bad: str) -> None:
    found = noted(tmp_path, bad, line(2))
    assert [each.epoch for each in found[0].snapshots] == [2]


def test_a_run_that_noted_none_has_none(tmp_path: Path) -> None:
    folder = keep_run(tmp_path, {"l2": 0.1}, (0.1, 0.2, 0.9, 0.8))
    assert read_weights(folder, read_run(folder).facts) == {}
