"""What `regsweep run` does when what a finished sweep rests on has changed: never an old table, and one sentence that says so."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from integration.local.sweeps import DEADLINE_SECONDS, FAKE_TRAINER, Workplace
from integration.local.test_run import until, waiting

FAKE = (sys.executable, str(FAKE_TRAINER))
MUTE = (*FAKE, "--mute")
BEST = {"metric": "val_average_loss", "epoch": "Best"}
ALL_DONE = "all done already"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """Two combinations, one replicate: nothing is analysed, so that a start takes a second."""
    return Workplace(
        tmp_path, {"flags": [{"name": "l2", "values": [0, 0.01]}], "replicates": 1, "trainer": {"gpus": 0}}
    )


def with_data(place: Workplace, content: str) -> Path:
    """The spec with a file of data."""
    path = place.path / "mine.csv"
    path.write_text(content)
    place.spec["trainer"] = {"gpus": 0, "parameters": {"data_path": str(path)}}
    return path


def run(
    place: Workplace, *options: str, trainer: Sequence[str] = FAKE, file_size: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the sweep; `file_size`: bytes that no file may exceed, as on a disk that is full."""

    def limit() -> None:
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    command = place.command("--output", "csv", *options, trainer=trainer)
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, preexec_fn=limit)


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return done.stderr.splitlines()


def objectives(done: subprocess.CompletedProcess[str]) -> list[float]:
    return [float(row["objective"]) for row in csv.DictReader(io.StringIO(done.stdout))]


# The data


@pytest.mark.parametrize("trainer", [pytest.param(FAKE, id="asked"), pytest.param(MUTE, id="that cannot be asked")])
def test_changed_data_are_trained_on_anew_and_restored_ones_are_not(place: Workplace, trainer: Sequence[str]) -> None:
    path = with_data(place, "a,y\n1,0\n")
    run(place, trainer=trainer)
    first = place.started_at()
    path.write_text("a,y\n1,1\n")
    changed = run(place, trainer=trainer)
    assert changed.returncode == 0, changed.stderr
    (sentence,) = [line for line in lines(changed) if line.startswith("the data changed (")]
    assert sentence.endswith("): 2 of 2 trainings rest on the old data and are trained again.")
    assert len(place.started_at()) == 4
    path.write_text("a,y\n1,0\n")
    restored = run(place, trainer=trainer)
    assert ALL_DONE in restored.stderr
    assert "Results rest on data " in restored.stderr
    assert {name: at for name, at in place.started_at().items() if name in first} == first


@pytest.mark.parametrize(
    ("trainer", "words"),
    [
        pytest.param(FAKE, "flag data_path: cannot read", id="asked"),
        pytest.param(MUTE, "no such file", id="that cannot be asked"),
    ],
)
def test_data_that_are_gone_are_no_reason_for_the_old_table(
    place: Workplace, trainer: Sequence[str], words: str
) -> None:
    path = with_data(place, "a,y\n1,0\n")
    run(place, trainer=trainer)
    path.unlink()
    done = run(place, trainer=trainer)
    assert done.returncode == 1
    assert done.stdout == ""
    (sentence,) = lines(done)
    assert sentence.startswith("regsweep: BadData: ")
    assert words in sentence


def test_data_that_change_while_a_sweep_is_trained_stop_it(place: Workplace) -> None:
    path = with_data(place, "a,y\n1,0\n")
    go = place.path / "go"
    parameters = {"data_path": str(path), "wait_for": str(go)}
    place.spec |= {"flags": [{"name": "behave", "values": ["ok", "wait"]}], "replicates": 2}
    place.spec["trainer"] = {"gpus": 0, "parameters": parameters}
    process = subprocess.Popen(
        place.command("--output", "json", "--parallelism", "1", trainer=FAKE),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: len(waiting(place)) == 1)
    path.write_text("a,y\n1,1\n")
    process.send_signal(
        signal.SIGINT
    )  # the waiting trainer writes the replicate that it has, of the data as they are now
    process.communicate(timeout=DEADLINE_SECONDS)
    path.write_text("a,y\n1,0\n")
    go.touch()
    done = run(place, "--output", "json")
    assert done.returncode == 0, done.stderr
    assert "to train: 1 run, 2 trainings" in done.stderr, "what was trained on other data is no result of these"


def test_a_trainer_that_meets_other_data_than_it_was_asked_about_stops_the_sweep(place: Workplace) -> None:
    path = with_data(place, "a,y\n1,0\n")
    meddler = place.path / "meddler.py"
    meddler.write_text(
        "import os, runpy, sys\n"
        f"if '--identify' not in sys.argv: open({str(path)!r}, 'w').write('a,y' + chr(10) + '1,1' + chr(10))\n"
        f"sys.argv[0] = {str(FAKE_TRAINER)!r}\n"
        f"runpy.run_path({str(FAKE_TRAINER)!r}, run_name='__main__')\n"
    )
    done = run(place, "--output", "table", trainer=(sys.executable, str(meddler)))
    text = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert "DataChanged: The data changed" in text
    assert "0 of 2 runs rest on the old data. Restore the data, then run the same command again" in text


