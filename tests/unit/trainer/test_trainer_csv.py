"""CSV files: what is written is what is read, or the file is refused with row, line and column, and with what to do."""

from pathlib import Path

import pytest

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data.tables import CsvFile
from support.csv_tables import FEATURES, LABELS, changed, read, table

NUMBERED = [f"{numbers},{i}" for i, numbers in enumerate(FEATURES)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # Quotation marks
        pytest.param(changed(7, '1,2,"no'), r"unmatched quotation mark in row 7 \(line 8\)", id="open quote"),
        pytest.param(changed(60, '1,2,"no'), r"unmatched quotation mark in row 60 \(line 61\)", id="open in the last row"),
        pytest.param(
            changed(7, '1,2,"no').replace(FEATURES[30] + ",no", '1,2,no"'),
            r"unmatched quotation mark in row 7 \(line 8\)",
            id="open quote that a later row closes",
        ),
        pytest.param(changed(7, '"1,2,no'), r"unmatched quotation mark in row 7 \(line 8\)", id="open in the first cell"),
        pytest.param(changed(7, '1,2,no"'), r"unmatched quotation mark in row 7 \(line 8\)", id="only a closing quote"),
        pytest.param(changed(7, '1,2,"no\nyes"'), r"unmatched quotation mark in row 7 \(line 8\)", id="a line break quoted"),
        pytest.param(changed(7, '1,"2"3,no'), r"mark within a cell in row 7 \(line 8\)", id="text after a quote"),
        pytest.param(changed(7, '1,2,5" or 6"'), r"mark within a cell in row 7 \(line 8\)", id="inches"),
        pytest.param(changed(7, '1,2,"say \\"no\\""'), r"within a cell in row 7 \(line 8\)", id="backslashes"),
        pytest.param(changed(7, '1,2, "no"'), r"mark within a cell in row 7 \(line 8\)", id="a blank before a quote"),
        pytest.param(table(header='a,"b,y'), r"unmatched quotation mark in the header \(line 1\)", id="open in the header"),
        pytest.param(table(header='a,"b\nc",y'), r"unmatched quotation mark in the header", id="a line break in a name"),
        pytest.param(table(header='a,b"b"b,y'), r"within a cell in the header \(line 1\)", id="quotes within a name"),
        # Shape
        pytest.param(b"", "is empty; a header", id="an empty file"),
        pytest.param(b"\n\r\n\n", "is empty; a header", id="only blank lines"),
        pytest.param(b"\xef\xbb\xbf", "is empty; a header", id="only a byte order mark"),
        pytest.param("a,b,y\n", "has a header and no rows", id="only a header"),
        pytest.param("a,b,y", "has a header and no rows", id="only a header without end of line"),
        pytest.param(changed(7, "1,no"), r"row 7 \(line 8\) .* has 2 cells, the header has 3: '1,no'", id="a short row"),
        pytest.param(changed(7, "1,2,3,no"), r"row 7 \(line 8\) .* has 4 cells, the header has 3", id="a long row"),
        pytest.param(changed(7, " "), r"row 7 \(line 8\) .* has 1 cell, the header has 3", id="a line of blanks"),
        pytest.param(table() + "\x1a", r"row 61 \(line 62\) .* has 1 cell,.*: '\\x1a'", id="the end of a DOS file"),
        pytest.param(table() + "60 rows", r"row 61 \(line 62\) .* has 1 cell,.*: '60 rows'", id="a footer"),
        pytest.param(
            table(features=[f'"{i}",{numbers}' for i, numbers in enumerate(FEATURES)]),
            r"row 1 \(line 2\) .* has 4 cells, the header has 3: .*R: row.names=FALSE",
            id="row names without a name, as R's write.table writes them",
        ),
        pytest.param(
            changed(7, "\n\n\n1,no"), r"row 7 \(line 11\) .* has 2 cells", id="rows are counted without blank lines"
        ),
        pytest.param("\n\n" + changed(7, "1,no"), r"row 7 \(line 10\) .* has 2 cells", id="nor those above the header"),
        pytest.param("y\n" + "\n".join(LABELS), "has no column beside 'y'", id="no features"),
        pytest.param("sep=;\n" + table(), "line 1 of .* is 'sep=;', which only Excel reads", id="Excel's first line"),
        # Names of columns
        pytest.param(table(header=",b,y"), r"column 1 of .* has no name \(''\).*index=False", id="an unnamed column"),
        pytest.param(
            table(header="Unnamed: 0,b,y"), r"column 1 of .* no name \('Unnamed: 0'\)", id="named so by pandas"
        ),
        pytest.param(table(header="...1,b,y"), r"column 1 of .* has no name \('...1'\)", id="named so by readr"),
        pytest.param(table(header="a,\u200b,y"), r"column 2 of .* has no name \(.*\\u200b", id="an invisible name"),
        pytest.param(
            table(header="a,b,y,", labels=[f"{label}," for label in LABELS]),
            r"column 4 of .* has no name .* a separator at the end of each line",
            id="a separator at the end of each line",
        ),
        pytest.param(table(header="a,a,y"), "columns 1 and 2 of .* have the same name, 'a' and 'a'", id="a name twice"),
        pytest.param(
            table(header="a,\u00e9t\u00e9,e\u0301te\u0301,y", features=NUMBERED),
            r"columns 2 and 3 .* \('\\xe9t\\xe9'\) and .* \('e\\u0301te\\u0301'\)",
            id="a name twice, composed and decomposed",
        ),
        pytest.param(table(header="y,b,y\u00ad"), "columns 1 and 3 .* have the same name", id="a name and a soft hyphen"),
        # Columns that are not what they seem
        pytest.param(
            table(header="a,b,Id,y", features=NUMBERED), "column 'Id' of .* is the row number .*0, 1, ...", id="from 0"
        ),
        pytest.param(
            table(header="a,b,Id,y", features=[f"{n},{i + 1}" for i, n in enumerate(FEATURES)]),
            "column 'Id' of .* is the row number .*1, 2, .* shuffle the rows",
            id="from 1",
        ),
        pytest.param(changed(6, "1e200,2,no"), r"column 'a' .* has 1e\+200 in row 6 \(line 7\)", id="a huge value"),
        pytest.param(
            changed(6, "1.797e308,2,no"), r"column 'a' .* has 1.797e\+308 in row 6 \(line 7\)", id="the largest value"
        ),
        pytest.param(changed(6, "-1e300,2,no"), r"column 'a' .* has -1e\+300 in row 6", id="a huge negative value"),
        pytest.param(
            table(features=[f"{numbers.split(',')[0]},{'9.9e30' if i == 40 else i % 2}" for i, numbers in enumerate(FEATURES)]),
            r"column 'b' .* has 9.9e\+30 in row 41 \(line 42\)",
            id="a huge value beside zeros and ones",
        ),
    ],
)  # fmt: skip
def test_a_table_that_could_be_misread_is_refused(text: str | bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=says) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith("flag data_path: ")
    assert (caught.value.exit_code, caught.value.reason) == (64, "BadData")


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("", "a missing value"),
        ("NA", "a missing value"),
        ("null", "a missing value"),
        ("#DIV/0!", "a missing value"),
        ("nan", "a missing value"),
        ("-NAN", "not a finite number"),
        ("inf", "not a finite number"),
        ("-Infinity", "not a finite number"),
        ("1e400", "beyond the largest 64-bit float"),
        ('"1,5"', "a number with a comma"),
        ('"1,234"', "a number with a comma"),
        ('"1,234.5"', "a number with thousands separators"),
        ("1.234.567", "a number with thousands separators"),
        ("1 234", "a number with thousands separators"),
        ("1\u202f234", "a number with thousands separators"),
        ("1'234'567", "a number with thousands separators"),
        ("1_000", "a number with underscores"),
        ("0x1F", "a number that is not decimal"),
        ("0b11", "a number that is not decimal"),
        ("1.5D+03", "a number with another exponent"),
        ("\u22121.5", "a number in other characters"),
        ("\uff11\uff12", "a number in other characters"),
        ("\u0663", "a number in other characters"),
        ("1\u200b", "a number in other characters"),
        ("true", "a truth value"),
        ("FALSE", "a truth value"),
        ("2024-01-31", "a date or a time"),
        ("31.01.2024", "a date or a time"),
        ("2024-01-31T12:00:00Z", "a date or a time"),
        ("12:30", "a date or a time"),
        ("12%", "a number with a unit"),
        ("$3.50", "a number with a unit"),
        ("3 kg", "a number with a unit"),
        ("(12)", "a number with a unit"),
        ("12-", "a number with a unit"),
        ("<0.1", "a number with a unit"),
        ("red", "text"),
        ("--1", "text"),
        ("1.2.3", "text"),
        ("9007199254740993", "an integer with more digits than a 64-bit float keeps"),
        ("-123456789012345678901", "an integer with more digits"),
    ],
)
def test_a_feature_is_a_number_in_every_cell(cell: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataError) as caught:
        read(tmp_path, changed(7, f"1,{cell},no"))
    message = str(caught.value)
    assert message.startswith("flag data_path: column 'b' has ")
    assert f"in row 7 (line 8) of {tmp_path / 't.csv'}, which is {what}" in message
    assert message.isascii() or "\\u" in message or "\\x" in message


