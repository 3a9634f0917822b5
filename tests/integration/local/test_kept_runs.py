"""What `regsweep run` leaves behind, seen by the commands and functions that list, show, move and remove it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import regsweep
from integration.local.sweeps import DEADLINE_SECONDS, FAKE_TRAINER, Workplace
from regsweep.errors import RegsweepError
from regsweep.notebook.frames import Runs

TRAINER = f"{sys.executable} {FAKE_TRAINER}"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    flags = [{"name": "l2", "values": [0, 0.01]}, {"name": "dropout", "values": [0, 0.3]}]
    return Workplace(tmp_path, {"flags": flags, "replicates": 3, "parallelism": 2})


def command(place: Workplace, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "regsweep.cli", *arguments, "--runs-dir", str(place.path / "runs")],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


def test_a_runs_folder_keeps_all_that_is_asked_of_it_later(place: Workplace) -> None:
    assert place.run().returncode == 0
    for folder in place.runs.glob("mine-*"):
        kept = {path.name for path in folder.iterdir()}
        assert kept == {"run.json", "message.json", "output.log", "history.jsonl", "environment.json", "source"}
        assert {path.name for path in (folder / "source").iterdir()} == {"sweep.json", FAKE_TRAINER.name}
        assert (folder / "source" / FAKE_TRAINER.name).read_bytes() == FAKE_TRAINER.read_bytes()
        environment = json.loads((folder / "environment.json").read_text())
        assert environment["packages"]["regsweep"]
        assert len((folder / "history.jsonl").read_text().splitlines()) == 90


def test_nothing_is_moved_while_a_sweep_is_trained_and_all_is_afterwards(place: Workplace) -> None:
    go = place.path / "go"
    place.spec["trainer"] = {"parameters": {"behave": "wait", "wait_for": str(go)}}
    training = place.start()
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(list(place.path.glob("*.waiting"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "running" in command(place, "ls").stdout
        assert regsweep.is_run_active(next(place.runs.glob("mine-*")))
        refused = command(place, "clean", "--yes")
        assert refused.returncode == 1
        assert "mine: is being trained; its runs stayed." in refused.stderr
        with pytest.raises(RegsweepError, match=r"mine: is being trained; its runs stayed"):
            regsweep.clean_runs(runs_dir=place.path / "runs", confirm=False)
        assert list(place.runs.glob("mine-*/run.json"))
    finally:
        training.terminate()
        training.communicate(timeout=DEADLINE_SECONDS)
    assert set(regsweep.ls_runs(runs_dir=place.path / "runs").state) == {"interrupted"}
    assert command(place, "clean", "--yes").returncode == 0
    assert not list(place.runs.glob("mine-*"))


def test_what_was_cleaned_is_trained_again_and_what_was_restored_is_not(place: Workplace) -> None:
    place.run()
    before = place.started_at()
    assert command(place, "clean", "--yes").returncode == 0
    assert command(place, "archive", "--restore").returncode == 0
    assert "all done already" in place.run().stderr
    assert place.started_at() == before
    command(place, "clean", "--filter", "flag_l2 == 0", "--yes")
    assert "to train: 2 runs, 6 trainings" in place.run().stderr


def test_tuning_run_returns_the_ranking_of_the_command_line(place: Workplace) -> None:
    place.run("--output", "csv")
    command_line = json.loads((place.runs / "results.json").read_text())["results"]
    runs = regsweep.tuning_run(
        {"metadata": {"name": "python"}, "spec": place.spec}, runs_dir=place.path / "runs", trainer_command=TRAINER
    )
    assert list(runs["rank"]) == [1, 2, 3, 4]
    assert list(zip(runs.flag_l2, runs.flag_dropout, strict=True)) == [
        (each["flags"]["l2"], each["flags"]["dropout"]) for each in command_line
    ]
    assert list(runs.eval_average_loss) == pytest.approx([each["objective"]["mean"] for each in command_line])
    assert runs.answer.startswith("Of 4 combinations the best is l2=0.01, dropout=")
    assert "results.json" in {path.name for path in (place.path / "runs" / "python").iterdir()}


def test_tuning_run_trains_nothing_twice_and_returns_only_what_was_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = regsweep.tuning_run(flags={"l2": [0, 0.01]}, replicates=3, runs_dir=tmp_path, trainer_command=TRAINER)
    second = regsweep.tuning_run(flags={"l2": [0.01, 0.015]}, replicates=3, runs_dir=tmp_path, trainer_command=TRAINER)
    assert "(the rest is done)" in capfd.readouterr().err
    assert sorted(first.flag_l2) == [0, 0.01]
    assert sorted(second.flag_l2) == [0.01, 0.015]
    assert len(regsweep.ls_runs(runs_dir=tmp_path)) == 3


def test_training_run_trains_one_combination(tmp_path: Path) -> None:
    run = regsweep.training_run(flags={"l2": 0.01}, replicates=3, runs_dir=tmp_path, trainer_command=TRAINER)
    assert (len(run), run.replicates.iloc[0], run.completed.iloc[0]) == (1, 3, True)
    with pytest.raises(RegsweepError, match=r"training_run: got 2 combinations, want one"):
        regsweep.training_run({"flags": [{"name": "l2", "values": [0, 1]}]}, runs_dir=tmp_path, trainer_command=TRAINER)


def test_a_failed_run_is_a_row_with_its_reason(tmp_path: Path) -> None:
    runs = regsweep.tuning_run(
        flags={"behave": ["ok", "crash"]}, replicates=3, runs_dir=tmp_path, trainer_command=TRAINER
    )
    assert list(runs.state) == ["completed", "failed"]
    assert runs.error_message.iloc[1] == "cannot read the data"
    assert runs["rank"].iloc[1] is None or runs["rank"].isna().iloc[1]


def test_ctrl_c_ends_the_training_and_the_same_call_goes_on(place: Workplace) -> None:
    """As a notebook's stop button does: SIGINT in the main thread."""
    script = place.path / "tune.py"
    go = place.path / "go"
    script.write_text(
        "import regsweep, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background inherit that it is ignored\n"
        f"runs = regsweep.tuning_run(flags={{'l2': [0, 0.01]}}, replicates=3, parallelism=1, runs_dir={str(place.path / 'runs')!r},\n"
        f"    parameters={{'behave': 'wait', 'wait_for': {str(go)!r}}}, trainer_command={TRAINER!r})\n"
        "print(len(runs))\n"
    )
    started = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not list(place.path.glob("*.waiting")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(started.pid, 2)
    _, errors = started.communicate(timeout=DEADLINE_SECONDS)
    assert "KeyboardInterrupt: the results so far are in" in errors
    go.touch()
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert done.stdout == "2\n", done.stderr


def test_it_works_where_an_event_loop_runs_already_as_in_a_notebook(tmp_path: Path) -> None:
    code = (
        "import asyncio, regsweep\n"
        "async def cell():\n"
        f"    return regsweep.tuning_run(flags={{'l2': [0, 0.01]}}, replicates=3, runs_dir={str(tmp_path)!r}, "
        f"trainer_command={TRAINER!r})\n"
        "print(len(asyncio.run(cell())))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert done.stdout == "2\n", done.stderr


SCRIPT = """\
import regsweep_kit as kit

flags = kit.flags(dropout=0.2, l2=0.0)
for replicate in kit.replicates():
    for epoch in range(1, 4):
        loss = flags.dropout + replicate.number / 10 + 1 / epoch
        replicate.report(epoch, train={"average_loss": loss}, val={"average_loss": loss + 0.1})
"""


def test_a_script_on_the_kit_is_swept_by_its_name(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    runs = regsweep.tuning_run(script, flags={"dropout": [0.2, 0.3]}, replicates=3, runs_dir=tmp_path / "runs")
    assert list(runs.flag_dropout) == [0.2, 0.3]
    assert set(runs.state) == {"completed"}, list(runs.error_message)
    assert set(runs.script) == {"train.py"}
    info = regsweep.run_info(runs.head(1))
    assert isinstance(info, dict)
    assert len(info["metrics"]) == 9
    assert info["source_code"]["train.py"] == SCRIPT


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The eight runs that were taught, on real data by the reference trainer."""
    return regsweep.tuning_run(
        flags={"dropout": [0.2, 0.3, 0.4, 0.5], "activation": ["relu", "softmax"]},
        parameters={"dataset": "breast_cancer", "units": [16], "epochs": 4, "train_rows": 100},
        objective="val_accuracy",
        replicates=3,
        parallelism=2,
        runs_dir=tmp_path_factory.mktemp("runs"),
    )


def test_the_eight_runs_that_were_taught_come_ranked_with_all_that_was_taught(eight: Runs) -> None:
    assert len(eight) == 8
    assert list(eight.eval_accuracy) == sorted(eight.eval_accuracy, reverse=True)
    named = {
        "eval_accuracy",
        "eval_accuracy_baseline",
        "eval_auc",
        "eval_auc_precision_recall",
        "metric_loss",
        "eval_loss",
    }
    assert named <= set(eight.columns)
    assert list(eight.columns).index("flag_dropout") > list(eight.columns).index("metric_accuracy")
    assert set(eight.loss_function) == {"binary_crossentropy"}
    assert set(eight.optimizer) == {"adam"}
    assert eight.model.str.contains("Dropout").all()
    assert (eight.samples == 100).all()
    assert eight.answer.startswith("Of 8 combinations the best is dropout=")


def test_one_command_names_the_same_eight_runs_and_ranks_them_alike(eight: Runs, tmp_path: Path) -> None:
    """In the same folder it has nothing to train: command line and Python mean the same points."""
    flags = [{"name": "dropout", "values": [0.2, 0.3, 0.4, 0.5]}, {"name": "activation", "values": ["relu", "softmax"]}]
    parameters = {"dataset": "breast_cancer", "units": [16], "epochs": 4, "train_rows": 100}
    spec = {
        "flags": flags,
        "replicates": 3,
        "objective": {"metric": "val_accuracy"},
        "trainer": {"parameters": parameters},
    }
    place = Workplace(tmp_path, spec)
    place.runs.parent.symlink_to(Path(eight.run_dir[0]).parents[1])
    manifest = {"apiVersion": "regsweep.dev/v1alpha1", "kind": "RegularizationSweep", "spec": spec}
    file = tmp_path / "eight.json"
    file.write_text(json.dumps({**manifest, "metadata": {"name": eight.sweep[0]}}))
    done = command(place, "run", str(file), "--output", "json")
    assert "all done already" in done.stderr
    ranked = [(row["flags"]["dropout"], row["flags"]["activation"]) for row in json.loads(done.stdout)["results"]]
    assert ranked == list(zip(eight.flag_dropout, eight.flag_activation, strict=True))
    listed = command(place, "ls", "--order", "eval_accuracy", "--output", "csv")
    rows = list(csv.DictReader(listed.stdout.splitlines()))
    assert [float(row["eval_accuracy"]) for row in rows] == pytest.approx(list(eight.eval_accuracy))
    assert list(rows[0])[:2] == ["run_dir", "eval_accuracy"]


def test_the_epochs_of_a_real_run_are_a_data_frame(eight: Runs) -> None:
    info = regsweep.run_info(eight.head(1))
    assert isinstance(info, dict)
    metrics = info["metrics"]
    assert list(metrics.groupby("replicate").epoch.max()) == [4, 4, 4]
    last = metrics[metrics.epoch == 4].val_accuracy.mean()
    assert last == pytest.approx(info["metric_val_accuracy"], abs=1e-5)
