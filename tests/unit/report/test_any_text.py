"""Whatever text comes from outside, at any width and in any encoding: the layout holds, and nothing is lost or run."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from rich.cells import cell_len
from rich.console import Console

from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.run_status import FailedRun
from regsweep.api.spec import FlagValue
from regsweep.api.status import Estimate, RankedResult, RunCounts, SweepState, SweepStatus
from regsweep.core.grid import value_text
from regsweep.report.documents import flag_cell
from regsweep.report.model import SweepReport
from regsweep.report.outputs import Output
from regsweep.report.printing import print_lines
from regsweep.report.progress import moving_line, plain_line
from regsweep.report.render import render, write_results
from regsweep.report.table import report
from regsweep.report.text import Charset
from unit.report.builders import condition, ranked, results

STYLE = re.compile(r"\x1b\[[0-9;]*m")
"""What rich itself may send: colours and weights, nothing that moves the cursor."""

texts = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    [
        "[/data/a.csv]",
        "[relu]",
        "a:bug:b",
        "\x1b[31mred",
        "\u202egnp",
        "a\nb",
        "12.5 127.0.0.1 'x' None",
        "日本語" * 9,
        "=1+1",
    ]
)
values: st.SearchStrategy[FlagValue] = texts | st.lists(texts, max_size=3)
widths = st.integers(20, 300)
encodings = st.sampled_from(["utf-8", "ascii", "latin-1"])


class Stream(io.TextIOWrapper):
    """A stream of an encoding, a terminal or not, that refuses what it cannot encode."""

    def __init__(self, encoding: str, is_terminal: bool = False) -> None:
        self.bytes = io.BytesIO()
        self.is_terminal = is_terminal
        super().__init__(self.bytes, encoding=encoding, errors="strict", newline="")

    def isatty(self) -> bool:
        return self.is_terminal

    def written(self) -> str:
        self.flush()
        return self.bytes.getvalue().decode(self.encoding)


@st.composite
def sweeps(draw: st.DrawFn) -> SweepReport:
    """A sweep whose name, values, reasons and messages are any text."""
    flags = draw(st.lists(values, min_size=1, max_size=5, unique_by=repr))
    rows = [
        ranked(place + 1, {"rule": value, "l2": 0.1}, (0.1 + place, 0.01), 0.05, (0.05, 0.01))
        for place, value in enumerate(flags)
    ]
    rows.append(ranked(None, {"rule": "lost", "l2": 0}, replicates=0, failed=5, source=None))
    lost = rows[-1]
    failure = FailedRun(
        run="r", combination=lost.combination, label=lost.label, reason=draw(texts), message=draw(texts)
    )
    stopped = condition(ConditionType.FAILED, ConditionStatus.TRUE, Reason.TOO_MANY_FAILED_RUNS, draw(texts))
    return results(
        *rows,
        name=draw(texts),
        state=draw(st.sampled_from(SweepState)),
        conditions=draw(st.sampled_from([(), (stopped,)])),
        failures=[failure],
        failed=1,
    )


@settings(deadline=None, max_examples=50)
@given(sweeps(), widths, encodings, st.booleans())
def test_a_table_is_written_line_by_line_and_moves_no_cursor(
    found: SweepReport, width: int, encoding: str, is_terminal: bool
) -> None:
    stream = Stream(encoding, is_terminal)
    console = Console(file=stream, width=width, force_terminal=is_terminal)
    write_results(found, Output.TABLE, console)
    lines = STYLE.sub("", stream.written()).removesuffix("\n").split("\n")
    expected = [line.plain for line in report(found, width, charset=Charset(encoding))]
    assert lines == expected
    assert all(line.isprintable() and line == line.rstrip() for line in lines)


@settings(deadline=None, max_examples=50)
@given(sweeps(), widths, encodings)
def test_every_value_stands_in_its_column(found: SweepReport, width: int, encoding: str) -> None:
    charset = Charset(encoding)
    lines = [line.plain for line in report(found, width, charset=charset)]
    header = next(number for number, line in enumerate(lines) if re.match(r" +# ", line))
    start = cell_len(lines[header].partition("rule")[0])
    rows = (line for line in lines[header + 1 :] if line[2:3] in "123456-" and line.strip())
    for row, result in zip(rows, found.ranking, strict=False):
        value = charset.text(value_text(result.flags["rule"]))
        before, cells = "", 0
        while cells < start:
            before, cells = row[: len(before) + 1], cell_len(row[: len(before) + 1])
        assert row[len(before) :].startswith(value.rstrip())


@settings(deadline=None, max_examples=50)
@given(sweeps(), encodings)
def test_programs_read_what_was_written(found: SweepReport, encoding: str) -> None:
    ascii_only = encoding != "utf-8"
    flags: Sequence[JsonValue] = [dict(row.flags) for row in found.ranking]
    for output, read in ((Output.JSON, json.loads), (Output.YAML, yaml.safe_load)):
        stream = Stream(encoding)
        write_results(found, output, Console(file=stream))
        stream.flush()
        document = read(stream.bytes.getvalue().decode("ascii" if ascii_only else "utf-8"))
        assert document["sweep"] == found.name
        assert [row["flags"] for row in document["results"]] == flags
        assert document["failures"][0].get("message", "") == found.status.failures[0].message
    stream = Stream(encoding)
    write_results(found, Output.CSV, Console(file=stream))
    stream.flush()
    rows = list(csv.DictReader(io.StringIO(stream.bytes.getvalue().decode("utf-8"), newline=""), strict=True))
    assert [row["flag_rule"] for row in rows] == [flag_cell(row.flags["rule"]) for row in found.ranking]
    assert rows[-1]["note"] == f"failed: {found.status.failures[0].reason}"


@settings(deadline=None, max_examples=50)
@given(texts, values, widths, encodings, st.integers(0, 9))
def test_the_progress_line_is_one_line(name: str, value: FlagValue, width: int, encoding: str, failed: int) -> None:
    charset = Charset(encoding)
    best = RankedResult(rank=1, flags={"rule": value}, label="rule", objective=Estimate(mean=0.0741))
    status = SweepStatus(runs=RunCounts(total=24, running=4, succeeded=12, failed=failed), best=best)
    plain = plain_line(name, status, 180.0, charset).plain
    moving = moving_line(name, status, 180.0, width, charset).plain
    for line in (plain, moving):
        line.encode(encoding)
        assert line.isprintable()
    assert charset.text(f"rule={value_text(value)}") in plain
    assert cell_len(moving) <= max(width, cell_len(charset.text(name)) + len("  99/24 runs"))


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters() | st.characters(categories=["Cs", "Cc"])), widths, encodings, st.booleans())
def test_a_printed_line_is_the_text(text: str, width: int, encoding: str, is_terminal: bool) -> None:
    stream = Stream(encoding, is_terminal)
    print_lines(Console(file=stream, width=width, force_terminal=is_terminal), text)
    assert stream.written() == f"{Charset(encoding).text(text)}\n"


def test_documents_of_an_ascii_stream_are_ascii_and_csv_is_utf8_all_the_same() -> None:
    found = results(ranked(1, {"rule": "é"}, (0.1, 0.01)))
    assert '"\\u00e9"' in render(found, Output.JSON, ascii_only=True)
    assert '"\\xE9"' in render(found, Output.YAML, ascii_only=True)
    stream = Stream("ascii")
    write_results(found, Output.CSV, Console(file=stream))
    stream.flush()
    assert "é" in stream.bytes.getvalue().decode("utf-8")
