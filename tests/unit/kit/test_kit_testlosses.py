"""Test losses by block: the same blocks for every replicate, random ones, and means that give the test loss again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep_kit.testlosses import deal, relative_losses

ROWS = np.arange(100, 200)


def decoded(text: bytes | None) -> np.ndarray:
    assert text is not None
    return np.frombuffer(text, "<f2").astype(float)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_every_test_row_is_in_one_block_and_no_block_is_larger_by_two(rows: int, most: int) -> None:
    blocks = deal("d", np.arange(rows), most)
    assert blocks is not None
    sizes = [len(positions) for positions in blocks.positions]
    assert len(sizes) == min(rows, most)
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)
    assert np.array_equal(np.sort(np.concatenate(blocks.positions)), np.arange(rows))


def test_blocks_depend_on_the_data_and_on_the_test_rows_alone() -> None:
    blocks, same = deal("d", ROWS, 10), deal("d", ROWS[::-1], 10)
    assert blocks is not None
    assert same is not None
    assert blocks.digest == same.digest
    assert all(np.array_equal(*pair) for pair in zip(blocks.positions, same.positions, strict=True))
    for other in (deal("e", ROWS, 10), deal("d", ROWS + 1, 10)):
        assert other is not None
        assert len(other.digest) == 8
        assert other.digest != blocks.digest
        assert not np.array_equal(other.positions[0], blocks.positions[0])


def test_blocks_are_what_they_always_were() -> None:
    """Else losses that are stored could not be compared with new ones under the same digest."""
    blocks = deal("d", ROWS[:10], 3)
    assert blocks is not None
    assert blocks.digest == GOLDEN_DIGEST
    assert [positions.tolist() for positions in blocks.positions] == GOLDEN_BLOCKS


def test_blocks_are_no_stretches_of_the_rows() -> None:
    """Rows of which every other one is of another class: a stretch always has half of each, random ones do not."""
    blocks = deal("d", np.arange(400), 40)
    assert blocks is not None
    shares = [float(np.mean(positions % 2)) for positions in blocks.positions]
    assert 0.08 < np.std(shares) < 0.25  # 0.16 without replacement, 0 when stratified


@pytest.mark.parametrize(("rows", "most"), [(0, 5), (5, 0)])
def test_without_rows_or_room_there_are_no_blocks(rows: int, most: int) -> None:
    assert deal("d", np.arange(rows), most) is None


losses = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=60)


@settings(deadline=None)
@given(losses, st.integers(1, 60), st.sampled_from([1e-30, 1.0, 1e30]))
def test_weighted_means_of_the_blocks_give_the_test_loss_in_any_unit(
    values: list[float], most: int, unit: float
) -> None:
    rows = np.array(values) * unit
    blocks = deal("d", np.arange(len(rows)), most)
    assert blocks is not None
    relative = decoded(relative_losses(rows, blocks))
    weights = [len(positions) for positions in blocks.positions]
    assert np.average(relative, weights=weights) == pytest.approx(1, rel=1e-3)
    for block, positions in zip(relative, blocks.positions, strict=True):
        assert block * rows.mean() == pytest.approx(rows[positions].mean(), rel=1e-3, abs=1e-7 * rows.mean())


def test_losses_of_zero_are_divided_by_one() -> None:
    blocks = deal("d", ROWS, 4)
    assert blocks is not None
    assert decoded(relative_losses(np.zeros(100), blocks)).tolist() == [0, 0, 0, 0]


def test_a_block_beyond_half_precision_is_its_largest_number() -> None:
    rows = np.zeros(100_000)
    rows[7] = 1.0
    blocks = deal("d", np.arange(100_000), 100_000)
    assert blocks is not None
    assert decoded(relative_losses(rows, blocks)).max() == 65504


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_losses_without_a_finite_mean_are_none(wrong: float) -> None:
    blocks = deal("d", ROWS, 4)
    assert blocks is not None
    assert relative_losses(np.append(np.zeros(99), wrong), blocks) is None


GOLDEN_DIGEST = "94aef334"
GOLDEN_BLOCKS = [[1, 4, 5, 3], [0, 8, 9], [7, 2, 6]]
