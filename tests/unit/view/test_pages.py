"""Pages of sweeps and runs: complete in themselves, every text escaped, every figure as it is."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep.api.analysis import Analysis, Interval, MarginalMean
from regsweep.api.findings import NoteType
from regsweep.api.status import SweepStatus
from regsweep.errors import RegsweepError
from regsweep.report.model import SweepReport
from regsweep.view.courses import Point, course_of
from regsweep.view.figures.heatmap import heatmap_picture
from regsweep.view.html import page_html
from regsweep.view.run import RunView, run_page
from regsweep.view.sweep import MOST_TEXTS, RunTexts, SweepView, ending, sweep_page
from unit.report.builders import breast_cancer, note, ranked, results

VOID = frozenset({"meta", "link", "br", "img", "input", "hr", "use", "path", "image"})
LOSSES = {
    f"{split}_average_loss": [Point(k, epoch, base / epoch) for k in range(3) for epoch in range(1, 9)]
    for split, base in (("train", 0.5), ("val", 0.75))
}


class Reader(HTMLParser):
    """A page as a browser reads it: its elements, ids, texts, and whatever it would load or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self.open.append(tag)
        self.handlers += [name for name in values if name.startswith("on")]
        self.ids += [values["id"]] if "id" in values else []
        self.references += [
            values[name] for name in ("src", "href", "xlink:href", "srcdoc", "action") if name in values
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def sweep_html(report: SweepReport, **fields: object) -> str:
    return page_html(sweep_page(replace(SweepView(report), **fields)))  # type: ignore[arg-type]


def checked(page: str) -> Reader:
    """The page, which must be whole, load nothing, run nothing, and have each id once."""
    read = Reader(page)
    assert read.open == []
    assert not {"script", "iframe", "object", "embed", "link", "base", "form"} & set(read.tags)
    assert read.handlers == []
    assert all(reference.startswith("#") for reference in read.references), read.references
    assert len(read.ids) == len(set(read.ids))
    assert {reference[1:] for reference in read.references} <= set(read.ids)
    assert "url(" not in re.sub(r"url\(#", "", page)
    return read


def with_courses(report: SweepReport) -> dict[str, object]:
    course = {"average_loss": course_of("average_loss", LOSSES)}
    return {"courses": {row.combination: course for row in report.ranking}}


def test_a_sweeps_page_has_all_that_is_asked_of_it() -> None:
    report = breast_cancer()
    runs = [
        RunTexts("l2=0.01", "epoch 1\n", {"train.py": "import keras"}),
        RunTexts("l2=0.1", "epoch 2\n", {"train.py": "import keras"}),
    ]
    page = sweep_html(report, runs=runs, **with_courses(report))
    read = checked(page)
    text = " ".join(read.texts)
    for words in (
        "Of 8 combinations the best is l2=0.01, dropout=0.3 (val_average_loss 0.071 ± 0.004); 2 others cannot be told from it",
        "Without regularisation (l2=0, dropout=0) the network ranks",
        "0.071 ± 0.004",
        "diverged at epoch 3",
        "failed: OutOfMemory",
        "What matters: l2 explains 77 % of the differences",
        "val_average_loss over l2 and dropout",
        "A line per combination",
        "At epoch 8 train is",
        "mean of 3 replicates, which are the thin lines",
        "import keras",
        "epoch 2",
    ):
        assert words in text, words
    assert text.count("Source: train.py") == 1, "runs of one sweep share it"
    assert read.tags.count("svg") == 10, "ranking, effects, heat map, parallel coordinates and six curves"


def test_a_page_is_of_a_size_that_can_be_mailed() -> None:
    rows = [
        ranked(k + 1, {"l2": k % 10, "dropout": k // 10, "units": 8}, (0.1 + 0.001 * k, 0.01), 0.1, (0.01, 0.001))
        for k in range(100)
    ]
    report = results(*rows)
    epochs = {name: [Point(k, epoch, 1 / epoch) for k in range(10) for epoch in range(1, 2001)] for name in LOSSES}
    courses = {row.combination: {"average_loss": course_of("average_loss", epochs)} for row in rows}
    assert len(sweep_html(report, courses=courses)) < 700_000


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(results(), id="nothing yet"),
        pytest.param(SweepReport("mine", 5, ("l2",), SweepStatus(), ()), id="not accepted"),
        pytest.param(results(ranked(1, {"l2": 1}, (0.1, None))), id="one combination"),
        pytest.param(
            results(ranked(None, {"l2": 1}, diverged=5), ranked(None, {"l2": 2}, diverged=5)), id="all diverged"
        ),
        pytest.param(results(*(ranked(k, {"l2": k, "b": True}, (0.5, 0.0)) for k in range(1, 4))), id="all alike"),
        pytest.param(
            results(*(ranked(k, {"units": [k, k], "b": k % 2 == 0}, (k, None)) for k in range(1, 5))), id="lists"
        ),
        pytest.param(results(*(ranked(k, {"x": "1", "y": None}, (1e300 * k, 1e299)) for k in range(1, 3))), id="vast"),
    ],
)
def test_any_state_of_a_sweep_has_a_page(report: SweepReport) -> None:
    checked(sweep_html(report))


def test_where_none_may_be_best_no_picture_and_no_word_names_one() -> None:
    broke = [ranked(k, {"l2": k, "b": k % 2 == 0}, (0.1 * k, 0.01), diverged=1) for k in range(1, 5)]
    why = note(NoteType.NO_CANDIDATE, count=4, of=4)
    text = " ".join(checked(sweep_html(results(*broke, analysis_result=Analysis(notes=[why])))).texts)
    assert "In every combination a replicate diverged or has no value: none is called best" in text
    assert "the best is" not in text and "No combination has a result yet" not in text


def test_figures_in_pictures_are_those_of_the_table() -> None:
    """Coordinates are rounded to keep the page small; what a person reads is not."""
    rows = [ranked(k + 1, {"l2": k // 2, "dropout": k % 2}, (0.1234 + k * 0.001, 0.00011)) for k in range(4)]
    picture = heatmap_picture(results(*rows), ("l2", "dropout"))
    assert picture is not None
    assert picture.values is not None
    drawn = {text.strip() for text in checked(picture.svg).texts}
    shown = {cell for row in picture.values.rows for cell in row[1:]}
    assert len(shown) == 4
    assert shown <= drawn


def test_the_heat_map_is_over_the_flags_that_are_asked_for() -> None:
    rows = [ranked(k + 1, {"a": k % 2, "b": k // 2 % 2, "c": k // 4}, (k + 1, 0.1)) for k in range(8)]
    text = " ".join(checked(sweep_html(results(*rows), flags=("c", "a"))).texts)
    assert "val_average_loss over c and a" in text
    assert "Means over the values of b." in text


def test_the_mean_at_each_value_of_a_flag_is_drawn_with_its_interval() -> None:
    report = breast_cancer()
    analysis = report.analysis
    assert analysis is not None
    assert analysis.effects is not None
    level = Interval(mean=0.5, standard_error=0.1, low=0.3, high=0.7)
    means = [MarginalMean(flag="l2", value=value, combinations=2, mean=0.5, level=level) for value in (0, 0.1)]
    alone = MarginalMean(flag="dropout", value=0.5, combinations=2, mean=0.5)
    effects = analysis.effects.model_copy(update={"means": [*means, alone]})
    page = sweep_html(replace(report, analysis=analysis.model_copy(update={"effects": effects})))
    text = " ".join(checked(page).texts)
    assert "Means over all values of the other flags: 0.5 at 0, 0.5 at 0.1. Bars are 95 % intervals" in text
    assert "val_average_loss by dropout" not in text, "one value is no comparison"


@pytest.mark.parametrize("flags", [("a", "nobody"), ("a",), ("a", "a")])
def test_a_heat_map_over_what_is_not_swept_is_refused(flags: tuple[str, ...]) -> None:
    rows = [ranked(k + 1, {"a": k % 2, "b": k // 2}, (k + 1, 0.1)) for k in range(4)]
    with pytest.raises(RegsweepError):
        sweep_html(results(*rows), flags=flags)


def test_a_long_console_is_shown_from_its_end_and_many_are_cut() -> None:
    assert ending("x" * 30_000).startswith("[the first 10,000 characters are left out]\nxxx")
    runs = [RunTexts(f"l2={k}", "x") for k in range(MOST_TEXTS + 3)]
    assert "The consoles of 3 more runs are in their folders." in sweep_html(breast_cancer(), runs=runs)


def run_view(**fields: object) -> RunView:
    view = RunView(
        "mine-1", "l2=0.1", "completed", "", [["accuracy", "0.9", "0.8", "", "0.01"]], [("optimizer", "adam")]
    )
    return replace(view, **fields)  # type: ignore[arg-type]


def test_a_runs_page_has_metrics_curves_settings_model_source_and_console() -> None:
    course = course_of("average_loss", LOSSES)
    view = run_view(
        courses={"average_loss": course},
        model="Dense",
        source={"train.py": "import x"},
        console="hello",
        packages={"keras": "3"},
    )
    read = checked(page_html(run_page(view)))
    text = " ".join(read.texts)
    for words in ("Run mine-1", "standard error of validation", "0.8", "adam", "Dense", "import x", "hello", "keras 3"):
        assert words in text
    assert "test" not in [each.strip() for each in read.texts], "a column without values is left out"
    assert read.tags.count("svg") == 1


@pytest.mark.parametrize("fields", [{"metrics": []}, {"error": "no memory"}, {"courses": {"x": course_of("x", {})}}])
def test_a_run_in_any_state_has_a_page(fields: dict[str, object]) -> None:
    checked(page_html(run_page(run_view(**fields))))


HOSTILE = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</style><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        "]]><svg onload=alert(1)>",
        "{{ page }}{% raw %}",
        "$x^2$ $\\frac{1}{0}$",
        "&lt;b&gt;",
        "\u202egnp",
        "\x00\x1b[31m",
        "日本語",
        "a" * 500,
        "--></title><script>",
    ]
)


@settings(max_examples=40, deadline=None)
@given(HOSTILE, HOSTILE)
def test_whatever_text_comes_from_outside_is_shown_and_never_run(name: str, console: str) -> None:
    facts = [(name, console)]
    run = run_view(
        name=name, label=name, error=console, facts=facts, source={name: console}, console=console, model=name
    )
    read = checked(page_html(run_page(run)))
    assert "\x1b" not in "".join(read.texts)


@settings(max_examples=6, deadline=None)
@given(st.lists(HOSTILE, min_size=2, max_size=3, unique=True), HOSTILE)
def test_nor_is_it_where_it_stands_in_a_picture(values: list[str], name: str) -> None:
    rows = [ranked(k + 1, {name or "x": value, "b": k % 2}, (1.0 + k, 0.1)) for k, value in enumerate(values)]
    report = replace(results(*rows), name=name, flag_names=(name or "x", "b"))
    checked(sweep_html(report, runs=[RunTexts(name, name, {name: name})], courses_note=name, **with_courses(report)))


@pytest.mark.parametrize("text", ["<script>", "$x^2$", "日本語", "a" * 500])
def test_a_label_is_drawn_as_it_was_written(text: str) -> None:
    rows = [ranked(k + 1, {"x": value, "b": k}, (1.0 + k, 0.1)) for k, value in enumerate((text, "b", "c"))]
    read = checked(sweep_html(results(*rows)))
    assert sum(text[:10] in each for each in read.texts) > 3, "in the table and in the pictures"


def test_half_of_a_pair_is_shown_as_an_escape() -> None:
    assert "a\\ud800b" in "".join(checked(page_html(run_page(run_view(console="a\ud800b")))).texts)


def test_a_text_is_shown_as_it_was_written() -> None:
    text = "<b>5 < 6 & 7</b>\n\tindented"
    read = checked(page_html(run_page(run_view(console=text))))
    assert text in "".join(read.texts)
