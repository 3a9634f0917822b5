"""What is predicted: labels stay as they are written, nothing is merged, and what marks a missing value is no class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import visible
from regsweep_trainer.data.numerals import exact_value, is_missing, parse_number
from regsweep_trainer.data.targets import Target, TextColumn, encode_target

pytestmark = pytest.mark.filterwarnings("error")


def encode(cells: list[str], task: str = "auto") -> Target:
    distinct = list(dict.fromkeys(cells))
    column = TextColumn(tuple(distinct), np.array([distinct.index(cell) for cell in cells]))
    return encode_target(column, task, "flag target: column 'y'", places)


def places(rows: NDArray[np.int64]) -> str:
    return f"rows {(rows + 1).tolist()}"


NUMBERS = [str(i * 8 % 21) for i in range(42)]
FRACTIONS = [f"{i}.5" for i in range(10)]


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        pytest.param(["0", "1", "1", "0"], "auto", ("0", "1"), id="whole numbers are classes"),
        pytest.param(["10", "9", "10", "9"], "auto", ("9", "10"), id="classes that are numbers are ordered as numbers"),
        pytest.param(["1.0", "2.0", "1.0"], "auto", ("1.0", "2.0"), id="labels stay as they are written"),
        pytest.param(["11", "1_1", "21", "2_1"], "auto", ("11", "1_1", "21", "2_1"), id="1_1 is not a number"),
        pytest.param(["0x10", "16"], "auto", ("0x10", "16"), id="nor is 0x10"),
        pytest.param(["9" * 17, "8" * 17], "auto", ("8" * 17, "9" * 17), id="numbers with more digits than a float has"),
        pytest.param([f"{2**53 + 1}", f"{2**53}"], "auto", (f"{2**53}", f"{2**53 + 1}"), id="one float, two labels"),
        pytest.param(["b", "a", "B"], "auto", ("B", "a", "b"), id="text is ordered by its characters"),
        pytest.param(["true", "false"], "auto", ("false", "true"), id="truth values"),
        pytest.param(["none", "mild", "severe"], "auto", ("mild", "none", "severe"), id="none among words"),
        pytest.param(["0.5", "1", "1", "0"], "auto", None, id="fractions are a regression"),
        pytest.param(NUMBERS, "auto", None, id="many whole numbers are a regression"),
        pytest.param(NUMBERS, "classification", tuple(map(str, range(21))), id="unless told otherwise"),
        pytest.param(["0", "1", "1", "0"], "regression", None, id="a regression if told so"),
        pytest.param(["1", "1.0", "2"], "regression", None, id="spellings do not matter to a regression"),
        pytest.param(["1,5", "2,5"], "classification", ("1,5", "2,5"), id="commas within labels if told so"),
        pytest.param([*FRACTIONS, "x1"], "classification", (*FRACTIONS, "x1"), id="a mixture if told so"),
        pytest.param(["1", "2", "3+"], "auto", ("1", "2", "3+"), id="few whole numbers and text"),
    ],
)  # fmt: skip
def test_what_a_target_is(cells: list[str], task: str, classes: tuple[str, ...] | None) -> None:
    target = encode(cells, task)
    assert target.classes == classes
    expected = [float(cell) for cell in cells] if classes is None else [classes.index(cell) for cell in cells]
    assert target.values.tolist() == expected


@pytest.mark.parametrize(
    ("cells", "task", "says"),
    [
        pytest.param(["0", "1", "NA", "0", "NA"], "auto", r"no value in 2 of 5 rows, but 'NA': rows \[3, 5\]", id="NA"),
        pytest.param(["a", "", "b", "?"], "auto", r"no value in 2 of 4 rows, but '', '\?': rows \[2, 4\]", id="empty"),
        pytest.param(["0", "inf", "1"], "auto", r"no value in 1 of 3 rows, but 'inf': rows \[2\]", id="infinity"),
        pytest.param(["a", "b", "NaN"], "classification", "no value in 1 of 3 rows", id="also if told to classify"),
        pytest.param(["1.5", "2.5", "#DIV/0!"], "regression", "no value in 1 of 3", id="also for a regression"),
        pytest.param(["0", "1", "unknown", "1"], "auto", r"'unknown': rows \[3\]", id="a word among numbers"),
        pytest.param(["1", "1.0", "2"], "auto", r"'1' in rows \[1\] and '1.0' in rows \[2\] are the same number", id="1.0"),
        pytest.param(["10", "1e1", "20", "10"], "auto", r"'10' in rows \[1, 4\] and '1e1' in rows \[2\] are", id="1e1"),
        pytest.param(["1", "01", "A"], "auto", "'1' in .* and '01' in .* are the same number", id="leading zeros"),
        pytest.param(["-0", "0", "1"], "auto", "are the same number; use one spelling for each label", id="two zeros"),
        pytest.param(["yes", "yes\u200b", "no"], "auto", r"\('yes\\u200b'\) in rows \[2\] look the same", id="invisible"),
        pytest.param(["\u00e9", "e\u0301"], "auto", r"\('\\xe9'\) .* \('e\\u0301'\) .* look the same", id="decomposed"),
        pytest.param(["a b", "a\u00a0b"], "auto", r"'a b' in .* \('a\\xa0b'\) .* look the same", id="another blank"),
        pytest.param(["a b", "a  b"], "auto", "look the same", id="two blanks"),
        pytest.param(["-0,39", "1,5"], "auto", r"'-0,39' is a number with a comma \(.*\): rows \[1, 2\]", id="comma"),
        pytest.param(["1.5", "\u22121.5"], "auto", r"is a number in other characters .* rows \[2\]", id="minus sign"),
        pytest.param([*FRACTIONS, "12%"], "auto", r"'12%' is a number with a unit .*: rows \[11\]", id="percent"),
        pytest.param([*FRACTIONS, "1_0"], "auto", r"'1_0' is a number with underscores", id="underscores in fractions"),
        pytest.param([*NUMBERS, "abc"], "auto", r"'abc' is not a number: rows \[43\]; .*task: classification", id="text"),
        pytest.param([*FRACTIONS, "1e400"], "auto", "'1e400' is beyond the largest 64-bit float", id="out of range"),
        pytest.param(["1", "b"], "regression", r"'b' is not a number: rows \[2\], but task regression", id="a word"),
        pytest.param(["0", "0", "0"], "auto", "every row has '0'; a classification needs two", id="one class"),
        pytest.param(["0.5", "0.5"], "auto", "every row has '0.5'; there is nothing to predict", id="one number"),
        pytest.param(["1", "1.0"], "regression", "every row has '1'; there is nothing to predict", id="two spellings"),
        pytest.param([f"c{i}" for i in range(1001)], "auto", "1001 distinct values", id="an id column"),
        pytest.param(["9007199254740993", "0.5"], "auto", "more digits than a 64-bit float keeps", id="digits"),
        pytest.param(["1e200", "0.5"], "auto", r"0.5 to 1e\+200 \(rows \[1\]\) have squared errors beyond", id="huge"),
        pytest.param(["1e-200", "0.5e-200"], "auto", "have squared errors beyond", id="tiny"),
        pytest.param(["1.7e308", "-1.7e308", "0.5"], "auto", "have squared errors beyond", id="both ends of float64"),
    ],
)  # fmt: skip
def test_a_target_that_could_be_misread_is_refused(cells: list[str], task: str, says: str) -> None:
    with pytest.raises(BadDataError, match=says) as caught:
        encode(cells, task)
    assert str(caught.value).startswith("flag target: column 'y'")


def test_a_constant_extreme_regression_is_constant() -> None:
    with pytest.raises(BadDataError, match="every row has '1e300'"):
        encode(["1e300"] * 3, "regression")


LABELS = st.lists(st.text(min_size=1, max_size=4).map(str.strip), min_size=2, max_size=12)


@given(cells=LABELS)
def test_classes_are_the_distinct_cells_or_the_column_is_refused(cells: list[str]) -> None:
    distinct = set(cells)
    try:
        target = encode(cells, "classification")
    except BadDataError:
        numbers = [cell for cell in distinct if parse_number(cell) is not None]
        assert (
            len(distinct) < 2
            or any(map(is_missing, distinct))
            or len(set(map(visible, distinct))) < len(distinct)
            or len(set(map(exact_value, numbers))) < len(numbers)
            or len(numbers) == len(distinct) - 1
        )
        return
    assert target.classes is not None
    assert [target.classes[int(index)] for index in target.values] == cells
    assert set(target.classes) == distinct
