"""How many trainings a spec asks for."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.api.validation import parse_sweep
from regsweep.core.cost import Cost, cost_of
from regsweep.core.grid import combinations


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, Cost(trainings=30, least=30, pods=6, replicates_per_pod=5), id="a grid"),
        pytest.param({"replicatesPerPod": 2}, Cost(30, 30, 18, 2), id="more pods for each combination"),
        pytest.param({"replicates": 20}, Cost(120, 120, 12, 16), id="more replicates than fit into a pod"),
        pytest.param(
            {"racing": {"initialReplicates": 3, "maxReplicates": 10}}, Cost(60, 18, 6, 10), id="a race may be short"
        ),
        pytest.param({"final": {"replicates": 4}}, Cost(38, 34, 8, 5), id="a final evaluation of one pick or two"),
        pytest.param(
            {"final": {"evaluate": "Nested", "folds": 3, "replicates": 4}},
            Cost(30 + 90 + 24, 30 + 90 + 12, 24 + 6, 5),
            id="the grid in outer folds, and the picks of each",
        ),
        pytest.param(
            {"flags": [{"name": "l2", "range": {"from": 0, "to": 1, "points": 3}}], "refinement": {"maxRuns": 4}},
            Cost(15 + 20 + 35, 15 + 5, 3 + 4 + 7, 5),
            id="refinement, and everything once more",
        ),
        pytest.param(
            {"references": [{"name": "plain", "flags": {"model": "linear"}}]}, Cost(35, 35, 7, 5), id="a reference"
        ),
    ],
)
def test_all_that_is_trained_is_counted(fields: dict[str, Any], expected: Cost) -> None:
    flags = [{"name": "l2", "values": [0, 1, 2]}, {"name": "dropout", "values": [0, 0.5]}]
    spec = parse_sweep({"spec": {"flags": flags, "replicates": 5, **fields}})
    assert cost_of(spec, combinations(spec)) == expected
