"""A page as HTML that opens from the disk: no network, no script, light or dark as the reader has it, fit for print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from regsweep.errors import RegsweepError

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
except ImportError as missing:
    raise RegsweepError("Pages need jinja2. Install it with `pip install 'regsweep[notebook]'`.") from missing

from regsweep.report.text import visible
from regsweep.view.page import Page

TEMPLATE: Final = "page.html"
_LIGHT_SCALE: Final = (
    "#0b5d3b",
    "#1d7a52",
    "#3f956d",
    "#6aae8b",
    "#98c6ad",
    "#c4dccf",
    "#e3e3dd",
    "#ead9c4",
    "#e8c7a3",
)
_DARK_SCALE: Final = ("#8ff0c0", "#6bd6a3", "#4fb988", "#3c9a70", "#307b5b", "#2b5d48", "#3a4446", "#5a4a38", "#6e5232")
_LIGHT_LINE: Final = ("#0b5d3b", "#1d7a52", "#3a8a66", "#5c8f78", "#7d8f86", "#8f8a7c", "#a3825f", "#b0763f", "#b4661b")
_DARK_LINE: Final = ("#8ff0c0", "#6fdcaa", "#5cc799", "#5fae8f", "#7f9a90", "#a09a8b", "#c2a077", "#d9a15f", "#f0a44a")
_DARK_TEXT, _LIGHT_TEXT = "#10151a", "#ffffff"
_LIGHT_ON: Final = (*[_LIGHT_TEXT] * 2, *[_DARK_TEXT] * 7)
_DARK_ON: Final = (*[_DARK_TEXT] * 4, *[_LIGHT_TEXT] * 5)


def page_html(page: Page) -> str:
    """The page as a document in UTF-8."""
    environment = Environment(
        loader=PackageLoader("regsweep.view", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = Markup  # drawn here; its texts are escaped by matplotlib
    environment.filters["visible"] = _visible
    scales = {
        "light": _variables(_LIGHT_SCALE, _LIGHT_ON, _LIGHT_LINE),
        "dark": _variables(_DARK_SCALE, _DARK_ON, _DARK_LINE),
    }
    text = environment.get_template(TEMPLATE).render(page=page, scales=scales)
    # What UTF-8 cannot say, such as half of a pair, becomes an escape that can be seen.
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _variables(scale: Sequence[str], on_scale: Sequence[str], line: Sequence[str]) -> str:
    """The colours of the scale's steps as CSS variables."""
    names = (("scale", scale), ("on-scale", on_scale), ("line", line))
    return " ".join(f"--{name}-{step}: {color};" for name, colors in names for step, color in enumerate(colors))


def _visible(text: str) -> str:
    """Text with an escape for what would be unseen, line by line: line breaks and tabs stay."""
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in text.split("\n"))
