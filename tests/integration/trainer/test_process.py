"""The trainer as Kubernetes sees it: a process with an environment, /metrics, a termination message, signals and an exit code.

Real training in every test that does not expect a refusal. Nothing sleeps for a fixed time: all waiting is polling to a deadline.
"""

import base64
import hashlib
import json
import math
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regsweep_trainer.data import bundled
from support.trainer_process import DEADLINE_SECONDS, REFERENCE, Start, completed, exposed, poll, refused, written

FLAGS: dict[str, Any] = {"dataset": "breast_cancer", "units": [8], "epochs": 4, "l2": "1e-4"}


def test_two_replicates_from_environment_to_last_scrape(start: Start, port: int) -> None:
    before = int(time.time())
    trainer = start(
        FLAGS,
        port,
        REGSWEEP_REPLICATES="2",
        REGSWEEP_FIRST_REPLICATE="4",
        REGSWEEP_FLAG_NAMES='["l2"]',
        REGSWEEP_LINGER_SECONDS="100",
    )
    last = trainer.until(lambda text: completed(text) == 2)
    assert trainer.wait() == 0, trainer.err
    assert "scraped after" in trainer.out
    message = trainer.message
    assert (message["version"], message["backend"], message["device"]) == (1, "tensorflow", "cpu")
    assert [row[:3] for row in message["records"]] == [[4, "Ok", 4], [5, "Ok", 4]]
    assert message["rows"] == {"train": 273, "stop": 91, "val": 91, "test": 114}
    assert message["gpus"] == 0
    assert message["rule"] == {"metric": "val_average_loss", "goal": "Minimize"}
    (source,) = bundled.paths("breast_cancer")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    assert message["dataDigest"] == digest
    assert f'info{{data_digest="{digest}",flag_l2="1e-4",replicate="4",run="r",sweep="s"}} 1.0' in last
    assert before <= message["times"]["start"] <= time.time()
    (first, second) = message["times"]["replicates"]
    assert 0 < first[0] <= first[1] <= second[0] <= second[1]
    for replicate, _, _, values, best in message["records"]:
        for column, value in zip(message["columns"], values, strict=True):
            split, metric = ("", column) if column in ("regularization_loss", "late_gain") else column.split("_", 1)
            assert exposed(last, replicate, metric, split) == pytest.approx(value, rel=5e-6)
        assert f'regsweep_trainer_best_epoch{{replicate="{replicate}",run="r",sweep="s"}} {best[0]:.1f}' in last
    assert 'split="test"' not in last


def test_the_same_inputs_give_the_same_message_however_the_replicates_are_dealt(start: Start, tmp_path: Path) -> None:
    flags = {**FLAGS, "dropout": 0.3, "batch_norm": True}
    together = start(flags, REGSWEEP_REPLICATES="2", REGSWEEP_SEED_BASE="7")
    assert together.wait() == 0, together.err
    both = together.message
    second = start(flags, REGSWEEP_REPLICATES="1", JOB_COMPLETION_INDEX="1", REGSWEEP_SEED_BASE="7")
    assert second.wait() == 0, second.err
    assert second.message["records"] == both["records"][1:]
    assert both["records"][0][3] != both["records"][1][3]


def test_it_lingers_for_a_scrape_that_begins_after_completion_and_no_longer_than_requested(
    start: Start, port: int
) -> None:
    trainer = start({**FLAGS, "epochs": 1}, port, REGSWEEP_LINGER_SECONDS="1.5")
    assert trainer.wait() == 0
    assert "no scrape within 1.5 s" in trainer.out
    assert len(trainer.message["records"]) == 1


def test_without_linger_it_waits_for_nobody(start: Start, port: int) -> None:
    trainer = start({**FLAGS, "epochs": 1}, port, REGSWEEP_LINGER_SECONDS="0")
    assert trainer.wait() == 0
    assert "scraped" not in trainer.out


