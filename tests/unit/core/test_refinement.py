"""Refinement: what is added around the tied set, that it stays, and that its claims rest on new replicates alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from regsweep.api.findings import FindingType
from regsweep.api.spec import SweepSpec
from regsweep.api.status import RefinementStatus
from regsweep.core.accept import Identity, accept
from regsweep.core.cost import trainings_needed
from regsweep.core.grid import combination_id
from regsweep.core.judging.analysis import rank
from regsweep.core.progress import Stage
from regsweep.core.refinement import neighbours, refined
from regsweep.core.sweep import Sweep

from .simulation import DEFAULTS, World
from .test_progress import NOISE, status_of

LOG = {"from": 0.001, "to": 0.1, "points": 3, "scale": "Log"}
N = 3


def sweep(*flags: dict[str, Any], **spec: Any) -> Sweep:
    """Two rounds of at most six combinations in all, unless said otherwise."""
    fields = {"refinement": {"rounds": 2, "max_runs": 6}, "replicates": N, "parallelism": 4, **spec}
    whole = SweepSpec.model_validate({"flags": list(flags) or [{"name": "l2", "range": LOG}], **fields})
    return accept(Identity("demo", "default", "uid-1", 1), whole, DEFAULTS)[0]


def near(l2: float, best: float = 0.02) -> float:
    """A loss that is smallest at `best`, in decades from it."""
    return 0.2 + 0.1 * abs(math.log10(l2 / best))


def train(world: World, loss_of: Callable[[dict[str, Any], int], float]) -> None:
    points = {point.key: point for point in world.sweep.points}
    world.start_pods()
    for run in list(world.runs.values()):
        for pod in run.pods:
            if pod.ended or run.point_key not in points:
                continue
            combination = points[run.point_key].combination
            rows = [
                [k, "Ok", 3, [0.1, loss_of(combination.flags, k) + NOISE[k % 8] + _own(combination.id, k)], None]
                for k in run.replicates_of(pod.index)
            ]
            text = {"version": 1, "columns": ["train_average_loss", "val_average_loss"], "records": rows}
            world.end_pod(run.name, pod.name, message=json.dumps(text))


def _own(ident: str, replicate: int) -> float:
    """Noise of a combination's own, the same at any time."""
    return 0.002 * NOISE[(int(ident, 16) + 3 * replicate) % 8]


def by_l2(flags: dict[str, Any], _: int) -> float:
    return near(float(flags["l2"]))


def run_out(world: World, loss_of: Callable[[dict[str, Any], int], float] = by_l2) -> list[Stage]:
    stages: list[Stage] = []
    for _ in range(150):
        decided = world.step()
        assert decided.progress is not None
        if not stages or stages[-1] is not decided.progress.stage:
            stages.append(decided.progress.stage)
        train(world, loss_of)
        if decided.is_empty and decided.progress.stage is Stage.DECIDED:
            return stages
    raise AssertionError(f"it does not end: {stages}")


def chosen(world: World) -> RefinementStatus:
    assert world.sweep.refinement is not None
    return world.sweep.refinement


def ident(**flags: Any) -> str:
    return combination_id(flags)


