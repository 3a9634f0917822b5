"""Which edits of a started sweep are followed: none trains a grid again that nobody asked for, and no value is read as another's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from regsweep.api.objective import EpochRule, objective_status
from regsweep.api.spec import Goal, SweepSpec
from regsweep.api.status import ObjectiveStatus, Resolved
from regsweep.core.accept import Identity, Past, accept, with_objective
from regsweep.core.results.records import BestEpoch, Outcome, Record, Records
from regsweep.core.runs import ObservedRun
from regsweep.core.sweep import Sweep
from regsweep.errors import InvalidSweep, Problem

from .simulation import DEFAULTS, START

LOSS = EpochRule("val_average_loss", Goal.MINIMIZE)
ACCURACY = EpochRule("val_accuracy", Goal.MAXIMIZE)
LAST_LOSS = {"metric": "val_average_loss", "epoch": "Last"}
BEST_LOSS = {"metric": "val_average_loss", "epoch": "Best"}
LAST_ACCURACY = {"metric": "val_accuracy", "epoch": "Last"}
BEST_ACCURACY = {"metric": "val_accuracy", "epoch": "Best"}
BOTH = {"val_average_loss": 0.4, "val_accuracy": 0.8}


def spec_of(objective: dict[str, Any] | None = None, **trainer: Any) -> SweepSpec:
    body = {"flags": [{"name": "l2", "values": [0, 0.1]}], "replicates": 1, "objective": objective or LAST_LOSS}
    return SweepSpec.model_validate({**body, "trainer": {"gpus": 0, **trainer}})


def accepted(spec: SweepSpec, past: Past | None = None) -> tuple[Sweep, Sequence[Problem]]:
    return accept(Identity("demo", "lab", "uid", 2), spec, DEFAULTS, past or Past())


def record_of(
    key: str, rule: EpochRule | None = LOSS, metrics: dict[str, float] | None = None, **fields: Any
) -> Record:
    best = BestEpoch(2, 0.1, 0.3, rule)
    values = {"outcome": Outcome.OK, "run": "r", "metrics": BOTH if metrics is None else metrics, "best": best}
    return Record(key, 0, **{**values, **fields})


def run_of(key: str, rule: EpochRule | None = LOSS) -> ObservedRun:
    return ObservedRun("demo-1", "uid-1", key, 0, 1, 1, 0, created_at=START, rule=rule)


def past_of(
    sweep: Sweep,
    *records: Record,
    runs: Sequence[ObservedRun] = (),
    in_force: dict[str, Any] | None = None,
    pinned: Resolved | None = None,
) -> Past:
    objective = spec_of(in_force).objective if in_force else sweep.spec.objective
    goal = Goal.MAXIMIZE if objective.metric == "val_accuracy" else Goal.MINIMIZE
    status = ObjectiveStatus(metric=objective.metric, goal=objective.goal or goal, epoch=objective.epoch)
    return Past(pinned or sweep.resolved, status, Records(records), tuple(runs))


@pytest.mark.parametrize(
    ("before", "after", "rule", "metrics", "followed"),
    [
        pytest.param(LAST_LOSS, LAST_ACCURACY, LOSS, BOTH, True, id="another metric of the last epoch that was reported"),
        pytest.param(
            LAST_LOSS, LAST_ACCURACY, LOSS, {"val_average_loss": 0.4}, False, id="one that no training has reported"
        ),
        pytest.param(LAST_LOSS, LAST_LOSS | {"goal": "Maximize"}, LOSS, BOTH, True, id="the goal turned at the last epoch"),
        pytest.param(BEST_LOSS, BEST_ACCURACY, LOSS, BOTH, False, id="another metric of the best epoch"),
        pytest.param(BEST_LOSS, BEST_LOSS | {"goal": "Maximize"}, LOSS, BOTH, False, id="the goal turned at the best epoch"),
        pytest.param(BEST_LOSS, LAST_LOSS, LOSS, BOTH, True, id="from the best epoch to the last one"),
        pytest.param(BEST_LOSS, LAST_ACCURACY, LOSS, BOTH, True, id="from the best epoch to the last one's other metric"),
        pytest.param(LAST_LOSS, BEST_LOSS, LOSS, BOTH, True, id="to the best epoch by the rule that chose it"),
        pytest.param(LAST_LOSS, BEST_ACCURACY, LOSS, BOTH, False, id="to a best epoch chosen by another rule"),
        pytest.param(LAST_LOSS, BEST_ACCURACY, ACCURACY, BOTH, True, id="back to the best epoch that was trained for"),
        pytest.param(LAST_LOSS, BEST_LOSS, None, BOTH, True, id="old records by the pinned objective's rule"),
        pytest.param(LAST_LOSS, BEST_ACCURACY, None, BOTH, False, id="old records by any other rule"),
    ],
)  # fmt: skip
def test_an_edited_objective_is_followed_where_all_that_was_trained_fits_it(
    before: dict[str, Any], after: dict[str, Any], rule: EpochRule | None, metrics: dict[str, float], followed: bool
) -> None:
    sweep, _ = accepted(spec_of(before))
    trained = [record_of(point.key, rule, metrics) for point in sweep.points]
    edited, edits = accepted(spec_of(after), past_of(sweep, *trained))
    assert [p.key for p in edited.points] == [p.key for p in sweep.points], "nothing is trained again"
    assert [edit.field for edit in edits] == ([] if followed else ["spec.objective"])
    in_force = after if followed else before
    assert (edited.spec.objective.metric, edited.spec.objective.epoch) == (in_force["metric"], in_force["epoch"])
    if not followed:
        assert "2 trainings have" in edits[0].message


def test_until_the_sweep_has_started_every_edit_is_pinned_anew() -> None:
    sweep, _ = accepted(spec_of(BEST_LOSS))
    past = Past(sweep.resolved, past_of(sweep).objective)
    edited, edits = accepted(spec_of(BEST_ACCURACY, image="lab/other:2"), past)
    assert not edits
    assert (edited.resolved.image, edited.spec.objective.metric) == ("lab/other:2", "val_accuracy")
    assert {point.key for point in edited.points}.isdisjoint(point.key for point in sweep.points)


def test_constraints_may_change_while_the_objective_may_not() -> None:
    sweep, _ = accepted(spec_of(BEST_LOSS))
    bound = {"constraints": [{"metric": "val_accuracy", "min": 0.9}]}
    past = past_of(sweep, record_of(sweep.points[0].key))
    kept, edits = accepted(spec_of(BEST_ACCURACY | bound), past)
    assert edits
    assert kept.spec.objective.metric == "val_average_loss"
    assert [constraint.min for constraint in kept.spec.objective.constraints] == [0.9]
    assert not accepted(spec_of(BEST_LOSS | bound), past)[1]


def test_one_record_that_does_not_fit_is_enough() -> None:
    sweep, _ = accepted(spec_of(LAST_LOSS))
    fits, lacks = (record_of(p.key, metrics=m) for p, m in zip(sweep.points, (BOTH, {"val_loss": 1.0}), strict=True))
    _, edits = accepted(spec_of(LAST_ACCURACY), past_of(sweep, fits, lacks))
    assert "1 training has no val_accuracy at the last epoch" in edits[0].message


@pytest.mark.parametrize(
    ("outcome"),
    [
        pytest.param(Outcome.DIVERGED, id="diverged"),
        pytest.param(Outcome.FAILED, id="failed"),
    ],
)
def test_trainings_without_values_fit_every_objective(outcome: Outcome) -> None:
    sweep, _ = accepted(spec_of(LAST_LOSS))
    past = past_of(sweep, record_of(sweep.points[0].key, metrics={}, best=None, outcome=outcome))
    assert not accepted(spec_of(BEST_ACCURACY), past)[1]


@pytest.mark.parametrize(
    ("rule", "followed"),
    [
        pytest.param(LOSS, False, id="trained for the objective before"),
        pytest.param(None, False, id="an old Job"),
        pytest.param(ACCURACY, True, id="trained for the new one"),
    ],
)
def test_what_is_being_trained_must_fit_too(rule: EpochRule | None, followed: bool) -> None:
    sweep, _ = accepted(spec_of(BEST_LOSS))
    running = run_of(sweep.points[0].key, rule)
    _, edits = accepted(spec_of(BEST_ACCURACY), past_of(sweep, runs=[running]))
    assert (not edits) is followed
    recorded = record_of(running.point_key, ACCURACY)
    assert not accepted(spec_of(BEST_ACCURACY), past_of(sweep, recorded, runs=[running]))[1], "its record counts then"


def test_points_that_left_the_grid_do_not_hold_an_edit_up() -> None:
    sweep, _ = accepted(spec_of(LAST_LOSS))
    past = past_of(sweep, record_of("0" * 16, metrics={}), runs=[run_of("f" * 16)])
    assert not accepted(spec_of(BEST_ACCURACY), past)[1]


def test_until_the_first_job_everything_is_pinned_anew() -> None:
    sweep, _ = accepted(spec_of(BEST_LOSS))
    edited, edits = accepted(spec_of(BEST_ACCURACY, dataRevision="2"), past_of(sweep))
    assert not edits
    assert {p.key for p in edited.points}.isdisjoint(p.key for p in sweep.points)
    assert edited.resolved.key_version == 2


def test_a_new_data_revision_makes_new_points_and_the_old_one_brings_the_old_ones_back() -> None:
    sweep, _ = accepted(spec_of(dataRevision="1"))
    past = past_of(sweep, record_of(sweep.points[0].key))
    second, edits = accepted(spec_of(dataRevision="2"), past)
    assert not edits
    assert {p.key for p in second.points}.isdisjoint(p.key for p in sweep.points)
    back, _ = accepted(spec_of(dataRevision="1"), past_of(second, *past.records))
    assert back.points == sweep.points


def test_all_else_of_the_trainer_stays_pinned_beside_a_new_data_revision() -> None:
    sweep, _ = accepted(spec_of())
    past = past_of(sweep, record_of(sweep.points[0].key))
    edited, edits = accepted(spec_of(dataRevision="2", parameters={"epochs": 3}), past)
    assert [edit.field for edit in edits] == ["spec.trainer.parameters.epochs"]
    assert edited.resolved.data_revision == "2"


def old_sweep(objective: dict[str, Any]) -> Resolved:
    """What an operator of the first key version has pinned."""
    resolved = accepted(spec_of(objective))[0].resolved
    return resolved.model_copy(update={"key_version": None, "objective": None})


def test_a_sweep_of_an_older_operator_keeps_its_keys_and_its_objective_is_pinned_once() -> None:
    pinned = old_sweep(BEST_LOSS)
    now, edits = accepted(spec_of(BEST_LOSS), Past(pinned, None, Records(), (run_of("x"),)))
    assert not edits
    assert now.resolved.key_version is None
    assert now.resolved.objective is not None
    assert now.resolved.objective.metric == "val_average_loss"
    of_old = pinned.model_copy(update={"operator_version": "9"})
    assert [p.key for p in now.points] == [
        p.key for p in accepted(spec_of(), Past(of_old, None, Records(), (run_of("x"),)))[0].points
    ]


def test_an_objective_edited_while_the_operator_was_upgraded_is_held_against_what_the_old_one_ranked_by() -> None:
    pinned = old_sweep(BEST_LOSS)
    before = ObjectiveStatus.model_validate({"metric": "val_average_loss", "goal": "Minimize", "epoch": "Best"})
    key = accepted(spec_of(), Past(pinned, before, Records(), (run_of("x"),)))[0].points[0].key
    past = Past(pinned, before, Records([record_of(key, None)]))
    kept, edits = accepted(spec_of(BEST_ACCURACY), past)
    assert [edit.field for edit in edits] == ["spec.objective"]
    assert kept.resolved.objective == before
    assert kept.spec.objective.metric == "val_average_loss"


def test_a_sweep_that_a_later_operator_has_pinned_is_left_alone() -> None:
    sweep, _ = accepted(spec_of())
    later = sweep.resolved.model_copy(update={"key_version": 3})
    with pytest.raises(InvalidSweep, match="keyVersion: is 3, and this operator supports keys up to version 2"):
        accepted(spec_of(), past_of(sweep, record_of("0" * 16), pinned=later))


def test_a_minimum_difference_goes_with_the_objective_it_was_written_for() -> None:
    """An edited objective that is not followed leaves the one in force, in another unit."""
    before = spec_of({**LAST_LOSS, "minimumDifference": 0.01})
    assert with_objective(before, objective_status(before.objective)).minimum_difference == 0.01
    edited = spec_of({**LAST_ACCURACY, "minimumDifference": 0.2})
    in_force = with_objective(edited, objective_status(before.objective))
    assert (in_force.objective.metric, in_force.minimum_difference) == ("val_average_loss", None)
