"""What the results show beyond the ranking: overfitting throughout, nothing learnt, training cut short, a choice of epochs that decides."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
from scipy.stats import t as student

from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.api.findings import Finding, FindingType, Subject
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.results.records import Record

LARGE_GAP = 0.5
"""A gap that is more than this part of the validation loss: most of the loss is what did not carry over."""
LAST_TENTH = 0.9


def all_overfit(train: Floats, val: Floats) -> Finding | None:
    """Whether the gap's lower bound is above half of the validation loss in every combination. (G, n) each."""
    gaps = val - train
    counts = np.isfinite(gaps).sum(axis=1)
    rows = counts >= MIN_REPLICATES_FOR_ERROR
    if not rows.any():
        return None
    mean = np.nanmean(gaps[rows], axis=1)
    margin = (
        student.ppf(CONFIDENCE_LEVEL, counts[rows] - 1) * np.nanstd(gaps[rows], axis=1, ddof=1) / np.sqrt(counts[rows])
    )
    if not (mean - margin > LARGE_GAP * np.abs(np.nanmean(val[rows], axis=1))).all():
        return None
    return Finding(type=FindingType.ALL_OVERFIT)


def no_better_than_prior(val_loss: float, prior_loss: float) -> Finding | None:
    """Whether the best has learnt nothing. `prior_loss`: the labels' entropy in nats, which always predicting their
    frequencies reaches."""
    if val_loss < prior_loss:
        return None
    return Finding(type=FindingType.NO_BETTER_THAN_PRIOR, subject=Subject.BEST, loss=val_loss, prior_loss=prior_loss)


def binary_entropy(label_means: Sequence[float]) -> float | None:
    """Mean entropy in nats of labels with these shares of the positive class; None where one is no share."""
    if not label_means or not all(0 < share < 1 for share in label_means):
        return None
    return sum(-share * log(share) - (1 - share) * log(1 - share) for share in label_means) / len(label_means)


def not_converged(subject: Subject, records: Sequence[Record]) -> Finding | None:
    """Whether in most of the combination's replicates the best epoch lies in the last tenth of those trained."""
    with_best = [record for record in records if record.best is not None and record.epochs > 1]
    late = [record for record in with_best if record.best and record.best.epoch > LAST_TENTH * record.epochs]
    if not with_best or len(late) * 2 <= len(with_best):
        return None
    return Finding(type=FindingType.NOT_CONVERGED, subject=subject, count=len(late), of=len(with_best))


def objective_sensitive(tied_at_last: Bools, tied_at_best: Bools) -> Finding | None:
    """Whether other combinations are tied with the best when runs are judged at their best epoch. (G,) each."""
    differ = int((tied_at_last != tied_at_best).sum())
    return Finding(type=FindingType.OBJECTIVE_SENSITIVE, count=differ, of=len(tied_at_last)) if differ else None
