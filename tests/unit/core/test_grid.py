"""The grid: order, size, ranges as a person would write them, exclude, sample, and identities that outlive edits."""

import itertools
import math
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.canonical import digest
from regsweep.api.spec import Range, SweepSpec
from regsweep.api.values import grid
from regsweep.core.grid import combination_id, combinations, grid_size, label, range_values, value_text


def spec(flags: dict[str, list[Any]], **others: Any) -> SweepSpec:
    return SweepSpec.model_validate({"flags": [{"name": name, "values": v} for name, v in flags.items()], **others})


def points(start: float, end: float, count: int, scale: str = "Linear") -> Range:
    return Range.model_validate({"from": start, "to": end, "points": count, "scale": scale})


NUMBERS = st.lists(
    st.integers(-5, 5) | st.sampled_from([0.1, 0.25, 1e-4, 3.5]), min_size=1, max_size=4, unique_by=float
)
GRIDS = st.dictionaries(st.sampled_from(["l1", "l2", "dropout", "units"]), NUMBERS, min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("given_range", "expected"),
    [
        pytest.param(points(0, 0.5, 6), "0 0.1 0.2 0.3 0.4 0.5", id="tenths are tenths, not 0.30000000000000004"),
        pytest.param(points(0, 1, 2), "0 1", id="two points are the ends"),
        pytest.param(points(16, 64, 4), "16 32 48 64", id="integers stay integers"),
        pytest.param(points(-1, 1, 5), "-1 -0.5 0 0.5 1", id="through nought"),
        pytest.param(points(0, 1, 4), "0 0.3333 0.6667 1", id="thirds are cut short"),
        pytest.param(
            points(0.0125, 0.1, 8), "0.0125 0.025 0.0375 0.05 0.0625 0.075 0.0875 0.1", id="short decimals whole"
        ),
        pytest.param(points(1e-4, 0.1, 4, "Log"), "0.0001 0.001 0.01 0.1", id="powers of ten"),
        pytest.param(points(1e-4, 1e-2, 5, "Log"), "0.0001 0.0003162 0.001 0.003162 0.01", id="half powers of ten"),
        pytest.param(points(1, 65536, 17, "Log"), " ".join(str(2**i) for i in range(17)), id="powers of two whole"),
        pytest.param(points(0.1 + 0.2, 0.9, 3), "0.30000000000000004 0.6 0.9", id="ends exactly as given"),
    ],
)
def test_ranges_read_as_a_person_would_write_them(given_range: Range, expected: str) -> None:
    assert " ".join(str(value) for value in range_values(given_range)) == expected


@given(st.floats(1e-6, 1e6), st.floats(1.01, 1e6), st.integers(2, 60), st.sampled_from(["Linear", "Log"]))
def test_a_range_has_both_ends_and_even_steps(start: float, factor: float, count: int, scale: str) -> None:
    end = start * factor
    values = range_values(points(start, end, count, scale))
    assert len(values) == count
    assert (values[0], values[-1]) == (start, end)
    assert list(values) == sorted(set(values)), "rising, and each once"
    place = math.log if scale == "Log" else float
    steps = [place(b) - place(a) for a, b in itertools.pairwise(values)]
    even = (place(end) - place(start)) / (count - 1)
    assert all(abs(step - even) <= 0.03 * even for step in steps)


@given(st.floats(0.001, 100), st.integers(2, 8), st.sampled_from(["Linear", "Log"]))
def test_twice_as_fine_a_range_keeps_the_points(start: float, count: int, scale: str) -> None:
    coarse = range_values(points(start, start * 50, count, scale))
    fine = range_values(points(start, start * 50, 2 * count - 1, scale))
    assert set(coarse) <= set(fine)


def test_a_log_range_through_nought_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        range_values(points(0, 1, 3, "Log"))


def test_the_first_flag_varies_slowest() -> None:
    found = combinations(spec({"l2": [0, 0.1], "activation": ["relu", "tanh"]}))
    assert [label(c.flags) for c in found] == [
        "l2=0, activation=relu",
        "l2=0, activation=tanh",
        "l2=0.1, activation=relu",
        "l2=0.1, activation=tanh",
    ]
    assert [c.index for c in found] == [0, 1, 2, 3]


@given(GRIDS)
def test_the_grid_is_the_product_and_every_id_is_its_own(flags: dict[str, list[Any]]) -> None:
    found = combinations(spec(flags))
    assert len(found) == grid_size(spec(flags)) == math.prod(map(len, flags.values()))
    assert len({c.id for c in found}) == len(found)
    assert [tuple(c.flags.values()) for c in found] == list(itertools.product(*flags.values()))


