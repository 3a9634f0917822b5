"""Replicates that are folds: means against scikit-learn, and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from regsweep.api.findings import NoteType
from regsweep.api.spec import Resampling, ResamplingKind
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.compared import AnalysisSettings
from regsweep.core.judging.stats.ranking import TrainedGrid, rank
from regsweep.core.results.records import Outcome, Record, Records
from unit.core.judging.stats.sweeps import LOSS, analysis, notes_of, sweep


def test_folds_need_no_rows() -> None:
    folds = Resampling(kind=ResamplingKind.KFOLD, folds=5)
    result = analysis(sweep(), settings=AnalysisSettings(resampling=folds))
    assert result.best and result.best.given_data and result.best.new_data
    ratio = result.best.new_data.standard_error / result.best.given_data.standard_error
    assert ratio == pytest.approx(np.sqrt((1 / 5 + 1 / 4) * 5))
    assert NoteType.FOLDS_SHARE_ROWS in notes_of(result) and NoteType.ROWS_UNKNOWN not in notes_of(result)


def test_means_over_folds_are_scikit_learns() -> None:
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, KFold

    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=KFold(5), scoring="neg_mean_squared_error")
    results = search.fit(*load_diabetes(return_X_y=True)).cv_results_
    combinations = [Combination(str(i), {"alpha": value}, i) for i, value in enumerate([0.1, 1.0, 10.0])]
    records = Records(
        Record(str(i), k, Outcome.OK, "run", metrics={"val_average_loss": -results[f"split{k}_test_score"][i]})
        for i in range(3)
        for k in range(5)
    )
    ranking = rank(TrainedGrid(combinations, {str(i): str(i) for i in range(3)}, records, LOSS, 5))
    for row in ranking.rows:
        place = row.combination.index
        assert row.objective is not None
        assert row.objective.mean == pytest.approx(-results["mean_test_score"][place], rel=1e-9)
        assert row.objective.standard_error == pytest.approx(results["std_test_score"][place] / 2, rel=1e-9)
        assert row.rank == results["rank_test_score"][place]