def test_sigterm_while_lingering_is_a_success(start: Start, port: int) -> None:
    trainer = start({**FLAGS, "epochs": 1}, port, REGSWEEP_LINGER_SECONDS="1000")
    poll(lambda: written(trainer, 1))
    trainer.process.send_signal(signal.SIGTERM)
    assert trainer.wait() == 0, trainer.err
    assert "error" not in trainer.message


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_training_ends_with_what_is_finished(
    start: Start, port: int, number: signal.Signals, code: int
) -> None:
    flags = {**FLAGS, "epochs": 400}
    trainer = start(flags, port, REGSWEEP_REPLICATES="16", REGSWEEP_LINGER_SECONDS="1000")
    text = trainer.until(lambda text: completed(text) >= 1)
    assert completed(text) < 16
    trainer.process.send_signal(number)
    assert trainer.wait() == code, trainer.err
    message = trainer.message
    assert message["error"]["reason"] == "Terminated"
    assert number.name in message["error"]["message"]
    assert 1 <= len(message["records"]) < 16
    assert all(row[2] == 400 for row in message["records"])


def test_sigterm_deep_inside_tensorflow_is_answered_at_once(start: Start, port: int) -> None:
    """One epoch of this takes far longer than the test's patience: the main thread sits in a single call into TensorFlow."""
    flags = {"dataset": "digits", "units": [4096, 4096, 4096], "batch_size": 1, "epochs": 2}
    trainer = start(flags, port)
    assert trainer.process.stdout is not None
    assert "ready after" in trainer.process.stdout.readline()
    before = cpu_seconds(trainer.process.pid)
    poll(lambda: cpu_seconds(trainer.process.pid) > before + 2)  # tracing is over; the first epoch takes minutes
    sent = time.monotonic()
    trainer.process.send_signal(signal.SIGTERM)
    assert trainer.wait() == 143
    assert time.monotonic() - sent < 5
    assert trainer.message["records"] == []


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_sigterm_while_tensorflow_is_imported(start: Start, port: int) -> None:
    trainer = start(FLAGS, port)
    trainer.until(lambda text: True)  # /metrics is up before TensorFlow is
    trainer.process.send_signal(signal.SIGTERM)
    assert trainer.wait() == 143, trainer.err
    assert trainer.message["error"]["reason"] == "Terminated"


def test_a_replicate_that_diverges_is_a_result_and_the_others_go_on(start: Start, port: int) -> None:
    trainer = start(
        {**FLAGS, "optimizer": "sgd", "learning_rate": 1e30},
        port,
        REGSWEEP_REPLICATES="2",
        REGSWEEP_LINGER_SECONDS="100",
    )
    last = trainer.until(lambda text: completed(text) == 2)
    assert trainer.wait() == 0, trainer.err
    records = trainer.message["records"]
    assert [row[:3] for row in records] == [[0, "Diverged", 1], [1, "Diverged", 1]]
    assert [row[4] for row in records] == [None, None]
    assert records[0][3][:2] == [None, None]
    assert exposed(last, 0, "average_loss", "val") != exposed(last, 0, "average_loss", "val")  # NaN is exposed as NaN


def test_invalid_flags_are_refused_by_name(start: Start) -> None:
    text = refused(start({"dataset": "iris", "drop_out": 0.2, "epochs": "many"}), 64, "InvalidFlags")
    assert 'flag epochs: got "many", want an integer from 1 to 100000' in text
    assert 'unknown flag "drop_out" (got 0.2), did you mean dropout?' in text


def test_a_contract_that_cannot_be_read_is_refused(start: Start) -> None:
    assert "REGSWEEP_FLAGS" in refused(start("{"), 64, "InvalidContract")
    assert "'depth'" in refused(start(FLAGS, REGSWEEP_FLAG_NAMES='["depth"]'), 64, "InvalidContract")


def test_a_message_without_room_for_the_records_is_refused(start: Start) -> None:
    trainer = start(FLAGS, REGSWEEP_REPLICATES="16", REGSWEEP_MESSAGE_BYTES="2048")
    text = refused(trainer, 64, "InvalidContract")
    assert "2048 bytes are not enough for train_average_loss, val_average_loss of 16 replicates" in text


def test_a_message_has_the_columns_that_its_room_allows(start: Start) -> None:
    trainer = start({**FLAGS, "epochs": 1}, REGSWEEP_REPLICATES="5", REGSWEEP_MESSAGE_BYTES="1500")
    assert trainer.wait() == 0, trainer.err
    assert trainer.log.stat().st_size <= 1500
    assert trainer.message["columns"][:3] == ["train_average_loss", "val_average_loss", "regularization_loss"]
    assert "train_loss" not in trainer.message["columns"]


def test_a_final_evaluation_without_test_rows_is_refused(start: Start) -> None:
    text = refused(start({**FLAGS, "test_fraction": 0}, REGSWEEP_FINAL="1"), 64, "InvalidFlags")
    assert text.startswith("flag test_fraction: 0 leaves 0 test rows, but REGSWEEP_FINAL asks for a final evaluation")


