"""A value of the wrong kind is refused at its field: the message shows the value and says which kind is allowed."""

from __future__ import annotations

import copy
import datetime
from typing import Any, Final

import pytest

from regsweep.api.validation import parse_sweep
from regsweep.errors import InvalidSweep

SPEC: Final[dict[str, Any]] = {
    "flags": [{"name": "l2", "values": [0, 0.1]}, {"name": "d", "range": {"from": 0, "to": 1, "points": 3}}],
    "exclude": [{"l2": 0}],
    "sample": {"size": 2},
    "objective": {"constraints": [{"metric": "val_loss", "max": 1.0}]},
    "trainer": {},
}
"""Has every field once that is put wrong below."""

VALUES: Final[dict[str, tuple[Any, str]]] = {
    "boolean": (True, "true"),
    "integer": (3, "3"),
    "fraction": (2.5, "2.5"),
    "string": ("x y", '"x y"'),
    "empty string": ("", '""'),
    "list": ([7], "[7]"),
    "mapping": ({"zz": 7}, '{"zz": 7}'),
}
"""A value of each kind, and how a message shows it."""

MAPPING = "must be a mapping, such as {name: value}"
LIST = "must be a list"
STRING = "must be a string"
INTEGER = "must be an integer"
NUMBER = "must be a number"
BOOLEAN = "must be true or false"
PERCENTAGE = "must be an integer such as 3, or a percentage from 0% to 100%"
GOAL = "must be `Minimize` or `Maximize`"

Path = tuple[str | int, ...]
FIELDS: Final[list[tuple[Path, str, set[str]]]] = [
    (("flags",), LIST, {"list"}),
    (("flags", 0), MAPPING, {"mapping"}),
    (("flags", 0, "name"), STRING, {"string", "empty string"}),
    (("flags", 0, "values"), LIST, {"list"}),
    (("flags", 1, "range"), MAPPING, {"mapping"}),
    (("flags", 1, "range", "to"), NUMBER, {"integer", "fraction"}),
    (("flags", 1, "range", "points"), INTEGER, {"integer"}),
    (("exclude",), LIST, {"list"}),
    (("exclude", 0), MAPPING, {"mapping"}),
    (("sample",), MAPPING, {"mapping"}),
    (("sample", "size"), INTEGER, {"integer"}),
    (("replicates",), INTEGER, {"integer"}),
    (("seed",), INTEGER, {"integer"}),
    (("suspend",), BOOLEAN, {"boolean"}),
    (("maxFailedRuns",), PERCENTAGE, {"integer"}),
    (("trainer",), MAPPING, {"mapping"}),
    (("trainer", "image"), STRING, {"string", "empty string"}),
    (("trainer", "parameters"), MAPPING, {"mapping"}),
    (("objective", "goal"), GOAL, set()),
    (("objective", "constraints"), LIST, {"list"}),
    (("objective", "constraints", 0, "max"), NUMBER, {"integer", "fraction"}),
    (("templateRef",), MAPPING, {"mapping"}),
    (("template",), MAPPING, {"mapping"}),
]
"""A field, what it takes in words, and the kinds of VALUES that it takes (their value may break another rule)."""


def problems(path: Path, value: object) -> dict[str, str]:
    """Field -> message for a spec that has the value at the path."""
    spec = copy.deepcopy(SPEC)
    place: Any = spec
    for step in path[:-1]:
        place = place[step] if isinstance(step, int) or step in place else place.setdefault(step, {})
    place[path[-1]] = value
    try:
        parse_sweep({"spec": spec})
    except InvalidSweep as error:
        return {problem.field: problem.message for problem in error.problems}
    return {}


def field_of(path: Path) -> str:
    return "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


@pytest.mark.parametrize(
    ("path", "allowed", "kind"),
    [
        pytest.param(path, allowed, kind, id=f"{field_of(path)}: {kind}")
        for path, allowed, taken in FIELDS
        for kind in VALUES
        if kind not in taken
    ],
)
def test_a_value_of_the_wrong_kind(path: Path, allowed: str, kind: str) -> None:
    value, text = VALUES[kind]
    message = problems(path, value)[field_of(path)]
    assert message.startswith(f"{allowed}, got {text}.")


