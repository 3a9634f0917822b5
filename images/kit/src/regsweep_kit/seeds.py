"""One seed per stream of randomness, from a hash of (seed base, replicate, stream).

Replicate k has the same seed for the same stream in every combination, whatever else the combination changes: that is what
pairs the comparisons. So no stream may depend on another one having been drawn from, and none on a global seed.
Stream `split` orders the rows; with folds it is taken by the repeat's number instead of the replicate's (see `resampling`).
A trainer names its other streams itself, such as init/<layer>, dropout/<layer> and shuffle/<epoch>.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def stream_seed(base: int, replicate: int, stream: str) -> int:
    """A seed from 0 to 2**31 - 1, which every random generator in use takes."""
    digest = hashlib.sha256(f"regsweep\n{base}\n{replicate}\n{stream}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 33


def permutation(seed: int, count: int) -> NDArray[np.int64]:
    """The numbers 0 to count - 1 in an order that the seed determines, on every machine and with every version of numpy
    (the raw output of PCG64 is fixed; numpy's own `permutation` is not)."""
    return stable_order(np.random.PCG64(seed).random_raw(count))


def stable_order(values: NDArray[Any]) -> NDArray[np.int64]:
    """`np.argsort(values, kind="stable")`, of numbers without NaN, in a fraction of its time: what NumPy sorts fastest is not stable."""
    order = np.argsort(values).astype(np.int64, copy=False)
    ordered = values[order]
    rises = ordered[1:] != ordered[:-1]
    if rises.all():
        return order
    count = len(order)  # equal values are put in order of their indexes by numbers below count squared
    numbers = order.copy()
    numbers[1:] += count * np.cumsum(rises)
    numbers.sort()
    numbers %= count
    return numbers
