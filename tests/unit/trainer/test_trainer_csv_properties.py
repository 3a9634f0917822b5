"""CSV files, in general: what csv, pandas and R write is read back, both ways to read a block agree, and no content ends in a traceback."""

import csv
import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.columns import visible
from regsweep_trainer.data.files import Block
from regsweep_trainer.data.numerals import is_missing
from regsweep_trainer.data.rows import Layout, Lines, check_quotes, read_by_cells, read_by_columns
from regsweep_trainer.data.tables import CsvFile
from support.csv_tables import read_csv

CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=["\u2028", "\u2029"])
LABEL = st.text(CHARACTERS, min_size=1, max_size=8).map(str.strip).filter(lambda cell: not is_missing(cell))
NUMBER = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53).map(float)
NAME = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    names = draw(st.lists(NAME, min_size=2, max_size=5, unique_by=visible))
    rows = draw(st.integers(1, 6))
    numbers = {name: draw(st.lists(NUMBER, min_size=rows, max_size=rows)) for name in names[:-1]}
    return pd.DataFrame({**numbers, names[-1]: draw(st.lists(LABEL, min_size=rows, max_size=rows))})


def written_by_csv(frame: pd.DataFrame, separator: str, quoting: int) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, quoting=quoting)  # type: ignore[arg-type]  # any of its four ways
    writer.writerow(frame.columns)
    writer.writerows(frame.itertuples(index=False))
    return buffer.getvalue()


def written_by_pandas(frame: pd.DataFrame, separator: str, quoting: int) -> str:
    return frame.to_csv(index=False, sep=separator, quoting=quoting)  # type: ignore[no-any-return]


def written_by_r(frame: pd.DataFrame, separator: str, quoting: int) -> str:
    """As write.csv(row.names = FALSE) and write.table(sep = ...) do: names and text quoted, numbers with 15 digits or more."""
    lines = [[f'"{name}"' for name in frame.columns]]
    for *numbers, label in frame.itertuples(index=False):
        doubled = label.replace('"', '""')
        lines.append([*(format(number, ".17g") for number in numbers), f'"{doubled}"'])
    return "\n".join(separator.join(cells) for cells in lines) + "\n"


@pytest.mark.parametrize("write", [written_by_csv, written_by_pandas, written_by_r])
@settings(max_examples=150, deadline=None)
@given(
    frame=frames(),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_table_that_was_written_is_read_back(
    write: Callable[[pd.DataFrame, str, int], str],
    frame: pd.DataFrame,
    separator: str,
    quoting: int,
    end: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("round") / "t.csv"
    path.write_bytes(write(frame, separator, quoting).replace("\r\n", "\n").replace("\n", end).encode())
    file = CsvFile(path)
    assert file.names == tuple(frame.columns)
    table = file.read([len(file.names) - 1])
    # repr, as 0.0 and -0.0 differ
    assert repr(table.numbers.tolist()) == repr(frame.iloc[:, :-1].to_numpy(float).tolist())
    (column,) = table.texts
    assert [column.cells[code] for code in column.codes] == frame.iloc[:, -1].tolist()


SCRAPS = st.lists(
    st.sampled_from(
        [
            *["1", "-2.5", "+3", "007", ".5", "1.", "1e5", "1e400", "NA", "nan", "inf", "1_0", "0x1", " ", "\t", ",", ",", ";", "\n"],
            *["\n", "\r", '"', '""', "a", "é", "\u00a0", "1 ", '"1"', '"a,b"', "9007199254740993", "9007199254740992"],
        ]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(text=SCRAPS)
@example('1,"a"\n')
@example(" 1 ,a\n\n\t2\t, b \n")
def test_both_ways_to_read_a_block_agree(text: str) -> None:
    block = Block(2, (text.replace("\r", "\n") + "\n").encode())
    layout, lines = Layout("t.csv", ("a", "b"), ",", (1,)), Lines(1)
    try:
        check_quotes(block, layout, lines)
    except BadDataError:
        assume(False)
    fast = read_by_columns(block, layout)
    if fast is None:
        return
    try:
        slow = read_by_cells(block, layout, lines)
    except BadDataError as error:
        assert "more digits" in str(error)  # which `read_rows` looks for by itself
        return
    assert repr(fast.numbers.tolist()) == repr(slow.numbers.tolist())
    labels = [[cells[code].strip() for code in codes] for cells, codes in (fast.texts[0], slow.texts[0])]
    assert labels[0] == labels[1]


@settings(max_examples=500, deadline=None)
@given(content=st.binary(max_size=60) | SCRAPS.map(lambda text: f"a,y\n{text}".encode()))
def test_whatever_a_file_holds_it_is_data_or_bad_data(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_bytes(content)
    try:
        data = read_csv(path)
    except BadDataError:
        return
    assert np.isfinite(data.features).all()
    assert np.isfinite(data.target).all()
