"""The learning rate of each epoch, against numbers computed by hand."""

import math
from typing import Any

import pytest

from regsweep_trainer.flags import parse_flags
from regsweep_trainer.models.schedules import learning_rate


def rates(epochs: int = 4, plateaus: tuple[int, ...] = (), **flags: Any) -> list[float]:
    parsed = parse_flags({"dataset": "iris", "learning_rate": 0.8, "epochs": epochs, **flags})
    seen = plateaus or (0,) * epochs
    return [learning_rate(parsed, epoch, seen[epoch - 1]) for epoch in range(1, epochs + 1)]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, [0.8, 0.8, 0.8, 0.8]),
        ({"schedule": "linear"}, [0.8, 0.6, 0.4, 0.2]),
        ({"schedule": "cosine"}, [0.8, 0.4 * (1 + math.sqrt(0.5)), 0.4, 0.4 * (1 - math.sqrt(0.5))]),
        ({"schedule": "exponential", "decay_rate": 0.25, "decay_epochs": 2}, [0.8, 0.4, 0.2, 0.1]),
        ({"schedule": "step", "decay_rate": 0.25, "decay_epochs": 2}, [0.8, 0.8, 0.2, 0.2]),
        ({"schedule": "inverse_time", "decay_rate": 1, "decay_epochs": 1}, [0.8, 0.4, 0.8 / 3, 0.2]),
        ({"schedule": "plateau", "decay_rate": 0.5, "plateaus": (0, 0, 1, 2)}, [0.8, 0.8, 0.4, 0.2]),
        ({"warmup_epochs": 4}, [0.2, 0.4, 0.6, 0.8]),
        ({"warmup_epochs": 2, "schedule": "linear"}, [0.4, 0.6, 0.4, 0.2]),
    ],
    ids=str,
)
def test_the_learning_rate_of_each_epoch(flags: dict[str, Any], expected: list[float]) -> None:
    assert rates(**flags) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "exponential", "step", "inverse_time", "plateau"])
def test_no_schedule_ends_at_a_learning_rate_of_nought_or_above_the_first(schedule: str) -> None:
    found = rates(epochs=7, schedule=schedule, decay_epochs=1)
    assert found[0] == 0.8
    assert all(0 < rate <= 0.8 for rate in found)


def test_without_a_schedule_the_learning_rate_is_the_flags_to_the_digit() -> None:
    assert rates(learning_rate=0.1) == [0.1] * 4