@given(GRIDS, st.randoms(use_true_random=False), st.integers(6, 9))
def test_growing_and_reordering_keeps_every_id(flags: dict[str, list[Any]], chance: Any, more: int) -> None:
    names = list(flags)
    chance.shuffle(names)
    grown = {name: chance.sample(flags[name], len(flags[name])) for name in names}
    grown[names[0]].append(more)
    before = {frozenset(c.flags.items()): c.id for c in combinations(spec(flags))}
    after = {frozenset(c.flags.items()): c.id for c in combinations(spec(grown))}
    assert before.items() <= after.items()


def test_a_range_and_the_same_values_written_out_are_the_same_points() -> None:
    by_range = SweepSpec.model_validate({"flags": [{"name": "dropout", "range": {"from": 0, "to": 0.5, "points": 6}}]})
    by_values = spec({"dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]})
    assert [c.id for c in combinations(by_range)] == [c.id for c in combinations(by_values)]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        pytest.param([{"l2": 0}], 3, id="one flag: all that match it"),
        pytest.param([{"l2": 0.0, "dropout": 0.5}], 5, id="two flags: the one combination, however it is spelt"),
        pytest.param([{"l2": 0}, {"dropout": 0.5}], 2, id="entries add up"),
        pytest.param([{"dropout": 0.7}], 6, id="a value that is not there matches nothing"),
        pytest.param([{"gone": 1}], 6, id="a flag that is not there matches nothing"),
    ],
)
def test_exclude(exclude: list[dict[str, Any]], left: int) -> None:
    swept = spec({"l2": [0, 0.1], "dropout": [0, 0.25, 0.5]}, exclude=exclude)
    assert len(combinations(swept)) == left
    assert grid_size(swept) == 6, "the size of the grid is that before exclude"


def test_lists_can_be_excluded() -> None:
    assert len(combinations(spec({"units": [[64], [64, 64]]}, exclude=[{"units": [64.0]}]))) == 1


@given(GRIDS, st.integers(1, 80), st.integers(0, 3))
def test_a_sample_is_a_part_of_the_grid_in_its_order(flags: dict[str, list[Any]], size: int, seed: int) -> None:
    whole = [c.id for c in combinations(spec(flags))]
    drawn = combinations(spec(flags, sample={"size": size, "seed": seed}))
    ids = [c.id for c in drawn]
    assert len(ids) == min(size, len(whole))
    assert ids == [ident for ident in whole if ident in set(ids)]
    assert [c.index for c in drawn] == list(range(len(drawn)))
    larger = combinations(spec(flags, sample={"size": size + 1, "seed": seed}))
    assert set(ids) <= {c.id for c in larger}, "a larger sample keeps what was drawn"


def test_the_seed_decides_the_sample() -> None:
    flags = {"a": list(range(10)), "b": list(range(10))}
    samples = [
        frozenset(c.id for c in combinations(spec(flags, sample={"size": 10, "seed": seed}))) for seed in (0, 0, 1)
    ]
    assert samples[0] == samples[1] != samples[2]
    turned = spec({"b": list(range(9, -1, -1)), "a": list(range(10))}, sample={"size": 10})
    assert frozenset(c.id for c in combinations(turned)) == samples[0], "the order of the grid does not"


def drawn_at_once(whole: SweepSpec, size: int, seed: int) -> list[str]:
    """The rule that sweeps have been drawn by since the first version, with the whole grid in hand."""
    ids = [digest(flags, 12) for flags in grid(whole)]
    smallest = set(sorted(ids, key=lambda ident: digest([seed, ident], 64))[:size])
    return [ident for ident in ids if ident in smallest]


VALUES = st.sampled_from(
    [
        [0, 0.1, 0.001],
        [1.0, 2, 3.5],
        ["relu", 'a"ü'],
        [True, False],
        [[64], [64, 32]],
        [[], ["x", 1]],
        [-0.0, 1e-9, 2**60],
    ]
)


@given(
    st.dictionaries(st.sampled_from(["l2", "Units", "act-x", "a.b", "_z"]), VALUES, min_size=1, max_size=4),
    st.integers(1, 50),
    st.integers(0, 5),
    st.booleans(),
)
def test_a_sweep_keeps_its_draw(flags: dict[str, list[Any]], size: int, seed: int, excluding: bool) -> None:
    name, values = next(iter(flags.items()))
    exclude = [{name: values[0]}] if excluding else []
    drawn = combinations(spec(flags, exclude=exclude, sample={"size": size, "seed": seed}))
    assert [c.id for c in drawn] == drawn_at_once(spec(flags, exclude=exclude), size, seed)
    assert [c.id for c in drawn] == [combination_id(c.flags) for c in drawn]


