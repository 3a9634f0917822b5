"""What a training rests on: the answer of --identify, and data that are not the pinned ones."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from regsweep_kit.errors import TrainerError
from regsweep_trainer.data import bundled
from regsweep_trainer.flags import parse_flags
from regsweep_trainer.identity import GENERATION, load_unchanged
from support.trainer_process import DEADLINE_SECONDS, REFERENCE, Start, refused, surroundings

CSV = "a,b,y\n" + "".join(f"{k % 7},{k % 5},{k % 3 > 0:d}\n" for k in range(90))


UNREADABLE = "BadData: flag data_path: cannot read"
ABSENT = "No such file or directory"


def identify(flags: dict[str, Any] | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*REFERENCE, "--identify"],
        env={**surroundings(), "REGSWEEP_FLAGS": flags if isinstance(flags, str) else json.dumps(flags)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def csv(folder: Path, text: str = CSV) -> dict[str, Any]:
    """A file, and the flags that name it."""
    (folder / "own.csv").write_text(text)
    return {"data_path": str(folder / "own.csv"), "target": "y", "units": [4], "epochs": 1}


def test_it_answers_with_the_files_sha256_and_the_generation(tmp_path: Path) -> None:
    flags = csv(tmp_path)
    done = identify(flags)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"dataDigest": sha256(tmp_path / "own.csv"), "generation": GENERATION}
    csv(tmp_path, CSV + "1,1,1\n")
    assert json.loads(identify(flags).stdout)["dataDigest"] == sha256(tmp_path / "own.csv")


@pytest.mark.parametrize("name", list(bundled.FILES))
def test_it_answers_for_bundled_data_with_the_bytes_of_the_wheels_files(name: str) -> None:
    answer = json.loads(identify({"dataset": name}).stdout)
    files = bundled.paths(name)
    if len(files) == 1:
        assert answer["dataDigest"] == sha256(files[0])
    listed = b"".join(f"{sha256(path)}  {path.name}\0".encode() for path in sorted(files))
    assert len(files) == 1 or answer["dataDigest"] == hashlib.sha256(listed).hexdigest()


@pytest.mark.parametrize("name", list(bundled.FILES))
def test_the_digested_files_are_those_that_are_read(name: str) -> None:
    check = """
import sys
opened = set()
sys.addaudithook(lambda event, details: opened.add(str(details[0])) if event == "open" else None)
from regsweep_trainer.data import bundled, sources
sources.load_bundled(sys.argv[1])
files = {str(path) for path in bundled.paths(sys.argv[1])}
print(sorted(name for name in opened if "/sklearn/datasets/" in name) == sorted(files))
"""
    done = subprocess.run([sys.executable, "-c", check, name], capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert done.stdout.strip() == "True", done.stderr


def test_it_imports_no_library_of_training_or_reading() -> None:
    heavy = ["keras", "tensorflow", "jax", "sklearn", "pyarrow", "pandas", "scipy", "numpy", "prometheus_client"]
    check = f"""
