"""The one-standard-error pick and what is simpler."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.spec import DEFAULT_SIMPLICITY_ORDER, Flags, PickRule
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.pick import one_standard_error_pick, within_one_standard_error
from regsweep.core.judging.stats.simplicity import at_least_as_simple, simplicity_key


def picked(flags: Sequence[Flags], losses: Floats, rule: PickRule = PickRule.PAIRED) -> int:
    combinations = [Combination(f"{i:02x}", f, i) for i, f in enumerate(flags)]
    means = losses.mean(axis=1)
    pick = one_standard_error_pick(combinations, losses, means, int(means.argmin()), rule=rule)
    assert pick is not None
    return pick.row


NOISE = np.array([0.0, 4.0, -4.0, 2.0, -2.0])
WOBBLE = np.array([1.0, -1.0, 1.0, -1.0, 0.0])


@pytest.mark.parametrize(
    ("flags", "losses", "expected"),
    [
        pytest.param(
            [{"l2": 0.0}, {"l2": 0.1}, {"l2": 1.0}],
            [NOISE, NOISE + 0.3 + WOBBLE, NOISE + 9],
            1,
            id="the most regularised within one standard error",
        ),
        pytest.param(
            [{"l2": 0.0}, {"l2": 0.1}],
            [NOISE, NOISE + 0.3],
            0,
            id="a difference that every replicate shows is not within its error, however noisy the levels are",
        ),
        pytest.param(
            [{"l2": 0.1}, {"l2": 0.0}], [NOISE, NOISE + 0.1 + WOBBLE], 0, id="less regularised is not simpler"
        ),
        pytest.param(
            [{"l2": 0.0, "activation": "relu"}, {"l2": 0.1, "activation": "tanh"}],
            [NOISE, NOISE + 0.1 + WOBBLE],
            0,
            id="another activation is another network, not a simpler one",
        ),
        pytest.param(
            [{"l2": 0.0, "dropout": 0.2}, {"l2": 0.1, "dropout": 0.0}],
            [NOISE, NOISE + 0.1 + WOBBLE],
            0,
            id="more l2 for less dropout is not simpler",
        ),
        pytest.param(
            [{"units": [64, 64]}, {"units": [32]}, {"units": [64]}],
            [NOISE, NOISE + 0.1 + WOBBLE, NOISE + 0.1 - WOBBLE],
            1,
            id="fewer layers, then smaller ones",
        ),
    ],
)
def test_the_pick(flags: Sequence[Flags], losses: Sequence[Floats], expected: int) -> None:
    assert picked(flags, np.array(losses)) == expected


def glmnet_lambda_1se(lambdas: Floats, cvraw: Floats) -> float:
    """glmnet's getOptcv.glmnet: cvraw is (folds, lambdas)."""
    n = len(cvraw)
    cvm = cvraw.mean(axis=0)
    cvsd = np.sqrt(((cvraw - cvm) ** 2).mean(axis=0) / (n - 1))
    lambda_min = lambdas[cvm <= cvm.min()].max()
    at = lambdas.tolist().index(lambda_min)
    return float(lambdas[cvm <= (cvm + cvsd)[at]].max())


@given(
    st.integers(0, 10_000),
    st.integers(3, 12),
    st.integers(2, 20),
)
def test_rule_glmnet_picks_what_glmnet_picks(seed: int, folds: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    lambdas = np.geomspace(1e-4, 1, size)
    losses = (np.log10(lambdas) + 2)[:, None] ** 2 / 5 + rng.standard_normal((size, folds)) * 0.5
    row = picked([{"l2": float(value)} for value in lambdas], losses, PickRule.GLMNET)
    assert lambdas[row] == max(glmnet_lambda_1se(lambdas, losses.T), lambdas[losses.mean(axis=1).argmin()])


def test_rule_paired_is_the_standard_error_of_the_difference() -> None:
    rng = np.random.default_rng(3)
    losses = rng.standard_normal((30, 5)) * 0.3 + rng.standard_normal(5) * 10
    best = int(losses.mean(axis=1).argmin())
    within = within_one_standard_error(losses, best, PickRule.PAIRED)
    for row in range(30):
        d = losses[row] - losses[best]
        assert within[row] == (row == best or d.mean() <= d.std(ddof=1) / np.sqrt(5))


def test_no_pick_below_three_replicates() -> None:
    combination = Combination("00", {"l2": 0}, 0)
    assert one_standard_error_pick([combination], np.ones((1, 2)), np.ones(1), 0) is None


SomeFlags = st.fixed_dictionaries(
    {
        "l2": st.sampled_from([0, 0.1, 1.0]),
        "dropout": st.sampled_from([0, 0.5]),
        "units": st.lists(st.sampled_from([8, 16]), min_size=1, max_size=3),
        "activation": st.sampled_from(["relu", "tanh"]),
    }
)


@given(SomeFlags, SomeFlags, SomeFlags)
def test_at_least_as_simple_is_an_order_that_the_key_respects(a: Flags, b: Flags, c: Flags) -> None:
    order = DEFAULT_SIMPLICITY_ORDER
    assert at_least_as_simple(a, a, order)
    if at_least_as_simple(a, b, order):
        assert simplicity_key(a, order) <= simplicity_key(b, order)
        if at_least_as_simple(b, c, order):
            assert at_least_as_simple(a, c, order)