def test_the_draw_of_a_known_sweep() -> None:
    flags: dict[str, list[Any]] = {
        "l2": [0, 0.1, 0.01],
        "Units": [[64], [64, 32]],
        "act-x": ["relu", 'a"ü'],
        "bn": [True, False],
    }
    drawn = combinations(spec(flags, exclude=[{"l2": 0}], sample={"size": 4, "seed": 3}))
    assert [c.id for c in drawn] == ["f5abb1e11d72", "d824c751d729", "a835074ea032", "b12bcf3e6eb9"]


def test_a_sample_of_a_large_grid_is_drawn_without_holding_the_grid() -> None:
    large = spec({"a": list(range(200)), "b": list(range(200))}, sample={"size": 20})
    tracemalloc.start()
    try:
        assert len(combinations(large)) == 20
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000, "40,000 combinations take some 20 MB"


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        pytest.param({"l2": 0.01, "dropout": 0.3}, "l2=0.01, dropout=0.3", id="numbers"),
        pytest.param({"l2": 0.00001, "lr": 1.0}, "l2=0.00001, lr=1", id="small numbers are written out"),
        pytest.param({"l2": 1e-9, "n": 2.5e20}, "l2=1e-9, n=2.5e20", id="very small and very large ones are not"),
        pytest.param({"bn": True, "act": "relu"}, "bn=true, act=relu", id="booleans and texts"),
        pytest.param({"units": [64, 32]}, "units=[64, 32]", id="lists"),
        pytest.param({"a": "x, y=1", "b": ""}, 'a="x, y=1", b=""', id="texts that could be misread stand in quotes"),
        pytest.param(
            {"a": "1", "b": "1e-4", "c": "0x1F", "d": ".5"}, 'a="1", b="1e-4", c="0x1F", d=".5"', id="numbers as text"
        ),
        pytest.param({"a": "true", "b": "no", "c": "Off"}, 'a="true", b="no", c="Off"', id="booleans as text"),
        pytest.param({"a": "null", "b": "~", "c": None}, 'a="null", b="~", c=null', id="null as text"),
        pytest.param({"a": " relu", "b": "a b"}, 'a=" relu", b=a b', id="blanks at an end"),
        pytest.param({"a": "re\u200blu", "b": "\ud800"}, 'a="re\\u200blu", b="\\ud800"', id="what cannot be seen"),
        pytest.param({"units": ["1", 1, [2, "2"]]}, 'units=["1", 1, [2, "2"]]', id="texts in lists of lists"),
        pytest.param(
            {"a": "[64]", "b": {"x": 1}, "c": "{}"}, 'a="[64]", b={"x": 1}, c="{}"', id="lists and maps as text"
        ),
        pytest.param(
            {"opt": "adam", "norm": "batch-norm", "v": "v1.2.3"}, "opt=adam, norm=batch-norm, v=v1.2.3", id="words"
        ),
    ],
)
def test_labels(flags: dict[str, Any], text: str) -> None:
    assert label(flags) == text


@pytest.mark.parametrize(
    "word",
    ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "~", "NO", "1:30", "-1:30:05.5", "0o17", ".inf"],
)
def test_a_text_that_some_reader_of_yaml_takes_for_something_else_stands_in_quotes(word: str) -> None:
    assert value_text(word) == f'"{word}"'


@pytest.mark.parametrize("text", ["größe, breite", "a=é"])
def test_letters_of_other_languages_stay_readable_in_quotes(text: str) -> None:
    assert value_text(text) == f'"{text}"'
    assert value_text({"name": text}) == f'{{"name": "{text}"}}'


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(
        ["1", "1.0", "true", "null", "[1]", '"1"', "1, b=2", "", " ", "a, b", "{}", "[]", "0", "-0", "1e3", "é"]
    )
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
FLAGS = st.dictionaries(st.sampled_from(["a", "b", "c.d"]), VALUES, min_size=1, max_size=3)


@given(FLAGS, FLAGS)
def test_different_flags_have_different_labels(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Both in the order of the spec, as a sweep's combinations are."""
    one, other = ({name: flags[name] for name in sorted(flags)} for flags in (one, other))
    assert (label(one) == label(other)) == (combination_id(one) == combination_id(other))


@given(FLAGS)
def test_a_label_is_one_line_that_can_be_printed(flags: dict[str, Any]) -> None:
    assert label(flags).isprintable()


@given(VALUES, VALUES)
def test_a_value_is_shown_as_one_value(one: Any, other: Any) -> None:
    assert value_text([one, other]) == f"[{value_text(one)}, {value_text(other)}]"
