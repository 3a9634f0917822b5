"""In words: what regularisation gains, what is practically the same, and what more replicates would show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from regsweep.api.analysis import Comparison, Interval
from regsweep.api.constants import CONFIDENCE_LEVEL, MOST_REPLICATES_NAMED
from regsweep.api.outlook import AccuracySummary, Planning, Reduction, ReplicatesNeeded
from regsweep.api.spec import EpochChoice
from regsweep.api.wording import plural
from regsweep.core.figures import coarse, percent, rough
from regsweep.core.judging.words.outcome import at_last_epoch

CHANCES: Final = "worse/same/better"
"""Header of a column of these probabilities."""
SMALLEST: Final = 0.01
"""Per cent below which an end of an interval is not written in figures."""
_NAMES: Final = {"val_average_loss": "validation loss", "overfit_gap": "the overfit gap"}
AT_BEST: Final = "with each run at its best epoch, which patient early stopping would keep,"


def planning_sentence(planning: Planning) -> str:
    """What more replicates would show, and what these could have shown."""
    parts = [] if planning.first_two is None else [_first_two(planning.first_two, planning.replicates)]
    parts.append(detectable_sentence(planning))
    if planning.minimum_difference is not None:
        parts.append(difference_sentence(planning.minimum_difference))
    return " ".join(parts)


def detectable_sentence(planning: Planning) -> str:
    """The difference that this many replicates show, of a combination that is as noisy as most that are tied."""
    return (
        f"With {plural(planning.replicates, 'replicate')}, 80 % of sweeps like this tell a combination of typical noise from the best if "
        f"it is worse by {coarse(planning.detectable)} (95 %: {coarse(planning.detectable_low)} to {coarse(planning.detectable_high)})."
    )


def difference_sentence(needed: ReplicatesNeeded) -> str:
    """How many replicates show a difference of a given size."""
    size = f"To show a difference of {rough(needed.difference)} takes"
    if needed.replicates is None:
        return f"{size} more than 1,000 replicates."
    most = "above 1,000" if needed.high is None else coarse(needed.high)
    return f"{size} about {coarse(needed.replicates)} replicates in all (95 %: {coarse(needed.low)} to {most})."


def _first_two(needed: ReplicatesNeeded, now: int) -> str:
    least = coarse(needed.low - now)
    open_end = f"at least {least} more (95 %), and no number if they are equal"
    if needed.difference <= 0:
        return f"By the replicates in common the first two do not differ: to tell them apart takes {open_end}."
    tell = "would tell the first two apart in 80 % of sweeps like this"
    seen = f"if they differ by {coarse(needed.difference)}, as they seem to"
    if needed.replicates is None:
        may_be_more = f"; {open_end}" if needed.low < MOST_REPLICATES_NAMED else ""
        return f"Not even {MOST_REPLICATES_NAMED:,} replicates {tell}, {seen}{may_be_more}."
    more = needed.replicates - now
    text = f"About {coarse(more)} more replicate{'' if more == 1 else 's'} {tell}, {seen}"
    if needed.high is None:
        return f"{text}; {open_end}."
    return f"{text} (95 %: {least} to {coarse(needed.high - now)})."


def equivalence_sentence(comparisons: Sequence[Comparison], minimum_difference: float) -> str:
    """What the probabilities beside the best are, and how many are clear; empty where none is known."""
    known = [each.beside_best for each in comparisons if each.beside_best is not None]
    if not known:
        return ""
    same = sum(each.equivalent >= CONFIDENCE_LEVEL for each in known)
    worse = sum(each.worse >= CONFIDENCE_LEVEL for each in known)
    return (
        f"{CHANCES}: how probable it is, in %, that a combination is worse than the best on new data, practically the same (within "
        f"{rough(minimum_difference)}) or better. Of {plural(len(known), 'other')}, {_are(same)} practically the same and "
        f"{_are(worse)} worse, each with 95 % or more."
    )


def _are(count: int) -> str:
    return "none is" if count == 0 else f"{count} {'is' if count == 1 else 'are'}"


def reductions_phrase(reductions: Sequence[Reduction], epoch: EpochChoice = EpochChoice.LAST) -> str:
    """What the best cuts, with 95 % intervals, such as `cuts validation loss by 48 % (95 %: 16 to 79)`; empty for nothing.

    `epoch`: at which the ranking reads the objective; what is cut there comes first.
    """
    last, best = ([each for each in reductions if each.epoch is at] for at in (EpochChoice.LAST, EpochChoice.BEST))
    if epoch is EpochChoice.BEST and best:
        text = f"{_cuts(best, level='95 %: ')} with each run at its best epoch"
        return f"{text}; at the last epoch it {_cuts(last)}" if last else text
    if not last:
        return ""
    text = _cuts(last, level="95 %: ")
    return f"{text}; {AT_BEST} it {_cuts(best)}" if best else text


def _cuts(reductions: Sequence[Reduction], level: str = "") -> str:
    """Those of one epoch; a verb is not said twice."""
    text = f"{_verb(reductions[0])} {_reduction(reductions[0], level)}"
    for before, each in pairwise(reductions):
        text += f" and {'' if _verb(each) == _verb(before) else f'{_verb(each)} '}{_reduction(each)}"
    return text


def _verb(found: Reduction) -> str:
    return "cuts" if found.share >= 0 else "raises"


def _reduction(found: Reduction, level: str = "") -> str:
    low, high = (found.low, found.high) if found.share >= 0 else (-found.high, -found.low)
    name = _NAMES.get(found.metric, found.metric)
    return f"{name} by {percent(abs(found.share))} ({level}{_whole(low)} to {_whole(high)})"


def _whole(share: float) -> str:
    """A share as a whole number of per cent; one that would read as 0 keeps its sign."""
    value = share * 100
    if round(value) or not value:
        return f"{round(value):,}"
    return f"{value:.1g}" if abs(value) >= SMALLEST else f"just {'above' if value > 0 else 'below'} 0"


def accuracy_sentence(
    tied: int, combinations: int, accuracy: AccuracySummary | None, epoch: EpochChoice = EpochChoice.LAST
) -> str:
    """How many are tied with the best by accuracy, between which values, and what guessing would reach. `epoch`: the objective's."""
    text = f"Judged by val_accuracy{at_last_epoch(epoch)}, {tied} of {combinations} combinations cannot be told from the most accurate"
    if accuracy is None:
        return f"{text}."
    low, high = rough(accuracy.low), rough(accuracy.high)
    text += f" ({low})" if low == high else f" ({low} to {high})"
    guess = (
        "" if accuracy.baseline is None else f"; always guessing the most frequent class has {rough(accuracy.baseline)}"
    )
    return f"{text}{guess}."


def baseline_sentence(accuracy: AccuracySummary | None) -> str:
    """What guessing reaches, beside a table of accuracies; empty where it is not known."""
    if accuracy is None or accuracy.baseline is None:
        return ""
    return f"Always guessing the most frequent class has val_accuracy {rough(accuracy.baseline)}."


def r_squared_sentence(found: Interval, epoch: EpochChoice = EpochChoice.LAST) -> str:
    """R squared of the best, beside what predicting the mean reaches. `epoch`: the objective's."""
    return (
        f"R squared of the best on validation rows{at_last_epoch(epoch)}: {rough(found.mean)} (95 %: {rough(found.low)} to "
        f"{rough(found.high)}); always predicting the mean has 0."
    )
