"""Data: what the wheel brings along is what scikit-learn loads; what is wrong with a CSV is said by flag, column and row."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from regsweep_kit.errors import BadDataError
from regsweep_trainer.dataset import Dataset, Head
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.sources import load, load_bundled, load_csv

CSV = "a,b,y\n" + "".join(f"{i},{i * i},{'yes' if i % 3 else 'no'}\n" for i in range(30))


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
    path.write_text(text)
    return path


def test_a_csv_with_named_classes(tmp_path: Path) -> None:
    data = load(parse_flags({"data_path": str(csv(tmp_path, CSV)), "target": "y"}))
    assert data.classes == ("no", "yes")
    assert data.features.shape == (30, 2)
    assert data.target[:4].tolist() == [0, 1, 1, 0]
    assert data.head is Head.BINARY


def test_a_compressed_csv_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(("\ufeff" + CSV).encode()))
    assert load_csv(path, "y", None, "auto").features.shape == (30, 2)


def test_the_same_data_have_the_same_digest_and_other_data_another(tmp_path: Path) -> None:
    one = load_csv(csv(tmp_path, CSV), "y", None, "auto")
    same = load_csv(csv(tmp_path, CSV.replace("\n", "\r\n") + "\n", "b.csv"), "y", None, "auto")
    other = load_csv(csv(tmp_path, CSV.replace("29,841", "29,842"), "c.csv"), "y", None, "auto")
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        pytest.param(["0", "1", "1", "0"], "auto", ("0", "1"), id="whole numbers are classes"),
        pytest.param(["10", "9", "10", "9"], "auto", ("9", "10"), id="classes that are numbers are ordered as numbers"),
        pytest.param(["1", "1.0", "2"], "auto", ("1", "2"), id="1 and 1.0 are one class"),
        pytest.param(["0.5", "1", "1", "0"], "auto", None, id="fractions are a regression"),
        pytest.param([str(i) for i in range(21)], "auto", None, id="many whole numbers are a regression"),
        pytest.param(
            [str(i) for i in range(21)], "classification", tuple(map(str, range(21))), id="unless told otherwise"
        ),
        pytest.param(["0", "1", "1", "0"], "regression", None, id="a regression if told so"),
    ],
)
def test_what_a_target_is(cells: list[str], task: str, classes: tuple[str, ...] | None, tmp_path: Path) -> None:
    text = "a,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))
    assert load_csv(csv(tmp_path, text), "y", None, task).classes == classes


def test_a_split_column_is_no_feature(tmp_path: Path) -> None:
    text = "a,part,y\n1,train,0\n2,val,1\n3, test ,0\n"
    data = load_csv(csv(tmp_path, text), "y", "part", "auto")
    assert data.marks == ("train", "val", "test")
    assert data.features.tolist() == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("text", "flags", "says"),
    [
        pytest.param("", {}, "flag data_path: .* has 0 lines", id="empty"),
        pytest.param("a,b,y\n", {}, "flag data_path: .* has 1 lines", id="only a header"),
        pytest.param(CSV, {"target": "z"}, "flag target: .* has no column 'z'; there is a, b, y", id="no such target"),
        pytest.param(CSV, {"split_column": "z"}, "flag split_column: .* has no column 'z'", id="no such split column"),
        pytest.param(
            CSV, {"split_column": "a"}, "flag split_column: 'a' has '0' in row 1, want train, val, test", id="no marks"
        ),
        pytest.param(
            "a,y\n1,0\nred,1\n", {}, "flag data_path: column 'a' has 'red' in row 2", id="a word as a feature"
        ),
        pytest.param("a,y\n1,0\n,1\n", {}, "column 'a' has '' in row 2", id="a missing value"),
        pytest.param("a,y\n1,0\nnan,1\n", {}, "column 'a' has 'nan' in row 2", id="a value that is not finite"),
        pytest.param("a,y\n1,0\n2\n", {}, "row 2 of .* has 1 cells, the header 2", id="a short row"),
        pytest.param("a,a,y\n1,2,0\n", {}, "more than one column 'a'", id="two columns of one name"),
        pytest.param("y\n1\n0\n", {}, "has no column beside y", id="no features"),
        pytest.param("a,y\n1,0\n2,\n", {}, "flag target: column 'y' is empty in row 2", id="an empty target"),
        pytest.param("a,y\n1,0\n2,0\n", {}, "flag target: column 'y' .* every row has '0'", id="one class"),
        pytest.param("a,y\n1,0\n2,0\n", {"task": "regression"}, "every row has '0'", id="a constant regression"),
        pytest.param(
            "a,y\n1,0\n2,b\n", {"task": "regression"}, "row 2 has 'b', but task regression", id="words as a regression"
        ),
        pytest.param(
            "a,y\n" + "".join(f"1,c{i}\n" for i in range(1001)),
            {},
            "1001 distinct values",
            id="an id column as the target",
        ),
    ],
)
def test_bad_data_are_refused_in_words(text: str, flags: dict[str, str], says: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=says) as caught:
        load(parse_flags({"data_path": str(csv(tmp_path, text)), "target": "y", **flags}))
    assert caught.value.exit_code == 64


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda path: None, "cannot read .*: No such file or directory", id="no file"),
        pytest.param(lambda path: path.mkdir(), "cannot read .*: Is a directory", id="a folder"),
        pytest.param(lambda path: path.write_bytes(b"a,y\n\xff,1\n"), "no CSV file in UTF-8", id="another encoding"),
    ],
)
def test_a_file_that_cannot_be_read(make: Callable[[Path], object], says: str, tmp_path: Path) -> None:
    make(tmp_path / "data.csv")
    with pytest.raises(BadDataError, match=f"flag data_path: .*{says}"):
        load_csv(tmp_path / "data.csv", "y", None, "auto")


def test_a_broken_archive_is_bad_data(tmp_path: Path) -> None:
    (tmp_path / "data.csv.gz").write_bytes(b"no archive")
    with pytest.raises(BadDataError, match="flag data_path: cannot read"):
        load_csv(tmp_path / "data.csv.gz", "y", None, "auto")


def test_a_regression_has_no_labels_to_stratify_by() -> None:
    data = Dataset("d", np.zeros((3, 1)), np.array([0.5, 1, 2]), None)
    assert data.labels is None
    assert data.head is Head.REGRESSION
