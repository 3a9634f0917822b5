"""A mean over replicates and rows at once, and how well it is known: the two-way bootstrap.

Replicates (rows of the table) and blocks of test rows (its columns) are resampled independently, and each cell counts as
often as its replicate was drawn times as often as its block was: Owen, "The pigeonhole bootstrap", Annals of Applied
Statistics 1 (2007), 386-411. Its variance holds that of the replicates and that of the rows, and is slightly too large where
what is neither the replicate's nor the row's own is large.

Percentiles of few replicates are too narrow (5 replicates that differ much: 85 % instead of 95 %). So the interval is
stretched about the mean as Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69 (2015),
says: the (n - 1)/n that resampling loses is put back, for replicates and blocks, and Student's quantile stands in for the
normal one, with Satterthwaite's degrees of freedom. Checked by simulation, see docs/calibration.md.

Where a few blocks carry most of a loss, what is rare and costly may be missing among the rows, and such an interval is too
optimistic. With less than about 20 effective blocks (Kish, "Survey Sampling" (1965): (sum x)^2 / sum x^2) its upper end is
taken on the logarithm's scale, with that many blocks' degrees of freedom, and moved outwards by a part that simulation gave.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from regsweep.api.analysis import Interval
from regsweep.api.constants import CONFIDENCE_LEVEL
from regsweep.api.findings import SeedsAloneReason
from regsweep.core.judging.stats.intervals import given_data
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.results.records import TestLosses

RESAMPLES = 10_000
CELLS_AT_ONCE = 1_000_000
"""Counts that are drawn at a time: 8 MB."""
FEWEST_BLOCKS = 2
FEW_EFFECTIVE_BLOCKS = 20.0
"""Below it the loss is carried by few rows."""
OUTWARDS = 2.0
"""Divided by the effective blocks: the part of its distance by which the upper end is moved outwards."""
MOST_TIMES = 10.0
"""The upper end is no more than so many times the mean: beyond, nothing is known anyway."""


@dataclass(frozen=True, slots=True)
class TestScores:
    """One combination on the test rows."""

    __test__ = False  # pytest would take it for a test

    losses: Floats
    """(R,) test_average_loss of each replicate."""
    blocks: Floats | None
    """(R, B) mean losses of the rows' blocks, in the losses' unit; None where they cannot be had."""
    rows: frozenset[str]
    """Digests of the test rows."""
    why: SeedsAloneReason | None
    """Why there are no blocks; None where there are."""


def scores_of(replicates: Sequence[tuple[float, TestLosses | None]]) -> TestScores:
    """The replicates' test_average_loss, and their blocks where all of them have some, of the same rows."""
    losses = np.array([loss for loss, _ in replicates])
    rows = frozenset(test.rows for _, test in replicates if test is not None)
    decoded = [None if test is None else block_losses(loss, test) for loss, test in replicates]
    blocks = [each for each in decoded if each is not None]
    why = None
    if any(test is None for _, test in replicates):
        why = SeedsAloneReason.NO_BLOCKS
    elif len(blocks) < len(decoded):
        why = SeedsAloneReason.UNREADABLE_BLOCKS
    elif len(rows) > 1 or len({len(each) for each in blocks}) > 1:
        why = SeedsAloneReason.ROWS_DIFFER
    elif len(blocks[0]) < FEWEST_BLOCKS:
        why = SeedsAloneReason.ONE_BLOCK
    return TestScores(losses, None if why else np.array(blocks), rows, why)


def block_losses(loss: float, test: TestLosses) -> Floats | None:
    """(B,) mean loss of each block; None where they cannot be read.

    `loss`: the replicate's test_average_loss, which the blocks are multiples of. Half-precision rounds them, and blocks may
    differ in size by one row; so they are scaled to have `loss` as their mean.
    """
    try:
        multiples = np.frombuffer(base64.b64decode(test.losses, validate=True), dtype="<f2").astype(np.float64)
    except ValueError:  # no base64, or half of a number
        return None
    if len(multiples) == 0 or not np.isfinite(multiples).all():
        return None
    if loss == 0:
        return np.zeros(len(multiples))
    centre = float(multiples.mean())
    return np.asarray(loss * multiples / centre) if centre > 0 else None


def why_not_joint(scores: Sequence[TestScores]) -> SeedsAloneReason | None:
    """Why rows and seeds cannot be resampled together; None where they can. Of two: replicates in the same order."""
    for each in scores:
        if each.why is not None:
            return each.why
    if len(frozenset().union(*(each.rows for each in scores))) > 1:
        return SeedsAloneReason.PICKS_ROWS_DIFFER
    if len({None if each.blocks is None else each.blocks.shape for each in scores}) > 1:
        return SeedsAloneReason.PICKS_BLOCKS_DIFFER
    return None