@pytest.mark.parametrize(
    ("flags", "tied", "added"),
    [
        pytest.param({"range": LOG}, [0.01], [0.003162, 0.03162], id="half way in the scale of the range"),
        pytest.param({"range": {"from": 0, "to": 0.6, "points": 3}}, [0.3], [0.15, 0.45], id="a linear range"),
        pytest.param({"range": {"from": 0, "to": 0.6, "points": 3}}, [0], [0.15], id="nothing beyond an end"),
        pytest.param({"range": {**LOG, "max": 5}}, [0.1], [0.03162, 1], id="beyond the end up to max"),
        pytest.param({"range": {**LOG, "max": 0.2}}, [0.1], [0.03162, 0.2], id="no further than max"),
        pytest.param({"range": {**LOG, "min": 0.0004}}, [0.001], [0.0004, 0.003162], id="below the start down to min"),
        pytest.param({"range": {"from": 16, "to": 64, "points": 4}}, [32], [24, 40], id="integers stay integers"),
        pytest.param({"range": {"from": 1, "to": 3, "points": 3}}, [2], [], id="no integer is between"),
        pytest.param({"range": {"from": 1, "to": 3, "points": 3, "max": 3.5}}, [3], [], id="max allows no integer"),
        pytest.param({"range": {"from": 1, "to": 3, "points": 3, "max": 4}}, [3], [4], id="the next integer"),
        pytest.param({"range": LOG}, [0.01, 0.1], [0.003162, 0.03162], id="what two are next to is added once"),
    ],
)
def test_what_is_added_lies_next_to_what_is_tied(flags: dict[str, Any], tied: list[float], added: list[float]) -> None:
    found = neighbours(sweep({"name": "a", **flags}), [ident(a=each) for each in tied], 10)
    assert [each["a"] for each in found] == added
    assert [type(each["a"]) for each in found] == [type(each) for each in added]


def test_flags_are_varied_one_at_a_time_and_those_without_a_range_are_not() -> None:
    two = sweep(
        {"name": "l2", "range": LOG},
        {"name": "units", "values": [8, 16]},
        {"name": "dropout", "range": {"from": 0, "to": 0.4, "points": 2}},
    )
    found = neighbours(two, [ident(l2=0.01, units=8, dropout=0)], 10)
    assert found == [
        {"l2": 0.003162, "units": 8, "dropout": 0},
        {"l2": 0.03162, "units": 8, "dropout": 0},
        {"l2": 0.01, "units": 8, "dropout": 0.2},
    ]
    assert neighbours(two, [ident(l2=0.01, units=8, dropout=0)], 2) == found[:2]
    assert neighbours(two, ["0" * 12], 10) == [], "what has left the grid has no neighbours"


def test_what_is_excluded_is_not_added() -> None:
    found = sweep(
        {"name": "l2", "range": LOG},
        {"name": "dropout", "range": {"from": 0, "to": 0.4, "points": 2}},
        exclude=[{"dropout": 0.2}],
    )
    assert neighbours(found, [ident(l2=0.001, dropout=0)], 10) == [{"l2": 0.003162, "dropout": 0}]


def test_rounds_are_trained_then_the_tied_set_again_and_claims_rest_on_that() -> None:
    world = World(sweep())
    stages = run_out(world)
    assert stages.count(Stage.REFINING) == 3, "two rounds, and the contenders"
    assert stages[-1] is Stage.DECIDED
    found = chosen(world)
    assert [each["l2"] for each in found.rounds[0].added] == [0.003162, 0.03162]
    assert found.contenders
    contenders = set(found.contenders)
    replicates = {p.combination.id: {k for key, k in world.trained if key == p.key} for p in world.sweep.points}
    assert all(ks == set(range(2 * N if each in contenders else N)) for each, ks in replicates.items())
    assert set(world.trained.values()) == {1}
    status = status_of(world)
    assert status.analysis is not None and status.refinement == found
    assert {each.combination for each in status.analysis.comparisons} == contenders
    assert status.best is not None and status.best.combination in contenders
    behind = [row for row in status.results if row.combination not in contenders]
    assert all(row.dropped for row in behind)
    assert [row.rank for row in status.results] == list(range(1, len(world.sweep.points) + 1))


def test_the_replicates_that_chose_the_contenders_do_not_rank_them() -> None:
    """Luck in the first replicates is not what is reported."""

    def lucky(flags: dict[str, Any], replicate: int) -> float:
        return 0.3 - (0.05 if flags["l2"] == 0.01 and replicate < N else 0)

    world = World(sweep(refinement={"rounds": 1, "max_runs": 1}))
    run_out(world, lucky)
    best = status_of(world).best
    assert best is not None and best.objective is not None
    assert best.objective.mean == pytest.approx(0.3, abs=0.02)
    ranking = rank(world.sweep, world.records, world.analysis_result)
    assert ranking.best is not None and ranking.best.objective is not None and ranking.best.objective.n == N


