"""What can be said of the sweep as a whole, with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isclose, log

import numpy as np
from scipy.stats import t as student

from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.api.spec import Flags
from regsweep.core.grid import Combination
from regsweep.core.judging.stats.additive import Bools
from regsweep.core.judging.stats.moderation import Floats
from regsweep.core.results.records import Record

LARGE_GAP = 0.5
"""A gap that is more than this part of the validation loss: most of the loss is what did not carry over."""
LAST_TENTH = 0.9


class FindingType(StrEnum):
    """Kinds of findings."""

    ALL_OVERFIT = "AllOverfit"
    """In every combination most of the validation loss is gap."""
    NO_BETTER_THAN_PRIOR = "NoBetterThanPrior"
    """The best is no better than always predicting the labels' frequencies."""
    AT_GRID_EDGE = "AtGridEdge"
    """The best or the pick lies at an end of what was swept."""
    NOT_CONVERGED = "NotConverged"
    """The best was still getting better when training ended."""
    OBJECTIVE_SENSITIVE = "ObjectiveSensitive"
    """Judged at the best instead of the last epoch, other combinations are tied with the best."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about the sweep."""

    type: FindingType
    message: str


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
    return Finding(
        FindingType.ALL_OVERFIT,
        "In every combination more than half of the validation loss is gap to the training loss: all of them overfit. "
        "Sweep stronger regularisation or smaller networks, or train on more rows.",
    )


def no_better_than_prior(val_loss: float, prior_loss: float) -> Finding | None:
    """`prior_loss`: the labels' entropy in nats, which always predicting their frequencies reaches."""
    if val_loss < prior_loss:
        return None
    return Finding(
        FindingType.NO_BETTER_THAN_PRIOR,
        f"The best validation loss, {val_loss:.4g}, is no better than always predicting the labels' frequencies "
        f"({prior_loss:.4g}): nothing was learnt. Look at the learning rate, the epochs and the data.",
    )


def binary_entropy(label_means: Sequence[float]) -> float | None:
    """Mean entropy in nats of labels with these shares of the positive class; None where one is no share."""
    if not label_means or not all(0 < share < 1 for share in label_means):
        return None
    return sum(-share * log(share) - (1 - share) * log(1 - share) for share in label_means) / len(label_means)


def at_grid_edge(name: str, flags: Flags, combinations: Sequence[Combination]) -> tuple[Finding, ...]:
    """One finding for each flag of numbers with two or more values at whose end the combination lies.

    `name`: what to call it, such as "The best". An end at 0 among values that are never negative is no edge: there is
    nothing beyond it to sweep.
    """
    findings = []
    for flag, value in flags.items():
        swept = sorted({v for each in combinations if (v := _number(each.flags.get(flag))) is not None})
        number = _number(value)
        if number is None or len(swept) < 2:
            continue
        if number == swept[-1]:
            findings.append(_edge(name, flag, number, "largest", "larger", _beyond(swept)))
        elif number == swept[0] and number != 0:
            findings.append(_edge(name, flag, number, "smallest", "smaller", _beyond(swept[::-1])))
    return tuple(findings)


def not_converged(name: str, records: Sequence[Record]) -> Finding | None:
    """Whether in most of the combination's replicates the best epoch lies in the last tenth of those trained."""
    with_best = [record for record in records if record.best is not None and record.epochs > 1]
    late = [record for record in with_best if record.best and record.best.epoch > LAST_TENTH * record.epochs]
    if not with_best or len(late) * 2 <= len(with_best):
        return None
    return Finding(
        FindingType.NOT_CONVERGED,
        f"{name} was still getting better when training ended: in {len(late)} of {len(with_best)} replicates the best "
        "epoch is in the last tenth. Train for more epochs, or the comparison favours what learns fast.",
    )


def objective_sensitive(tied_at_last: Bools, tied_at_best: Bools) -> Finding | None:
    """Whether other combinations are tied with the best when runs are judged at their best epoch. (G,) each."""
    differ = int((tied_at_last != tied_at_best).sum())
    if differ == 0:
        return None
    return Finding(
        FindingType.OBJECTIVE_SENSITIVE,
        f"Whether runs are judged at the last or at the best epoch changes for {differ} combination{'' if differ == 1 else 's'} "
        f"whether {'it is' if differ == 1 else 'they are'} tied with the best: part of the ranking is about when training stops, "
        "not about regularisation.",
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _beyond(values: Sequence[float]) -> float:
    """The next value in the direction of the last: by the last ratio where values step by ratios, else by difference.

    Never through 0, nor from shares (all within 0 and 1) to 1 or above: halfway to it then.
    """
    last = values[-1]
    beyond = _step(values)
    if last > 0 and beyond <= 0:
        return last / 2
    if all(0 <= value < 1 for value in values) and beyond >= 1:
        return (last + 1) / 2
    return beyond


def _step(values: Sequence[float]) -> float:
    last, before = values[-1], values[-2]
    if len(values) > 2 and values[-3] * before * last > 0:
        geometric = isclose(last / before, before / values[-3], rel_tol=0.2)
        arithmetic = isclose(last - before, before - values[-3], rel_tol=1e-6)
        if geometric and not arithmetic:
            return last * last / before
    if before * last > 0 and (last / before >= 5 or before / last >= 5):
        return last * last / before
    return last + (last - before)


def _edge(name: str, flag: str, value: float, end: str, further: str, beyond: float) -> Finding:
    return Finding(
        FindingType.AT_GRID_EDGE,
        f"{name} has {flag}={value:g}, the {end} value swept: sweep {further} values too, such as {beyond:.3g}, "
        "before taking it for an optimum.",
    )
