"""What a sweep came to, in words: ties, other data, bias and variance, the race, luck in the choice, the test rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from regsweep.api.analysis import (
    FinalEvaluation,
    FinalResult,
    Interval,
    NestedResult,
    PickRole,
    RaceReason,
    RaceStatus,
    ReferenceComparison,
    Spread,
)
from regsweep.api.constants import MIN_REPLICATES_FOR_ERROR
from regsweep.api.objective import metric_bounds
from regsweep.api.spec import EpochChoice, Goal
from regsweep.api.status import RefinementStatus
from regsweep.api.wording import plural
from regsweep.core.figures import percent, rough

TIE: Final = "="
TIE_LEGEND: Final = (
    f"{TIE}  cannot be told from the best with these data (95 % confidence set; it does not say that they are equal)"
)
ALONE: Final = (
    "The best stands alone: every other combination can be told from it with these data (95 % confidence set)."
)
ALONE_AMONG_COMPARED: Final = (
    "The best stands alone: every other combination that is compared with it can be told from it with these data (95 % "
    "confidence set)."
)
TOO_FEW: Final = f"{MIN_REPLICATES_FOR_ERROR} replicates or more are needed for ties with the best, and for why a combination is worse."
STALE: Final = "This final evaluation is of what the sweep was before it changed."
STILL_IMPROVING: Final = (
    "The reference was still getting better when its training ended: give it more `epochs` among its flags."
)
TEST_LOSS: Final = "test_average_loss"
TEST_ACCURACY: Final = "test_accuracy"
TEST_R_SQUARED: Final = "test_r2"

_RACE: Final = {
    RaceReason.RACING: "The race goes on",
    RaceReason.WON: "The race was won by one combination",
    RaceReason.EQUIVALENT: "The race ended when all that were left lay within minimumDifference",
    RaceReason.BUDGET_SPENT: "The race ended when all that were left had the most replicates",
}
_ROLES: Final = {PickRole.BEST: "the best", PickRole.ONE_STANDARD_ERROR: "the pick"}


def at_best_epoch(epoch: EpochChoice) -> str:
    """What is said behind a metric that is read at its best epoch; empty where it is read at the last."""
    return " at its best epoch" if epoch is EpochChoice.BEST else ""


def at_last_epoch(epoch: EpochChoice) -> str:
    """What is said behind a metric that is read at the last epoch, where the objective is not; else empty. `epoch`: the objective's."""
    return " at the last epoch" if epoch is EpochChoice.BEST else ""


def other_data_sentence(
    metric: str,
    level: Interval,
    difference: Interval | None,
    luck: str = "",
    epoch: EpochChoice = EpochChoice.LAST,
) -> str:
    """How well the best's mean, and the pick beside it, is known for other data. `difference`: pick minus best, positive is worse.

    `luck`: as `luck_allowed` or `contenders_allowed`, where the level allows for it. `metric`, `epoch`: the objective's.
    """
    what = f"{metric}{at_best_epoch(epoch)}"
    text = f"For other data of this kind and size expect the best's {what} on average {between(level, metric)}{luck}"
    if difference is None:
        return f"{text}."
    low, high = difference.low, difference.high
    if low >= 0:
        return f"{text}; the pick is worse by {rough(low)} to {rough(high)}."
    if high <= 0:
        return f"{text}; the pick is better by {rough(-high)} to {rough(-low)}."
    return f"{text}; the pick may be worse by up to {rough(high)} or better by up to {rough(-low)}."


def luck_allowed(optimism: float) -> str:
    """What the worse end of an interval allows for, as part of a sentence."""
    return f", of which {rough(optimism)} at the worse end is for the luck of having been chosen by these same numbers"


def contenders_allowed(contenders: int) -> str:
    """What the worse end of an interval allows for on a refined page, as part of a sentence; empty for one alone."""
    if contenders < 2:
        return ""
    return f", with room at the worse end for having been chosen among {contenders} contenders by these same numbers"


