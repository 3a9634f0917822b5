"""Files of text: opened, decompressed and read in blocks of any size, or refused by name and with what to do."""

import gzip
import io
import signal
from pathlib import Path

import pyarrow.csv
import pytest

from regsweep_kit.errors import BadDataError
from regsweep_trainer.data import files
from regsweep_trainer.data.sources import load
from regsweep_trainer.flags import parse_flags
from support.csv_tables import FEATURES, LABELS, changed, read, table


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(table().encode("utf-16"), "is UTF-16; save it as UTF-8", id="UTF-16"),
        pytest.param(table().encode("utf-16-be"), "line 1 has a NUL byte", id="UTF-16 without a mark"),
        pytest.param(table().encode("utf-32"), "is UTF-32; save it as UTF-8", id="UTF-32"),
        pytest.param(changed(7, "1,2,größer").encode("latin-1"), "line 8 has the byte 0xf6, as files in Latin", id="Latin-1"),
        pytest.param(changed(7, "1,2\0,no").encode(), "line 8 has a NUL byte", id="a NUL byte"),
        pytest.param(table().encode() + bytes(500), "line 62 has a NUL byte", id="a file that a crash cut off"),
        pytest.param(b"PK\x03\x04" + bytes(90), "is a zip archive, as an Excel workbook", id="a workbook"),
        pytest.param(gzip.compress(b"PAR1" + bytes(90)), "a compressed Parquet file; decompress it", id="a Parquet file"),
        pytest.param(b"<!DOCTYPE html>\n<title>Log in</title>", "is a web page", id="a page instead of a download"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", id="a pointer to a file"),
        pytest.param(gzip.compress(b"PK\x03\x04" + bytes(90)), "is a zip archive", id="a workbook compressed again"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_text_in_utf_8_is_named(content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=f"flag data_path: .*t.csv is not a CSV file in UTF-8: .*{says}"):
        read(tmp_path, content)


def damaged(content: bytes) -> bytes:
    """Half of it is the same byte."""
    return content[: len(content) // 2] + b"\xff" * (len(content) // 2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(table().encode(), "not compressed with gzip; rename it", id="not compressed"),
        pytest.param(damaged(gzip.compress(table().encode())), "the gzip archive is damaged", id="damaged"),
        pytest.param(gzip.compress(table().encode())[:-20], "the gzip archive is damaged", id="cut off"),
        pytest.param(gzip.compress(table().encode())[:-8] + bytes(8), "the gzip archive is damaged", id="wrong checksum"),
        pytest.param(gzip.compress(table().encode()) + b"more", "the gzip archive is damaged", id="bytes behind it"),
        pytest.param(b"\x1f\x8b", "the gzip archive is damaged", id="two bytes"),
    ],
)  # fmt: skip
def test_a_damaged_archive_is_bad_data_that_names_the_file(content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=f"flag data_path: cannot read .*t.csv.gz: .*{says}") as caught:
        read(tmp_path, content, "t.csv.gz")
    assert caught.value.exit_code == 64


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("no.csv", "cannot read no.csv: No such file or directory; a relative path starts at /"),
        ("/no/where.csv", "cannot read /no/where.csv: No such file or directory$"),
        ("~/t.csv", r"No such file or directory; ~ is not expanded, write the whole path \(/.*/t.csv "),
        ("~nobody-here/t.csv", r"; ~ is not expanded, write the whole path \(/"),
        ("$HOME/t.csv", "; variables are not expanded"),
        ("https://example.org/t.csv", "; URLs are not fetched"),
        ("s3://bucket/t.csv", "; URLs are not fetched"),
        ("/data/*.csv", "; patterns are not expanded"),
        (
            "/",
            r"/ is a folder, and .* in it is a file; want one folder for each class|has no folders|is not an image by its name",
        ),
        ("a\0b.csv", r"cannot read 'a\\x00b.csv': embedded null byte"),
        ("x" * 5000, "File name too long"),
    ],
)
def test_a_path_that_cannot_be_opened_is_reported_with_what_to_do(path: str, says: str) -> None:
    with pytest.raises(BadDataError, match=f"flag data_path: .*{says}"):
        load(parse_flags({"data_path": path, "target": "y"}))


def test_pyarrow_leaves_signals_to_the_trainer(tmp_path: Path) -> None:
    """It would catch SIGTERM while it reads a block, and end with an error of its own."""
    read(tmp_path, table())

    class Terminated(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            signal.raise_signal(signal.SIGTERM)
            return super().read(size)

    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        for _ in range(50):  # it notices the signal most times, not always
            assert pyarrow.csv.read_csv(Terminated(b"a,b\n1,2\n")).num_rows == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received


def test_a_long_line_and_many_blank_lines_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_LINE_BYTES", 1 << 20)
    monkeypatch.setattr(files, "BLOCK_BYTES", 1 << 18)
    with pytest.raises(BadDataError, match=r"line 62 of .* has more than 1 MiB"):
        read(tmp_path, table() + "1" * (2 << 20))
    with pytest.raises(BadDataError, match="more than 1000000 blank lines"):
        read(tmp_path, gzip.compress(table().encode() + b"\n" * 1_100_000))
    with pytest.raises(BadDataError, match="has 100003 columns; at most 100000"):
        read(tmp_path, "a,b,y" + "".join(f",c{i}" for i in range(100_000)))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_the_size_of_blocks_changes_nothing(
    end: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = table(end=end, labels=[f'"{label}, ""é"""' for label in LABELS]).replace(end, end + end, 5)
    whole = read(tmp_path, text)
    monkeypatch.setattr(files, "BLOCK_BYTES", size)
    assert read(tmp_path, text).digest == whole.digest
    with pytest.raises(BadDataError, match=r"'b' has 'no' in row 40 \(line 46\)"):
        read(tmp_path, text.replace(FEATURES[39], FEATURES[39].split(",")[0] + ",no"))
