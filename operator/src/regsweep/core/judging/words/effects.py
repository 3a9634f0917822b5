"""What matters, in words: which flags account for the differences, each share beside what chance alone would bring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from regsweep.api.analysis import Effects, Share
from regsweep.api.wording import plural
from regsweep.core.figures import listed, percent

MOST_SHARES: Final = 4
"""Flags and pairs that the sentence names, the largest first."""
CHANCE: Final = 0.05
"""P value above which a share is no more than chance brings."""
ROUNDING: Final = 1e-4
"""By which shares of one whole may exceed it, since each is held in six digits."""


def effects_sentence(effects: Effects, combinations_differ: bool = False, within: str = "the ranges swept") -> str:
    """Which flags matter; empty where nothing is known of chance. `combinations_differ`: some are surely worse than the best.

    `within`: what it is asked about.
    """
    known = [(share, share.eta_squared) for share in effects.shares if share.eta_squared is not None]
    untested = [_subject(share) for share, _ in known if share.p_value is None]
    if len(untested) == len(known):
        return ""
    sure = [(share, eta) for share, eta in known if share.p_value is not None and share.p_value <= CHANCE]
    unsure = [_subject(share) for share, _ in known if share.p_value is not None and share.p_value > CHANCE]
    caveats = _caveats(effects, within)
    if untested:
        names = f"{listed(untested[:MOST_SHARES])}{_more(untested)}"
        caveats = f"Not tested, since too few combinations differ in nothing else: {names}. {caveats}"
    if not sure:
        though = ", though some combinations are surely worse than the best" if combinations_differ else ""
        return f"What matters: of no flag or pair of flags is it sure that it explains more than chance would{though}. {caveats}."
    sure.sort(key=lambda pair: -pair[1])
    parts = _shares(sure)
    if unsure:
        parts.append(f"{_named(unsure)} not surely more than chance")
    has_rest = effects.adds_up and sum(eta for _, eta in sure) < 1 - ROUNDING
    rest = " The rest differs between replicates, or is not surely more than chance." if has_rest else ""
    return f"What matters: {'; '.join(parts)}.{rest} {caveats}."


def _named(subjects: Sequence[str]) -> str:
    return listed(subjects if len(subjects) <= MOST_SHARES else ["all else"])


def _more(subjects: Sequence[str]) -> str:
    return f" and {len(subjects) - MOST_SHARES} more" if len(subjects) > MOST_SHARES else ""


def _shares(sure: Sequence[tuple[Share, float]]) -> list[str]:
    """Each share as a part of the sentence, the largest first; what is too small to be named is summed up."""
    named = len(sure) if len(sure) == MOST_SHARES + 1 else MOST_SHARES  # one more takes no more room than to count it
    rest = sure[named:]
    values = [eta for _, eta in sure[:named]] + ([sum(eta for _, eta in rest)] if rest else [])
    shown = percents(values)
    parts = []
    for place, (share, _) in enumerate(sure[:named]):
        explains = f"{_subject(share)} explains {shown[0]} of the differences"
        parts.append(f"{explains if place == 0 else f'{_subject(share)} {shown[place]}'} {_by_chance(share)}")
    if rest:
        parts.append(f"{len(rest)} more together {shown[-1]} {_by_chance(*(share for share, _ in rest))}")
    return parts


def percents(shares: Sequence[float]) -> list[str]:
    """Shares as percentages. Those of one whole never add up to more than 100: where rounding would, the ones that it raised most
    are rounded down. Shares of a partial grid may truly add up to more, and are rounded as they are."""
    whole = [round(share * 100) for share in shares]
    excess = sum(whole) - 100 if sum(shares) <= 1 + ROUNDING else 0
    by_excess = sorted(range(len(shares)), key=lambda place: shares[place] * 100 - whole[place])
    lowered = set(by_excess[: max(excess, 0)])
    return [f"{whole[place] - 1} %" if place in lowered else percent(share) for place, share in enumerate(shares)]


def _by_chance(*shares: Share) -> str:
    """What chance adds to such shares."""
    return f"(by chance alone: {percent(sum(share.expected_share or 0.0 for share in shares))})"


def _caveats(effects: Effects, within: str) -> str:
    caveats = [f"All within {within}"]
    if effects.log_scale:
        caveats.append("in ratios, since losses differ more than tenfold")
    if effects.left_out:
        caveats.append(
            f"without {plural(effects.left_out, 'combination')} in which a replicate diverged or has no value"
        )
    if not effects.adds_up:
        caveats.append("shares need not add up, since the grid is not complete")
    return "; ".join(caveats)


def _subject(share: Share) -> str:
    if not share.flags:
        return "more flags together"
    return share.flags[0] if len(share.flags) == 1 else f"the interplay of {listed(share.flags)}"