def between(interval: Interval, metric: str = "") -> str:
    """The ends of an interval, as part of a sentence; an end that was cut at a bound of the metric is not named."""
    rest = "(95 %, approximate)" if interval.approximate else "(95 %)"
    least, most = metric_bounds(metric)
    if interval.cut and interval.low <= least:
        end = "anywhere within what it can be" if interval.high >= most else f"up to {rough(interval.high)}"
        return f"{end} {rest}"
    if interval.cut and interval.high >= most:
        return f"at least {rough(interval.low)} {rest}"
    return f"between {rough(interval.low)} and {rough(interval.high)} {rest}"


def spread_sentence(best: Spread, plain: Spread | None, epoch: EpochChoice = EpochChoice.LAST) -> str:
    """How much of the squared error is that replicates differ, for the best and without regularisation (`plain`). `epoch`: the
    objective's; predictions are those at the end of training."""
    text = (
        f"On rows that replicates had not seen{_at_end(epoch)}, {rough(best.variance)} of the best's squared error of "
        f"{rough(best.squared_error)} is that replicates predict differently"
    )
    if plain is not None:
        text += f"; without regularisation {rough(plain.variance)} of {rough(plain.squared_error)}"
    return f"{text}. The rest is bias and the labels' own noise."


def race_sentence(race: RaceStatus) -> str:
    """Why the race goes on or ended, and what it saved."""
    share = percent(race.trained / race.full_grid) if race.full_grid else "0 %"
    return (
        f"{_RACE[race.reason]}: {plural(race.dropped, 'combination')} dropped, {race.racing} left, {race.trained} of the "
        f"{race.full_grid} trainings of a full grid ({share})."
    )


def reference_sentence(found: ReferenceComparison, metric: str, epoch: EpochChoice = EpochChoice.LAST) -> str:
    """How the best, and the pick, do beside a reference. `metric`, `epoch`: the objective's."""
    if found.is_best:
        return f"Reference {found.name} is the best combination itself."
    if found.constant_difference is not None:
        return _constantly_beside(found.name, found.constant_difference)
    if found.difference is None:
        return (
            f"Reference {found.name} cannot be compared with the best: a replicate diverged, or fewer than "
            f"{MIN_REPLICATES_FOR_ERROR} are in common."
        )
    text = (
        f"Beside reference {found.name}, by {metric}{at_best_epoch(epoch)} (95 %): the best {_beside(found.difference)}"
    )
    text += f"; the pick {_beside(found.pick_difference)}." if found.pick_difference is not None else "."
    return f"{text} {STILL_IMPROVING}" if found.still_improving else text


def _constantly_beside(name: str, difference: float) -> str:
    """`difference`: reference minus best in each replicate."""
    if difference == 0:
        return f"Reference {name} has the same value as the best in every replicate."
    word = "better" if difference > 0 else "worse"
    return f"The best is {word} than reference {name} by {rough(abs(difference))} in every replicate: that does not tell how sure it is."


def _beside(difference: Interval) -> str:
    """`difference`: reference minus combination, positive if the reference is worse."""
    low, high = difference.low, difference.high
    if low > 0:
        return f"is better by {rough(low)} to {rough(high)}"
    if high < 0:
        return f"is worse by {rough(-high)} to {rough(-low)}"
    return f"cannot be told from it (from {rough(-low)} worse to {rough(high)} better)"


def refinement_sentence(refinement: RefinementStatus, replicates: int) -> str:
    """What refinement has added, and what the claims rest on. `replicates`: of each combination, before and after."""
    added = sum(len(one.added) for one in refinement.rounds)
    text = f"Refinement added {plural(added, 'combination')} in {plural(len(refinement.rounds), 'round')}"
    if refinement.contenders is None:
        return f"{text}, so far."
    stale = " It is of what the sweep was before it changed." if refinement.stale else ""
    return (
        f"{text}; best, ties and pick rest on {plural(replicates, 'new replicate')} of the "
        f"{plural(len(refinement.contenders), 'combination')} tied by then, by which none was added or left out.{stale}"
    )