def test_another_generation_of_the_trainer_trains_again_and_says_so(place: Workplace) -> None:
    script = place.path / "train.sh"
    script.write_text(f'exec {sys.executable} {FAKE_TRAINER} --generation "$(cat {place.path}/generation)" "$@"\n')
    (place.path / "generation").write_text("1")
    run(place, trainer=("sh", str(script)))
    (place.path / "generation").write_text("2")
    done = run(place, trainer=("sh", str(script)))
    assert (
        "the trainer's generation changed (1 -> 2): 2 of 2 trainings rest on the old generation and are trained again."
        in lines(done)
    )


def test_a_trainer_that_says_nothing_of_its_data_is_not_guarded_which_is_reported(place: Workplace) -> None:
    (note,) = [line for line in lines(run(place, trainer=MUTE)) if "would not be noticed" in line]
    assert note.startswith("note: the trainer does not say what data it reads")


def test_why_a_trainer_does_not_say_what_it_reads_is_said_in_its_words(place: Workplace) -> None:
    refusing = (sys.executable, "-c", "import sys; print('flag dataset: missing', file=sys.stderr); sys.exit(64)")
    (note,) = [line for line in lines(run(place, trainer=refusing)) if "would not be noticed" in line]
    assert note.startswith(
        "note: the trainer does not say what data it reads (flag dataset: missing), and the manifest"
    )


def test_runs_of_an_earlier_version_are_kept_and_trained_again(place: Workplace) -> None:
    run(place)
    for path in place.runs.glob("*/run.json"):
        facts = json.loads(path.read_text())
        old = {k: v for k, v in facts.items() if k not in ("keyVersion", "data", "rule", "resampling", "final", "lost")}
        name = f"old-{old['flags']['l2']}"
        path.write_text(json.dumps(old | {"pointKey": "0123456789abcdef", "run": name}))
        path.parent.rename(path.parent.with_name(name))
    before = sorted(path.name for path in place.runs.iterdir())
    done = run(place)
    assert done.returncode == 0
    assert "results of an earlier version of regsweep" in done.stderr
    assert "2 of 2 trainings are trained again." in done.stderr
    assert set(before) < {path.name for path in place.runs.iterdir()}


def test_data_may_not_be_swept(place: Workplace) -> None:
    place.spec["flags"] = [{"name": "data_path", "values": ["a.csv", "b.csv"]}]
    done = run(place)
    assert done.returncode == 2
    assert 'spec.flags[0].name: "data_path" cannot be swept' in done.stderr


# The environment

SCRIPT = """
import os, runpy, sys
if "regsweep" in sys.argv:
    import keras
rate = os.environ.get("LR", "0.1")
sys.argv[0] = {fake!r}
runpy.run_path({fake!r}, run_name="__main__")
"""


