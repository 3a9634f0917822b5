"""Nothing of an outer fold's rows reaches what is trained and ranked on the others: neither features nor targets."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regsweep_kit.contract import read_contract
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.models.constant import ConstantPredictor
from regsweep_trainer.preparation import prepare
from regsweep_trainer.run import plan_run
from regsweep_trainer.task import Task
from regsweep_trainer.training import train_replicate

ROWS = 90
RNG = np.random.default_rng(5)
REGRESSION = Dataset("made", RNG.normal(size=(ROWS, 4)), RNG.normal(size=ROWS), None)
CLASSES = replace(REGRESSION, target=(np.arange(ROWS) % 3 > 0).astype(float), classes=("no", "yes"))


def contract(resampling: str, score_test: str = "0") -> Any:
    return read_contract(
        {
            "REGSWEEP_FLAGS": '{"dataset": "iris"}',
            "REGSWEEP_REPLICATES": "3",
            "REGSWEEP_RESAMPLING": resampling,
            "REGSWEEP_SCORE_TEST": score_test,
        }
    )


@pytest.mark.parametrize("kind", ['"kind": "Holdout"', '"kind": "KFold", "folds": 3'])
@pytest.mark.parametrize("data", [REGRESSION, CLASSES], ids=["regression", "classes"])
@pytest.mark.parametrize("fold", [0, 4])
def test_the_folds_rows_change_nothing_that_is_trained_or_ranked(kind: str, data: Dataset, fold: int) -> None:
    asked = contract(f'{{{kind}, "outer": {{"fold": {fold}, "folds": 5}}}}')
    flags = parse_flags({"dataset": "iris", "epochs": 2})
    test = plan_run(asked, flags, data).splits[0].test
    features = data.features.copy()
    features[test] = 1e6
    target = data.target.copy()
    target[test] = 1e3 if data.classes is None else 1 - target[test]
    spoilt = replace(data, features=features, target=target)
    for replicate in asked.replicates:
        seen = []
        for each in (data, spoilt):
            # The strata of classes are the outer fold's business alone, so that the spoilt labels must not divide the rows.
            splits = plan_run(asked, flags, data).splits[replicate]
            assert not set(splits.test) & set(np.concatenate([splits.train, splits.stop, splits.val]))
            prepared = prepare(each, splits)
            task = Task(replicate, asked.seed_base, each.head, flags, asked.objective)
            record, _ = train_replicate(ConstantPredictor(each.head, 2), prepared, task, lambda _: None)
            parts = [prepared.train, prepared.stop, prepared.val]
            seen.append((record, [(part.x.tolist(), part.y.tolist(), part.target.tolist()) for part in parts]))
        assert seen[0] == seen[1]


@pytest.mark.parametrize("fold", range(5))
def test_the_fold_is_scored_when_that_is_asked_and_then_all_of_it(fold: int) -> None:
    resampling = f'{{"kind": "Holdout", "outer": {{"fold": {fold}, "folds": 5}}}}'
    flags = parse_flags({"dataset": "iris", "epochs": 2, "test_fraction": 0})
    plan = plan_run(contract(resampling, "1"), flags, REGRESSION)
    assert len(plan.splits[0].test) == ROWS / 5
    assert plan.blocks is not None
    others = [
        plan_run(contract(resampling.replace(f'"fold": {fold}', f'"fold": {each}')), flags, REGRESSION)
        for each in range(5)
    ]
    rows = np.concatenate([each.splits[0].test for each in others])
    assert sorted(rows.tolist()) == list(range(ROWS)), "over the folds each row is scored once"