def joint_interval(scores: Sequence[TestScores], resamples: int = RESAMPLES) -> Interval | None:
    """Over seeds and rows, of the first scores' mean, less the second's where there is one; `why_not_joint` must be None.

    None where all cells are equal: they do not tell how sure the mean is.
    """
    tables = [each.blocks for each in scores if each.blocks is not None]
    return two_way_interval(tables[0] if len(tables) == 1 else tables[0] - tables[1], resamples)


def seeds_interval(scores: Sequence[TestScores]) -> Interval | None:
    """Over seeds alone: Student's, of paired differences where there are two. None below 3 replicates, or where all are equal."""
    return given_data(scores[0].losses if len(scores) == 1 else scores[0].losses - scores[1].losses)


def effective_blocks(scores: Sequence[TestScores]) -> float | None:
    """As how many blocks alike those of a loss count; None of a difference, and where there is no loss."""
    blocks = scores[0].blocks
    if len(scores) > 1 or blocks is None:
        return None
    return _effective(blocks)


def _effective(table: Floats) -> float | None:
    means = table.mean(axis=0)
    return float(means.sum() ** 2 / (means**2).sum()) if means.any() and (means >= 0).all() else None


def two_way_interval(table: Floats, resamples: int = RESAMPLES) -> Interval | None:
    """The mean of (R, B) cells with its 95 % interval; at least 2 replicates and 2 blocks. The same table, the same interval."""
    found, effective = stretched_interval(table, resampled_means(table, resamples)), _effective(table)
    if found is None or effective is None or effective >= FEW_EFFECTIVE_BLOCKS:
        return found
    return _wider(found, table, effective)


def _wider(found: Interval, table: Floats, effective: float) -> Interval:
    """The interval of a loss that `effective` blocks carry."""
    df = _degrees_of_freedom(table, max(effective - 1, 1.0))
    t = float(student.ppf((1 + CONFIDENCE_LEVEL) / 2, df))
    distance = t * found.standard_error / found.mean * (1 + OUTWARDS / effective)
    return found.model_copy(update={"high": max(found.high, found.mean * min(exp(min(distance, 700)), MOST_TIMES))})


def stretched_interval(table: Floats, means: Floats) -> Interval | None:
    """The same from the table's resampled means, however few blocks carry it; None where all cells are equal.

    `standard_error` is the bootstrap's standard deviation with what resampling loses put back.
    """
    centre = float(table.mean())
    sizes, parts = np.array(table.shape, dtype=np.float64), _variances(table)
    spread = float(means.std(ddof=1))
    if spread == 0 or not parts.any():
        return None
    error = sqrt(spread**2 + float((parts / sizes).sum()))
    df = _degrees_of_freedom(table, table.shape[1] - 1.0)
    low, high = np.quantile(means, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2]).tolist()
    stretch = float(student.ppf((1 + CONFIDENCE_LEVEL) / 2, df) / norm.ppf((1 + CONFIDENCE_LEVEL) / 2)) * error / spread
    return Interval(
        mean=centre,
        standard_error=error,
        low=centre - stretch * max(centre - low, 0.0),
        high=centre + stretch * max(high - centre, 0.0),
    )


def _variances(table: Floats) -> Floats:
    """Of the mean, by replicates and by blocks."""
    of_mean = np.array([table.mean(axis=1).var(ddof=1), table.mean(axis=0).var(ddof=1)])
    return np.asarray(of_mean / np.array(table.shape))


def _degrees_of_freedom(table: Floats, of_blocks: float) -> float:
    """Satterthwaite's, where the blocks' variance has `of_blocks`."""
    parts = _variances(table)
    return float(parts.sum() ** 2 / (parts**2 / np.array([len(table) - 1.0, of_blocks])).sum())


def resampled_means(table: Floats, resamples: int) -> Floats:
    """(resamples,) means of the resampled table. The seed is the table's own digest: no randomness from outside."""
    replicates, blocks = table.shape
    digest = hashlib.sha256(np.ascontiguousarray(table, dtype="<f8").tobytes()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:16], "little"))
    at_once = max(1, CELLS_AT_ONCE // (replicates + blocks))
    means = []
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        of_replicates = rng.multinomial(replicates, np.full(replicates, 1 / replicates), size=size)
        of_blocks = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=size)
        means.append(((of_replicates @ table) * of_blocks).sum(axis=1) / table.size)
    return np.concatenate(means)
