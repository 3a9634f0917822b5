"""Digests of source files: of their bytes and names, wherever they lie, however they are mounted."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep_kit import digests
from regsweep_kit.digests import check_pinned, source_digest, state
from regsweep_kit.errors import DataChangedError


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_the_digest_of_a_file_is_what_sha256sum_prints(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": "a,b\n"})
    assert source_digest([tmp_path / "a.csv"]) == hashlib.sha256(b"a,b\n").hexdigest()


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a": "1", "b/c": "3"}, id="another content"),
        pytest.param({"a": "1", "b/d": "2"}, id="another name"),
        pytest.param({"a": "1", "c": "2"}, id="another folder"),
        pytest.param({"a": "2", "b/c": "1"}, id="contents exchanged"),
        pytest.param({"a": "1"}, id="one file less"),
        pytest.param({"a": "1", "b/c": "2", "empty": ""}, id="an empty file more"),
    ],
)
def test_the_digest_of_a_folder_changes_with_any_of_its_files(tmp_path: Path, files: dict[str, str]) -> None:
    one = write(tmp_path / "one", {"a": "1", "b/c": "2"})
    assert source_digest([one]) != source_digest([write(tmp_path / "other", files)])
    assert source_digest([one]) == source_digest([write(tmp_path / "elsewhere", {"b/c": "2", "a": "1"})])


def test_several_files_count_with_their_names_in_any_order(tmp_path: Path) -> None:
    write(tmp_path, {"x": "1", "y": "2"})
    both = [tmp_path / "x", tmp_path / "y"]
    assert source_digest(both) == source_digest(both[::-1])
    assert source_digest(both) != source_digest(both[:1])


def mounted(folder: Path, time: str, text: str) -> Path:
    """As the kubelet mounts a ConfigMap: a folder named by the time, a link to it, and links through that."""
    write(folder, {f"..{time}/data.csv": text})
    (folder / "..data").symlink_to(f"..{time}")
    (folder / "data.csv").symlink_to("..data/data.csv")
    return folder


def test_a_mounted_configmap_has_the_same_digest_whenever_it_was_mounted(tmp_path: Path) -> None:
    one, later, other = (
        source_digest([mounted(tmp_path / name, time, text)])
        for name, time, text in (("a", "2026_11", "1"), ("b", "2027_01", "1"), ("c", "2026_11", "2"))
    )
    assert one == later == source_digest([write(tmp_path / "plain", {"data.csv": "1"})])
    assert one != other


def test_folders_behind_links_are_entered_once(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", {"a": "1"})
    before = source_digest([folder])
    (folder / "itself").symlink_to(folder)
    assert source_digest([folder]) == before
    outside = write(tmp_path / "outside", {"b": "2"})
    (folder / "there").symlink_to(outside)
    with_link = source_digest([folder])
    write(outside, {"b": "3"})
    assert len({before, with_link, source_digest([folder])}) == 3


def test_of_a_large_folder_names_sizes_and_both_ends_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "END_BYTES", 10)

    def digest(text: str, name: str = "a") -> str:
        folder = write(tmp_path / hashlib.sha256((text + name).encode()).hexdigest(), {name: text, "b": "2"})
        return source_digest([folder])

    text = "s" * 10 + "m" * 2000 + "e" * 10
    assert digest(text) != digest(text.replace("mm", "nn"))
    monkeypatch.setattr(digests, "LARGEST_FOLDER_BYTES", 1000)
    assert digest(text) == digest(text.replace("mm", "nn"))
    changes = [digest(text.replace("s", "t")), digest(text.replace("e", "f")), digest(text + "e"), digest(text, "c")]
    assert len({digest(text), *changes}) == 5
    (tmp_path / "file").write_text(text)
    assert source_digest([tmp_path / "file"]) == hashlib.sha256(text.encode()).hexdigest()  # a file is read whole


def test_a_large_folder_is_one_of_more_than_a_gibibyte(tmp_path: Path) -> None:
    """Sparse: nothing of it is on the disk, and only its ends are read."""
    (tmp_path / "a").touch()
    os.truncate(tmp_path / "a", digests.LARGEST_FOLDER_BYTES + 1)
    assert digests.LARGEST_FOLDER_BYTES == 1024**3
    before = source_digest([tmp_path])
    with (tmp_path / "a").open("r+b") as file:
        file.seek(digests.LARGEST_FOLDER_BYTES // 2)
        file.write(b"x")
    assert source_digest([tmp_path]) == before


def unreadable(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "number"),
    [
        pytest.param(lambda path: None, errno.ENOENT, id="nothing"),
        pytest.param(unreadable, errno.ENOENT, id="a link to nothing"),
        pytest.param(os.mkfifo, errno.EINVAL, id="a pipe, which is not waited for"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], object], number: int) -> None:
    make(tmp_path / "a")
    with pytest.raises(OSError) as caught:
        source_digest([tmp_path / "a"])
    assert caught.value.errno == number
    if number == errno.EINVAL:
        with pytest.raises(OSError, match="Not a regular file"):
            source_digest([tmp_path])


def test_a_state_shows_what_was_written_meanwhile(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1", "b": "2"})
    before = state([tmp_path])
    assert state([tmp_path]) == before
    write(tmp_path, {"a": "12"})
    assert state([tmp_path]) != before


@settings(deadline=None)
@given(st.binary(), st.integers(12, 64))
def test_data_are_the_pinned_ones_where_the_digest_begins_so(content: bytes, digits: int) -> None:
    digest = hashlib.sha256(content).hexdigest()
    check_pinned(digest, digest[:digits])
    check_pinned(digest, None)
    other = (
        ("0" if digest[digits - 1] != "0" else "1").rjust(digits, "x").replace("x" * (digits - 1), digest[: digits - 1])
    )
    with pytest.raises(
        DataChangedError, match=rf"rest on {other[:12]} \(REGSWEEP_DATA_DIGEST\), the files have {digest[:12]} now"
    ):
        check_pinned(digest, other)
