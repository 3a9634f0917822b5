"""The page of a single run: metrics, learning curves, what it was trained with, model, source and console."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from regsweep.view.courses import Course
from regsweep.view.figures.curves import curves_picture
from regsweep.view.page import Block, Code, Gallery, Page, Prose, Section, Table
from regsweep.view.sweep import ending

FIRST_METRICS: Final = ("average_loss", "accuracy", "auc", "loss")
MOST_METRICS: Final = 6
"""With curves; the table has them all."""


@dataclass(frozen=True, slots=True)
class RunView:
    """What the page of a run is made of. All texts are as they are shown."""

    name: str
    label: str
    state: str
    error: str
    metrics: Sequence[Sequence[str]]
    """Rows of metric, train, validation, test and standard error."""
    facts: Sequence[tuple[str, str]]
    courses: Mapping[str, Course] = field(default_factory=dict)
    model: str = ""
    source: Mapping[str, str] = field(default_factory=dict)
    console: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    footer: str = ""


def run_page(view: RunView) -> Page:
    """The page."""
    wanted = [
        Section("results", "Results", list(_results(view))),
        Section("curves", "Learning curves", list(_curves(view.courses))),
        Section("trained-with", "Trained with", list(_trained_with(view))),
        Section("source-and-console", "Source and console", list(_texts(view))),
    ]
    return Page(
        f"Run {view.name}", [view.label, view.state], [section for section in wanted if section.blocks], view.footer
    )


def _results(view: RunView) -> Iterator[Block]:
    if view.error:
        yield Prose([f"Error: {view.error}"], strong=True)
    if not view.metrics:
        yield Prose(["It has no result yet."])
        return
    headers = ["metric", "train", "validation", "test", "standard error of validation"]
    kept = [place for place in range(len(headers)) if place < 1 or any(row[place].strip() for row in view.metrics)]
    rows = [[row[place] for place in kept] for row in view.metrics]
    yield Table("Metrics", [headers[place] for place in kept], rows, frozenset(range(1, len(kept))))


def _curves(courses: Mapping[str, Course]) -> Iterator[Block]:
    names = [name for name in dict.fromkeys([*FIRST_METRICS, *courses]) if name in courses][:MOST_METRICS]
    pictures = [
        curves_picture(f"curve-{number}", name.replace("_", " "), courses[name]) for number, name in enumerate(names)
    ]
    if shown := [picture for picture in pictures if picture is not None]:
        yield Gallery(shown)


def _trained_with(view: RunView) -> Iterator[Block]:
    yield Table("What it was trained with", ["setting", "value"], [list(pair) for pair in view.facts if pair[1]])
    if view.model:
        yield Code("Model", view.model)
    if view.packages:
        yield Code(
            f"{len(view.packages)} packages", "\n".join(f"{name} {version}" for name, version in view.packages.items())
        )


def _texts(view: RunView) -> Iterator[Block]:
    for name, text in view.source.items():
        yield Code(f"Source: {name}", text)
    if view.console:
        yield Code("Console", ending(view.console))
