"""Which files a manifest names as data, and what their bytes come to."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from regsweep.local import datafiles
from regsweep.local.datafiles import content_digest, missing_files, named_files


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("a")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.csv").write_text("b")
    return tmp_path


@pytest.mark.parametrize(
    ("values", "named"),
    [
        pytest.param({"data_path": "a.csv"}, ["a.csv"], id="a file"),
        pytest.param({"tables": ["a.csv", {"test": "folder/b.csv"}]}, ["a.csv", "folder/b.csv"], id="in lists and mappings"),
        pytest.param({"activation": "relu", "units": [8, 8], "off": None, "bn": True}, [], id="no file at all"),
        pytest.param({"data_path": "folder"}, ["folder"], id="a folder of data"),
        pytest.param({"logs": "folder"}, [], id="a folder that may be written to"),
        pytest.param({"text": "x" * 5000, "nul": "a\0b", "name": "y" * 300, "empty": ""}, [], id="what no file can be called"),
    ],
)  # fmt: skip
def test_which_files_a_manifest_names(values: dict[str, Any], named: list[str]) -> None:
    assert sorted(named_files([{}, values])) == named


def test_a_file_of_a_flag_counts_as_one_of_a_parameter() -> None:
    assert sorted(named_files([{"x": 1}, {"table": "a.csv"}, {"table": "folder/b.csv"}])) == ["a.csv", "folder/b.csv"]


@pytest.mark.parametrize(
    ("values", "known", "missing"),
    [
        pytest.param({"data_path": "a.csv"}, [], [], id="it is there"),
        pytest.param({"data_path": "gone.csv"}, [], ["gone.csv"], id="the data are not there"),
        pytest.param({"table": "gone.csv"}, [], [], id="a text that may be anything"),
        pytest.param({"table": "gone.csv"}, ["gone.csv"], ["gone.csv"], id="a text that was a file before"),
        pytest.param({"data_path": "https://example.org/a.csv"}, [], [], id="an address"),
    ],
)
def test_which_files_are_missing(values: dict[str, Any], known: list[str], missing: list[str]) -> None:
    assert missing_files([values], known) == missing


def test_the_digest_of_a_file_is_that_of_its_bytes_wherever_it_lies(place: Path) -> None:
    assert content_digest(Path("a.csv")) == hashlib.sha256(b"a").hexdigest()[:16]
    (place / "moved.csv").write_text("a")
    assert content_digest(Path("moved.csv")) == content_digest(Path("a.csv"))
    os.utime(place / "a.csv", (0, 0))
    assert content_digest(Path("a.csv")) == content_digest(Path("moved.csv")), "its date says nothing"


@pytest.mark.parametrize("limit", [pytest.param(1024**3, id="read whole"), pytest.param(0, id="too large to be read")])
def test_a_folder_changes_with_its_files_names_and_bytes(
    place: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datafiles, "LARGEST_FOLDER_BYTES", limit)
    seen = [content_digest(Path("folder"))]
    (place / "folder" / "b.csv").write_text("c")
    seen.append(content_digest(Path("folder")))
    (place / "folder" / "b.csv").rename(place / "folder" / "c.csv")
    seen.append(content_digest(Path("folder")))
    (place / "folder" / "deep").mkdir()
    (place / "folder" / "deep" / "d.csv").write_text("")
    seen.append(content_digest(Path("folder")))
    assert len(set(seen)) == 4