@pytest.mark.parametrize("header", ["a;b;y", "a\tb\ty", "a|b|y"])
def test_the_separator_is_recognised(header: str, tmp_path: Path) -> None:
    separator = header[1]
    data = read(tmp_path, table(header=header).replace(",", separator))
    assert data.digest == read(tmp_path, table()).digest
    decimal = table(header=header).replace(",", separator).replace(".", ",")
    with pytest.raises(BadDataError, match=r"column 'a' has '-3,0' in row 1 \(line 2\) .* a number with a comma"):
        read(tmp_path, decimal)


@pytest.mark.parametrize(
    ("header", "row", "names"),
    [
        pytest.param("a;b,y", "1,{0},2", None, id="neither separator fits the rows"),
        pytest.param("a|b,c|y", "1|{0},3|no", None, id="two separators, each within the other's names"),
        pytest.param("a (m,n);b;y", "1;{0};no", ("a (m,n)", "b", "y"), id="a comma within a name"),
        pytest.param('"a;x",b,y', "1,{0},no", ("a;x", "b", "y"), id="a semicolon within a quoted name"),
        pytest.param("a ,\tb,\ty", "1,\t{0},\tno", ("a", "b", "y"), id="a tab as a blank after a comma"),
        pytest.param("a,b|c,y", '1,{0},"x|y"', ("a", "b|c", "y"), id="a pipe within names and quoted labels"),
    ],
)
def test_of_several_separators_the_rows_tell(
    header: str, row: str, names: tuple[str, ...] | None, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join([header, *(row.format(i) for i in range(5))]))
    if names is None:
        with pytest.raises(BadDataError, match=r"the separator of .*; set the flag separator"):
            CsvFile(path)
    else:
        assert CsvFile(path).names == names