@pytest.fixture
def script(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> Sequence[str]:
    """A trainer that may use Keras, and reads a variable; a home without any configuration."""
    monkeypatch.setenv("HOME", str(place.path))
    for name in ("KERAS_HOME", "KERAS_BACKEND", "LR"):
        monkeypatch.delenv(name, raising=False)
    path = place.path / "train.py"
    path.write_text(SCRIPT.format(fake=str(FAKE_TRAINER)))
    return (sys.executable, str(path))


@pytest.mark.parametrize(
    ("name", "words", "change"),
    [
        pytest.param(
            "KERAS_BACKEND", "keras.backend torch", "keras.backend: tensorflow -> torch", id="backend"
        ),
        pytest.param("LR", "LR", "LR is set now", id="a variable that the script reads"),
    ],
)  # fmt: skip
def test_results_of_one_environment_are_not_taken_for_anothers(
    place: Workplace,
    script: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    words: str,
    change: str,
) -> None:
    usual = run(place, trainer=script)
    assert "environment" not in usual.stderr
    monkeypatch.setenv(name, "torch")
    other = run(place, trainer=script)
    assert f"note: the environment sets {words}: results of other settings are other results." in lines(other)
    sentence = (
        f"the environment changed ({change}): 2 of 2 trainings rest on the old environment and are trained again."
    )
    assert sentence in lines(other)
    assert len(place.started_at()) == 4
    again = run(place, trainer=script)
    assert ALL_DONE in again.stderr
    assert f"on the environment ({words})" in again.stderr
    monkeypatch.delenv(name)
    assert ALL_DONE in run(place, trainer=script).stderr, "results that are there are not made again"


def test_results_of_a_version_that_did_not_note_the_environment_keep_their_keys(
    place: Workplace, script: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(place, trainer=script)
    for path in place.runs.glob("*/run.json"):
        facts = json.loads(path.read_text())
        del facts["data"]["settings"], facts["packages"]
        path.write_text(json.dumps(facts))
    monkeypatch.setenv("LR", "0.3")
    upgraded = run(place, trainer=script)
    assert ALL_DONE in upgraded.stderr
    assert "which did not note the environment, are taken to be of LR." in upgraded.stderr
    monkeypatch.setenv("LR", "0.4")
    done = run(place, trainer=script)
    assert "the environment changed (LR has another value): 2 of 2 trainings" in done.stderr
    monkeypatch.setenv("LR", "0.3")
    assert ALL_DONE in run(place, trainer=script).stderr


# The objective


@pytest.mark.parametrize(
    ("objective", "best"),
    [
        pytest.param({"metric": "val_accuracy", "epoch": "Best"}, [0.875, 0.85], id="another metric (obj2)"),
        pytest.param(BEST | {"goal": "Maximize"}, [0.3, 0.25], id="the goal turned (obj3)"),
    ],
)
def test_the_best_epoch_of_another_objective_is_trained_for_anew(
    place: Workplace, objective: dict[str, str], best: list[float]
) -> None:
    place.spec["objective"] = BEST
    assert objectives(run(place)) == pytest.approx([0.25, 0.3])
    place.spec["objective"] = objective
    done = run(place)
    (sentence,) = [line for line in lines(done) if line.startswith("the objective changed (")]
    assert sentence.endswith("): 2 of 2 trainings rest on the old objective and are trained again.")
    assert objectives(done) == pytest.approx(best)


def test_a_grid_that_grew_with_another_objective_ranks_by_one_rule_alone(place: Workplace) -> None:
    place.spec["objective"] = BEST
    run(place)
    place.spec |= {"objective": {"metric": "val_accuracy", "epoch": "Best"}}
    place.spec["flags"] = [{"name": "l2", "values": [0, 0.01, 0.001]}]
    done = run(place)
    assert "2 of 3 trainings rest on the old objective and are trained again." in done.stderr
    assert objectives(done) == pytest.approx([0.875, 0.8525, 0.85])


def test_another_metric_of_the_last_epoch_is_ranked_without_training(place: Workplace) -> None:
    run(place)
    place.spec["objective"] = {"metric": "val_accuracy"}
    done = run(place)
    assert ALL_DONE in done.stderr
    assert objectives(done) == pytest.approx([0.875, 0.85])


def test_a_final_evaluation_without_test_rows_is_refused_before_training(place: Workplace) -> None:
    place.spec |= {"final": {"replicates": 3}, "replicates": 3}
    place.spec["trainer"] = {"gpus": 0, "parameters": {"test_fraction": 0}}
    done = run(place, "--output", "table")
    assert done.returncode == 1
    assert "flag test_fraction: got 0, and a final evaluation needs test rows" in " ".join(done.stdout.split())
    assert not any(facts["completed"] for facts in place.facts().values())


# The folder


def test_a_finished_sweep_on_a_full_disk_shows_its_table_and_one_sentence_for_each_file(place: Workplace) -> None:
    first = run(place)
    done = run(place, file_size=0)
    assert done.returncode == 1, "what is printed is whole, what is kept is not"
    assert done.stdout == first.stdout
    notes = [line for line in lines(done) if "cannot be written" in line]
    assert sorted(Path(note.split(" cannot be written")[0]).name for note in notes) == [
        "results.csv",
        "results.json",
        "sweep.json",
    ]
    assert all(f"cannot be written: {os.strerror(errno.EFBIG)}. The results are still printed" in n for n in notes)
    assert (place.runs / "results.csv").read_text() == first.stdout, "what was there is left whole"


def test_a_finished_sweep_in_an_unwritable_folder_shows_its_table_and_one_sentence(place: Workplace) -> None:
    first = run(place)
    (place.runs / ".lock").unlink()
    (place.runs / ".lock").mkdir()
    done = run(place)
    assert done.returncode == 0, done.stderr
    assert done.stdout == first.stdout
    (note,) = [line for line in lines(done) if "cannot be written" in line]
    assert note.endswith("Nothing is written; the results in it are shown.")


def test_an_unfinished_sweep_in_an_unwritable_folder_is_refused_before_training(place: Workplace) -> None:
    (place.runs / ".lock").mkdir(parents=True)
    done = run(place)
    assert done.returncode == 1
    assert done.stdout == ""
    assert lines(done)[-1].startswith(f"regsweep: {place.runs}: cannot be written")
    assert place.facts() == {}
