"""Histograms of a model's weights, in a file for people: bounded, and never the end of a run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regsweep_kit import histograms as module
from regsweep_kit.histograms import BUCKETS, MOST_EPOCHS, MOST_GRAPH, MOST_VALUES, MOST_WEIGHTS, Histograms, histogram


class Weight:
    def __init__(self, path: str, values: Any) -> None:
        self.path, self._values = path, np.asarray(values)

    def numpy(self) -> Any:
        return self._values


class Model:
    """As much of a Keras model as is asked for."""

    def __init__(self, *weights: Weight, graph: str | Exception = '{"class_name": "Sequential"}') -> None:
        self.weights, self._graph = list(weights), graph

    def to_json(self) -> str:
        if isinstance(self._graph, Exception):
            raise self._graph
        return self._graph


KERNEL = Weight("dense/kernel", [[0.0, 1.0], [0.25, 0.5]])


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def after(path: Path, model: Model, epochs: int = 1, every: int = 1, replicate: int = 0) -> list[dict[str, Any]]:
    """The lines after so many epochs."""
    noted = Histograms(path, every)
    for epoch in range(1, epochs + 1):
        noted.add(replicate, epoch, lambda: model)
    return written(path)


def test_the_graph_comes_first_and_then_the_weights_of_an_epoch(tmp_path: Path) -> None:
    graph, weights = after(tmp_path / "h", Model(KERNEL, Weight("dense/bias", [3.0, 3.0])))
    assert graph == {"graph": '{"class_name": "Sequential"}'}
    assert weights.pop("at") > 0
    kernel = [0, 1, [1, *[0] * 6, 1, *[0] * 7, 1, *[0] * 13, 1]]
    assert weights == {
        "replicate": 0,
        "epoch": 1,
        "weights": {"dense/kernel": kernel, "dense/bias": [3, 3, [0] * 29 + [2]]},
    }


@pytest.mark.parametrize(("every", "epochs"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [1, 4, 7]), (50, [1])])
def test_the_first_epoch_is_always_among_them(tmp_path: Path, every: int, epochs: list[int]) -> None:
    lines = after(tmp_path / "h", Model(KERNEL), 7, every)
    assert [line["epoch"] for line in lines[1:]] == epochs


def test_only_of_the_first_replicate_and_only_if_they_are_asked_for(tmp_path: Path) -> None:
    assert after(tmp_path / "h", Model(KERNEL), replicate=1) == []
    Histograms(None).add(0, 1, lambda: pytest.fail("the model is not even asked for"))


def test_what_is_written_is_bounded(tmp_path: Path) -> None:
    many = Model(*(Weight(f"w{n}", [0, 1]) for n in range(MOST_WEIGHTS + 5)), graph="x" * (MOST_GRAPH + 1))
    lines = after(tmp_path / "h", many, MOST_EPOCHS + 5)
    assert lines[0] == {"graph": None}
    assert len(lines) == MOST_EPOCHS + 1
    assert len(lines[1]["weights"]) == MOST_WEIGHTS


def test_of_large_weights_a_part_is_counted() -> None:
    found = histogram(np.arange(3 * MOST_VALUES + 1, dtype=np.float32))
    assert found is not None
    assert MOST_VALUES / 2 < sum(found[2]) <= MOST_VALUES


@given(
    arrays(
        np.float32,
        st.integers(0, 50),
        elements=st.floats(-(2.0**99), 2.0**99, width=32) | st.sampled_from([math.nan, math.inf]),
    )
)
def test_every_finite_value_is_counted_once(values: Any) -> None:
    found, finite = histogram(values), values[np.isfinite(values)]
    assert (found is None) == (not finite.size)
    if found is not None:
        low, high, counts = found
        assert (low, high, sum(counts), len(counts)) == (finite.min(), finite.max(), finite.size, BUCKETS)


def test_weights_that_are_no_numbers_are_left_out_and_others_stay(tmp_path: Path) -> None:
    lines = after(tmp_path / "h", Model(Weight("bad", [math.nan]), Weight("none", np.empty((0, 3))), KERNEL))
    assert list(lines[1]["weights"]) == ["dense/kernel"]


def test_two_weights_of_one_name_are_two(tmp_path: Path) -> None:
    lines = after(tmp_path / "h", Model(KERNEL, KERNEL))
    assert list(lines[1]["weights"]) == ["dense/kernel", "dense/kernel_2"]


@pytest.mark.parametrize("error", [NotImplementedError("written as a class"), AttributeError("somebody's layer")])
def test_a_model_without_a_graph_has_histograms_all_the_same(tmp_path: Path, error: Exception) -> None:
    lines = after(tmp_path / "h", Model(KERNEL, graph=error))
    assert lines[0] == {"graph": None}
    assert "dense/kernel" in lines[1]["weights"]


def test_what_goes_wrong_is_said_once_and_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert after(tmp_path / "no" / "folder", Model(KERNEL), 3) == []
    assert capsys.readouterr().err == (
        "note: REGSWEEP_HISTOGRAMS: no histograms are written (No such file or directory); the results are whole\n"
    )
    monkeypatch.setattr(module, "histogram", lambda values: 1 / 0)
    after(tmp_path / "h", Model(KERNEL), 3)
    assert capsys.readouterr().err.count("(ZeroDivisionError: division by zero)") == 1
