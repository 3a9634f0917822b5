"""Flags of a script: their types, the command line, profile files, and which value counts."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import regsweep_kit as kit
from regsweep_kit.errors import InvalidFlagsError
from regsweep_kit.script.commandline import help_text, parse
from regsweep_kit.script.declarations import Flag, declared
from regsweep_kit.script.precedence import resolve
from regsweep_kit.script.profiles import read_profile

DECLARED = declared(
    {
        "dropout": kit.flag(0.2, "share of units that is dropped"),
        "batch_size": 32,
        "activation": kit.flag("relu", choices=["relu", "tanh"]),
        "batch_norm": False,
        "units": [64, 64],
        "clip": kit.flag(None, type=float),
        "data": kit.file(None, "the table"),
    }
)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("dropout", 0, 0.0),
        ("dropout", "1e-4", 1e-4),
        ("batch_size", 64.0, 64),
        ("batch_size", "64", 64),
        ("activation", "tanh", "tanh"),
        ("batch_norm", "true", True),
        ("batch_norm", False, False),
        ("units", [32, 16.0], [32, 16]),
        ("units", [], []),
        ("clip", None, None),
        ("clip", 1, 1.0),
        ("data", "t.csv", "t.csv"),
    ],
)
def test_a_value_that_fits_gets_the_type_of_the_default(name: str, given: Any, value: Any) -> None:
    got = DECLARED[name].value(name, given)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("dropout", "much", 'flag dropout: got "much", want a finite number'),
        ("dropout", True, "flag dropout: got true, want a finite number"),
        ("dropout", float("nan"), "flag dropout: got nan, want a finite number"),
        ("dropout", 10**400, "want a finite number"),
        ("dropout", None, "flag dropout: got null, want a finite number"),
        ("batch_size", 0.5, "flag batch_size: got 0.5, want an integer"),
        ("batch_size", "9" * 5000, "want an integer"),
        ("activation", "relo", 'flag activation: got "relo", want one of "relu", "tanh"'),
        ("activation", 3, 'flag activation: got 3, want one of "relu", "tanh"'),
        ("batch_norm", 1, "flag batch_norm: got 1, want true or false"),
        ("units", 64, "flag units: got 64, want a list, each item an integer"),
        ("units", ["a"], 'flag units: got ["a"], want a list, each item an integer'),
        ("clip", "x", 'flag clip: got "x", want a finite number, or null'),
        ("data", 3, "flag data: got 3, want the path of a file or folder, or null"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(name: str, given: Any, message: str) -> None:
    with pytest.raises(InvalidFlagsError) as refused:
        DECLARED[name].value(name, given)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: kit.flag(None), "give type="),
        (lambda: kit.flag([]), "give type="),
        (lambda: kit.flag({"a": 1}), "its type is dict"),
        (lambda: kit.flag("elu", choices=["relu"]), 'got "elu", want one of "relu"'),
        (lambda: kit.flag("a", type=int), 'got "a", want an integer'),
        (lambda: declared({"help": 1}), "flag help"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(declare: Any, message: str) -> None:
    with pytest.raises(InvalidFlagsError) as refused:
        declare()
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("--dropout 0.3", {"dropout": 0.3}),
        ("--dropout=1e-4 --batch-size=8", {"dropout": 1e-4, "batch_size": 8}),
        ("--batch_size 8", {"batch_size": 8}),
        ("--batch-norm", {"batch_norm": True}),
        ("--batch-norm=false", {"batch_norm": False}),
        ("--no-batch-norm", {"batch_norm": False}),
        ("--no-batch_norm", {"batch_norm": False}),
        ("--units 128,32", {"units": [128, 32]}),
        ("--units [128,32]", {"units": [128, 32]}),
        ("--units=", {"units": []}),
        ("--clip=null", {"clip": None}),
        ("--dropout -1", {"dropout": -1.0}),
        ("", {}),
    ],
)
def test_the_command_line_has_an_option_for_each_flag(line: str, flags: dict[str, Any]) -> None:
    assert dict(parse(DECLARED, line.split()).flags) == flags


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--drop-out 0.3", 'unknown flag "drop-out"'),
        ("--drop-out 0.3", "did you mean dropout?"),
        (
            "--drop 0.3",
            'unknown flag "drop"',
        ),  # no abbreviations: a flag that is added later must not change their meaning
        ("--batch-size many", 'flag batch_size: got "many", want an integer'),
        ("--units [1,", 'flag units: got "[1,", want a list'),
        ("--dropout", "expected one argument"),
        ("data.csv", 'got "data.csv", want flags alone'),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused(line: str, message: str) -> None:
    with pytest.raises(InvalidFlagsError) as refused:
        parse(DECLARED, line.split())
    assert message in str(refused.value)


def test_the_help_shows_each_flag_with_its_values_and_default() -> None:
    text = " ".join(help_text(DECLARED, "train.py", "Trains 100 % of it.").split())
    assert "Trains 100 % of it." in text
    for shown in (
        "--dropout FLOAT share of units that is dropped (a finite number; default: 0.2)",
        '(one of "relu", "tanh"',
        "--data PATH",
    ):
        assert shown in text


def test_the_sweep_counts_before_the_command_line_the_profile_and_the_default() -> None:
    flags = resolve(
        DECLARED,
        ("--profile p.json", {"dropout": 0.1, "batch_size": 16, "activation": "tanh"}),
        ("command line", {"dropout": 0.3, "batch_size": 8}),
        ("", {"dropout": 0.5}),
    )
    assert (flags.dropout, flags.batch_size, flags.activation, flags.units) == (0.5, 8, "tanh", [64, 64])
    assert dict(flags)["clip"] is None


def test_all_that_is_wrong_is_said_at_once_and_from_where_it_came() -> None:
    with pytest.raises(InvalidFlagsError) as refused:
        resolve(DECLARED, ("--profile p.json", {"units": 3}), ("", {"drop_out": 0.1, "batch_size": "x"}))
    message = str(refused.value)
    assert "--profile p.json: flag units: got 3" in message
    assert 'unknown flag "drop_out" (got 0.1), did you mean dropout?; the flags are dropout, batch_size' in message
    assert 'flag batch_size: got "x"' in message


def test_a_flag_that_was_not_declared_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no flag droput was declared, did you mean dropout"):
        _ = resolve(DECLARED).droput


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())),
    st.sampled_from(list(DECLARED)),
)
def test_a_value_fits_or_is_refused_and_what_fits_fits_again(given: Any, name: str) -> None:
    flag: Flag = DECLARED[name]
    try:
        value = flag.value(name, given)
    except InvalidFlagsError:
        return
    assert flag.value(name, value) == value


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("p.json", '{"dropout": 0.1}'),
        ("p.toml", "dropout = 0.1"),
        ("p.yaml", "dropout: 0.1"),
        ("P.YML", "dropout: 0.1"),
    ],
)
def test_a_profile_is_json_toml_or_yaml(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    assert read_profile(str(tmp_path / file)) == {"dropout": 0.1}


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("p.json", "[1]", "want a mapping"),
        ("p.json", "{", "p.json: "),
        ("p.toml", "=", "p.toml: "),
        ("p.yaml", "a: [", "p.yaml: "),
        ("p.yaml", "1: 2", "want a mapping"),
        ("p.yaml", "", "want a mapping"),
        ("p.json", json.dumps({"a": "x" * 1_000_001}), "more than 1000000 bytes"),
        ("p.ini", "a=1", "want a file that ends in .json, .toml, .yaml, .yml"),
        (None, "", "cannot be read: No such file"),
    ],
)
def test_a_profile_that_is_none_is_refused(tmp_path: Path, file: str | None, text: str, message: str) -> None:
    path = tmp_path / (file or "missing.json")
    if file:
        path.write_text(text)
    with pytest.raises(InvalidFlagsError) as refused:
        read_profile(str(path))
    assert message in str(refused.value)