def test_an_outer_fold_is_scored_as_test_rows(start: Start) -> None:
    folds = json.dumps({"kind": "KFold", "folds": 2, "outer": {"fold": 3, "folds": 4}})
    flags = {**FLAGS, "epochs": 1, "test_fraction": 0}
    trainer = start(flags, REGSWEEP_REPLICATES="2", REGSWEEP_RESAMPLING=folds, REGSWEEP_SCORE_TEST="1")
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["rows"] == {"train": 213, "stop": 107, "val": 107, "test": 142}
    assert "test_average_loss" in trainer.message["columns"]


def test_an_index_without_replicates_is_final(start: Start) -> None:
    trainer = start(FLAGS, JOB_COMPLETION_INDEX="2", REGSWEEP_LAST_REPLICATE="1")
    assert "replicate 2" in refused(trainer, 65, "NothingToTrain")


def test_a_gpu_that_does_not_exist_is_never_replaced_by_the_cpu(start: Start) -> None:
    text = refused(start(FLAGS, REGSWEEP_GPUS="1", CUDA_VISIBLE_DEVICES="-1"), 1, "GpuNotVisible")
    assert "REGSWEEP_ALLOW_CPU" in text


def test_a_stand_in_gpu_may_be_replaced_by_the_cpu(start: Start) -> None:
    trainer = start(FLAGS, REGSWEEP_GPUS="1", REGSWEEP_ALLOW_CPU="1", CUDA_VISIBLE_DEVICES="-1")
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["device"] == "cpu"


