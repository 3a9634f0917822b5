"""A forecast in words."""

from __future__ import annotations

import pytest

from regsweep.api.forecast import Duration, Forecast
from regsweep.api.outlook import Planning, ReplicatesNeeded
from regsweep.report.forecast import forecast_sentences

NEEDED = ReplicatesNeeded(difference=0.01, replicates=83, low=51, high=163)
PLANNING = Planning(replicates=5, detectable=0.0432, detectable_low=0.033, detectable_high=0.061)
TIMES = {
    "training": Duration(seconds=2.1),
    "whole": Duration(seconds=840, low=600, high=1140),
    "wall": Duration(seconds=420, low=300, high=570),
}
SPREAD = (
    "With 5 replicates, 80 % of sweeps like this tell a combination of typical noise from the best if it is worse by 0.043 (95 %: 0.033 "
    "to 0.061)."
)


def said(**fields: object) -> list[str]:
    whole = {"like": "runs/mine", "combinations": 8, "trainings": 40, "parallelism": 2, **fields}
    return list(forecast_sentences(Forecast.model_validate(whole)))


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        pytest.param(
            {**TIMES, "start_included": True, "planning": PLANNING},
            [
                "As in runs/mine (40 trainings of 8 combinations, 2 s each) it takes about 14 min (95 %: 10 min to 19 min) of training, "
                "7 min (95 %: 5 min to 10 min) with 2 at a time.",
                f"{SPREAD} --difference NUMBER says how many replicates a difference of yours takes.",
            ],
            id="a folder",
        ),
        pytest.param(
            {
                **TIMES,
                "gpu_seconds": Duration(seconds=840),
                "planning": PLANNING.model_copy(update={"minimum_difference": NEEDED}),
                "differing_parameters": ["epochs", "units"],
            },
            [
                "As in runs/mine (40 trainings of 8 combinations, 2 s each) it takes about 14 min (95 %: 10 min to 19 min) of training, "
                "7 min (95 %: 5 min to 10 min) with 2 at a time, without the time that pods take to start.",
                "GPU time: about 14 min.",
                f"{SPREAD} To show a difference of 0.01 takes about 83 replicates in all (95 %: 51 to 160).",
                "The two differ in epochs and units: times and spread may differ too.",
            ],
            id="a sweep on GPUs, of other networks",
        ),
        pytest.param(
            {**TIMES, "start_included": True, "open_count": True, "planning": PLANNING},
            [
                "As in runs/mine (40 trainings of 8 combinations, 2 s each) it takes about 14 min at most (10 min to 19 min, by how much "
                "is trained) of training, 7 min at most (5 min to 10 min, by how much is trained) with 2 at a time.",
                f"{SPREAD} --difference NUMBER says how many replicates a difference of yours takes.",
            ],
            id="from the fewest to the most trainings is no interval of 95 %",
        ),
        pytest.param(
            {"gpu_seconds": Duration(seconds=0), "differing_parameters": list("abcdefg")},
            [
                "As in runs/mine (40 trainings of 8 combinations): its records do not say how long a training takes.",
                "It says nothing of replicates: that takes the objective in 3 replicates of 2 combinations there, and 3 replicates here.",
                "The two differ in a, b, c, d, e and 2 more: times and spread may differ too.",
            ],
            id="nothing is known",
        ),
        pytest.param(
            {**TIMES, "start_included": True, "planning": PLANNING, "differing_parameters": ["epochs", "target"]},
            [
                "As in runs/mine (40 trainings of 8 combinations, 2 s each) it takes about 14 min (95 %: 10 min to 19 min) of training, "
                "7 min (95 %: 5 min to 10 min) with 2 at a time.",
                f"{SPREAD} --difference NUMBER says how many replicates a difference of yours takes.",
                "The two differ in epochs and target: of other data times and spread may be quite others.",
            ],
            id="other data",
        ),
    ],
)
def test_a_forecast_says_what_it_rests_on(fields: dict[str, object], sentences: list[str]) -> None:
    assert said(**fields) == sentences
