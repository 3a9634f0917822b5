"""Whether a combination lies at an end of the values swept, and which value comes next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regsweep.api.findings import GridEnd, Subject
from regsweep.api.spec import Flag, Flags, FlagValue
from regsweep.api.values import flag_values
from regsweep.core.grid import Combination, value_text
from regsweep.core.judging.stats.edges import Swept, at_grid_edge, suggestion


def swept(name: str, values: Sequence[FlagValue], **fields: Any) -> Swept:
    return Swept([Combination(str(i), {name: value}, i) for i, value in enumerate(values)], **fields)


def beyond(name: str, values: Sequence[FlagValue], end: GridEnd = GridEnd.LARGEST, **fields: Any) -> str | None:
    """The suggestion as labels print it."""
    found = suggestion(name, swept(name, values, **fields), end)
    return None if found is None else value_text(found)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        pytest.param("width", [2, 3], "4", id="counts"),
        pytest.param("layers", [1, 2, 3], "4", id="layers"),
        pytest.param("layers", [1, 2], "3", id="one and two are counts, no powers"),
        pytest.param("width", [1024, 2048], "4096", id="two powers of two"),
        pytest.param("units", [16, 32, 64], "128", id="powers of two"),
        pytest.param("units", [8, 32, 128], "512", id="every second power of two"),
        pytest.param("units", [0, 8, 16], "24", id="equal steps from nought are steps"),
        pytest.param("width", [300, 400], "500", id="hundreds"),
        pytest.param("batch_size", [10, 100], "1000", id="powers of ten stay whole"),
        pytest.param("k", [4, 6, 9], "14", id="whole numbers stay whole"),
        pytest.param("l2", [0, 0.01, 0.1], "1", id="a penalty is no share"),
        pytest.param("l2", [0, 0.001, 0.01], "0.1", id="the next power"),
        pytest.param("l2", [0, 0.1, 0.2], "0.3", id="equal steps go on"),
        pytest.param("l2", [0, 0.5], "1", id="a penalty may be 1"),
        pytest.param("l2", [1e-4, 3e-4, 1e-3], "0.003", id="1, 3, 10"),
        pytest.param("lr", [0.01, 0.02, 0.05], "0.1", id="1, 2, 5, 10"),
        pytest.param("l2", [0.0001, 0.0003162, 0.001], "0.003162", id="half powers"),
        pytest.param("alpha", [0, 0.01, 0.1], "1", id="values that step by factors are no shares"),
        pytest.param("dropout", [0, 0.25, 0.5], "0.75", id="a share by equal steps"),
        pytest.param("dropout", [0, 0.5], "0.75", id="a share stays below 1: halfway to it"),
        pytest.param("dropout", [0.5, 0.7, 0.9], "0.95", id="a share near 1"),
        pytest.param("dropout", [0.01, 0.1, 0.5], "0.75", id="dropout is a share however it steps"),
        pytest.param("momentum", [0.9, 0.99], "0.995", id="a share by another name"),
        pytest.param("x", [0, 0.1, 0.2, 0.30000000000000004], "0.4", id="no digits of arithmetic"),
        pytest.param("shift", [-1, 0, 1], "2", id="through nought"),
        pytest.param("x", [1e200, 1e300], None, id="nothing that a number can hold"),
        pytest.param("early_stopping", [0, 5, 10], "15", id="epochs"),
    ],
)
def test_what_comes_after_the_largest_value(name: str, values: list[FlagValue], expected: str | None) -> None:
    assert beyond(name, values) == expected


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        pytest.param("width", [2, 3], "1", id="counts"),
        pytest.param("width", [1024, 2048], "512", id="two powers of two"),
        pytest.param("units", [16, 32, 64], "8", id="powers of two"),
        pytest.param("u", [3, 10], "2", id="never through nought"),
        pytest.param("n", [1, 10, 100], None, id="no part of a whole number"),
        pytest.param("l2", [1, 10, 100], "0.1", id="a penalty written in whole numbers"),
        pytest.param("l2", [0.0001, 0.001, 0.01], "0.00001", id="the power before"),
        pytest.param("dropout", [0.1, 0.4], "0.05", id="half of it rather than below nought"),
        pytest.param("shift", [-1, 0, 1], "-2", id="below nought where values are"),
        pytest.param("x", [5e-324, 1e-300], None, id="nothing that a number can hold"),
    ],
)
def test_what_comes_before_the_smallest_value(name: str, values: list[FlagValue], expected: str | None) -> None:
    assert beyond(name, values, GridEnd.SMALLEST) == expected


def ranged(start: float, end: float, points: int, scale: str = "Linear") -> Flag:
    return Flag.model_validate({"name": "x", "range": {"from": start, "to": end, "points": points, "scale": scale}})


@pytest.mark.parametrize(
    ("flag", "after", "before"),
    [
        pytest.param(ranged(1e-4, 0.1, 4, "Log"), "1", "0.00001", id="powers of ten"),
        pytest.param(ranged(1e-4, 1e-2, 5, "Log"), "0.03162", "0.00003162", id="half powers of ten"),
        pytest.param(ranged(16, 256, 5, "Log"), "512", "8", id="powers of two"),
        pytest.param(ranged(0.5, 8, 2, "Log"), "128", "0.03125", id="two points by factors, however near"),
        pytest.param(ranged(0.1, 0.9, 2, "Log"), "8.1", "0.01111", id="a log range is no range of shares"),
        pytest.param(ranged(0, 0.5, 6), "0.6", "-0.1", id="tenths"),
        pytest.param(ranged(16, 64, 4), "80", "8", id="equal steps, never down to nought"),
    ],
)
def test_a_range_goes_on_as_it_is_scaled(flag: Flag, after: str, before: str) -> None:
    values = flag_values(flag)
    assert beyond("x", values, flags=[flag]) == after
    assert beyond("x", values, GridEnd.SMALLEST, flags=[flag]) == before


DECLARED = Flag(name="l2", values=[0, 0.01, 0.1, 1, 20])


@pytest.mark.parametrize(
    ("values", "exclude", "expected"),
    [
        pytest.param([0, 0.01, 0.1], [], "1", id="a value that a sample did not draw comes first"),
        pytest.param([0, 0.01, 0.1, 1], [], "20", id="the next of those declared, though steps say otherwise"),
        pytest.param([0, 0.01, 0.1], [{"l2": 1}], "20", id="what is left out is not suggested"),
        pytest.param([0, 0.01, 0.1], [{"l2": 1.0}, {"l2": 20}], None, id="where all beyond is left out, nothing is"),
        pytest.param([0, 0.01, 0.1], [{"l2": 1, "dropout": 0}], "1", id="left out with another flag's value alone"),
    ],
)
def test_a_suggestion_is_in_the_sweep_or_at_least_not_out_of_it(
    values: list[FlagValue], exclude: list[Flags], expected: str | None
) -> None:
    assert beyond("l2", values, flags=[DECLARED], exclude=exclude) == expected


def test_a_value_beyond_the_flags_that_is_left_out_is_not_suggested() -> None:
    flag = Flag(name="l2", values=[0, 0.01, 0.1])
    assert beyond("l2", [0, 0.01, 0.1], flags=[flag], exclude=[{"l2": 1}]) is None


def edges(values: Sequence[FlagValue], at: FlagValue, name: str = "flag") -> list[tuple[FlagValue, str]]:
    found = at_grid_edge(Subject.BEST, {name: at}, swept(name, values))
    return [(each.value, str(each.end)) for each in found]


@pytest.mark.parametrize(
    ("values", "at", "expected"),
    [
        pytest.param([0, 0.2, 0.4], 0.4, [(0.4, "Largest")], id="the largest"),
        pytest.param([0.1, 0.2, 0.4], 0.1, [(0.1, "Smallest")], id="the smallest"),
        pytest.param([0, 0.2, 0.4], 0, [], id="0 is no edge: nothing is below"),
        pytest.param([0, 0.2, 0.4], 0.2, [], id="in the middle"),
        pytest.param([1, 2, 3], 1, [], id="a count of one is no edge"),
        pytest.param([0.5, 1.0], 1.0, [(1.0, "Largest")], id="a number written as a fraction"),
        pytest.param([3], 3, [], id="one value alone"),
        pytest.param(["relu", "tanh"], "relu", [], id="what is no number has no edge"),
        pytest.param([True, False], True, [], id="neither have booleans"),
        pytest.param([[64], [128]], [128], [], id="nor lists"),
    ],
)
def test_where_a_combination_is_at_an_edge(
    values: list[FlagValue], at: FlagValue, expected: list[tuple[FlagValue, str]]
) -> None:
    assert edges(values, at) == expected


def test_every_flag_at_an_edge_has_a_finding() -> None:
    grid = Swept([Combination(f"{a}{b}", {"a": a, "b": b}, 0) for a in (1, 2, 3) for b in (0.1, 0.2)])
    assert [each.flag for each in at_grid_edge(Subject.PICK, {"a": 3, "b": 0.2}, grid)] == ["a", "b"]
    assert [each.flag for each in at_grid_edge(Subject.PICK, {"a": 2, "b": 0.2}, grid)] == ["b"]


@given(
    st.sampled_from(["l2", "dropout", "width", "early_stopping", "x"]),
    st.lists(st.integers(0, 5000) | st.floats(0, 1, exclude_max=True) | st.floats(-1e6, 1e6), min_size=2, max_size=5),
    st.sampled_from(GridEnd),
)
@example("l2", [0, -1.0, -5.0], GridEnd.LARGEST)
def test_a_suggestion_lies_beyond_its_end_and_is_of_the_values_kind(
    name: str, values: list[int | float], end: GridEnd
) -> None:
    numbers = swept(name, values).numbers(name)
    if len(numbers) < 2:
        return
    found = suggestion(name, swept(name, values), end)
    if found is None:
        return
    assert math.isfinite(found)
    assert found > numbers[-1] if end is GridEnd.LARGEST else found < numbers[0]
    if all(isinstance(n, int) for n in numbers) and name in ("width", "early_stopping", "x"):
        assert isinstance(found, int)
    if name == "dropout" and all(0 <= n < 1 for n in numbers) and end is GridEnd.LARGEST:
        assert found < 1
    if all(n > 0 for n in numbers):
        assert found > 0
