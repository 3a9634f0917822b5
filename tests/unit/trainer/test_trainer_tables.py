"""Tables as people have them: kinds of columns, roles, encodings, Parquet, npz and folders of images, from flags to data set."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regsweep_kit.contract import read_contract
from regsweep_kit.errors import BadDataError, InvalidFlagsError, TrainerError
from regsweep_trainer.data.dataset import Dataset
from regsweep_trainer.data.sources import load
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.identity import identify
from regsweep_trainer.models.inputs import Image
from regsweep_trainer.run import Plan, plan_run
from support.csv_tables import read

ROWS = 40
LABELS = ["no" if k % 3 else "yes" for k in range(ROWS)]
COLUMNS: dict[str, list[str]] = {
    "age": ["" if k % 9 == 4 else f"{20 + k * 7 % 13}.5" for k in range(ROWS)],
    "sex": [("m", "f")[k % 2] for k in range(ROWS)],
    "smokes": [("true", "false")[k % 5 > 0] for k in range(ROWS)],
    "since": [f"2020-01-{1 + k * 3 % 28:02d}" for k in range(ROWS)],
    "id": [f"u{k}" for k in range(ROWS)],
    "w": [str(k % 4 + 1) for k in range(ROWS)],
    "patient": [f"p{k // 4}" for k in range(ROWS)],
    "day": [f"2021-02-{1 + k * 5 % 28:02d}" for k in range(ROWS)],
    "y": LABELS,
}
KINDS: dict[str, Any] = {
    "age": {"kind": "numeric", "missing": "median"},
    "sex": "categorical",
    "smokes": "boolean",
    "since": "date",
    "id": "ignored",
}


def table(*names: str, **changed: list[str]) -> str:
    columns = {**{name: COLUMNS[name] for name in names}, **changed}
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(row) for row in rows), ""])


def refused(folder: Path, text: str, **flags: Any) -> str:
    with pytest.raises(TrainerError) as caught:
        read(folder, text, **flags)
    assert caught.value.exit_code == 64
    return str(caught.value)


def test_declared_kinds(tmp_path: Path) -> None:
    data = read(tmp_path, table("age", "sex", "smokes", "since", "id", "y"), columns=KINDS)
    assert data.columns == ("age", "smokes", "since")
    assert data.gaps == {0: "median"}
    assert [(column.name, column.cells) for column in data.categories] == [("sex", ("f", "m"))]
    assert data.features[:2].tolist() == [[20.5, 1, 18262], [27.5, 0, 18265]]
    assert data.width == 3 + 1 + 2


def test_inferred_kinds_are_the_declared_ones(tmp_path: Path) -> None:
    text = table("age", "sex", "smokes", "since", "y")
    inferred = read(tmp_path, text, column_kinds="inferred")
    declared = read(tmp_path, text, columns={name: kind for name, kind in KINDS.items() if name != "id"})
    assert inferred.notes[0] == (
        "kinds of columns, by their cells: 'age' numeric, 'sex' categorical, 'smokes' boolean, 'since' date"
    )
    np.testing.assert_array_equal(inferred.features, declared.features)
    assert inferred.categories[0].cells == declared.categories[0].cells
    assert inferred.gaps == {0: "mean"}


def test_without_a_kind_a_table_is_read_as_strictly_as_ever(tmp_path: Path) -> None:
    assert "column 'sex' has 'm' in row 1 (line 2)" in refused(tmp_path, table("sex", "y"))
    assert "or declare the column, as in columns: {sex: categorical}" in refused(tmp_path, table("sex", "y"))
    assert "columns: {smokes: boolean}" in refused(tmp_path, table("smokes", "y"))
    assert "as in columns: {sex: categorical, smokes: boolean}" in refused(tmp_path, table("sex", "smokes", "y"))
    assert "columns: {since: date}" in refused(tmp_path, table("since", "y"))
    assert "columns: {age: {kind: numeric, missing: mean}}" in refused(tmp_path, table("age", "y"))


def test_plain_numbers_have_the_digest_that_they_had(tmp_path: Path) -> None:
    text = table("w", "y", age=[str(k * 7 % 13) for k in range(ROWS)])
    plain = read(tmp_path, text)
    assert read(tmp_path, text, columns={"w": "numeric"}).digest == plain.digest
    assert read(tmp_path, text, column_kinds="inferred").features.tolist() == plain.features[:, [0, 1]].tolist()


def test_an_identifier_of_numbers_is_warned_of_and_may_be_ignored(tmp_path: Path) -> None:
    numbers = [str(10000 + k * 7919 % 6151) for k in range(120)]
    text = "a,id,y\n" + "".join(f"{k % 5},{numbers[k]},{k % 2}\n" for k in range(120))
    (note,) = read(tmp_path, text).notes
    assert "column 'id' of" in note
    assert "has another whole number in every row, as identifiers have" in note
    ignoring = read(tmp_path, text, columns={"id": "ignored"})
    assert ignoring.columns == ("a",)
    assert ignoring.notes == ()


def test_a_row_number_may_be_ignored(tmp_path: Path) -> None:
    text = "n,a,y\n" + "".join(f"{k},{k % 5},{k % 2}\n" for k in range(60))
    assert "Declare it ignored, as in columns: {n: ignored}" in refused(tmp_path, text)
    assert read(tmp_path, text, columns={"n": "ignored"}).columns == ("a",)


def test_roles_are_no_features(tmp_path: Path) -> None:
    text = table("w", "patient", "y", age=[str(k * 7 % 13) for k in range(ROWS)])
    data = read(tmp_path, text, weight_column="w", group_column="patient", stratify_column="patient")
    assert data.columns == ("age",)
    assert data.weights is not None
    assert data.weights[:5].tolist() == [1, 2, 3, 4, 1]
    assert data.groups is not None
    assert data.groups[:9].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert data.strata is not None


def test_the_order_of_time_is_by_dates_or_numbers(tmp_path: Path) -> None:
    age = [str(k * 7 % 13) for k in range(ROWS)]
    by_date = read(tmp_path, table("day", "y", age=age), time_column="day")
    assert by_date.times is not None
    assert (by_date.times - by_date.times.min())[:3].tolist() == [0, 5, 10]
    by_number = read(tmp_path, table("w", "y", age=age), time_column="w")
    assert by_number.times is not None
    assert by_number.times[:3].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("changed", "flags", "says"),
    [
        ({"w": ["-1", *COLUMNS["w"][1:]]}, {"weight_column": "w"}, "flag weight_column: 'w' has -1 in row 1 (line 2); a weight is"),
        ({"w": ["0"] * ROWS}, {"weight_column": "w"}, "flag weight_column: 'w' is 0 in every row"),
        ({"w": ["", *COLUMNS["w"][1:]]}, {"weight_column": "w"}, "flag weight_column: 'w' has no value in 1 of 40 rows, but ''"),
        ({"w": ["ab", *COLUMNS["w"][1:]]}, {"weight_column": "w"}, "flag weight_column: 'w' is numeric, but has 'ab' in row 1"),
        ({"w": ["NA", *COLUMNS["w"][1:]]}, {"group_column": "w"}, "flag group_column: 'w' has no value, but 'NA', in row 1 (line 2)"),
        ({"w": ["1.2.2021", *COLUMNS["w"][1:]]}, {"time_column": "w"}, "flag time_column: 'w' is date, but has '1.2.2021' in row 1"),
        ({}, {"weight_column": "v"}, "flag weight_column: "),
        ({}, {"columns": {"v": "numeric"}}, "flag columns: "),
        ({}, {"columns": {"w": "ignored", "age": "ignored"}}, "there are no features"),
        ({}, {"label_vocabulary": ["no", "maybe"]}, "is not in label_vocabulary ('no', 'maybe'); add it, or correct"),
        ({"w": ["8", "8.0", *COLUMNS["w"][2:]]}, {"group_column": "w"}, "and '8.0' in row 2 (line 3) are the same number; use one"),
        ({}, {"group_column": " w", "weight_column": "w"}, "flag group_column: 'w' is the weight column"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_role_is_named(
    changed: dict[str, list[str]], flags: dict[str, Any], says: str, tmp_path: Path
) -> None:
    columns = {"w": COLUMNS["w"], "age": [str(k * 7 % 13) for k in range(ROWS)], "y": LABELS, **changed}
    assert says in refused(tmp_path, table(**columns), **flags)


def test_the_vocabulary_orders_the_classes(tmp_path: Path) -> None:
    text = table("w", "y")
    assert read(tmp_path, text).classes == ("no", "yes")
    data = read(tmp_path, text, label_vocabulary=["yes", "no"])
    assert data.classes == ("yes", "no")
    assert data.target[:3].tolist() == [0, 1, 1]
    numbers = read(tmp_path, table("w", y=[str(k % 3) for k in range(ROWS)]), label_vocabulary=["2", "1", "0"])
    assert numbers.target[:3].tolist() == [2, 1, 0]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "windows-1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_other_encodings_are_read_where_they_are_named(encoding: str, end: str, tmp_path: Path) -> None:
    text = table("w", y=["größer" if k % 2 else "kleiner" for k in range(ROWS)])
    reference = read(tmp_path, text)
    assert read(tmp_path, text.replace("\n", end).encode(encoding), encoding=encoding).digest == reference.digest


def test_another_encoding_than_the_named_one_is_refused(tmp_path: Path) -> None:
    text = table("w", y=["größer" if k % 2 else "kleiner" for k in range(ROWS)])
    with pytest.raises(BadDataError, match=r"as files in Latin-1 or Windows-1252 have; .* or set the flag encoding"):
        read(tmp_path, text.encode("latin-1"))
    with pytest.raises(BadDataError, match=r"flag encoding: .*t\.csv is not in utf-16"):
        read(tmp_path, text.encode("utf-8") + b"\n", encoding="utf-16")


def parquet(folder: Path, **columns: Any) -> Path:
    path = folder / "t.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def from_file(path: Path, **flags: Any) -> Dataset:
    return load(parse_flags({"data_path": str(path), "target": "y", **flags}))


def test_a_parquet_file_is_read_as_its_types_say(tmp_path: Path) -> None:
    path = parquet(
        tmp_path,
        n=pa.array([k * 0.1 for k in range(ROWS)]),
        i=pa.array([k * 7 % 13 for k in range(ROWS)], pa.int32()),
        b=pa.array([k % 2 == 0 for k in range(ROWS)]),
        d=pa.array([date(1970, 1, 1 + k % 28) for k in range(ROWS)]),
        t=pa.array([datetime(1970, 1, 1, k % 24, tzinfo=UTC) for k in range(ROWS)], pa.timestamp("ns", "UTC")),
        s=pa.array([("m", "f")[k % 2] for k in range(ROWS)]).dictionary_encode(),
        y=pa.array(LABELS),
    )
    data = from_file(path)
    assert data.columns == ("n", "i", "b", "d", "t")
    assert data.features[3].tolist() == pytest.approx([0.3, 8, 0, 3, 3 / 24], abs=1e-12)
    assert data.categories[0].cells == ("f", "m")
    assert data.classes == ("no", "yes")
    assert data.features[:, 0].tolist() == [k * 0.1 for k in range(ROWS)]


def test_missing_values_of_a_parquet_file_are_refused_or_filled(tmp_path: Path) -> None:
    path = parquet(tmp_path, n=pa.array([None if k == 4 else k * 0.5 for k in range(ROWS)]), y=pa.array(LABELS))
    with pytest.raises(BadDataError, match=r"column 'n' of .* has no finite number in 1 rows: row 5; .*missing: mean"):
        from_file(path)
    for flags in ({"column_kinds": "inferred"}, {"columns": {"n": {"kind": "numeric", "missing": "mean"}}}):
        data = from_file(path, **flags)
        assert data.gaps == {0: "mean"}
        assert np.isnan(data.features[4, 0])
        assert data.features[5, 0] == 2.5


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pa.array([[1]] * ROWS), "column 'x' of .* has values of type list<"),
        (pa.array([2**60 + k for k in range(ROWS)]), "integers with more digits than a 64-bit float keeps: row 1"),
        (pa.array([None if k == 2 else "a" for k in range(ROWS)]), "column 'x' of .* has no value in 1 of 40 rows"),
    ],
    ids=["lists", "large integers", "text with gaps"],
)
def test_columns_of_a_parquet_file_that_are_refused(column: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=says):
        from_file(parquet(tmp_path, x=column, y=pa.array(LABELS)))


def test_a_damaged_parquet_file_is_bad_data(tmp_path: Path) -> None:
    path = parquet(tmp_path, x=pa.array([float(k) for k in range(ROWS)]), y=pa.array(LABELS))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadDataError, match="the Parquet file is damaged"):
        from_file(path)


def npz(folder: Path, **arrays: Any) -> Path:
    path = folder / "t.npz"
    np.savez(path, **arrays)
    return path


def test_an_npz_file_of_columns_and_tables(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = from_file(npz(tmp_path, x=rng.normal(size=(ROWS, 2)), a=np.arange(ROWS) % 7, y=np.array(LABELS)))
    assert data.columns == ("x[0]", "x[1]", "a")
    assert data.classes == ("no", "yes")
    assert data.features.shape == (ROWS, 3)


def test_an_npz_file_of_images(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (ROWS, 3, 4, 2), np.uint8)
    data = from_file(npz(tmp_path, x=pixels, y=np.arange(ROWS) % 2))
    assert data.image == Image(3, 4, 2)
    np.testing.assert_array_equal(data.features, pixels.reshape(ROWS, -1))


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": np.zeros((3, 2)), "y": np.zeros(4)}, r"must have equally many rows, at least one: it has x \(3, 2\), y \(4,\)"),
        ({"x": np.full((20, 1), np.nan), "y": np.arange(20) % 2}, r"'x\[0\]' of .* has no finite number in 20 rows: row 1"),
        ({"x": np.zeros((20, 1), complex), "y": np.arange(20) % 2}, "array 'x' of .* has values of type complex128"),
        ({"x": np.zeros((9, 2, 2)), "z": np.zeros((9, 2, 2)), "y": np.arange(9)}, "want one array of images"),
        ({"x": np.array([{}] * 3, object), "y": np.arange(3)}, "cannot read .* as npz: Object arrays"),
        ({"x": np.arange(3) * (2**53 + 1), "y": np.arange(3)}, "'x' of .* has integers with more digits than a 64-bit float keeps: row 3"),
        ({"x": np.zeros((20, 1)), "z": np.arange(20)}, "has no column 'y'"),
    ],
)  # fmt: skip
def test_npz_files_that_are_refused(arrays: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=says):
        from_file(npz(tmp_path, **arrays))


def images(folder: Path, size: tuple[int, int] = (4, 3), mode: str = "L", count: int = 4) -> Path:
    for number, name in enumerate(("cat", "dog")):
        (folder / "pets" / name).mkdir(parents=True)
        for k in range(count):
            colour = 40 * k + number if mode == "L" else (40 * k, number, 7)
            PIL.Image.new(mode, size, colour).save(folder / "pets" / name / f"{k}.png")
    return folder / "pets"


def of_images(path: Path, **flags: Any) -> Dataset:
    return load(parse_flags({"data_path": str(path), **flags}))


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_a_folder_of_images_has_a_class_for_each_folder(mode: str, channels: int, tmp_path: Path) -> None:
    folder = images(tmp_path, mode=mode)
    data = of_images(folder)
    assert data.classes == ("cat", "dog")
    assert data.image == Image(3, 4, channels)
    assert data.features.shape == (8, 12 * channels)
    assert data.target.tolist() == [0] * 4 + [1] * 4
    assert data.features[5, :channels].tolist() == ([41] if mode == "L" else [40, 1, 7])
    assert len(identify({"REGSWEEP_FLAGS": f'{{"data_path": "{folder}"}}'})["dataDigest"]) == 64


def test_images_are_scaled_to_a_shape_that_is_given(tmp_path: Path) -> None:
    folder = images(tmp_path, mode="RGB")
    PIL.Image.new("RGB", (9, 9)).save(folder / "cat" / "large.png")
    with pytest.raises(BadDataError, match=r"large.png has 9x9x3 numbers .* and 0.png 3x4x3; set image_shape"):
        of_images(folder)
    assert of_images(folder, image_shape=[2, 2]).features.shape == (9, 12)
    assert of_images(folder, image_shape=[2, 2, 1]).features.shape == (9, 4)


def spoil(folder: Path, what: str) -> None:
    match what:
        case "a file beside the classes":
            (folder / "README").write_text("x")
        case "text among the images":
            (folder / "cat" / "notes.txt").write_text("x")
        case "an image that is none":
            (folder / "cat" / "0.png").write_bytes(b"no image")
        case "an image cut off":
            (folder / "cat" / "0.png").write_bytes((folder / "cat" / "0.png").read_bytes()[:40])
        case "an empty class":
            (folder / "cow").mkdir()
        case "one class":
            for file in (folder / "cat").iterdir():
                file.unlink()
            (folder / "cat").rmdir()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("a file beside the classes", "is a folder, and 'README' in it is a file; want one folder for each class"),
        ("text among the images", "notes.txt is not an image by its name"),
        ("an image that is none", "cannot read .*0.png as an image"),
        ("an image cut off", "cannot read .*0.png"),
        ("an empty class", "cow is empty; want one folder for each class"),
        ("one class", "is a folder with 1 folders in it"),
    ],
)
def test_folders_that_are_refused(what: str, says: str, tmp_path: Path) -> None:
    folder = images(tmp_path)
    spoil(folder, what)
    with pytest.raises(BadDataError, match=says):
        of_images(folder)


def test_hidden_files_do_not_count(tmp_path: Path) -> None:
    folder = images(tmp_path)
    (folder / ".DS_Store").write_text("x")
    (folder / "cat" / ".thumbs").write_text("x")
    assert of_images(folder).rows == 8


def test_columns_of_images_are_refused(tmp_path: Path) -> None:
    folder = images(tmp_path)
    with pytest.raises(InvalidFlagsError, match=r"flag target: .* is a folder of images, which has no columns"):
        of_images(folder, target="y")
    with pytest.raises(InvalidFlagsError, match="it is a classification"):
        of_images(folder, task="regression")


def test_a_table_needs_a_target(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(table("w", "y"))
    with pytest.raises(InvalidFlagsError, match="flag target: missing, data_path needs the name of the column"):
        of_images(tmp_path / "t.csv")


def plan(folder: Path, text: str, environment: dict[str, str] | None = None, **flags: Any) -> Plan:
    data = read(folder, text, **flags)
    parsed = parse_flags({"data_path": str(folder / "t.csv"), "target": "y", **flags})
    return plan_run(read_contract(environment or {}), parsed, data)


def test_no_patient_is_on_two_sides_and_parts_are_in_order_of_time(tmp_path: Path) -> None:
    text = "a,patient,day,y\n" + "".join(
        f"{k * 7 % 13},p{k // 3},2021-{1 + k * 7 % 12:02d}-{1 + k % 28:02d},{k % 2}\n" for k in range(120)
    )
    grouped = plan(tmp_path, text, columns={"day": "ignored"}, group_column="patient").splits[0]
    patients = [{k // 3 for k in rows.tolist()} for rows in (grouped.train, grouped.stop, grouped.val, grouped.test)]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 40
    timed = plan(tmp_path, text, columns={"patient": "ignored"}, time_column="day")
    times = timed.data.times
    assert times is not None
    rows = timed.splits[0]
    for one, other in ((rows.train, rows.stop), (rows.stop, rows.val), (rows.val, rows.test)):
        assert times[one].max() < times[other].min()


def test_strata_of_a_column_are_in_every_part_alike(tmp_path: Path) -> None:
    text = "a,site,y\n" + "".join(f"{k * 7 % 13},s{k // 30},{k % 2}\n" for k in range(120))
    rows = plan(tmp_path, text, stratify_column="site").splits[0]
    for part in (rows.train, rows.stop, rows.val, rows.test):
        counts = np.bincount(part // 30, minlength=4)
        assert counts.max() - counts.min() <= 1