import os, sys
os._exit = lambda code: print([name for name in {heavy} if name in sys.modules], code)
sys.argv[1:] = ["--identify"]
from regsweep_trainer.__main__ import main
main()
"""
    environment = {**surroundings(), "REGSWEEP_FLAGS": '{"dataset": "iris"}'}
    done = subprocess.run(
        [sys.executable, "-c", check], env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS
    )
    assert done.stdout.splitlines()[1:] == ["[] 0"], done.stderr


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        pytest.param({"data_path": "~/t.csv", "target": "y"}, f"{UNREADABLE} ~/t.csv: {ABSENT}; ~ is not expanded", id="a home folder"),
        pytest.param({"data_path": "$D/t.csv", "target": "y"}, f"{UNREADABLE} $D/t.csv: {ABSENT}; variables are not", id="a variable"),
        pytest.param({"data_path": "s3://b/t.csv", "target": "y"}, f"{UNREADABLE} s3:/b/t.csv: {ABSENT}; URLs are not fetched", id="a URL"),
        pytest.param({"data_path": "*.csv", "target": "y"}, f"{UNREADABLE} *.csv: {ABSENT}; patterns are not", id="a pattern"),
        pytest.param({"data_path": "nowhere.csv", "target": "y"}, f"{UNREADABLE} nowhere.csv: {ABSENT}; a relative", id="no file"),
        pytest.param({"data_path": ".", "target": "y"}, "BadData: flag data_path: . is a folder, and", id="a folder"),
        pytest.param({"data_path": "/dev/zero", "target": "y"}, f"{UNREADABLE} /dev/zero: Not a regular file", id="a device"),
        pytest.param({"data_path": "/dev/stdin", "target": "y"}, f"{UNREADABLE} /dev/stdin: Not a regular file", id="a pipe"),
        pytest.param({"data_path": "a\0b", "target": "y"}, UNREADABLE, id="a name that no file can have"),
        pytest.param({"data_path": "\ud800", "target": "y"}, UNREADABLE, id="a name that is no text"),
        pytest.param({"dataset": "irsi"}, "InvalidFlags: flag dataset: got", id="a wrong flag"),
        pytest.param({}, "InvalidFlags: flag dataset: missing", id="no data"),
        pytest.param("{", "InvalidContract: REGSWEEP_FLAGS: got '{'", id="no JSON"),
    ],
)  # fmt: skip
def test_what_cannot_be_identified_is_refused_in_one_sentence(flags: dict[str, Any] | str, says: str) -> None:
    done = identify(flags)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith(says)
    assert len(done.stderr.splitlines()) == 1


def test_an_answer_that_cannot_be_written_is_no_success() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*REFERENCE, "--identify"],
            env={**surroundings(), "REGSWEEP_FLAGS": '{"dataset": "iris"}'},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
    assert done.returncode == 1
    assert done.stderr == "regsweep-trainer: cannot write the answer: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("digits", [12, 16, 64])
def test_pinned_data_are_trained_on(start: Start, tmp_path: Path, digits: int) -> None:
    flags = csv(tmp_path)
    trainer = start(flags, REGSWEEP_DATA_DIGEST=sha256(tmp_path / "own.csv")[:digits])
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["dataDigest"] == sha256(tmp_path / "own.csv")[:16]


def test_other_data_than_the_pinned_ones_end_the_run_before_training(start: Start, tmp_path: Path) -> None:
    flags = csv(tmp_path)
    pinned, now = sha256(tmp_path / "own.csv"), hashlib.sha256((CSV + "1,1,1\n").encode()).hexdigest()
    csv(tmp_path, CSV + "1,1,1\n")
    trainer = start(flags, REGSWEEP_DATA_DIGEST=pinned)
    text = refused(trainer, 64, "DataChanged")
    assert f"rest on {pinned[:12]} (REGSWEEP_DATA_DIGEST), the files have {now[:12]} now" in text
    assert trainer.message["dataDigest"] == now[:16]  # so that a reader sees what was there
    assert trainer.out == ""


def test_other_bytes_are_other_data_though_they_read_alike(start: Start, tmp_path: Path) -> None:
    flags = csv(tmp_path)
    pinned = sha256(tmp_path / "own.csv")
    (tmp_path / "own.csv").write_bytes(CSV.replace("\n", "\r\n").encode())
    refused(start(flags, REGSWEEP_DATA_DIGEST=pinned), 64, "DataChanged")


def test_pinned_data_that_are_gone_or_unreadable_are_bad_data(start: Start, tmp_path: Path) -> None:
    flags = csv(tmp_path, "a,b\n1,2\n")
    refused(start(flags, REGSWEEP_DATA_DIGEST=sha256(tmp_path / "own.csv")), 64, "BadData")
    (tmp_path / "own.csv").unlink()
    refused(start(flags, REGSWEEP_DATA_DIGEST="0" * 64), 64, "BadData")


def test_a_file_that_changes_while_it_is_read_is_not_trained_on(tmp_path: Path) -> None:
    flags = parse_flags(csv(tmp_path))

    def load(_: object) -> str:
        csv(tmp_path, CSV + "1,1,1\n")
        return "read"

    with pytest.raises(TrainerError, match=r"own\.csv changed while it was being read; run again") as caught:
        load_unchanged(flags, load, lambda digest: None)
    assert caught.value.exit_code == 1
    loaded, digest = load_unchanged(flags, lambda flags: "read", lambda digest: None)
    assert (loaded, digest) == ("read", sha256(tmp_path / "own.csv"))
