"""The contract kept by the kit alone, in processes that train nothing: environment, message, /metrics, lingering, signals, exit codes."""

import hashlib
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support import trainer_process
from support.trainer_process import Start, Trainer, completed, exposed, poll, refused, written

BARE = (sys.executable, "-P", str(Path(__file__).with_name("bare_trainer.py")))


@pytest.fixture
def bare(start: Start) -> Start:
    return partial(start, command=BARE)


def test_from_the_environment_to_the_last_scrape(bare: Start, port: int) -> None:
    environment = {"REGSWEEP_REPLICATES": "2", "REGSWEEP_FIRST_REPLICATE": "4", "REGSWEEP_FLAG_NAMES": '["epochs"]'}
    trainer = bare({"epochs": 4}, port, REGSWEEP_LINGER_SECONDS="100", **environment)
    last = trainer.until(lambda text: completed(text) == 2)
    assert trainer.wait() == 0, trainer.err
    assert "frameworks: []" in trainer.out
    message = trainer.message
    assert message["columns"] == ["train_average_loss", "val_average_loss", "train_rows", "val_rows"]
    assert message["records"] == [
        [4, "Ok", 4, [6.25, 6.25, None, None], [2, 4.25, 4.25]],
        [5, "Ok", 4, [7.25, 7.25, None, None], [2, 5.25, 5.25]],
    ]
    assert len(message["times"]["replicates"]) == 2
    assert exposed(last, 5, "average_loss", "val") == 7.25
    assert 'regsweep_trainer_info{flag_epochs="4",replicate="4",run="r",sweep="s"} 1.0' in last


@pytest.mark.parametrize(
    ("resampling", "rows"),
    [
        ('{"kind":"Holdout"}', {"train": 48, "val": 16}),
        ('{"kind":"KFold","folds":5}', {"train": 64, "val": 8}),
        ('{"kind":"Holdout","outer":{"fold":1,"folds":4}}', {"train": 45, "val": 15}),
        ('{"kind":"KFold","folds":5,"outer":{"fold":1,"folds":4}}', {"train": 60, "val": 8}),
    ],
)
def test_rows_are_divided_as_the_environment_says(
    bare: Start, port: int, resampling: str, rows: dict[str, int]
) -> None:
    trainer = bare({}, port, REGSWEEP_RESAMPLING=resampling, REGSWEEP_LINGER_SECONDS="100")
    last = trainer.until(lambda text: completed(text) == 1)
    for part, count in rows.items():
        assert f'regsweep_trainer_rows{{replicate="0",run="r",split="{part}",sweep="s"}} {count}.0' in last


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_training_keeps_what_is_finished(bare: Start, number: signal.Signals, code: int) -> None:
    trainer = bare({"epochs": 5, "seconds": 0.02}, REGSWEEP_REPLICATES="16", REGSWEEP_MESSAGE_BYTES="65536")
    poll(lambda: written(trainer, 1))
    trainer.process.send_signal(number)
    assert trainer.wait() == code
    assert trainer.message["error"]["reason"] == "Terminated"
    assert 1 <= len(trainer.message["records"]) < 16


def test_a_signal_while_lingering_is_a_success(bare: Start, port: int) -> None:
    trainer = bare({}, port, REGSWEEP_LINGER_SECONDS="1000")
    poll(lambda: written(trainer, 1))
    trainer.process.send_signal(signal.SIGTERM)
    assert trainer.wait() == 0
    assert "error" not in trainer.message


def test_other_data_than_the_pinned_ones_are_refused(bare: Start, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"new")
    old, new = hashlib.sha256(b"old").hexdigest(), hashlib.sha256(b"new").hexdigest()
    trainer = bare({"data": str(tmp_path / "data")}, REGSWEEP_DATA_DIGEST=old)
    text = refused(trainer, 64, "DataChanged")
    assert old[:12] in text
    assert new[:12] in text
    assert trainer.message["dataDigest"] == new[:16]
    same = bare({"data": str(tmp_path / "data")}, REGSWEEP_DATA_DIGEST=new[:16])
    assert same.wait() == 0, same.err


@pytest.mark.parametrize(
    ("flags", "environment", "code", "reason"),
    [
        ({"epoch": 3}, {}, 64, "InvalidFlags"),
        ({}, {"REGSWEEP_REPLICATES": "many"}, 64, "InvalidContract"),
        ({}, {"REGSWEEP_REPLICATES": "16", "REGSWEEP_MESSAGE_BYTES": "1024"}, 64, "InvalidContract"),
        ({}, {"JOB_COMPLETION_INDEX": "1", "REGSWEEP_LAST_REPLICATE": "0"}, 65, "NothingToTrain"),
        ({}, {"REGSWEEP_RESAMPLING": '{"kind":"KFold","folds":50}'}, 64, "BadData"),
    ],
)
def test_each_refusal_has_its_reason_and_exit_code(
    bare: Start, flags: dict[str, Any], environment: dict[str, str], code: int, reason: str
) -> None:
    refused(bare(flags, **environment), code, reason)


def test_an_errors_text_keeps_to_the_messages_room(bare: Start) -> None:
    trainer = bare({"fail": "x" * 5000}, REGSWEEP_MESSAGE_BYTES="1024")
    assert trainer.wait() == 1
    assert trainer.log.stat().st_size == 1024
    assert "x" * 5000 in trainer.err


def test_an_error_of_the_training_itself_is_retried(bare: Start) -> None:
    trainer = bare({"fail": "no memory"})
    assert trainer.wait() == 1
    assert trainer.message["error"] == {"reason": "TrainerFailed", "message": "RuntimeError: no memory"}
    assert "Traceback" in trainer.err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16"])
def test_a_console_that_cannot_show_a_character_ends_no_run(bare: Start, encoding: str) -> None:
    trainer = bare({"say": "größe 数 \u2028 \ud800"}, PYTHONIOENCODING=encoding)
    assert trainer.wait() == 0
    assert len(trainer.message["records"]) == 1
    assert "error" not in trainer.message


def silent(folder: Path, streams: str, flags: dict[str, Any]) -> Trainer:
    trainer = Trainer(folder, flags, command=("/bin/sh", "-c", f'exec "$@" {streams}', "sh", *BARE))
    trainer.process.wait(trainer_process.DEADLINE_SECONDS)
    return trainer


@pytest.mark.parametrize("streams", [">&- 2>&-", "> /dev/full 2> /dev/full"], ids=["closed", "full"])
def test_a_console_that_takes_nothing_ends_no_run(tmp_path: Path, streams: str) -> None:
    trainer = silent(tmp_path, streams, {"say": "x"})
    assert trainer.process.returncode == 0
    assert len(trainer.message["records"]) == 1
    assert "error" not in trainer.message
    refusal = silent(tmp_path, streams, {"epoch": 3})
    assert refusal.process.returncode == 64
    assert refusal.message["error"]["reason"] == "InvalidFlags"
    failure = silent(tmp_path, streams, {"fail": "no memory"})
    assert failure.process.returncode == 1
    assert failure.message["error"]["message"] == "RuntimeError: no memory"


def test_what_a_library_writes_to_a_closed_console_goes_nowhere(tmp_path: Path) -> None:
    """Neither into the termination message nor into the pipe that carries the numbers of signals."""
    sigterm = "\x0f" * 3
    trainer = silent(tmp_path, "<&- >&- 2>&-", {"noise": sigterm, "epochs": 1})
    assert trainer.process.returncode == 0
    assert len(trainer.message["records"]) == 1