def test_the_separator_can_be_named(tmp_path: Path) -> None:
    text = table(header="a|b;c|y").replace(",", "|")
    assert read(tmp_path, text, separator="pipe").columns == ("a", "b;c")
    with pytest.raises(BadDataError, match=r"has no column 'y'.* 'a\|b', 'c\|y'"):
        read(tmp_path, text, separator="semicolon")
    with pytest.raises(BadDataError, match=r"columns are .*\(flag separator\)"):
        read(tmp_path, table().replace(",", " "))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        pytest.param("my\u00a0label", "my label", id="a space that does not break"),
        pytest.param("e\u0301tat", "\u00e9tat", id="decomposed in the file"),
        pytest.param("\u00e9tat", "e\u0301tat", id="decomposed in the flag"),
        pytest.param("label\u200b", "label", id="a space of no width"),
        pytest.param("\ufefflabel", "label", id="a byte order mark in the middle of a file"),
        pytest.param("my  label", "my label", id="two spaces"),
        pytest.param("label", " label\u2060", id="invisible characters in the flag"),
    ],
)
def test_names_that_look_the_same_are_the_same(name: str, wanted: str, tmp_path: Path) -> None:
    assert read(tmp_path, table(header=f"a,b,{name}"), target=wanted).classes == ("no", "yes")
    assert read(tmp_path, table(header=f"a,{name},part", labels=["train"] * 60), target="a", split_column="part")


