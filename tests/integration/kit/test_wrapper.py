"""`python -m regsweep_kit run -- CMD`: scripts that know nothing of the contract keep it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.trainer_process import Start, completed, exposed, poll, refused, surroundings

CSV = {
    "format": "CSVLogger",
    "path": "log.csv",
    "metrics": {"train_average_loss": "loss", "val_average_loss": "val_loss"},
}
WRITES_CSV = """
import os, sys
with open("log.csv", "w") as log:
    log.write("epoch,loss,val_loss\\n")
    for epoch in range(3):
        log.write(f"{epoch},{epoch},{float(sys.argv[1]) + epoch}\\n")
print("seed", os.environ["REGSWEEP_SEED"], sys.argv[2:])
"""


@pytest.fixture
def wrapped(start: Start, tmp_path: Path) -> Callable[..., Start]:
    """A way to start a script under the wrapper, in a working directory of its own."""

    def made(text: str, *arguments: str, report: Any = None) -> Start:
        place = tmp_path / "place"
        place.mkdir(exist_ok=True)
        (place / "train.py").write_text(text)
        command = (sys.executable, "-m", "regsweep_kit", "run", "--", sys.executable, "train.py", *arguments)
        environment = {} if report is None else {"REGSWEEP_REPORT": json.dumps(report)}
        return partial(start, command=command, cwd=place, **environment)

    return made


def test_the_log_becomes_live_metrics_and_a_record(wrapped: Callable[..., Start], port: int, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "log.csv").write_text("an old log")
    trainer = wrapped(WRITES_CSV, "0.5", "--seed=$(REGSWEEP_SEED)", "$(REGSWEEP_REPLICATE)", report=CSV)(
        {"l2": 0.5}, port, REGSWEEP_REPLICATES="2", REGSWEEP_FLAG_NAMES='["l2"]', REGSWEEP_LINGER_SECONDS="100"
    )
    last = trainer.until(lambda text: completed(text) == 2)
    assert trainer.wait() == 0, trainer.err
    message = trainer.message
    assert message["columns"] == ["train_average_loss", "val_average_loss"]
    assert [record[:4] for record in message["records"]] == [[0, "Ok", 3, [2, 2.5]], [1, "Ok", 3, [2, 2.5]]]
    assert exposed(last, 1, "average_loss", "val") == 2.5
    seeds = [line.split() for line in trainer.out.splitlines() if line.startswith("seed")]
    assert [words[2:] for words in seeds] == [[f"['--seed={seed[1]}',", f"'{k}']"] for k, seed in enumerate(seeds)]
    assert seeds[0][1] != seeds[1][1]
    assert (tmp_path / "place" / "log.csv").read_text() == "an old log"


@pytest.mark.parametrize(
    ("text", "report"),
    [
        pytest.param(
            "for e in range(2): print(f'epoch={e} loss={e + 1} val_loss={e + 2}')",
            {"format": "Stdout"},
            id="standard output",
        ),
        pytest.param(
            "import json\nwith open('m.jsonl', 'w') as f:\n for e in 1, 2: print(json.dumps({'loss': e, 'val_loss': e + 1}), file=f)",
            {"format": "JSONLines", "path": "m.jsonl"},
            id="JSON lines",
        ),
    ],
)
def test_metrics_go_by_the_scripts_own_names(wrapped: Callable[..., Start], text: str, report: Any) -> None:
    objective = '{"metric":"val_loss","goal":"Minimize","epoch":"Last"}'
    trainer = wrapped(text, report=report)({}, REGSWEEP_OBJECTIVE=objective)
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["columns"] == ["train_loss", "val_loss"]
    assert trainer.message["records"][0][:4] == [0, "Ok", 2, [2, 3]]


def test_a_script_that_reports_stop_says_what_its_last_epochs_brought(wrapped: Callable[..., Start]) -> None:
    text = "for e in range(10): print(f'epoch={e} loss=1 val_loss=2 stop_loss={20 - e}')"
    objective = '{"metric":"val_loss","goal":"Minimize","epoch":"Last"}'
    trainer = wrapped(text, report={"format": "Stdout"})({}, REGSWEEP_OBJECTIVE=objective)
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["columns"] == ["train_loss", "val_loss", "late_gain"]
    assert trainer.message["records"] == [[0, "Ok", 10, [1, 2, 1], [10, 1, 2]]]


EVERY_SECOND = """
import json
with open("log.csv", "w") as csv, open("log.jsonl", "w") as jsonl:
    csv.write("epoch,loss,val_loss\\n")
    for epoch in range(1, 6):
        validated = epoch % 2 == 0
        csv.write(f"{epoch},{loss(epoch)},{10 - epoch if validated else 'NA'}\\n")
        jsonl.write(json.dumps({"epoch": epoch, "loss": loss(epoch), **({"val_loss": 10 - epoch} if validated else {})}) + "\\n")
        print(f"epoch={epoch} loss={loss(epoch)}" + (f" val_loss={10 - epoch}" if validated else ""))