def test_what_matters_is_of_the_whole_grid_and_no_end_of_the_contenders_is_an_edge() -> None:
    world = World(sweep())
    run_out(world)
    analysis = status_of(world).analysis
    assert analysis is not None
    assert analysis.effects is not None and analysis.effects.shares[0].flags == ["l2"]
    assert all(each.type is not FindingType.AT_GRID_EDGE for each in analysis.findings)


def test_a_final_evaluation_is_of_what_the_new_replicates_call_best() -> None:
    world = World(sweep(final={"replicates": 3}))
    for _ in range(80):
        world.step()
        train(world, by_l2)
        if world.final is not None:
            break
    assert world.final is not None
    assert combination_id(world.final.picks[0].flags) in set(chosen(world).contenders or ())


def test_a_change_after_the_contenders_were_chosen_is_said_and_changes_none() -> None:
    world = World(sweep())
    run_out(world)
    before = chosen(world)
    wider = sweep({"name": "l2", "range": {**LOG, "from": 0.0001, "points": 4}})
    world.sweep = refined(wider, before)
    run_out(world)
    assert chosen(world) == before
    refinement = status_of(world).refinement
    assert refinement is not None and refinement.stale
    assert set(world.trained.values()) == {1}


def test_without_the_spec_nothing_is_added() -> None:
    world = World(sweep())
    run_out(world)
    plain = sweep()
    spec = plain.spec.model_copy(update={"refinement": None})
    assert refined(replace(plain, spec=spec), chosen(world)) == replace(plain, spec=spec)


LOSSES = st.dictionaries(st.integers(0, 30), st.floats(0.1, 0.5), min_size=3, max_size=31)


@given(data=st.data(), rounds=st.integers(1, 3), most=st.integers(1, 7), losses=LOSSES)
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_a_restart_anywhere_changes_nothing_and_no_bound_is_crossed(
    data: st.DataObject, rounds: int, most: int, losses: dict[int, float]
) -> None:
    def loss_of(flags: dict[str, Any], replicate: int) -> float:
        place = int(ident(**flags), 16) % 31
        return losses.get(place, 0.3) + 0.01 * ((place * (replicate + 1)) % 5)

    spec = {"refinement": {"rounds": rounds, "max_runs": most}, "parallelism": data.draw(st.integers(1, 5))}
    flags = [
        {"name": "l2", "range": {**LOG, "max": 10}},
        {"name": "units", "range": {"from": 8, "to": 32, "points": 2}},
    ]
    world, calm = World(sweep(*flags, **spec)), World(sweep(*flags, **spec))
    base = world.sweep
    for _ in range(60):
        decided = world.step()
        assert decided.refine or world.plan().create == (), "carried out, it creates nothing more"
        if data.draw(st.booleans()):
            train(world, loss_of)
        if data.draw(st.booleans()):  # a new process: what is stored is all it has
            world.analysis_result = None
            world.sweep = refined(base, world.sweep.refinement)
    run_out(world, loss_of)
    run_out(calm, loss_of)
    assert chosen(world) == chosen(calm)
    assert world.trained == calm.trained
    assert set(world.trained.values()) == {1}
    assert len(world.sweep.points) - len(base.points) == sum(len(one.added) for one in chosen(world).rounds) <= most
    assert len(chosen(world).rounds) <= rounds
    assert len(world.trained) <= trainings_needed(base.spec, len(base.points)).total
    assert all(8 <= p.combination.flags["units"] <= 32 for p in world.sweep.points)  # type: ignore[operator]
    assert all(isinstance(p.combination.flags["units"], int) for p in world.sweep.points)