@pytest.mark.parametrize(
    ("header", "wanted", "says"),
    [
        pytest.param("a,b,y", "z", "has no column 'z'; its columns are 'a', 'b', 'y'$", id="no such column"),
        pytest.param("a,b,Species", "species", "no column 'species', did you mean 'Species'?", id="another case"),
        pytest.param("a,b,outcome", "outcom", "no column 'outcom', did you mean 'outcome'?", id="a letter missing"),
        pytest.param("a,b,c\u0430r", "car", r"no column 'car', .* '[^']+' \('c\\u0430r'\)", id="a Cyrillic letter"),
    ],
)
def test_a_column_that_does_not_exist_is_distinguished_from_those_that_do(
    header: str, wanted: str, says: str, tmp_path: Path
) -> None:
    for flag, flags in (("target", {"target": wanted}), ("split_column", {"target": "b", "split_column": wanted})):
        with pytest.raises(BadDataError, match=f"^flag {flag}: .* {says}"):
            read(tmp_path, table(header=header), **flags)


def test_the_split_column_cannot_be_the_target_by_another_spelling(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="flag split_column: 'y' is the target"):
        read(tmp_path, table(), split_column="y\u200b")


def test_a_split_column_says_train_val_or_test(tmp_path: Path) -> None:
    labels = ["train", "val", "Test", " test"] * 15
    with pytest.raises(
        BadDataError, match=r"flag split_column: 'y' has 'Test' in row 3 \(line 4\), row 7 .*, want train"
    ):
        read(tmp_path, table(labels=labels), target="b", split_column="y")


def test_what_is_odd_but_not_wrong_is_noted(tmp_path: Path) -> None:
    numbers = [f"{n},{i + 7},{10.0 ** (i % 12)!r}" for i, n in enumerate(FEATURES)]
    data = read(tmp_path, table(header="a,b,time,load,y", features=numbers, labels=["1", "yes", "Yes"] * 20))
    one, two, three, four = data.notes
    assert "some labels are numbers ('1') and some are not ('yes', 'Yes'); all are classes" in one
    assert "'yes' and 'Yes' differ only in case; they are two classes" in two
    assert "column 'time' of" in three
    assert "rises or falls from every row to the next" in three
    assert "column 'load' of" in four
    far = read(tmp_path, changed(6, "1e7,2,no"))
    assert "column 'a' of" in far.notes[0]
    assert "has 1e+07 in row 6 (line 7), but half of the values are within" in far.notes[0]
    assert read(tmp_path, table()).notes == ()


def test_a_value_that_dwarfs_the_others_of_a_regression_is_named(tmp_path: Path) -> None:
    labels = [numbers.split(",")[0] for numbers in FEATURES]
    data = read(tmp_path, table(labels=[*labels[:-1], "1e7"]), task="regression")
    assert [note.split(" has 1e+07 in row 60 (line 61), ")[0] for note in data.notes] == [
        f"flag target: column 'y' of {tmp_path / 't.csv'}"
    ]
    with pytest.raises(BadDataError, match=r"flag target: column 'y' of .* has 1e\+30 in row 60 \(line 61\), but 90%"):
        read(tmp_path, table(labels=[*labels[:-1], "1e30"]), task="regression")


@pytest.mark.parametrize("above", [0, 3])
def test_rows_of_labels_are_counted_without_blank_lines(above: int, tmp_path: Path) -> None:
    lines = table(labels=[*LABELS[:8], "NA", *LABELS[9:59], "NA"]).split("\n")
    text = "\n" * above + "\n".join([*lines[:5], "", "", *lines[5:40], "", *lines[40:]])
    place = rf"row 9 \(line {12 + above}\), row 60 \(line {64 + above}\);"
    with pytest.raises(BadDataError, match=f"no value in 2 of 60 rows, but 'NA': {place}"):
        read(tmp_path, text)


def test_large_integers_are_read_where_no_digit_is_lost(tmp_path: Path) -> None:
    exact = ["9007199254740992", "-9007199254740994", "12345678901234567000", "1e22", "9007199254740993.0"]
    data = read(tmp_path, table(features=[f"{i * 7 % 60},{exact[i % 5]}" for i in range(60)]))
    assert data.features[:5, 1].tolist() == [float(cell) for cell in exact]
