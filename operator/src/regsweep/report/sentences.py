"""The sentences below the table that come from the analysis: ties, what matters, what to know and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regsweep.api.analysis import Analysis, EffectsView, Interval, RaceReason, RaceView, Share
from regsweep.api.conditions import ConditionType
from regsweep.api.spec import Goal
from regsweep.core.judging.analysis import MISSING_NOTE
from regsweep.report.model import SweepReport
from regsweep.report.notes import unregularized
from regsweep.report.numbers import percent, plural, short

TIE = "="
TIE_LEGEND = (
    f"{TIE}  cannot be told from the best with these data (95 % confidence set; it does not say that they are equal)"
)
ALONE = "The best stands alone: every other combination can be told from it with these data (95 % confidence set)."
TOO_FEW = "3 replicates or more are needed for ties with the best, and for why a combination is worse."
MOST_SHARES = 4
"""Flags and pairs that the sentence names, the largest first."""
CHANCE = 0.05
"""P value above which a share is no more than chance brings."""
CLEAR_OPTIMISM = 0.25
"""Part of the best's standard error below which the optimism is not worth a sentence."""
ACCURACY = "val_accuracy"
BEST, PICK = "The best has ", "The one-standard-error pick has "
"""How findings about the one and the other begin."""
QUIET_NOTES = ("No bias and variance", "The numbers of training and validation rows", "Fewer than 3 replicates")
"""Notes for those who read the analysis itself: they tell what is not given, and nothing below the table rests on it."""


def ties_line(results: SweepReport) -> str:
    """What `=` means, that nothing is tied, or what ties would take; empty where there is nothing to compare."""
    analysis = results.analysis
    if analysis is None or sum(r.objective is not None for r in results.ranking) < 2:
        return ""
    if MISSING_NOTE in analysis.notes:
        return ""  # it is said in the note
    if not analysis.tied_with_best:
        return TOO_FEW if results.replicates < 3 or results.holds(ConditionType.COMPLETE) else ""
    if len(analysis.tied_with_best) > 1:
        return TIE_LEGEND
    others = analysis.comparisons[1:]
    return ALONE if others and all(verdict.comparable for verdict in others) else ""


def told(results: SweepReport) -> Iterator[str]:
    """What matters, what is found, and what to bear in mind; nothing before the sweep is complete."""
    analysis = results.analysis
    if analysis is None or not results.holds(ConditionType.COMPLETE):
        return
    if line := new_data(results, analysis):
        yield line
    if analysis.effects is not None and (line := what_matters(analysis.effects)):
        yield line
    if line := _spread(results, analysis):
        yield line
    if analysis.race is not None:
        yield _race(analysis.race)
    yield from _findings(analysis)
    if analysis.tied_by_accuracy is not None and set(analysis.tied_by_accuracy) != set(analysis.tied_with_best):
        tied, all_of_them = len(analysis.tied_by_accuracy), len(analysis.comparisons)
        yield f"Judged by {ACCURACY}, {tied} of {all_of_them} combinations cannot be told from the best."
    if line := _optimism(results, analysis):
        yield line
    yield from (note for note in analysis.notes if not note.startswith(QUIET_NOTES))


def new_data(results: SweepReport, analysis: Analysis) -> str:
    """How well the best, and the pick beside it, is known for other data; empty where that is not known."""
    level = analysis.best.new_data if analysis.best is not None else None
    if level is None:
        return ""
    least = 0.0 if results.objective.metric.endswith("loss") else None
    text = f"For other data of this kind and size expect the best's {results.objective.metric} {between(level, least)}"
    difference = analysis.pick.difference.new_data if analysis.pick is not None else None
    if difference is not None:
        text += f"; the pick may be worse by {short_of(difference.high)} or better by {short_of(-difference.low)}"
    return f"{text}."


def between(interval: Interval, least: float | None = None) -> str:
    """The ends of an interval, as part of a sentence. `least`: what no value can be below, such as 0 of a loss."""
    rough = ", approximate" if interval.approximate else ""
    if least is not None and interval.low <= least:
        return f"up to {short_of(interval.high)} (95 %{rough})"
    return f"between {short_of(interval.low)} and {short_of(interval.high)} (95 %{rough})"


def _spread(results: SweepReport, analysis: Analysis) -> str:
    """How much of the squared error is that replicates differ, for the best and without regularisation."""
    best = analysis.comparisons[0].spread if analysis.comparisons else None
    if best is None:
        return ""
    text = (
        f"On rows that replicates had not seen, {short_of(best.variance)} of the best's squared error of "
        f"{short_of(best.squared_error)} is that replicates predict differently"
    )
    plain = next(iter(unregularized(results)), None)
    other = analysis.verdict(plain.label) if plain is not None and plain.rank != 1 else None
    if other is not None and other.spread is not None:
        text += f"; without regularisation {short_of(other.spread.variance)} of {short_of(other.spread.squared_error)}"
    return f"{text}. The rest is bias and the labels' own noise."


