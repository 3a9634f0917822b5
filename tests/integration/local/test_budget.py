"""Budgets of `regsweep run`, with a trainer that trains nothing."""

from __future__ import annotations

from pathlib import Path

from integration.local.sweeps import Workplace


def test_a_budget_ends_a_local_sweep_and_a_raised_one_goes_on(tmp_path: Path) -> None:
    place = Workplace(tmp_path, {"flags": [{"name": "l2", "values": [0, 0.001, 0.01]}], "replicates": 3})
    place.spec["budget"] = {"maxRuns": 2, "onExhausted": "Stop"}
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert "BudgetExhausted: 2 of 2 runs are used." in done.stdout
    assert "best so far" in done.stdout
    assert len(place.started_at()) == 2
    again = place.run()
    assert again.stdout == done.stdout
    before = place.started_at()
    assert len(before) == 2
    place.spec["budget"] = {"maxRuns": 3}
    more = place.run()
    assert "BudgetExhausted" not in more.stdout
    assert place.started_at().items() >= before.items()
    assert len(place.started_at()) == 3