FLAG_VALUE = "must be a number, a string, true, false or a list of these"
OF_FIRST = "but the first value is a number, 0. All must be of one type."


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(None, f"{FLAG_VALUE}, got null.", id="null"),
        pytest.param({"a": 1}, f'{FLAG_VALUE}, got {{"a": 1}}.', id="a mapping"),
        pytest.param([1, None], f"{FLAG_VALUE}, got [1, null].", id="a list with null"),
        pytest.param([[{}]], f"{FLAG_VALUE}, got [[{{}}]].", id="a list with a list with a mapping"),
        pytest.param(True, f"is a boolean, true, {OF_FIRST}", id="a boolean among numbers"),
        pytest.param("relu", f'is a string, "relu", {OF_FIRST}', id="a string among numbers"),
        pytest.param("", f'is a string, "", {OF_FIRST}', id="an empty string among numbers"),
        pytest.param([0], f"is a list, [0], {OF_FIRST}", id="a list among numbers"),
        pytest.param(
            0.0, "0 is listed already, as values[0]. Remove one of them.", id="the same number, spelt otherwise"
        ),
        pytest.param("0.5", '"0.5" is a string, not a number. Write it without quotes: 0.5.', id="a number in quotes"),
    ],
)
def test_a_value_of_a_flag_of_the_wrong_kind(value: object, message: str) -> None:
    found = problems(("flags", 0, "values", 1), value)
    assert found == {"spec.flags[0].values[1]": message}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(None, "is null, but the values of this flag are of type number: it can never match.", id="null"),
        pytest.param(False, "is a boolean, false, but the values of this flag are of type number", id="a boolean"),
        pytest.param("x", 'is a string, "x", but the values of this flag are of type number', id="a string"),
        pytest.param("1e-4", '"1e-4" is a string, not a number', id="a number that a YAML reader took for a string"),
        pytest.param([0], "is a list, [0], but the values of this flag are of type number", id="a list"),
        pytest.param({"a": 0}, 'is a mapping, {"a": 0}, but the values of this flag are', id="a mapping"),
    ],
)
@pytest.mark.parametrize("flag", ["l2", "d"])
def test_a_value_of_exclude_of_the_wrong_kind_is_refused_where_one_that_does_not_exist_is_not(
    flag: str, value: object, message: str
) -> None:
    found = problems(("exclude", 0), {flag: value})
    assert list(found) == [f"spec.exclude[0].{flag}"]
    assert found[f"spec.exclude[0].{flag}"].startswith(message)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(float("nan"), ".nan", id="not a number"),
        pytest.param(float("inf"), ".inf", id="infinity"),
        pytest.param(-float("inf"), "-.inf", id="minus infinity"),
        pytest.param(10**400, f"1{'0' * 56}...", id="an integer above all doubles"),
        pytest.param(10**5000, "a number of thousands of digits", id="an integer too long for a text"),
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(("flags", 0, "values", 1), id="a value"),
        pytest.param(("trainer", "parameters", "x"), id="a parameter"),
        pytest.param(("trainer", "image"), id="a string"),
        pytest.param(("suspend",), id="a boolean"),
        pytest.param(("replicates",), id="an integer"),
    ],
)
def test_a_number_that_cannot_be_stored_is_refused_whatever_the_field_takes(
    path: Path, value: float, shown: str
) -> None:
    message = problems(path, value)[field_of(path)]
    assert message == f"is {shown}, which cannot be stored: numbers must be finite."


@pytest.mark.parametrize(
    ("value", "got"),
    [
        pytest.param(datetime.date(2026, 1, 2), 'a date, "2026-01-02"', id="a date of YAML"),
        pytest.param(b"\xff" * 500, 'a bytes, "b', id="binary data of YAML"),
        pytest.param({1, 2}, 'a set, "{1, 2}"', id="a set of YAML"),
    ],
)
def test_a_value_that_json_does_not_have_is_refused_and_shown_briefly(value: object, got: str) -> None:
    message = problems(("trainer", "parameters", "x"), value)["spec.trainer.parameters.x"]
    assert message.startswith(f"must be a number, a string, true, false, a list or a mapping, got {got}")
    assert len(message) < 200


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        pytest.param("1e-4", "Write 0.0001 or 1.0e-4", id="small"),
        pytest.param("1E5", "Write 100000 or 1.0e+5", id="large"),
        pytest.param("1e-40", "Write 1.0e-40", id="too small to be written out"),
        pytest.param("-.5", "Write it without quotes: -.5", id="without an exponent"),
    ],
)
def test_a_string_that_spells_a_number_is_shown_as_it_should_be_written(text: str, advice: str) -> None:
    assert advice in problems(("objective", "constraints", 0, "max"), text)["spec.objective.constraints[0].max"]


@pytest.mark.parametrize("text", ["1e-4", "2.5", "٣"])
def test_a_string_that_spells_no_integer_gets_no_such_advice_for_an_integer(text: str) -> None:
    assert problems(("replicates",), text) == {"spec.replicates": f'must be an integer, got "{text}".'}
