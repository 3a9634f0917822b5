from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.kills import killed


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_whatever_is_killed_nothing_is_lost_and_nothing_trained_twice(tmp_path: Path) -> None:
    outcome = killed(tmp_path, kills=5, seed=1)
    assert outcome.is_good, [str(outcome), *outcome.lost, *outcome.twice]
    assert outcome.kills.total() == 5
