"""What a person writes is bounded before anything else looks at it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.api.size_rules import MAX_DEPTH, size_problems
from regsweep.api.spec import SweepSpec
from regsweep.api.status import SweepStatus
from regsweep.api.validation import parse_sweep
from regsweep.core.status import refused_status
from regsweep.errors import InvalidSweep, Problem

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def _spec(**parts: Any) -> dict[str, Any]:
    return {"flags": [{"name": "l2", "values": [0, 0.01]}], **parts}


def _nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        pytest.param(
            _spec(flags=[{"name": "a", "values": [1]}, {"name": "b", "values": ["x", "y" * 60_000]}]),
            "spec.flags[1].values[1]",
            "has 60,003 characters as JSON; at most 1,024 are allowed",
            id="a value of 60 kB",
        ),
        pytest.param(
            _spec(flags=[{"name": f"f{k}", "values": ["x" * 900]} for k in range(20)]),
            "spec.flags",
            "the largest combination has 18,060 characters as JSON; at most 4,096",
            id="many long values in one combination",
        ),
        pytest.param(
            _spec(trainer={"parameters": {"text": "é" * 20_000}}),
            "spec.trainer.parameters",
            "at most 65,536",
            id="parameters that no environment takes, as escapes",
        ),
        pytest.param(
            _spec(template={"spec": {"x": ["y"] * 70_000}}), "spec.template", "at most 131,072", id="a template"
        ),
        pytest.param(
            _spec(exclude=[{"l2": list(range(500))}] * 1000), "spec", "at most 524,288", id="what is large as a whole"
        ),
        pytest.param(_spec(template=_nested(5000)), "spec.template[0]", "more than 32 levels", id="a deep template"),
        pytest.param(
            _spec(replicates=_nested(10**6)), "spec.replicates[0]", "more than 32 levels", id="depth at an odd place"
        ),
        pytest.param(
            _spec(flags=[{"name": "a", "values": [1, _nested(200)]}]), "spec.flags[0]", "32 levels", id="a deep value"
        ),
        pytest.param(_nested(10**5), "spec[0].a", "32 levels", id="nothing but depth"),
    ],
)
def test_what_is_too_large_is_refused_with_its_size(spec: Any, field: str, words: str) -> None:
    with pytest.raises(InvalidSweep) as caught:
        parse_sweep({"spec": spec})
    (problem,) = caught.value.problems
    assert problem.field == field
    assert words in problem.message


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(
            _spec(flags=[{"name": "a", "values": ["x" * 1000, "y" * 1000]}]), id="a value of a thousand characters"
        ),
        pytest.param(_spec(trainer={"parameters": {"text": "x" * 60_000}}), id="long parameters"),
        pytest.param(_spec(flags=[{"name": "a", "values": list(range(1000))}]), id="a thousand values"),
        pytest.param(_spec(template={"spec": _nested(MAX_DEPTH - 3)}), id="as deep as may be"),
    ],
)
def test_what_is_within_the_bounds_is_taken(spec: dict[str, Any]) -> None:
    assert size_problems(spec) == []
    assert isinstance(parse_sweep({"spec": spec}), SweepSpec)


@pytest.mark.parametrize("text", ["1e999999999", "-1E+999999999999", "1e" + "9" * 900, "9" * 1000])
def test_a_number_in_quotes_is_never_written_out_at_length(text: str) -> None:
    with pytest.raises(InvalidSweep) as caught:
        parse_sweep({"spec": _spec(flags=[{"name": "a", "values": [0.1, text]}])})
    assert "is a string, not a number" in str(caught.value)
    assert len(str(caught.value)) < 2500


def test_of_a_thousand_problems_the_status_has_the_first_ones() -> None:
    problems = [Problem(f"spec.flags[{k}]", "x" * 3000) for k in range(1000)]
    status = refused_status(Reason.INVALID, problems, SweepStatus(), 1, NOON)
    message = status.conditions[0].message
    assert len(message) <= 16_384
    few = refused_status(Reason.INVALID, [Problem("spec.a", "is wrong.")] * 25, SweepStatus(), 1, NOON)
    assert few.conditions[0].message.endswith("5 more problems: `regsweep validate` shows all.")
