"""What the results show beyond the ranking: overfitting throughout, nothing learnt, training cut short, a choice of epochs that decides.

Each is tested at one-sided 5 %, divided by the number of tests that it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log, sqrt

import numpy as np
from pydantic import JsonValue
from scipy.special import stdtrit

from regsweep.api.analysis import Effects
from regsweep.api.canonical import canonical_json
from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.api.findings import Finding, FindingType, GridEnd, Subject
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.blocks import mean
from regsweep.core.judging.stats.edges import number
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.judging.stats.ranking import finite
from regsweep.core.judging.stats.rotations import largest_mean_is_positive
from regsweep.core.judging.stats.ties import TiedSet
from regsweep.core.results.records import LATE_GAIN, Record

LARGE_GAP = 0.5
"""A gap that is more than this part of the validation loss: most of the loss is what did not carry over."""
LAST_TENTH = 0.9
SMALL_GAIN = 0.01
"""Part of the best value below which a gain is too small to matter, where nobody has said what is."""
EARLY_STOPPING = "early_stopping"
SHARES_OF_ROWS = frozenset({"accuracy", "binary_accuracy", "categorical_accuracy", "precision", "recall"})
"""Metrics that move in steps of a row or more."""
MOST_PATTERNS = 64
"""Patterns of missing replicates that are looked at, the most frequent ones."""
A_ROW_AND_MORE = 1.001
"""Rows: above it a gain is more than one row, however it was rounded."""


def all_overfit(train: Floats, val: Floats) -> Finding | None:
    """Whether the gap's lower bound is above half of the validation loss in every combination. (G, n) each.

    A loss that is not above 0, as of densities, is no whole that a gap could be half of."""
    gaps = val - train
    counts = np.isfinite(gaps).sum(axis=1)
    rows = counts >= MIN_REPLICATES_FOR_ERROR
    if not rows.any():
        return None
    mean = np.nanmean(gaps[rows], axis=1)
    margin = stdtrit(counts[rows] - 1, CONFIDENCE_LEVEL) * np.nanstd(gaps[rows], axis=1, ddof=1) / np.sqrt(counts[rows])
    loss = np.nanmean(val[rows], axis=1)
    if not ((loss > 0) & (mean - margin > LARGE_GAP * loss)).all():
        return None
    return Finding(type=FindingType.ALL_OVERFIT)


def no_better_than_prior(best: int, prior_loss: float, gains: Sequence[Floats], ratio: float) -> Finding | None:
    """Whether nothing shows that anything was learnt by any combination; None where something does, or nothing can be tested.

    `best`: row of the best. `prior_loss`: the labels' entropy in nats, which always predicting their frequencies reaches. `gains`:
    (G, n) each, metrics less what a constant prediction reaches; the first is that of the loss. Each is tested over all
    combinations at once (see `rotations`), by replicates that they have in common, at 5 % divided by the number of metrics. `ratio`:
    n_val / n_train, since other data count here (Nadeau & Bengio 2003); 0 where it is not known.
    """
    known = [block for block in map(_whole_block, gains) if block is not None]
    if not known or not np.isfinite(gains[0][best]).any():
        return None
    if any(largest_mean_is_positive(gain, (1 - CONFIDENCE_LEVEL) / len(known), ratio) for gain in known):
        return None
    return Finding(
        type=FindingType.NO_BETTER_THAN_PRIOR,
        subject=Subject.BEST,
        loss=prior_loss - float(np.nanmean(gains[0][best])),
        prior_loss=prior_loss,
    )


def _whole_block(values: Floats) -> Floats | None:
    """Rows and replicates without a missing cell; None where no row has 3 replicates. `values`: (G, n), NaN for a missing one.

    A race that ends early has trained no row to the end, and where replicates fail at random no row may have all. Of the replicates that
    some row has, those are taken that bring most cells times replicates: few replicates show little. Which cells are missing decides,
    never their values: a choice by these would find luck.
    """
    there = np.isfinite(values)
    patterns, counts = np.unique(there, axis=0, return_counts=True)
    patterns = patterns[np.argsort(-counts, kind="stable")[:MOST_PATTERNS]]
    patterns = patterns[patterns.sum(axis=1) >= MIN_REPLICATES_FOR_ERROR]
    if not len(patterns):
        return None
    have_all = patterns.astype(np.intp) @ ~there.T == 0
    taken = int((have_all.sum(axis=1) * patterns.sum(axis=1) ** 2).argmax())
    return np.asarray(values[have_all[taken]][:, patterns[taken]])


def _surely_positive(values: Floats, tests: int) -> bool:
    """Whether the mean is surely above 0; one of so many tests. `values`: (n,), NaN for a missing one."""
    values = values[np.isfinite(values)]
    n = len(values)
    if n < MIN_REPLICATES_FOR_ERROR:
        return False
    error = float(values.std(ddof=1)) / sqrt(n)
    return bool(values.mean() > stdtrit(n - 1, 1 - (1 - CONFIDENCE_LEVEL) / tests) * error)


def binary_entropy(label_means: Sequence[float]) -> float | None:
    """Mean entropy in nats of labels with these shares of the positive class; None where one is no share."""
    if not label_means or not all(0 < share < 1 for share in label_means):
        return None
    return sum(-share * log(share) - (1 - share) * log(1 - share) for share in label_means) / len(label_means)


def not_converged(
    subject: Subject,
    records: Sequence[Record],
    trained_with: Mapping[str, JsonValue],
    objective: str,
    minimum_difference: float | None = None,
) -> Finding | None:
    """Whether in most of the combination's replicates the best epoch lies in the last tenth of those trained, and that matters.

    On a plateau the best epoch is anywhere: then that happens in 3 % of sweeps at most. Nothing is said where training stops early
    by itself, known by the flag or parameter (`trained_with`) or by replicates that end at different epochs: when the best comes
    is then the patience's doing. Nor where the trainer says how much the last tenth brought, and that is on average less than
    `minimum_difference` of the metric `objective`; where the best epochs are those of another metric, or none is named, less than
    `SMALL_GAIN` of the best value. Nor where it is a share of rows, and the gain no more than one of them.
    """
    with_best = [record for record in records if record.best is not None and record.epochs > 1]
    late = [record for record in with_best if _is_late(record)]
    stops_early = bool(trained_with.get(EARLY_STOPPING)) or len({record.epochs for record in with_best}) > 1
    if stops_early or not with_best or len(late) * 2 <= len(with_best):
        return None
    gain, level = _mean_gain(with_best), _mean_size(with_best)
    is_of_objective = {each.best.rule.metric for each in with_best if each.best and each.best.rule} == {objective}
    least = minimum_difference if minimum_difference is not None and is_of_objective else SMALL_GAIN * level
    if gain is not None and (gain < least or gain <= A_ROW_AND_MORE * _a_row(with_best)):
        return None
    return Finding(
        type=FindingType.NOT_CONVERGED,
        subject=subject,
        count=len(late),
        of=len(with_best),
        gain=gain,
        gain_share=None if gain is None or not level else finite(gain / level),
    )


def _is_late(record: Record) -> bool:
    """Whether its best epoch lies in the last tenth of those trained."""
    return record.best is not None and record.best.epoch > LAST_TENTH * record.epochs


def _mean_gain(records: Sequence[Record]) -> float | None:
    """By how much the last tenth of the epochs made them better on average; None where that is not known of one."""
    gains = [finite(record.metrics.get(LATE_GAIN)) if _is_late(record) else 0.0 for record in records]
    known = [max(gain, 0.0) for gain in gains if gain is not None]
    return mean(known) if len(known) == len(gains) else None


def _a_row(records: Sequence[Record]) -> float:
    """How much of the metric that chose the best epochs one row is; 0 where it is no share of rows, or their number is not known.

    The rows that choose epochs may be others than those that are ranked by; there are as many, as the reference trainer splits them.
    """
    rules = {each.best.rule.metric for each in records if each.best and each.best.rule}
    rows = [each.environment.val_rows for each in records if each.environment.val_rows]
    return 1 / min(rows) if rows and rules and all(name.partition("_")[2] in SHARES_OF_ROWS for name in rules) else 0.0


def _mean_size(records: Sequence[Record]) -> float:
    """The mean size of the values at their best epochs; 0 where none is known."""
    sizes = [abs(value) for each in records if each.best and (value := finite(each.best.val)) is not None]
    return mean(sizes) if sizes else 0.0


def objective_sensitive(here: Floats, there: Floats, tied_here: TiedSet, tied_there: TiedSet) -> Finding | None:
    """Whether at the other choice of epochs other combinations are tied with the best, by more than chance.

    `here`, `there`: (G, n) losses at the two choices. A combination counts that is tied at one of them and not at the other, and
    whose distance to the best is surely larger at the other.
    """
    count = 0
    for one, other, tied, elsewhere in ((here, there, tied_here, tied_there), (there, here, tied_there, tied_here)):
        for row in np.flatnonzero(tied.tied & elsewhere.comparable & ~elsewhere.tied).tolist():
            grown = (other[row] - other[elsewhere.best]) - (one[row] - one[elsewhere.best])
            count += _surely_positive(grown, 2 * len(here))
    return Finding(type=FindingType.OBJECTIVE_SENSITIVE, count=count, of=len(here)) if count else None


def matters(flag: str, effects: Effects | None) -> bool:
    """Whether the flag, by itself or together with another one, accounts for more than chance."""
    shares = effects.shares if effects is not None else []
    return any(
        flag in each.flags and each.p_value is not None and each.p_value <= 1 - CONFIDENCE_LEVEL for each in shares
    )


def better_than_neighbour(
    flag: str, end: GridEnd, combinations: Sequence[Combination], losses: Floats, near: Bools
) -> bool:
    """Whether the flag's value at that end of the values swept is surely better than the next one: of all combinations that differ in
    this flag alone, and of those that may be the best (`near`, (G,)). What a flag does where nobody would stay says nothing of the optimum.

    `losses`: (G, n). It is asked of the mean of the differences in each replicate.
    """
    values = sorted({v for each in combinations if (v := number(each.flags.get(flag))) is not None})
    if len(values) < 2:
        return False
    edge, neighbour = (values[-1], values[-2]) if end is GridEnd.LARGEST else (values[0], values[1])
    rows: dict[str, dict[float, int]] = {}
    for row, each in enumerate(combinations):
        value = number(each.flags.get(flag))
        if value in (edge, neighbour):
            others = canonical_json({name: other for name, other in each.flags.items() if name != flag})
            rows.setdefault(others, {})[value] = row
    pairs = [(both[neighbour], both[edge]) for both in rows.values() if len(both) == 2]
    if not pairs:
        return False
    gains = np.array([losses[worse] - losses[better] for worse, better in pairs])
    ends = near[[better for _, better in pairs]]
    return bool(ends.any()) and all(_mean_is_surely_positive(each) for each in (gains, gains[ends]))


def _mean_is_surely_positive(gains: Floats) -> bool:
    """Of the mean over the rows of (k, n) differences, in the replicates that all of them have."""
    whole = np.isfinite(gains).all(axis=0)
    return _surely_positive(gains[:, whole].mean(axis=0), 1)
