"""When replicates are not paired, and what is said of them then."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from regsweep.api.findings import MixedKind
from regsweep.api.spec import PickRule
from regsweep.core.judging.stats.additive import fit_means, row_variances
from regsweep.core.judging.stats.decomposition import decompose
from regsweep.core.judging.stats.differences import differences_to
from regsweep.core.judging.stats.pairing import mixture
from regsweep.core.judging.stats.pick import within_one_standard_error
from regsweep.core.judging.stats.ties import tied_with_best
from regsweep.core.results.records import Environment, Outcome, Record

DIGEST = "sha256:0123456789abcdef0123456789abcdef"
OTHER = "sha256:fedcba9876543210fedcba9876543210"


def records(environments: Sequence[Environment], outcome: Outcome = Outcome.OK) -> list[Record]:
    return [Record("key", k, outcome, "run", environment=each) for k, each in enumerate(environments)]


@pytest.mark.parametrize(
    ("environments", "expected"),
    [
        pytest.param([], [], id="nothing is mixed before the first result"),
        pytest.param([Environment(device="cpu")] * 2, [], id="one device"),
        pytest.param([Environment(device="cpu"), Environment()], [], id="what is not known differs from nothing"),
        pytest.param(
            [Environment(device="cpu"), Environment(device="NVIDIA H100")],
            [(MixedKind.DEVICES, ["NVIDIA H100", "cpu"], 2)],
            id="two devices",
        ),
        pytest.param(
            [Environment("jax"), Environment("torch")], [(MixedKind.BACKENDS, ["jax", "torch"], 2)], id="two backends"
        ),
        pytest.param(
            [Environment(image=f"here/trainer@{DIGEST}"), Environment(image=f"there/trainer@{OTHER}")],
            [(MixedKind.IMAGES, ["0123456789ab", "fedcba987654"], 2)],
            id="two images, by their digests",
        ),
        pytest.param(
            [Environment(image=f"here/trainer@{DIGEST}"), Environment(image=f"there/trainer@{DIGEST}")],
            [],
            id="one image from two registries is one image",
        ),
        pytest.param(
            [Environment(device="cpu", data="0123456789abcdef"), Environment(device="gpu", data="aa")],
            [(MixedKind.DATA, ["0123456789ab", "aa"], 2), (MixedKind.DEVICES, ["cpu", "gpu"], 2)],
            id="data first, digests shortened",
        ),
        pytest.param(
            [Environment(device=f"d{k:02}") for k in range(30)],
            [(MixedKind.DEVICES, [f"d{k:02}" for k in range(20)], 30)],
            id="many: the first are kept, all are counted",
        ),
        pytest.param(
            [Environment(train_rows=90), Environment(train_rows=91)], [], id="folds of unequal size are no mixture"
        ),
    ],
)
def test_what_is_mixed(environments: Sequence[Environment], expected: list[tuple[MixedKind, list[str], int]]) -> None:
    assert [(each.kind, each.values, each.count) for each in mixture(records(environments))] == expected


def test_a_failed_replicate_mixes_nothing() -> None:
    failed = records([Environment(device="gpu")], Outcome.FAILED)
    assert mixture(records([Environment(device="cpu")]) + failed) == ()


def test_pairing_needs_neither_numpy_nor_scipy() -> None:
    code = "import sys, regsweep.core.judging.stats.pairing; sys.exit(bool({'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unpaired_differences_are_those_of_plain_means_with_common_variances() -> None:
    values = np.random.default_rng(2).standard_normal((5, 4))
    values[1, 3] = np.nan
    found = differences_to(values, 0, paired=False)
    variances = row_variances(fit_means(values)).moderated
    assert np.isinf(variances.prior.degrees_of_freedom)
    np.testing.assert_allclose(found.means, np.nanmean(values, axis=1) - values[0].mean(), atol=1e-12)
    v = variances.variances
    np.testing.assert_allclose(found.standard_errors[1], np.sqrt(v[1] / 3 + v[0] / 4))
    assert found.degrees_of_freedom.max() == 3 * 4 + 2, "no more than all variances hold together"
    assert found.replicates.tolist() == [4, 3, 4, 4, 4]


def test_a_replicate_that_is_hard_for_all_no_longer_helps_when_replicates_are_not_paired() -> None:
    hard = np.array([0.0, 30.0, -30.0, 10.0, -10.0])
    losses = hard + np.array([[0.0], [3.0], [3.1]]) + 0.1 * np.random.default_rng(3).standard_normal((3, 5))
    paired, unpaired = tied_with_best(losses), tied_with_best(losses, paired=False)
    assert paired is not None and unpaired is not None
    assert paired.tied.tolist() == [True, False, False]
    assert unpaired.tied.all()
    assert within_one_standard_error(losses, 0, PickRule.PAIRED).tolist() == [True, False, False]
    assert within_one_standard_error(losses, 0, PickRule.PAIRED, paired=False).all()


def test_without_pairing_no_replicate_need_be_in_common() -> None:
    losses = np.array([[1.0, 1.2, 1.1, np.nan, np.nan, np.nan, np.nan], [np.nan, np.nan, np.nan, 1.6, 1.3, 1.4, 1.5]])
    paired, unpaired = tied_with_best(losses), tied_with_best(losses, paired=False)
    assert paired is not None and paired.comparable.tolist() == [True, False]
    assert unpaired is not None and unpaired.comparable.all()
    assert unpaired.difference[1] == pytest.approx(1.45 - 1.1)
    v = row_variances(fit_means(losses)).moderated.variances
    assert unpaired.standard_error[1] == pytest.approx(np.sqrt(v[0] / 3 + v[1] / 4))


def test_unpaired_terms_add_up_and_the_gap_stays_paired() -> None:
    rng = np.random.default_rng(4)
    train = rng.standard_normal((4, 5))
    val = train + 0.01 * rng.standard_normal((4, 5)) + np.array([[0.0], [2.0], [2.0], [2.0]])
    train[2, 0] = np.nan
    tied = tied_with_best(val - train, paired=False)
    assert tied is not None
    for row, parts in enumerate(decompose(train, val, tied, paired=False)):
        assert parts.val and parts.train and parts.gap
        assert parts.val.mean == pytest.approx(parts.train.mean + parts.gap.mean, abs=1e-12)
        if row != tied.best:
            assert parts.gap.standard_error < 0.1 * parts.train.standard_error


@pytest.mark.parametrize("combinations", [5, 24])
def test_of_unpaired_replicates_a_true_best_is_seldom_left_out(combinations: int) -> None:
    """At most 5 % of sweeps, but for Monte-Carlo error: 400 sweeps, 5 replicates, no two of which share anything."""
    rng = np.random.default_rng(5)
    left_out = 0
    for _ in range(400):
        losses = 3 * rng.standard_normal((combinations, 5))
        tied = tied_with_best(losses, paired=False)
        assert tied is not None
        left_out += not tied.tied.all()
    assert left_out <= 0.05 * 400 + 3 * np.sqrt(0.05 * 0.95 * 400)
