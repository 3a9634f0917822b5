"""How much luck flatters the best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.optimism import selection_optimism


def test_selection_optimism_by_hand() -> None:
    optimism = selection_optimism(np.array([[1.0, 2.0, 9.0], [3.0, 3.0, 3.0]]))
    assert optimism is not None
    # without replicate 0 the second is best (3 against 5.5): 3; without 1 the second (3, 5): 3; without 2 the first: 9
    assert optimism.optimism == pytest.approx((3 + 3 + 9) / 3 - 3)


@given(arrays(np.float64, (4, 5), elements=st.floats(-100, 100)))
def test_selection_never_looks_worse_than_it_is(losses: Floats) -> None:
    optimism = selection_optimism(losses)
    assert optimism is not None
    assert optimism.optimism >= -1e-9
