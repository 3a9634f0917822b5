"""Learning curves of train and validation, the gap between them shaded, replicates as thin lines."""

from __future__ import annotations

import math

from regsweep.core.figures import rough
from regsweep.view.courses import Course, Curve, mean_curve, thinned
from regsweep.view.page import Picture, Table
from regsweep.view.theme import TRAIN, VAL, drawing, figure, svg_of

WIDTH, HEIGHT = 340, 250
VALUES_SHOWN = 12


def curves_picture(name: str, title: str, course: Course) -> Picture | None:
    """The picture of one combination's metric; None where no epoch is known."""
    train, val = mean_curve(course.train), mean_curve(course.val)
    if len(train) < 2 and len(val) < 2:
        return None
    drawn = figure(WIDTH, HEIGHT)
    with drawing():
        axes = drawn.subplots()
        for curves, color in ((course.train, TRAIN), (course.val, VAL)):
            if len(curves) > 1:
                for curve in curves.values():
                    axes.plot(*_xy(thinned(curve)), color=color, linewidth=0.7, alpha=0.45)
        for curve, color, split, style in ((train, TRAIN, "train", "-"), (val, VAL, "validation", "--")):
            if curve:
                axes.plot(*_xy(thinned(curve)), color=color, linewidth=2.2, linestyle=style, label=split)
        gap = _gap(train, val)
        if gap:
            epochs, low, high = zip(*gap, strict=True)
            axes.fill_between(epochs, low, high, color=VAL, alpha=0.16, linewidth=0)
        if _spans_decades(course):
            axes.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.set_ylabel(course.metric.replace("_", " "))
        axes.legend(loc="best")
    replicates = max(len(course.train), len(course.val))
    words = _words(train, val, replicates)
    return Picture(title, svg_of(drawn, name, title, words), words, _values(title, course.metric, train, val))


def _xy(curve: Curve) -> tuple[list[int], list[float]]:
    return [epoch for epoch, _ in curve], [value for _, value in curve]


def _gap(train: Curve, val: Curve) -> list[tuple[int, float, float]]:
    other = dict(val)
    both = [(epoch, value, other[epoch]) for epoch, value in train if epoch in other]
    if len(both) < 2:
        return []
    chosen = thinned([(place, 0.0) for place in range(len(both))])
    return [both[place] for place, _ in chosen]


def _spans_decades(course: Course) -> bool:
    values = [value for curves in (course.train, course.val) for curve in curves.values() for _, value in curve]
    return bool(values) and min(values) > 0 and max(values) / min(values) > 100


def _words(train: Curve, val: Curve, replicates: int) -> str:
    """What is seen: where both end, and where validation turns."""
    parts = []
    if train and val:
        parts.append(f"At epoch {train[-1][0]} train is {rough(train[-1][1])} and validation {rough(val[-1][1])}")
        parts.append(f"the gap between them {rough(abs(val[-1][1] - train[-1][1]))}")
    elif val or train:
        only, split = (val, "validation") if val else (train, "train")
        parts.append(f"At epoch {only[-1][0]} {split} is {rough(only[-1][1])}")
    mean = f"mean of {replicates} replicates, which are the thin lines" if replicates > 1 else "one replicate"
    return f"{', '.join(parts)}; {mean}."


def _values(title: str, metric: str, train: Curve, val: Curve) -> Table:
    epochs = sorted({epoch for epoch, _ in train} | {epoch for epoch, _ in val})
    step = max(1, math.ceil(len(epochs) / VALUES_SHOWN))
    shown = [*epochs[::-step][::-1]]
    by_split = (dict(train), dict(val))
    rows = [[str(epoch), *(f"{split[epoch]:.4g}" if epoch in split else "" for split in by_split)] for epoch in shown]
    return Table(f"{metric} of {title}", ["epoch", "train", "validation"], rows, frozenset({0, 1, 2}))