def test_a_taken_port_is_refused(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        assert "REGSWEEP_METRICS_PORT" in refused(start(FLAGS, taken.getsockname()[1]), 1, "PortTaken")


def test_a_record_that_cannot_be_written_is_refused_before_training(start: Start, tmp_path: Path) -> None:
    trainer = start(FLAGS, REGSWEEP_TERMINATION_LOG=str(tmp_path / "nowhere" / "log"))
    assert trainer.wait() == 1
    assert "RecordUnwritable: REGSWEEP_TERMINATION_LOG: cannot write" in trainer.err
    assert trainer.out == ""


CSV = "x1,x2,part,y\n" + "".join(
    f"{i % 7},{(i * 13) % 11},{('train', 'val', 'test')[i % 3]},{'up' if (i % 7) + (i * 13) % 11 > 8 else 'down'}\n"
    for i in range(210)
)


def test_a_csv_of_ones_own_with_its_own_test_rows(start: Start, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(CSV)
    flags = {
        "data_path": str(tmp_path / "own.csv"),
        "target": "y",
        "split_column": "part",
        "epochs": 30,
        "learning_rate": 0.01,
    }
    trainer = start(flags, REGSWEEP_SCORE_TEST="1")
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert message["rows"] == {"train": 70, "stop": 35, "val": 35, "test": 70}
    values = dict(zip(message["columns"], message["records"][0][3], strict=True))
    assert values["val_accuracy"] > 0.9
    assert values["test_accuracy"] > 0.9
    assert re.fullmatch("[0-9a-f]{8}", message["test"]["rows"])
    ((losses,),) = (message["test"]["losses"],)
    relative = np.frombuffer(base64.b64decode(losses, validate=True), "<f2").astype(float)
    assert len(relative) == 70
    assert relative.mean() == pytest.approx(1, rel=1e-3)
    assert (relative * values["test_average_loss"] < np.log(2)).mean() == pytest.approx(
        values["test_accuracy"], abs=1e-6
    )


def test_test_losses_of_several_replicates_are_in_the_same_blocks(start: Start) -> None:
    trainer = start({**FLAGS, "epochs": 60}, REGSWEEP_REPLICATES="3", REGSWEEP_SCORE_TEST="1")
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert message["rule"] == {"metric": "val_average_loss", "goal": "Minimize"}
    column = message["columns"].index("test_average_loss")
    relative = [np.frombuffer(base64.b64decode(text), "<f2").astype(float) for text in message["test"]["losses"]]
    assert {len(losses) for losses in relative} == {114}  # as many blocks as test rows: there is room for more
    losses = [values * record[3][column] for values, record in zip(relative, message["records"], strict=True)]
    assert np.corrcoef(losses)[np.triu_indices(3, 1)].min() > 0.5  # a row that is hard for one is hard for the others


def test_replicates_are_compared_on_the_audit_rows(start: Start, port: int) -> None:
    trainer = start(
        {**FLAGS, "audit_fraction": 0.1},
        port,
        REGSWEEP_REPLICATES="3",
        REGSWEEP_LINGER_SECONDS="100",
    )
    last = trainer.until(lambda text: completed(text) == 3)
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert message["rows"] == {"train": 239, "stop": 79, "val": 80, "test": 114, "audit": 57}
    audits = [name for name in message["columns"] if name.startswith("audit_")]
    assert audits == ["audit_squared_error", "audit_spread", "audit_disagreement"]
    for replicate, *_, values, _ in message["records"]:
        for column in audits:
            value = values[message["columns"].index(column)]
            assert (value is None) == (replicate == 0 and column != "audit_squared_error")
            shown = exposed(last, replicate, column.removeprefix("audit_"), "audit")
            assert shown == pytest.approx(math.nan if value is None else value, rel=5e-6, nan_ok=True)
        assert f'regsweep_trainer_rows{{replicate="{replicate}",run="r",split="audit",sweep="s"}} 57.0' in last


def test_repeated_folds_are_audited_from_the_second_repeat_on(start: Start) -> None:
    folds = json.dumps({"kind": "RepeatedKFold", "folds": 2})
    trainer = start({**FLAGS, "epochs": 1}, REGSWEEP_REPLICATES="4", REGSWEEP_RESAMPLING=folds)
    assert trainer.wait() == 0, trainer.err
    column = trainer.message["columns"].index("audit_spread")
    assert [row[3][column] is None for row in trainer.message["records"]] == [True, True, False, False]
    assert all(row[3][column - 1] > 0 for row in trainer.message["records"])


def test_folds_of_one_repeat_are_dealt_over_the_replicates(start: Start) -> None:
    folds = json.dumps({"kind": "RepeatedKFold", "folds": 3})
    trainer = start({**FLAGS, "epochs": 1}, REGSWEEP_REPLICATES="4", REGSWEEP_RESAMPLING=folds)
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert message["rows"] == {"train": 303, "stop": 76, "val": 76, "test": 114}
    assert [row[:2] for row in message["records"]] == [[k, "Ok"] for k in range(4)]
    assert len({row[3][0] for row in message["records"]}) == 4


def test_folds_beside_marked_val_rows_are_refused(start: Start, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(CSV)
    flags = {"data_path": str(tmp_path / "own.csv"), "target": "y", "split_column": "part"}
    folds = json.dumps({"kind": "KFold", "folds": 3})
    assert "70 rows of own.csv are marked val" in refused(start(flags, REGSWEEP_RESAMPLING=folds), 64, "BadData")
    assert "REGSWEEP_RESAMPLING" in refused(start(flags, REGSWEEP_RESAMPLING="{}"), 64, "InvalidContract")


def test_a_csv_that_does_not_exist_is_refused(start: Start, tmp_path: Path) -> None:
    text = refused(start({"data_path": str(tmp_path / "no.csv"), "target": "y"}), 64, "BadData")
    assert text.startswith("flag data_path: cannot read")


def test_a_regression_on_the_best_epoch_with_early_stopping(start: Start) -> None:
    objective = {"metric": "val_average_loss", "goal": "Minimize", "epoch": "Best"}
    flags = {"dataset": "diabetes", "epochs": 500, "early_stopping": 5, "learning_rate": 0.01}
    trainer = start(flags, REGSWEEP_OBJECTIVE=json.dumps(objective))
    assert trainer.wait() == 0, trainer.err
    ((_, outcome, epochs, values, best),) = trainer.message["records"]
    assert outcome == "Ok"
    assert best[0] == epochs - 5 < 495
    named = dict(zip(trainer.message["columns"], values, strict=True))
    assert 1000 < named["val_average_loss"] < 8000  # squared units of the target, whose variance is 5900


def test_help_and_describe() -> None:
    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*REFERENCE, *arguments],
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
        )

    helped = ask("--help")
    assert helped.returncode == 0
    assert "batch_size (32; an integer from 1 to 1048576)" in helped.stdout
    described = ask("--describe")
    assert described.returncode == 0
    assert json.loads(described.stdout)["properties"]["dropout"]["default"] == 0.0
    wrong = ask("--flags")
    assert wrong.returncode == 64
    assert "got '--flags', want --help, --describe, --identify or nothing" in wrong.stderr