"""
REPORTS = [
    pytest.param({**CSV}, id="CSVLogger"),
    pytest.param({**CSV, "format": "JSONLines", "path": "log.jsonl"}, id="JSON lines"),
    pytest.param({"format": "Stdout", "metrics": CSV["metrics"]}, id="standard output"),
]


def test_of_a_log_at_a_fixed_place_what_earlier_trainings_wrote_does_not_count(
    wrapped: Callable[..., Start], port: int, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("epoch,loss,val_loss\n0,9,9\n1,9,9\n")
    text = f"""
import os, time
time.sleep(1.2)
value = 5 - 4 * int(os.environ["REGSWEEP_REPLICATE"])
with open({str(log)!r}, "w") as log:
    log.write("epoch,loss,val_loss\\n")
    for epoch in range(3):
        log.write(f"{{epoch}},{{value}},{{value}}\\n")
"""
    trainer = wrapped(text, report={**CSV, "path": str(log)})({"l2": 0.5}, port, REGSWEEP_REPLICATES="2")
    assert trainer.wait() == 0, trainer.err
    assert [record[:4] for record in trainer.message["records"]] == [[0, "Ok", 3, [5, 5]], [1, "Ok", 3, [1, 1]]]


def test_a_log_that_is_begun_again_is_read_again(wrapped: Callable[..., Start], port: int) -> None:
    text = """
import os, time
os.mkdir("logs")
for value, epochs in ((9, 6), (2, 3)):
    with open("logs/log.csv", "w") as log:
        log.write("epoch,loss,val_loss\\n")
        for epoch in range(epochs):
            log.write(f"{epoch},{value},{value}\\n")
            log.flush()
            time.sleep(0.2)
"""
    trainer = wrapped(text, report={**CSV, "path": "logs/log.csv"})({"l2": 0.5}, port)
    assert trainer.wait() == 0, trainer.err
    (record,) = trainer.message["records"]
    assert (record[1], record[3]) == ("Ok", [2, 2])
    assert 4 <= record[2] <= 9, "what was written last before may go unread"


def test_a_log_may_lie_in_a_folder_that_is_there_with_other_things(
    wrapped: Callable[..., Start], port: int, tmp_path: Path
) -> None:
    (tmp_path / "place" / "data").mkdir(parents=True)
    (tmp_path / "place" / "data" / "rows.csv").write_text("0.25")
    text = """
value = open("data/rows.csv").read()
open("data/log.csv", "w").write(f"epoch,loss,val_loss\\n0,{value},{value}\\n")
"""
    trainer = wrapped(text, report={**CSV, "path": "data/log.csv"})({"l2": 0.5}, port)
    assert trainer.wait() == 0, trainer.err
    assert [record[:4] for record in trainer.message["records"]] == [[0, "Ok", 1, [0.25, 0.25]]]
    assert sorted(path.name for path in (tmp_path / "place" / "data").iterdir()) == ["rows.csv"]


@pytest.mark.parametrize("report", REPORTS)
def test_epochs_without_validation_are_passed_over_and_counted(wrapped: Callable[..., Start], report: Any) -> None:
    """As with Keras' validation_freq=2."""
    trainer = wrapped("def loss(epoch): return epoch\n" + EVERY_SECOND, report=report)({})
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["records"][0][:4] == [0, "Ok", 4, [4, 6]]
    assert "note: epoch 5 has no val_loss; what counts is epoch 4" in trainer.out


@pytest.mark.parametrize("report", REPORTS)
def test_an_epoch_without_validation_whose_loss_is_no_number_has_diverged(
    wrapped: Callable[..., Start], report: Any
) -> None:
    text = "def loss(epoch): return epoch if epoch < 5 else float('nan')\n" + EVERY_SECOND
    trainer = wrapped(text, report=report)({})
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["records"][0][1:3] == ["Diverged", 5]


def test_metrics_that_never_come_are_missed_before_the_script_ends(wrapped: Callable[..., Start]) -> None:
    text = "import time\nfor e in range(30): print(f'loss={e} val_acc=0', flush=True)\ntime.sleep(1000)"
    trainer = wrapped(text, report={"format": "Stdout", "metrics": CSV["metrics"]})({})
    assert "the script writes no val_loss; it writes loss, val_acc" in refused(trainer, 64, "InvalidContract")


KERAS = """
import keras, numpy as np
x = np.random.normal(size=(60, 2)); y = x[:, 0]
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
import os
history = model.fit(x, y, validation_split=0.5, epochs=2, verbose=0, callbacks=[keras.callbacks.CSVLogger("log.csv")]).history
import tensorflow as tf  # as keras.callbacks.TensorBoard writes, which needs the package tensorboard
for folder, name in ("train", "loss"), ("validation", "val_loss"):
    with tf.Graph().as_default():
        writer = tf.compat.v1.summary.FileWriter(f"logs/{folder}")
    for step, loss in enumerate(history[name]):
        value = tf.compat.v1.Summary.Value(tag="epoch_loss", tensor=tf.make_tensor_proto(loss))
        writer.add_summary(tf.compat.v1.Summary(value=[value]), step)
        if folder == "validation":
            value = tf.compat.v1.Summary.Value(tag="evaluation_loss_vs_iterations", tensor=tf.make_tensor_proto(loss))
            writer.add_summary(tf.compat.v1.Summary(value=[value]), 10 + step)
    writer.close()
"""


