"""What is kept from pass to pass makes no difference to what is decided or shown, and saves the work on what has not changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep.api.conditions import Reason
from regsweep.api.status import SweepStatus
from regsweep.core.grid import Combination
from regsweep.core.judging.analysis import judge
from regsweep.core.judging.stats import ranking
from regsweep.core.plan import plan
from regsweep.core.results.records import Environment, Outcome, Record, Records
from regsweep.core.standings import Standings, Target, standing_of
from regsweep.core.status import sweep_status
from regsweep.core.sweep import Sweep

from .simulation import World, sweep_of

ENVIRONMENTS = (
    Environment(),
    Environment("jax", "cpu"),
    Environment("jax", "gpu", data_digest="1f0c"),
    Environment(data_digest="9a3e"),
)
SPECS: Mapping[str, dict[str, Any]] = {
    "plain": {},
    "race": {"racing": {"initial_replicates": 3, "max_replicates": 4}},
    "final": {"final": {"evaluate": "Test", "replicates": 3}},
    "nested": {"final": {"evaluate": "Nested", "folds": 3, "replicates": 3}},
    "references": {"references": [{"name": "plain", "flags": {"l2": 0}}, {"name": "other", "flags": {"width": 8}}]},
}


@st.composite
def stored(draw: st.DrawFn, points: int, replicates: int) -> tuple[int, Record]:
    """Place of a point, and a record of it without its key."""
    outcome = draw(st.sampled_from([Outcome.OK, Outcome.OK, Outcome.OK, Outcome.DIVERGED, Outcome.FAILED]))
    loss = draw(st.sampled_from([0.1, 0.2, 0.3, float("nan")]))
    failed = outcome is Outcome.FAILED
    return draw(st.integers(0, points - 1)), Record(
        "",
        draw(st.integers(0, replicates)),
        outcome,
        "run",
        attempt=draw(st.integers(0, 1)),
        metrics={"val_average_loss": loss, "train_average_loss": 0.1},
        environment=draw(st.sampled_from(ENVIRONMENTS)),
        reason=draw(st.sampled_from([Reason.TRAINER_FAILED, Reason.DATA_CHANGED])) if failed else None,
    )


@pytest.mark.parametrize("kind", SPECS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_plan_and_status_are_what_a_look_at_everything_gives(kind: str, data: st.DataObject) -> None:
    def sweep(values: int, retry: int) -> Sweep:
        spec = {"replicates": 2, "parallelism": 3, "max_failed_runs": "100%", **SPECS[kind]}
        return sweep_of({"l2": [n / 10 for n in range(values)]}, retry=retry, **spec)

    world = World(sweep(3, 0))
    for _ in range(data.draw(st.integers(1, 8))):
        step = data.draw(st.sampled_from(["store", "store", "store", "edit", "pass", "analyse", "read"]))
        if step == "store":
            targets = world.plan().progress.targets  # type: ignore[union-attr]  # a plan has its progress
            news = data.draw(st.lists(stored(len(targets), 3), max_size=6))
            world.records = world.records.plus(
                replace(record, point_key=targets[place].point.key) for place, record in news
            )
        elif step == "edit":
            world.sweep = sweep(data.draw(st.integers(1, 4)), data.draw(st.integers(0, 1)))
        elif step == "analyse" and len(world.records):
            world.analysis_result = judge(world.sweep, world.records)
        elif step == "read":
            world.records = Records(world.records)
        planned = world.step() if step == "pass" else world.plan()
        world.reported(planned)


@settings(deadline=None)
@given(data=st.data())
def test_standings_are_those_of_the_records_that_came_last_be_they_earlier_ones(data: st.DataObject) -> None:
    sweep = sweep_of({"l2": [0, 0.1]})
    targets = [Target(point, 1) for point in sweep.points]
    standings, versions = Standings(sweep, targets), [Records()]
    for _ in range(data.draw(st.integers(1, 8))):
        place, record = data.draw(stored(len(targets), 0))
        grown = data.draw(st.sampled_from(versions)).plus([replace(record, point_key=targets[place].point.key)])
        versions.append(grown)
        records = data.draw(st.sampled_from(versions))
        standings.update(records)
        expected = [standing_of(target, sweep, records.of(target.point.key)) for target in targets]
        assert list(standings.states) == [each.state for each in expected]
        assert sum(standings.counts.values()) == len(targets)
        assert set(standings.counts) == set(expected)
        assert [*standings.open, *standings.failed] == [
            target
            for state in ("Open", "Failed")
            for target, each in zip(targets, expected, strict=True)
            if each.state == state
        ]


@settings(deadline=None)
@given(data=st.data())
def test_what_has_changed_between_two_versions_of_records_is_named(data: st.DataObject) -> None:
    versions, points = [Records(), Records([Record("a", 0, Outcome.OK, "run")])], "abcd"
    for number in range(data.draw(st.integers(0, 8))):
        keys = data.draw(st.lists(st.sampled_from(points), max_size=2))
        more = [Record(key, number, Outcome.OK, "run") for key in keys]
        versions.append(data.draw(st.sampled_from(versions)).plus(more))
    one, other = data.draw(st.sampled_from(versions)), data.draw(st.sampled_from(versions))
    changed = one.changed_since(other)
    if changed is not None:
        assert {key for key in points if dict(one.of(key)) != dict(other.of(key))} <= changed
    assert one.changed_since(one) == frozenset()
    one.add(Record("e", 0, Outcome.OK, "run"))
    assert one.changed_since(other) is None or one is other


def test_a_pass_and_a_status_look_only_at_the_point_that_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(sweep_of({"l2": [n / 100 for n in range(50)]}, replicates=2))
    world.records = Records(
        Record(point.key, k, Outcome.OK, "run", metrics={"val_average_loss": 0.1})
        for point in world.sweep.points[:40]
        for k in range(2)
    )
    world.reported(world.plan())
    looks: list[str] = []
    in_standings, in_scores = standing_of, ranking.KeptScores._score

    def noted_standing(target: Target, *rest: Any) -> Any:
        looks.append(target.point.key)
        return in_standings(target, *rest)

    def noted_score(self: ranking.KeptScores, combination: Combination, stored: Any) -> ranking.Score:
        looks.append(combination.id)
        return in_scores(self, combination, stored)

    monkeypatch.setattr("regsweep.core.standings.standing_of", noted_standing)
    monkeypatch.setattr(ranking.KeptScores, "_score", noted_score)
    changed = world.sweep.points[45]
    world.records = world.records.plus([Record(changed.key, 0, Outcome.OK, "run")])
    planned = plan(world.sweep, world.observe(), world.now, world.kept)
    sweep_status(world.sweep, world.observe(), planned, (), SweepStatus(), world.now, world.kept)
    assert looks == [changed.key, changed.combination.id]
