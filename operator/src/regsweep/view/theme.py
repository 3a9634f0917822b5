"""Colours and type of the pictures, and matplotlib's SVG made fit for a page that is light or dark.

matplotlib draws with stand-in colours, one per role; `svg_of` turns each into a CSS variable, to which the page gives its value.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Mapping
from typing import Any, Final

from regsweep.errors import RegsweepError

try:
    import matplotlib
    from matplotlib.figure import Figure
except ImportError as missing:
    raise RegsweepError("Pictures need matplotlib. Install it with `pip install 'regsweep[notebook]'`.") from missing

STEPS: Final = 9
"""Of the scale from the best (0) to the worst."""
INK: Final = "#010101"
QUIET: Final = "#020202"
GRID: Final = "#030303"
PAGE: Final = "#040404"
TRAIN: Final = "#050505"
VAL: Final = "#060606"
BEST: Final = "#070707"
WARN: Final = "#080808"
SCALE: Final = tuple(f"#0a0a{step:02x}" for step in range(STEPS))
ON_SCALE: Final = tuple(f"#0b0b{step:02x}" for step in range(STEPS))
"""Text upon a step of the scale."""
LINE: Final = tuple(f"#0c0c{step:02x}" for step in range(STEPS))
"""The scale for lines, which a pale colour would hide."""
_ROLES: Final[Mapping[str, str]] = {
    INK: "ink",
    QUIET: "quiet",
    GRID: "grid",
    PAGE: "page",
    TRAIN: "train",
    VAL: "val",
    BEST: "best",
    WARN: "warn",
    **{color: f"scale-{step}" for step, color in enumerate(SCALE)},
    **{color: f"on-scale-{step}" for step, color in enumerate(ON_SCALE)},
    **{color: f"line-{step}" for step, color in enumerate(LINE)},
}
_STYLE: Final[Any] = {
    "svg.fonttype": "none",  # text stays text: it can be found, copied and read aloud
    "text.parse_math": False,  # a `$` in a label is a dollar
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlesize": 12,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "path.simplify_threshold": 0.5,
}
PIXELS_PER_INCH: Final = 72
_HEADER: Final = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA: Final = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_COLOR: Final = re.compile("#0[0-9a-c]0[0-9a-c][0-9a-f]{2}")
_ATTRIBUTE: Final = re.compile(r'="[^"]*"')
"""Coordinates are in attributes; the figures that a person reads are between tags, and stay as they are."""
_DIGITS: Final = re.compile(r"\d+\.\d{2,}")


def figure(width: float, height: float) -> Figure:
    """An empty figure of this many pixels, drawn with our style."""
    with matplotlib.rc_context(_STYLE):
        return Figure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH), layout="constrained")


def drawing() -> Any:
    """The context in which axes and what is on them are made."""
    return matplotlib.rc_context(_STYLE)


def svg_of(drawn: Figure, name: str, title: str, description: str) -> str:
    """The figure as an SVG element for an HTML page. name: makes ids unique on the page; letters, digits and `-`."""
    name = f"picture-{name}"
    buffer = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # The reader's fonts show what ours lacks: here it is only measured.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        drawn.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = _METADATA.sub("", _HEADER.sub("", buffer.getvalue(), count=1), count=1)
    text = _COLOR.sub(lambda match: f"var(--{_ROLES[match[0]]})" if match[0] in _ROLES else match[0], text)
    text = _ATTRIBUTE.sub(lambda match: _DIGITS.sub(_rounded, match[0]), text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href="|url\()#', rf"\1#{name}-", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    width, height = (round(side * PIXELS_PER_INCH) for side in drawn.get_size_inches())
    opening = (
        f'<svg class="drawn" viewBox="0 0 {width} {height}" style="width: {width}px" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{name}-title">{html.escape(title)}</title><desc id="{name}-desc">{html.escape(description)}</desc>'
    )
    return re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1)


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}"


def step_of(place: float) -> int:
    """The step of the scale for a place from 0 (the best) to 1 (the worst)."""
    return min(STEPS - 1, max(0, int(place * STEPS)))
