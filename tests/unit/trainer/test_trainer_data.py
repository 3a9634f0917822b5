"""Data: what the wheel brings along is what scikit-learn loads; a CSV file becomes features, a target, and a digest that stays."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from regsweep_trainer.data.dataset import Dataset, Head
from regsweep_trainer.data.sources import load, load_bundled
from regsweep_trainer.flags import parse_flags
from support.csv_tables import read_csv

CSV = "a,b,y\n" + "".join(f"{i * 7 % 30},{i * i},{'yes' if i % 3 else 'no'}\n" for i in range(30))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("breast_cancer", Head.BINARY),
        ("digits", Head.MULTICLASS),
        ("wine", Head.MULTICLASS),
        ("iris", Head.MULTICLASS),
        ("diabetes", Head.REGRESSION),
    ],
)
def test_bundled_data_are_those_of_scikit_learn(name: str, head: Head) -> None:
    options = {"scaled": False} if name == "diabetes" else {}
    reference = getattr(datasets, f"load_{name}")(**options)
    data = load_bundled(name)
    np.testing.assert_array_equal(data.features, reference.data)
    np.testing.assert_array_equal(data.target, reference.target)
    assert data.head is head
    assert data.classes == (None if name == "diabetes" else tuple(map(str, reference.target_names)))


def csv(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_csv_with_named_classes(tmp_path: Path) -> None:
    data = load(parse_flags({"data_path": str(csv(tmp_path, CSV)), "target": "y"}))
    assert data.classes == ("no", "yes")
    assert data.features.shape == (30, 2)
    assert data.target[:4].tolist() == [0, 1, 1, 0]
    assert data.head is Head.BINARY
    assert data.columns == ("a", "b")
    assert [data.column(index) for index in range(2)] == ["column 'a'", "column 'b'"]


@pytest.mark.parametrize("name", ["data.csv.gz", "data.CSV.GZ", "data.csv"])
def test_a_compressed_csv_with_a_byte_order_mark(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(("\ufeff" + CSV).encode()))
    assert read_csv(path).digest == read_csv(csv(tmp_path, CSV, "p.csv")).digest


def test_the_same_data_have_the_same_digest_and_other_data_another(tmp_path: Path) -> None:
    one = read_csv(csv(tmp_path, CSV))
    same = read_csv(csv(tmp_path, CSV.replace("\n", "\r\n") + "\n", "b.csv"))
    other = read_csv(csv(tmp_path, CSV.replace(",841,", ",842,"), "c.csv"))
    assert one.digest == same.digest != other.digest


def rows(label: list[str], end: str = "\n") -> str:
    """Two features, and the labels by turns that are neither sorted nor of the rows' period."""
    cells = [f"{i * 37 % 101 / 8 - 3!r},{i * 17 % 23},{label[i * 3 % 5 % len(label)]}" for i in range(60)]
    return end.join(["a,b,y", *cells, ""])


PLAIN = rows(["0", "1"])


@pytest.mark.parametrize(
    ("text", "classes", "digest"),
    [
        pytest.param(PLAIN, ("0", "1"), "bc94b4ca9e7cdd07", id="integer labels"),
        pytest.param(rows(["10", "9", "100"]), ("9", "10", "100"), "4d3f1d9bca30649f", id="ordered as numbers"),
        pytest.param(rows(["01", "02", "10"]), ("01", "02", "10"), "327fb4f5fa6a21b8", id="leading zeros"),
        pytest.param(rows(["-1", "+1"]), ("-1", "+1"), "7b8ee41084dd7345", id="signs"),
        pytest.param(rows(["red", "Green", "blue"]), ("Green", "blue", "red"), "b3af4468020f2764", id="text labels"),
        pytest.param(rows(["größer", "kleiner"]), ("größer", "kleiner"), "5624f020e0f0f966", id="beyond ASCII"),
        pytest.param(rows(["1", "2", "3+"]), ("1", "2", "3+"), "6bb83062ab02842e", id="labels of numbers and text"),
        pytest.param(rows(['"a, b"', '"say ""c"""']), ("a, b", 'say "c"'), "d6d8c602a0f61af4", id="quoted labels"),
        pytest.param(rows(["0.5", "1", "7e-3", "-2.25"]), None, "7d4c9c598bba1f39", id="a regression"),
        pytest.param(
            rows(["0.1", "1"]).replace(",2", ",+2e-1").replace(",1", ",01."),
            None,
            "de57d1f0063e3c5f",
            id="unusual spellings of numbers",
        ),
        pytest.param(PLAIN.replace(",", "\t , "), ("0", "1"), "bc94b4ca9e7cdd07", id="blanks around cells"),
        pytest.param(PLAIN.replace("\n", "\n\n", 7) + "\n\n", ("0", "1"), "bc94b4ca9e7cdd07", id="blank lines"),
        pytest.param(rows(["0", "1"], "\r\n"), ("0", "1"), "bc94b4ca9e7cdd07", id="lines that end with CR LF"),
        pytest.param(rows(["0", "1"], "\r"), ("0", "1"), "bc94b4ca9e7cdd07", id="lines that end with CR"),
        pytest.param(PLAIN.rstrip("\n"), ("0", "1"), "bc94b4ca9e7cdd07", id="no end of the last line"),
        pytest.param("\ufeff" + PLAIN, ("0", "1"), "bc94b4ca9e7cdd07", id="a byte order mark"),
        pytest.param(
            '"' + PLAIN.replace(",", '","').replace("\n", '"\n"').removesuffix('"'),
            ("0", "1"),
            "bc94b4ca9e7cdd07",
            id="every cell quoted",
        ),
    ],
)
def test_the_digest_of_a_table_stays(text: str, classes: tuple[str, ...] | None, digest: str, tmp_path: Path) -> None:
    """It decides which rows are test rows. These are the digests of the reader that was here before pyarrow."""
    data = read_csv(csv(tmp_path, text))
    assert data.classes == classes
    assert data.digest[:16] == digest


def test_the_digest_of_marked_rows_stays(tmp_path: Path) -> None:
    data = read_csv(csv(tmp_path, rows(["train", "val", "test"])), target="a", split_column="y", task="regression")
    assert data.digest[:16] == "075ee27d78a84e90"
    assert data.marks is not None
    assert data.marks[:4] == ("train", "train", "val", "val")


def test_a_split_column_is_no_feature(tmp_path: Path) -> None:
    text = "a,part,y\n1,train,0\n2,val,1\n3, test ,0\n"
    data = read_csv(csv(tmp_path, text), split_column="part")
    assert data.marks == ("train", "val", "test")
    assert data.features.tolist() == [[1], [2], [3]]
    assert data.columns == ("a",)


def test_a_regression_has_no_labels_to_stratify_by() -> None:
    data = Dataset("d", np.zeros((3, 1)), np.array([0.5, 1, 2]), None)
    assert data.labels is None
    assert data.head is Head.REGRESSION


def test_a_column_without_a_name_is_called_by_its_position() -> None:
    assert load_bundled("iris").column(0) == "column 1"
