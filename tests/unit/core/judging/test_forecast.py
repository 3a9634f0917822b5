"""What a sweep takes and shows if it is like one that has been trained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student

from regsweep.api.forecast import Duration, Forecast
from regsweep.api.spec import SweepSpec
from regsweep.api.validation import parse_sweep
from regsweep.core.cost import cost_of
from regsweep.core.grid import Combination, combination_id, combinations
from regsweep.core.judging.forecast import Trained, forecast
from regsweep.core.results.records import Outcome, Record, Records

START = datetime(2026, 11, 25, tzinfo=UTC)
NOISE = np.random.default_rng(1).standard_normal((8, 5)) * 0.01


def spec_of(**fields: Any) -> SweepSpec:
    return parse_sweep({"spec": {"flags": [{"name": "l2", "values": list(range(8))}], "replicates": 5, **fields}})


def trained(
    seconds: Sequence[float] = (10, 12, 14, 16), gpus: int | None = None, timed: bool = True, **fields: Any
) -> Trained:
    """One combination for each time; replicate k of all is as hard."""
    found = [Combination(combination_id({"l2": row}), {"l2": row}, row) for row in range(len(seconds))]
    records = Records(
        Record(
            combination.id,
            k,
            Outcome.OK,
            "run",
            metrics={"val_average_loss": 0.3 + 0.1 * k + float(NOISE[combination.index, k])},
            started_at=START if timed else None,
            ended_at=START + timedelta(seconds=seconds[combination.index]) if timed else None,
            gpu_seconds=None if gpus is None else gpus * seconds[combination.index],
        )
        for combination in found
        for k in range(5)
    )
    whole = {"parameters": {}, **fields}
    return Trained("mine", found, {each.id: each.id for each in found}, records, **whole)


def forecast_of(spec: SweepSpec, like: Trained, parallelism: int = 2) -> Forecast:
    selected = combinations(spec)
    return forecast(spec, selected, cost_of(spec, selected), parallelism, like)


def test_times_are_those_of_the_other_sweep_with_what_combinations_differ_by() -> None:
    found = forecast_of(spec_of(), trained())
    margin = student.ppf(0.975, 3) * np.std([10, 12, 14, 16], ddof=1) * sqrt(1 / 4 + 1 / 8)
    assert (found.combinations, found.trainings) == (4, 20)
    one = found.training
    assert one is not None and (one.seconds, one.low, one.high) == pytest.approx((13, 13 - margin, 13 + margin))
    assert found.whole is not None and found.whole.seconds == pytest.approx(40 * 13)
    assert found.whole.high == pytest.approx(40 * (13 + margin))
    assert found.gpu_seconds is None and not found.start_included


@pytest.mark.parametrize(
    ("parallelism", "seconds"),
    [
        pytest.param(1, 8 * 65, id="one after the other"),
        pytest.param(3, 3 * 65, id="eight pods, three at a time, take three rounds"),
        pytest.param(8, 65, id="all at once"),
        pytest.param(50, 65, id="no faster than one of them"),
        pytest.param(0, 8 * 65, id="a sweep that is paused"),
    ],
)
def test_from_start_to_end_pods_go_in_rounds(parallelism: int, seconds: float) -> None:
    found = forecast_of(spec_of(), trained(), parallelism)
    assert found.wall is not None and found.wall.seconds == pytest.approx(seconds)


def test_what_a_process_takes_to_start_is_added_for_each() -> None:
    found = forecast_of(spec_of(), trained(start_seconds=[3.0, 5.0]))
    assert found.start_included and found.whole is not None and found.wall is not None
    assert found.whole.seconds == pytest.approx(40 * 13 + 8 * 4)
    assert found.wall.seconds == pytest.approx(4 * (65 + 4))


def test_a_race_takes_between_its_first_look_and_all_of_it() -> None:
    found = forecast_of(spec_of(racing={"initialReplicates": 3, "maxReplicates": 10}), trained([10, 10, 10]))
    assert found.whole == Duration(seconds=800, low=240, high=800)


def test_gpu_seconds_are_counted_where_records_have_them() -> None:
    found = forecast_of(spec_of(), trained(gpus=2))
    assert found.gpu_seconds is not None and found.gpu_seconds.seconds == pytest.approx(40 * 26)


@pytest.mark.parametrize(
    ("like", "has_interval"),
    [
        pytest.param(trained([10, 12, 14]), True, id="three combinations"),
        pytest.param(trained([10, 12]), False, id="two"),
    ],
)
def test_two_combinations_say_nothing_of_how_much_they_differ(like: Trained, has_interval: bool) -> None:
    training = forecast_of(spec_of(), like).training
    assert training is not None and (training.low is not None) is has_interval


def test_records_without_times_give_counts_and_spread_alone() -> None:
    found = forecast_of(spec_of(), trained(timed=False))
    assert (found.training, found.whole, found.wall) == (None, None, None)
    assert found.planning is not None


def test_more_replicates_show_smaller_differences() -> None:
    few, many = (forecast_of(spec_of(replicates=n), trained()).planning for n in (5, 20))
    assert few is not None and many is not None and (few.replicates, many.replicates) == (5, 20)
    assert many.detectable < few.detectable / 1.8
    assert 0.01 < few.detectable < 0.08  # the paired noise is 0.014, that of the replicates 0.16


def test_how_many_a_difference_takes_is_said_where_one_is_named() -> None:
    planning = forecast_of(spec_of(objective={"minimumDifference": 0.01}), trained()).planning
    assert planning is not None and planning.minimum_difference is not None
    assert 6 <= (planning.minimum_difference.replicates or 0) <= 60
    assert planning.first_two is None  # the other sweep's first two are none of this one


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"objective": {"metric": "val_auc"}}, id="an objective that it does not have"),
        pytest.param({"objective": {"epoch": "Best"}}, id="an epoch that it does not have"),
        pytest.param({"replicates": 2}, id="too few replicates"),
    ],
)
def test_without_its_values_nothing_is_said_of_replicates(fields: dict[str, Any]) -> None:
    found = forecast_of(spec_of(**fields), trained())
    assert found.planning is None and found.whole is not None


def test_parameters_that_are_not_alike_are_named() -> None:
    spec = spec_of(trainer={"parameters": {"epochs": 10, "units": [64.0], "l2": 1, "dataset": "iris"}})
    like = trained(parameters={"epochs": 20, "units": [64], "batch_size": 8})
    assert forecast_of(spec, like).differing_parameters == ["batch_size", "dataset", "epochs"]


def test_a_diverged_training_takes_time_and_says_nothing_of_spread() -> None:
    like = trained()
    broken = [
        Record(
            like.combinations[0].id, k, Outcome.DIVERGED, "run", started_at=START, ended_at=START + timedelta(seconds=2)
        )
        for k in range(5)
    ]
    others = [record for record in like.records if record.point_key != like.combinations[0].id]
    changed = Trained("mine", like.combinations, like.point_keys, Records([*broken, *others]))
    found = forecast_of(spec_of(), changed)
    assert found.training is not None and found.training.seconds == pytest.approx((2 + 12 + 14 + 16) / 4)
    assert found.planning is not None
