"""What the commands print of a manifest is what stands in it; no text is read as markup, and none reaches the terminal raw."""

from __future__ import annotations

import ast
import csv
import io
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from typer.testing import CliRunner

import regsweep
from regsweep.api.spec import FlagValue
from regsweep.cli.check import PlanOptions, plan_command
from regsweep.cli.main import app
from regsweep.core.grid import value_text
from regsweep.report.documents import as_yaml, flag_cell
from regsweep.report.outputs import Output
from regsweep.report.text import visible

SOURCES = Path(regsweep.__file__).parent
PRINTING = ("print", "print_json", "out", "rule")
WRITING = ("sys.stdout.write", "console.file.write", "sys.stderr.write", "console.log", "typer.echo", "typer.secho")
WRITERS = {
    "printing.py": ["console.print"],
    "exits.py": ["sys.stderr.write"],  # errors; spares the console
    "main.py": ["typer.echo"],  # the version
    "guard.py": ["print"],  # into the file that takes a trainer's output
}
"""Everything that writes to a console or a standard stream."""

runner = CliRunner()
texts = st.text(st.characters(codec="utf-8"), max_size=30).filter(lambda text: text.strip() != "")
CASES = [
    pytest.param([["/data/a.csv"], ["/data/a.csv", "/data/b.csv"]], id="paths in brackets are no markup"),
    pytest.param([["relu", "tanh"], ["relu"]], id="words in brackets are no markup"),
    pytest.param(["[red]x[/red]", "[/x]"], id="closing tags"),
    pytest.param(["a:b:c", "x:key:y", "m:o:n"], id="no emoji"),
    pytest.param([":bug:", ":smile:"], id="no emoji alone"),
    pytest.param(["\x1b[31mred\x1b[0m", "\x9b31m"], id="terminal escapes"),
    pytest.param(["a\nb", "a\rb"], id="line breaks"),
    pytest.param(["\u202egnp.exe", "\u2066x"], id="bidirectional overrides"),
    pytest.param(["日本", "é", "👩\u200d👧"], id="letters of the world"),
]


def manifest(path: Path, values: list[FlagValue]) -> Path:
    file = path / "sweep.yaml"
    spec: JsonValue = {"flags": [{"name": "rule", "values": [*values]}], "replicates": 3}
    file.write_text(
        as_yaml(
            {
                "apiVersion": "regsweep.dev/v1alpha1",
                "kind": "RegularizationSweep",
                "metadata": {"name": "mine"},
                "spec": spec,
            }
        )
    )
    return file


@pytest.mark.parametrize("values", CASES)
def test_a_plan_shows_values_as_they_were_written(tmp_path: Path, values: list[FlagValue]) -> None:
    done = runner.invoke(app, ["plan", str(manifest(tmp_path, values))])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[1:] == [f"{n + 1}  rule={visible(value_text(value))}" for n, value in enumerate(values)]


@pytest.mark.parametrize("values", CASES)
def test_programs_get_the_values_themselves(tmp_path: Path, values: list[FlagValue]) -> None:
    file = str(manifest(tmp_path, values))
    found = json.loads(runner.invoke(app, ["plan", file, "-o", "json"]).stdout)
    assert [flags["rule"] for flags in found["combinations"]] == values
    assert yaml.safe_load(runner.invoke(app, ["plan", file, "-o", "yaml"]).stdout) == found
    text = runner.invoke(app, ["plan", file, "-o", "csv"]).stdout_bytes.decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert rows == [["flag_rule"], *([flag_cell(value)] for value in values)]


@settings(deadline=None, max_examples=50)
@given(texts, texts)
def test_any_two_values_are_planned(tmp_path_factory: pytest.TempPathFactory, one: str, other: str) -> None:
    values: list[FlagValue] = [f"t{one}", f"t{other}x"]
    file = manifest(tmp_path_factory.mktemp("any"), values)
    done = runner.invoke(app, ["plan", str(file)])
    if done.exit_code == 0:
        assert len(done.stdout.split("\n")) == 4
        assert all(line.isprintable() for line in done.stdout.split("\n"))
    else:  # the two are one value
        assert done.exit_code == 2 and values[0] == values[1]


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters() | st.characters(categories=["Cs", "Cc"]), max_size=30))
def test_any_wrong_field_is_reported_in_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("wrong") / "sweep.yaml"
    file.write_text(
        json.dumps(
            {
                "apiVersion": "regsweep.dev/v1alpha1",
                "kind": "RegularizationSweep",
                "metadata": {"name": text},
                f"x{text}": 1,
                "spec": {"flags": 1},
            }
        )
    )
    done = runner.invoke(app, ["validate", str(file)])
    assert done.exit_code == 2
    assert all(line.isprintable() for line in done.stderr.split("\n"))


@pytest.mark.parametrize("name", ["[a].yaml", "d:o:d.yaml", "a b.yaml", "\x1b[31m.yaml", "x\udce9y.yaml", "ü.yaml"])
def test_a_path_is_shown_as_it_is(tmp_path: Path, name: str) -> None:
    file = manifest(tmp_path, [1, 2]).rename(tmp_path / name)
    done = runner.invoke(app, ["validate", str(file)])
    assert done.stdout.startswith(f"{tmp_path}/{visible(name)} is valid: mine")
    missing = runner.invoke(app, ["validate", str(tmp_path / f"no{name}")])
    assert missing.exit_code == 2
    assert f"{tmp_path}/no{visible(name)}: cannot be read" in missing.stderr


def test_a_wide_grid_is_printed_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan_command(PlanOptions(manifest(tmp_path, list(range(1000))), Output.TABLE, rows=0))
    assert len(capsys.readouterr().out.splitlines()) == 1001


def calls(file: Path) -> list[str]:
    """What the file calls, as it is written, such as `console.print`."""
    return [ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]


def test_nothing_is_printed_but_by_the_one_place_for_it() -> None:
    """rich reads a `str` as markup and replaces emoji codes unless each call says otherwise."""
    found = {
        file.name: writing
        for file in SOURCES.rglob("*.py")
        if (writing := [call for call in calls(file) if call in WRITING or call.split(".")[-1] in PRINTING])
    }
    assert found == WRITERS
