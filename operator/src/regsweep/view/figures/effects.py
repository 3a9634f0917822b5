"""What matters: the share of the differences that each flag, and each pair of flags, accounts for, beside what chance would bring."""

from __future__ import annotations

from typing import Final

from regsweep.api.analysis import Effects, Share
from regsweep.core.figures import percent
from regsweep.core.judging.words.effects import CHANCE
from regsweep.view.page import Picture, Table
from regsweep.view.theme import BEST, INK, QUIET, drawing, figure, svg_of

MOST: Final = 12
WIDTH, ROW, FRAME = 560, 26, 70


def effects_picture(effects: Effects) -> Picture | None:
    """The picture; None where no share is known."""
    known = [share for share in effects.shares if share.eta_squared is not None and share.flags]
    shown = sorted(known, key=lambda share: -(share.eta_squared or 0.0))[:MOST]
    if not shown:
        return None
    title = "What matters: share of the differences that each flag explains"
    drawn = figure(WIDTH, FRAME + ROW * len(shown))
    with drawing():
        axes = drawn.subplots()
        for place, share in enumerate(shown):
            axes.barh(place, 100 * (share.eta_squared or 0.0), height=0.62, color=BEST if _is_sure(share) else QUIET)
            if share.expected_share is not None:
                axes.plot([100 * share.expected_share] * 2, [place - 0.38, place + 0.38], color=INK, linewidth=2)
        axes.set_yticks(range(len(shown)), [_name(share) for share in shown], color=INK)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(0, max(100 * (shown[0].eta_squared or 0.0) * 1.08, 1))
        axes.set_xlabel("share of the differences (%)")
        axes.grid(visible=False, axis="y")
    words = "Coloured bars are surely more than chance (5 %); the stroke across is what chance alone would bring."
    rows = [
        [
            _name(share),
            percent(share.eta_squared or 0.0),
            "" if share.expected_share is None else percent(share.expected_share),
            _p(share),
        ]
        for share in shown
    ]
    headers = ["flags", "share", "by chance", "p value"]
    return Picture(
        title, svg_of(drawn, "effects", title, words), words, Table(title, headers, rows, frozenset({1, 2, 3}))
    )


def _is_sure(share: Share) -> bool:
    return share.p_value is not None and share.p_value <= CHANCE


def _name(share: Share) -> str:
    return " x ".join(share.flags)


def _p(share: Share) -> str:
    return "" if share.p_value is None else "<0.001" if share.p_value < 0.001 else f"{share.p_value:.3f}"