def test_keras_own_loggers_are_read(wrapped: Callable[..., Start]) -> None:
    csv = wrapped(KERAS, report=CSV)({})
    assert csv.wait() == 0, csv.err
    board = wrapped(KERAS, report={**CSV, "format": "TensorBoard", "path": "logs", "metrics": {
        "train_average_loss": "train/epoch_loss", "val_average_loss": "validation/epoch_loss"}})({})  # fmt: skip
    assert board.wait() == 0, board.err
    for trainer in (csv, board):
        assert trainer.message["records"][0][1:3] == ["Ok", 2]
        assert None not in trainer.message["records"][0][3]


@pytest.mark.parametrize(
    ("text", "report", "code", "reason", "message"),
    [
        pytest.param("", CSV, 64, "NothingReported", "without an epoch in log.csv", id="it writes nothing"),
        pytest.param("import sys; sys.exit(0)", CSV, 64, "NothingReported", "without an epoch", id="it exits early"),
        pytest.param(WRITES_CSV, None, 64, "InvalidContract", "REGSWEEP_REPORT is missing", id="nothing says what it writes"),
        pytest.param(
            "import sys; print('error: unrecognized arguments: --l3', file=sys.stderr); sys.exit(2)",
            CSV, 64, "InvalidFlags", "ended with exit code 2: error: unrecognized arguments: --l3", id="it does not know a flag",
        ),
        pytest.param(
            "print('epoch=0 loss=0 val_acc=0')", {"format": "Stdout", "metrics": {"val_average_loss": "val_loss"}},
            64, "InvalidContract", "the script writes no val_loss; it writes epoch, loss, val_acc", id="another name",
        ),
        pytest.param("print('loss=1')", {"format": "Stdout"}, 64, "InvalidContract", "no metric of train and of val", id="no validation"),
        pytest.param("open('log.csv', 'w').write('a,b\\n1,2,3\\n')", CSV, 64, "BadData", "has 3 cells, the header", id="a broken log"),
        pytest.param("import os; os.mkdir('log.csv')", CSV, 64, "BadData", "cannot read log.csv: Is a directory", id="a folder"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_script_is_said(
    wrapped: Callable[..., Start], text: str, report: Any, code: int, reason: str, message: str
) -> None:
    trainer = wrapped(text, "0", report=report)({})
    assert trainer.wait() == code, trainer.err
    assert trainer.message["error"]["reason"] == reason
    assert message in trainer.message["error"]["message"]


def test_an_error_is_retried_with_the_scripts_last_words(wrapped: Callable[..., Start]) -> None:
    trainer = wrapped("raise ValueError('broken')", report=CSV)({})
    assert trainer.wait() == 1
    assert "ended with exit code 1" in trainer.message["error"]["message"]
    assert "ValueError: broken" in trainer.message["error"]["message"]


def test_a_script_that_diverges_is_stopped_and_that_is_a_result(wrapped: Callable[..., Start]) -> None:
    text = "import time\nfor e in range(2): print(f'epoch={e} loss=nan val_loss=nan', flush=True)\nprint('epoch=2')\ntime.sleep(1000)"
    report = {**CSV, "format": "Stdout"}
    del report["path"]
    trainer = wrapped(text, report=report)({})
    assert trainer.wait() == 0, trainer.err
    assert trainer.message["records"][0][1:3] == ["Diverged", 1]


def test_sigterm_reaches_the_script_too(wrapped: Callable[..., Start], tmp_path: Path) -> None:
    text = f"""
import os, signal, time
open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
time.sleep(1000)
"""
    trainer = wrapped(text, report=CSV)({})
    poll(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    trainer.process.send_signal(signal.SIGTERM)
    assert trainer.wait() == 143
    assert trainer.message["error"]["reason"] == "Terminated"
    pid = int((tmp_path / "pid").read_text())
    poll(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])  # noqa: PTH110


def test_a_final_evaluation_needs_a_metric_of_test_rows(wrapped: Callable[..., Start]) -> None:
    assert "names none of them" in refused(
        wrapped(WRITES_CSV, "0", report=CSV)({}, REGSWEEP_FINAL="1"), 64, "InvalidFlags"
    )


def test_outside_of_a_sweep_the_command_is_all_that_is_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "regsweep_kit", "run", "--", sys.executable, "-c", "print('by itself')"]
    done = subprocess.run(command, env=surroundings(), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "by itself\n")
    wrong = subprocess.run(command[:4], env=surroundings(), capture_output=True, text=True, timeout=60)
    assert (wrong.returncode, wrong.stderr) == (64, "usage: python -m regsweep_kit run -- COMMAND [ARGUMENT ...]\n")
