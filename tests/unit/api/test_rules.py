"""How results are to be judged: what contradicts itself is refused, by the field, with what to do."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.api.spec import PickRule, Simpler
from regsweep.api.validation import parse_sweep
from regsweep.errors import InvalidSweep

BOUNDS = {"from": 0.01, "to": 1, "points": 3}
RANGE = [{"name": "l2", "range": BOUNDS}]


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": {"flags": [{"name": "l2", "values": [0, 0.1]}], **fields}}


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        pytest.param(
            {"refinement": {"maxRuns": 4}},
            "spec.refinement",
            "needs a flag with a `range`",
            id="refinement without a range",
        ),
        pytest.param(
            {"flags": RANGE, "refinement": {"maxRuns": 4}, "racing": {}},
            "spec.refinement",
            "cannot be combined with `racing`",
            id="refinement of a race",
        ),
        pytest.param(
            {"flags": RANGE, "refinement": {"maxRuns": 4}, "final": {"evaluate": "Nested", "folds": 5}},
            "spec.refinement",
            "cannot be combined with evaluate Nested",
            id="refinement in outer folds",
        ),
        pytest.param(
            {"flags": RANGE, "refinement": {"maxRuns": 4}, "replicates": 2},
            "spec.refinement",
            "needs at least 3 replicates",
            id="refinement without a tied set",
        ),
        pytest.param({"flags": RANGE, "refinement": {}}, "spec.refinement.maxRuns", "is required", id="no maxRuns"),
        pytest.param(
            {"flags": [{"name": "l2", "range": {**BOUNDS, "min": 0.1}}]},
            "spec.flags[0].range.min",
            "at most `from`",
            id="a min within the range",
        ),
        pytest.param(
            {"flags": [{"name": "l2", "range": {**BOUNDS, "max": 0.5}}]},
            "spec.flags[0].range.max",
            "at least `to`",
            id="a max within the range",
        ),
        pytest.param(
            {"flags": [{"name": "l2", "range": {**BOUNDS, "scale": "Log", "min": 0}}]},
            "spec.flags[0].range.min",
            "must be above 0",
            id="a log range down to nought",
        ),
        pytest.param(
            {"final": {"evaluate": "Nested"}},
            "spec.final.folds",
            "is required with evaluate Nested",
            id="nested, no folds",
        ),
        pytest.param(
            {"final": {"folds": 5}}, "spec.final.folds", "is allowed with evaluate Nested only", id="folds of test rows"
        ),
        pytest.param(
            {"final": {"evaluate": "Nested", "folds": 2}},
            "spec.final.folds",
            "must be from 3 to 50",
            id="two outer folds",
        ),
        pytest.param(
            {"final": {"evaluate": "Nested", "folds": 5}, "racing": {}},
            "spec.racing",
            "cannot be combined with evaluate Nested",
            id="a race in outer folds",
        ),
        pytest.param(
            {"references": [{"name": "a", "flags": {}}, {"name": "b", "flags": {}}, {"name": "a", "flags": {"l2": 0}}]},
            "spec.references[2].name",
            "is the name of spec.references[0] too",
            id="two references of one name",
        ),
        pytest.param(
            {"references": [{"name": "a", "flags": {"dataset": "iris"}}]},
            "spec.references[0].flags.dataset",
            "says what the data are",
            id="a reference on other data",
        ),
        pytest.param(
            {"references": [{"name": "a", "flags": {"l1": None}}]},
            "spec.references[0].flags.l1",
            "must be a number, a string",
            id="a reference with a flag that is null",
        ),
        pytest.param(
            {"references": [{"name": "a", "flags": {"units": [8, {"x": 1}]}}]},
            "spec.references[0].flags.units",
            "must be a number, a string",
            id="a reference with a mapping in a list",
        ),
        pytest.param(
            {"references": [{"name": "a", "flags": {"l2": "1e-4"}}]},
            "spec.references[0].flags.l2",
            "is a string, not a number",
            id="a reference with a number in quotes",
        ),
        pytest.param(
            {"references": [{"name": "-a", "flags": {}}]},
            "spec.references[0].name",
            "with a letter or digit at both ends",
            id="a name of a reference that begins with a dash",
        ),
        pytest.param(
            {"references": [{"name": "a"}]}, "spec.references[0].flags", "is required", id="a reference without flags"
        ),
        pytest.param(
            {"objective": {"constraints": [{"metric": "val_accuracy"}]}},
            "spec.objective.constraints[0]",
            "needs `max`, `min` or both",
            id="a constraint without a bound",
        ),
        pytest.param(
            {"objective": {"constraints": [{"metric": "val_accuracy", "min": 0.9, "max": 0.8}]}},
            "spec.objective.constraints[0].min",
            "at most `max`",
            id="a constraint that nothing can keep",
        ),
        pytest.param(
            {"objective": {"constraints": [{"metric": "accuracy", "min": 0.9}]}},
            "spec.objective.constraints[0].metric",
            "split first",
            id="a constraint on a metric without its split",
        ),
        pytest.param(
            {"pick": {"simplicityOrder": [{"flag": "l2", "simpler": "More"}, {"flag": "l2", "simpler": "Fewer"}]}},
            "spec.pick.simplicityOrder",
            'names "l2" 2 times',
            id="a flag twice in the order of simplicity",
        ),
        pytest.param(
            {"pick": {"rule": "Lasso"}}, "spec.pick.rule", "must be `Paired` or `Glmnet`", id="a rule that is none"
        ),
        pytest.param(
            {"resampling": {"kind": "KFold"}},
            "spec.resampling.folds",
            "is required",
            id="k-fold without a number of folds",
        ),
        pytest.param(
            {"resampling": {"folds": 5}}, "spec.resampling.folds", "a Holdout has no folds", id="folds of a holdout"
        ),
        pytest.param(
            {"resampling": {"kind": "KFold", "folds": 10}, "replicates": 5},
            "spec.replicates",
            "must be 10, got 5",
            id="fewer replicates than folds",
        ),
        pytest.param(
            {"resampling": {"kind": "RepeatedKFold", "folds": 5}, "replicates": 12},
            "spec.replicates",
            "a multiple of the 5 folds, such as 10, got 12",
            id="a round of folds that is not whole",
        ),
        pytest.param(
            {"racing": {"initialReplicates": 9, "maxReplicates": 6}},
            "spec.racing.initialReplicates",
            "at most maxReplicates (6), got 9",
            id="a race that begins after its end",
        ),
        pytest.param(
            {"racing": {"initialReplicates": 2}},
            "spec.racing.initialReplicates",
            "from 3 to",
            id="a race without errors",
        ),
        pytest.param(
            {"racing": {"minimumDifference": 0}},
            "spec.racing.minimumDifference",
            "above 0",
            id="a difference of nothing",
        ),
        pytest.param(
            {"objective": {"minimumDifference": -0.1}},
            "spec.objective.minimumDifference",
            "above 0",
            id="a difference below nothing",
        ),
        pytest.param(
            {"objective": {"minimumDifference": 0.02}, "racing": {"minimumDifference": 0.01}},
            "spec.racing.minimumDifference",
            "is 0.01, and spec.objective.minimumDifference is 0.02",
            id="two differences that differ",
        ),
        pytest.param(
            {"racing": {}, "resampling": {"kind": "RepeatedKFold", "folds": 5}, "replicates": 10},
            "spec.racing",
            "cannot be combined with folds",
            id="a race over folds",
        ),
        pytest.param({"final": {"replicates": 2}}, "spec.final.replicates", "from 3 to", id="a final without errors"),
        pytest.param(
            {"final": {"evaluate": "Val"}}, "spec.final.evaluate", "must be `Test`", id="a final on other rows"
        ),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(fields: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidSweep) as refused:
        parse_sweep(spec(**fields))
    assert [problem.field for problem in refused.value.problems] == [field]
    assert words in refused.value.problems[0].message


def test_what_is_not_given_has_a_default() -> None:
    found = parse_sweep(spec(racing={}, final={}))
    assert found.racing is not None
    assert found.final is not None
    assert (found.racing.initial_replicates, found.racing.max_replicates, found.final.replicates) == (3, 20, 5)
    assert found.pick.rule is PickRule.PAIRED
    assert [(entry.flag, entry.simpler) for entry in found.pick.simplicity_order] == [
        ("l2", Simpler.MORE),
        ("l1", Simpler.MORE),
        ("dropout", Simpler.MORE),
        ("layers", Simpler.FEWER),
        ("units", Simpler.FEWER),
    ]
    assert found.most_replicates == 20


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, None, id="none is named"),
        pytest.param({"racing": {}}, None, id="none of a race"),
        pytest.param({"objective": {"minimumDifference": 0.02}}, 0.02, id="the objective's"),
        pytest.param({"racing": {"minimumDifference": 0.01}}, 0.01, id="a race's, as it was written before"),
        pytest.param(
            {"objective": {"minimumDifference": 0.02}, "racing": {"minimumDifference": 0.02}}, 0.02, id="both alike"
        ),
    ],
)
def test_there_is_one_minimum_difference(fields: dict[str, Any], expected: float | None) -> None:
    assert parse_sweep(spec(**fields)).minimum_difference == expected