def optimism_sentence(metric: str, goal: Goal, mean: float, corrected: float) -> str:
    """By how much luck flatters the best, whose `mean` of the objective without it is `corrected`."""
    worse = "higher" if goal is Goal.MINIMIZE else "lower"
    return (
        f"The best was chosen by these same numbers, so luck flatters it: expect {metric} near {rough(corrected)} or {worse}, "
        f"not {rough(mean)}."
    )


def final_sentences(final: FinalEvaluation, metric: str, epoch: EpochChoice = EpochChoice.LAST) -> Iterator[str]:
    """What rows that nothing was chosen by say of the picks. `metric`, `epoch`: the objective's; test rows are scored at the end."""
    of_test = f"test_{metric.partition('_')[2]}"
    at_end = _at_end(epoch)
    if final.nested:
        yield from (_nested_sentence(result, of_test, at_end) for result in final.nested)
        if final.difference is not None:
            ends = between(final.difference)
            yield f"Loss of choosing the pick minus that of choosing the best, over folds: {ends}: {_verdict(final.difference)}."
        return
    picks = "; ".join(_final_result(result, of_test) for result in final.results)
    yield f"On the test rows, which nothing was chosen by{at_end}: {picks}."
    if final.difference is not None:
        ends = between(final.difference)
        yield f"Loss of the pick minus that of the best, over seeds and rows: {ends}: {_verdict(final.difference)}."


def _at_end(epoch: EpochChoice) -> str:
    """What is said of predictions where the objective is read at another epoch; else empty."""
    return ", with the weights at the end of training" if epoch is EpochChoice.BEST else ""


def _nested_sentence(result: NestedResult, metric: str, at_end: str) -> str:
    """How well a way of choosing does on rows that the choice did not see."""
    who = f"what is chosen as {_ROLES[result.role]}"
    if result.diverged:
        return f"Nested resampling: {who} diverged in {plural(result.diverged, 'training')}."
    figures = ", ".join(_figures_of(result.loss, result.metrics, metric)) or "no result"
    chosen = plural(result.combinations, "different combination" if result.combinations > 1 else "combination")
    return (
        f"Nested resampling in {plural(result.folds, 'outer fold')}: on rows that the choice did not see{at_end}, {who} has {figures}; "
        f"the folds chose {chosen}."
    )


def _verdict(difference: Interval) -> str:
    if difference.low <= 0 <= difference.high:
        return "cannot be told apart"
    return "the pick is worse" if difference.low > 0 else "the pick is better"


def _final_result(result: FinalResult, metric: str) -> str:
    who = " and ".join(_ROLES[role] for role in result.roles)
    if result.diverged:
        return f"{who} ({result.label}) diverged in {result.diverged} of {plural(result.replicates, 'training')}"
    parts = _figures_of(result.loss, result.metrics, metric)
    return f"{who} ({result.label}): {', '.join(parts) or 'no result'}"


def _figures_of(loss: Interval | None, metrics: Mapping[str, float], metric: str) -> list[str]:
    """The loss with its interval, then the objective's test metric, the accuracy and R squared."""
    parts = []
    if loss is not None:
        parts.append(f"loss {rough(loss.mean)}, {between(loss, TEST_LOSS)}")
    elif TEST_LOSS in metrics:
        parts.append(f"loss {rough(metrics[TEST_LOSS])}")
    return parts + [
        f"{_name(name)} {rough(metrics[name])}{_guessing(name, metrics)}"
        for name in dict.fromkeys((metric, TEST_ACCURACY, TEST_R_SQUARED))
        if name != TEST_LOSS and name in metrics
    ]


def _name(metric: str) -> str:
    return "R squared" if metric == TEST_R_SQUARED else metric.removeprefix("test_").replace("_", " ")


def _guessing(metric: str, metrics: Mapping[str, float]) -> str:
    """What always guessing the most frequent class reaches, beside an accuracy; empty where it is not known."""
    if metric != TEST_ACCURACY:
        return ""
    share = metrics.get("test_label_mean")
    baseline = metrics.get("test_accuracy_baseline", None if share is None else max(share, 1 - share))
    return "" if baseline is None else f" (guessing: {rough(baseline)})"
