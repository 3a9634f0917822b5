"""The test rows in blocks, and a replicate's mean loss of each: what a joint interval over seeds and rows is computed from.

The rows are dealt to the blocks at random, not in the stratified order, whose stretches would be more alike than random ones. The order
comes from the test rows and the data's digest alone, so every replicate of every combination has the same blocks.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regsweep_kit.seeds import permutation
from regsweep_kit.splits import Rows

LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class Blocks:
    digest: str
    """8 hex digits of the data's digest and the test rows: losses under different ones must not be compared."""
    positions: tuple[Rows, ...]
    """Per block, positions within the test part (whose rows are sorted): together each position once."""


def deal(data_digest: str, test_rows: Rows, most: int) -> Blocks | None:
    """The rows in min(rows, most) blocks, whose sizes differ by at most one; `None` where that is no block."""
    count = min(len(test_rows), most)
    if count < 1:
        return None
    digest = hashlib.sha256(f"regsweep-blocks\n{data_digest}\n".encode())
    digest.update(np.sort(test_rows).astype("<i8").tobytes())
    order = permutation(int.from_bytes(digest.digest()[8:16], "big") >> 1, len(test_rows))
    return Blocks(digest.hexdigest()[:8], tuple(np.array_split(order, count)))


def relative_losses(losses: NDArray[np.float64], blocks: Blocks) -> bytes | None:
    """Each block's mean loss divided by the mean of all (by 1 where that is 0), so that half precision keeps 3 digits in any unit.

    losses: shape (rows,), of the test part. Returns IEEE float16 numbers, little-endian, one per block;
    `None` where the mean is not finite.
    """
    mean = float(np.mean(losses))
    if not np.isfinite(mean):
        return None
    means = np.array([losses[rows].mean() for rows in blocks.positions]) / (mean or 1.0)
    return np.clip(means, -LARGEST, LARGEST).astype("<f2").tobytes()