def _race(race: RaceView) -> str:
    ends = {
        RaceReason.RACING: "The race goes on",
        RaceReason.WON: "The race was won by one combination",
        RaceReason.EQUIVALENT: "The race ended when all that were left lay within minimumDifference",
        RaceReason.BUDGET_SPENT: "The race ended when all that were left had the most replicates",
    }
    share = percent(race.trained / race.full_grid) if race.full_grid else "0 %"
    return (
        f"{ends[race.reason]}: {plural(race.dropped, 'combination')} dropped, {race.racing} left, {race.trained} of the "
        f"{race.full_grid} trainings of a full grid ({share})."
    )


def what_matters(effects: EffectsView) -> str:
    """Which flags account for the differences, each share beside what chance alone would bring; empty where unknown."""
    known = [(share, share.eta_squared) for share in effects.shares if share.eta_squared is not None]
    if all(share.p_value is None for share, _ in known):
        return ""
    sure = [(share, eta) for share, eta in known if share.p_value is not None and share.p_value <= CHANCE]
    unsure = [_subject(share) for share, _ in known if share.p_value is None or share.p_value > CHANCE]
    if not sure:
        return f"What matters: nothing that was swept explains surely more than chance would. {_caveats(effects)}."
    sure.sort(key=lambda pair: -pair[1])
    named = len(sure) if len(sure) == MOST_SHARES + 1 else MOST_SHARES  # one more takes no more room than to count it
    (first, eta), *others = sure[:named]
    parts = [
        f"{_subject(first)} explains {percent(eta)} of the differences {_by_chance(first)}",
        *(f"{_subject(share)} {percent(eta)} {_by_chance(share)}" for share, eta in others),
    ]
    if rest := sure[named:]:
        parts.append(
            f"{len(rest)} more together {percent(sum(eta for _, eta in rest))} {_by_chance(*(share for share, _ in rest))}"
        )
    if unsure:
        parts.append(f"{_listed(unsure if len(unsure) <= MOST_SHARES else ['all else'])} not surely more than chance")
    noise = " The rest is noise between replicates." if effects.adds_up else ""
    return f"What matters: {'; '.join(parts)}.{noise} {_caveats(effects)}."


def _by_chance(*shares: Share) -> str:
    """What noise of the size that there is adds to such shares: what omega squared takes off eta squared."""
    return f"(by chance alone: {percent(sum(map(_chance, shares)))})"


def _chance(share: Share) -> float:
    if share.eta_squared is None or share.omega_squared is None:
        return share.expected_share
    return max(share.eta_squared - share.omega_squared, 0.0)


def _caveats(effects: EffectsView) -> str:
    said = ["All within the ranges swept"]
    if effects.log_scale:
        said.append("in ratios, since losses differ more than tenfold")
    if effects.left_out:
        said.append(f"without {plural(effects.left_out, 'combination')} in which a replicate diverged")
    if not effects.adds_up:
        said.append("shares need not add up, since something is missing")
    return "; ".join(said)


def _subject(share: Share) -> str:
    if not share.flags:
        return "more flags together"
    return share.flags[0] if len(share.flags) == 1 else f"the interplay of {_listed(share.flags)}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _findings(analysis: Analysis) -> Iterator[str]:
    """The messages; what holds of the best and of the pick alike is said once."""
    messages = [found.message for found in analysis.findings]
    for message in messages:
        of_best = BEST + message.removeprefix(PICK)
        if message.startswith(PICK) and of_best in messages:
            continue
        if message.startswith(BEST) and PICK + message.removeprefix(BEST) in messages:
            yield "The best and the pick have " + message.removeprefix(BEST)
        else:
            yield message.replace("The one-standard-error pick", "The pick", 1)


def _optimism(results: SweepReport, analysis: Analysis) -> str:
    best, found = results.best, analysis.selection_optimism
    if best is None or best.objective is None or best.objective.standard_error is None or found is None:
        return ""
    if found.optimism <= CLEAR_OPTIMISM * best.objective.standard_error:
        return ""
    worse = "higher" if results.objective.goal is Goal.MINIMIZE else "lower"
    return (
        f"The best was chosen by these same numbers, so luck flatters it: expect {results.objective.metric} near "
        f"{short_of(found.corrected)} or {worse}, not {short_of(best.objective.mean)}."
    )


def short_of(value: float) -> str:
    """The value in the digits of a sentence: three significant ones."""
    return short(float(f"{value:.3g}"))
