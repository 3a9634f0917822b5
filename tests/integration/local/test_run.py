"""`regsweep run` from its command line to its files and processes, with a trainer that trains nothing."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from integration.local.sweeps import DEADLINE_SECONDS, FAKE_TRAINER, Workplace, alive


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    flags = [{"name": "l2", "values": [0, 0.001, 0.01]}, {"name": "dropout", "values": [0, 0.3]}]
    return Workplace(tmp_path, {"flags": flags, "replicates": 3, "parallelism": 2, "trainer": {"gpus": 0}})


def until(holds: Callable[[], bool]) -> None:
    """Looks again and again until it holds; fails at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.05)


def waiting(place: Workplace) -> list[Path]:
    """The marks of runs that wait in mid-training."""
    return list(place.path.glob("*.waiting"))


def test_a_sweep_is_announced_trained_ranked_and_kept(place: Workplace) -> None:
    done = place.run("--output", "csv")
    assert done.returncode == 0, done.stderr
    assert "mine: 6 runs x 3 replicates = 18 trainings, " in done.stderr.splitlines()[0]
    assert "6/6 runs" in done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["flag_l2"] for row in rows] == ["0.01", "0.01", "0.001", "0.001", "0", "0"]
    assert {row["replicates"] for row in rows} == {"3"}
    assert (place.runs / "results.csv").read_text() == done.stdout
    results = json.loads((place.runs / "results.json").read_text())
    assert len(results["results"]) == 6
    assert results["conclusion"].startswith("Without regularisation (l2=0, dropout=0) the network ranks")
    assert all(facts["completed"] for facts in place.facts().values())


def test_nested_resampling_repeats_the_choice_in_folds_once(place: Workplace) -> None:
    place.spec["final"] = {"evaluate": "Nested", "folds": 3, "replicates": 3}
    place.spec["trainer"] = {"gpus": 0, "parameters": {"test_fraction": 0}}
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert "then the grid in 3 outer folds (54 trainings), and each fold's picks x 3 replicates" in done.stderr
    assert "Nested resampling in 3 outer folds: on rows that the choice did not see" in done.stdout
    frozen = json.loads((place.runs / "final.json").read_text())
    assert (frozen["folds"], {pick["fold"] for pick in frozen["picks"]}) == (3, {0, 1, 2})
    before = place.started_at()
    assert len(before) == 6 + 18 + len(frozen["picks"])
    again = place.run()
    assert again.stdout == done.stdout
    assert place.started_at() == before


def test_refinement_adds_combinations_once_and_the_same_after_an_interruption(place: Workplace) -> None:
    place.spec["flags"] = [
        {"name": "l2", "range": {"from": 0.0001, "to": 0.01, "points": 3, "scale": "Log", "max": 0.02}}
    ]
    place.spec["refinement"] = {"rounds": 2, "maxRuns": 4}
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert "then at most 4 runs around the tied set, and the tied set once more" in done.stderr
    assert "Refinement added" in done.stdout
    refinement = json.loads((place.runs / "refinement.json").read_text())
    assert 1 <= sum(len(one["added"]) for one in refinement["rounds"]) <= 4
    assert all(0.0001 <= flags["l2"] <= 0.02 for one in refinement["rounds"] for flags in one["added"])
    before = place.started_at()
    again = place.run()
    assert again.stdout == done.stdout
    assert "all done already" in again.stderr
    assert place.started_at() == before
    (place.runs / "refinement.json").unlink()
    assert place.run().stdout == done.stdout, "what is chosen follows from the results"
    assert place.started_at() == before


def test_references_are_trained_once_and_compared_beside_the_ranking(place: Workplace) -> None:
    place.spec["references"] = [
        {"name": "strong", "flags": {"l2": 0.5, "dropout": 0}},
        {"name": "plain", "flags": {"l2": 0, "dropout": 0}},
    ]
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert "mine: 6 runs and 1 reference x 3 replicates = 21 trainings, " in done.stderr.splitlines()[0]
    assert (
        "The best is better than reference plain by 0.05 in every replicate" in done.stdout
    )  # the trainer has no noise
    results = json.loads((place.runs / "results.json").read_text())
    assert (len(results["results"]), [each["name"] for each in results["references"]]) == (6, ["strong", "plain"])
    before = place.started_at()
    assert len(before) == 7
    assert place.run().stdout == done.stdout
    assert place.started_at() == before


def test_nothing_is_trained_twice(place: Workplace) -> None:
    place.run()
    before = place.started_at()
    done = place.run()
    assert done.returncode == 0
    assert "all done already" in done.stderr
    assert place.started_at() == before


def test_the_final_evaluation_is_made_once_of_picks_that_stay(place: Workplace) -> None:
    place.spec["final"] = {"replicates": 4}
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert "then the picks x 4 replicates on the test rows" in done.stderr.splitlines()[0]
    assert "On the test rows, which nothing was chosen by: the best" in done.stdout
    facts = [json.loads(path.read_text()) for path in place.runs.glob("*/run.json")]
    of_grid, of_picks = ({each["seed"] for each in facts if each["final"] is final} for final in (False, True))
    assert of_grid == {0} and len(of_picks) == 1 and of_picks != of_grid, "the seeds that they were trained with"
    frozen = (place.runs / "final.json").read_bytes()
    before = place.started_at()
    again = place.run()
    assert again.stdout == done.stdout
    assert place.started_at() == before
    place.spec["flags"] = [{"name": "l2", "values": [0, 0.01, 0.015]}, {"name": "dropout", "values": [0, 0.3]}]
    grown = place.run()
    assert "This final evaluation is of what the sweep was before it changed." in grown.stdout
    assert (place.runs / "final.json").read_bytes() == frozen
    assert len(place.started_at()) == len(before) + 2, "the two new combinations, and no other pick"


def test_a_race_trains_what_may_still_win(place: Workplace) -> None:
    place.spec["racing"] = {"initialReplicates": 3, "maxReplicates": 6}
    done = place.run("--output", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    race = found["analysis"]["race"]
    assert race["reason"] != "Racing"
    assert race["trained"] < race["fullGrid"] == 36
    assert {row["replicates"] for row in found["results"] if row.get("dropped")} == {3}


def test_a_grid_that_grew_trains_what_is_new_alone(place: Workplace) -> None:
    place.run()
    before = place.started_at()
    place.spec["flags"] = [{"name": "dropout", "values": [0.3, 0]}, {"name": "l2", "values": [0.1, 0, 0.01, 0.001]}]
    done = place.run()
    assert "to train: 2 runs, 6 trainings" in done.stderr
    assert {name: at for name, at in place.started_at().items() if name in before} == before


def test_more_replicates_train_the_new_ones_alone(place: Workplace) -> None:
    place.run()
    place.spec["replicates"] = 5
    done = place.run()
    assert "to train: 6 runs, 12 trainings" in done.stderr
    assert sorted(str(f["firstReplicate"]) for f in map(json.loads, _run_files(place))) == ["0"] * 6 + ["3"] * 6


def test_other_parameters_make_other_points(place: Workplace) -> None:
    place.run()
    place.spec["trainer"] = {"gpus": 0, "parameters": {"epochs": 3}}
    assert "= 18 trainings, " in place.run().stderr.splitlines()[0]


def test_many_replicates_are_trained_by_several_processes_of_one_run(place: Workplace) -> None:
    place.spec |= {"flags": [{"name": "l2", "values": [0.01]}], "replicates": 5, "replicatesPerPod": 2}
    done = place.run("--output", "json")
    assert json.loads(done.stdout)["results"][0]["replicates"] == 5
    (facts,) = place.facts().values()
    processes = facts["processes"]
    assert isinstance(processes, list)
    assert [p["exitCode"] for p in processes if isinstance(p, dict)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("behave", "reason", "says"),
    [
        pytest.param("invalid", "InvalidFlags", "behave: invalid is none of ok, diverge", id="refused flags"),
        pytest.param("crash", "TrainerFailed", "exit code 1. Its message:", id="a crash shows its last words"),
        pytest.param("killed", "TrainerFailed", "exit code 137, it was killed (SIGKILL)", id="killed from outside"),
        pytest.param("garbage", "InvalidRecord", "does not follow the training contract", id="garbage as its message"),
        pytest.param("silent", "NoRecord", "no termination message", id="no message"),
    ],
)
def test_a_failing_run_is_named_with_its_cause_and_its_log(
    place: Workplace, behave: str, reason: str, says: str
) -> None:
    place.spec |= {"flags": [{"name": "behave", "values": ["ok", behave]}]}
    done = place.run("--output", "json")
    assert done.returncode == 0, done.stderr
    (failure,) = json.loads(done.stdout)["failures"]
    assert failure["reason"] == reason
    assert says in failure["message"]
    assert str(place.runs / failure["run"] / "output.log") in failure["message"]


def test_failed_runs_are_tried_again_by_the_next_start(place: Workplace) -> None:
    place.spec |= {"flags": [{"name": "behave", "values": ["ok", "crash"]}]}
    place.run()
    assert "to train: 1 run, 3 trainings" in place.run().stderr


def test_a_sweep_whose_runs_all_fail_stops_and_says_what_to_do_here(place: Workplace) -> None:
    place.spec |= {"trainer": {"gpus": 0, "parameters": {"behave": "invalid"}}, "parallelism": 1}
    done = place.run()
    assert done.returncode == 1
    assert "RunsFailAlike: The first 3 runs all failed with InvalidFlags" in done.stdout
    assert "run the same command again" in " ".join(done.stdout.split())
    assert "annotation" not in done.stdout


def test_a_diverged_run_is_a_result_and_is_shown_as_nan(place: Workplace) -> None:
    place.spec |= {"flags": [{"name": "behave", "values": ["ok", "diverge"]}]}
    done = place.run()
    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if " diverge " in line]
    assert "NaN" in line and "diverged at epoch 3" in line


def test_a_run_over_its_time_limit_is_stopped(place: Workplace) -> None:
    go = place.path / "go"
    values = ["ok", "wait"]
    place.spec |= {"flags": [{"name": "behave", "values": values}], "runTimeoutSeconds": 1, "replicates": 2}
    place.spec["trainer"] = {"gpus": 0, "parameters": {"wait_for": str(go)}}
    done = place.run("--output", "json")
    # The first replicate was finished before the limit; it is kept, the second is missing.
    (failure,) = json.loads(done.stdout)["failures"]
    assert failure["reason"] == "Timeout"
    assert "spec.runTimeoutSeconds" in failure["message"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_sweep_goes_on_from_there(place: Workplace, number: signal.Signals) -> None:
    go = place.path / "go"
    place.spec["trainer"] = {"gpus": 0, "parameters": {"behave": "wait", "wait_for": str(go)}}
    process = place.start("--parallelism", "2")
    until(lambda: len(waiting(place)) == 2)
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 130, err
    assert out == ""
    assert "Run the same command again to continue." in err
    assert alive(str(place.path)) == []
    assert not any(facts["completed"] for facts in place.facts().values())

    go.touch()
    done = place.run("--output", "json")
    assert done.returncode == 0, done.stderr
    # Each of the two had finished its first replicate of three when it was ended.
    assert "to train: 6 runs, 16 trainings" in done.stderr
    assert {row["replicates"] for row in json.loads(done.stdout)["results"]} == {3}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_trainer_outlives_a_run_that_is_killed(place: Workplace) -> None:
    place.spec["trainer"] = {"gpus": 0, "parameters": {"behave": "wait", "wait_for": str(place.path / "go")}}
    process = place.start("--parallelism", "2")
    until(lambda: len(waiting(place)) == 2)
    assert len(_trainers_of(place)) >= 2
    process.kill()
    process.communicate()
    until(lambda: _trainers_of(place) == [])
    # Nor is the directory left locked.
    (place.path / "go").touch()
    assert place.run().returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_trainer_outlives_its_guard(place: Workplace) -> None:
    place.spec |= {"flags": [{"name": "l2", "values": [0.01]}]}
    place.spec["trainer"] = {"gpus": 0, "parameters": {"behave": "wait", "wait_for": str(place.path / "go")}}
    process = place.start()
    until(lambda: len(waiting(place)) == 1)
    (guard,) = _children(process.pid)
    os.kill(guard, signal.SIGKILL)
    _, err = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 1, err
    until(lambda: _trainers_of(place) == [])


def test_two_runs_do_not_share_a_directory(place: Workplace) -> None:
    place.spec["trainer"] = {"gpus": 0, "parameters": {"behave": "wait", "wait_for": str(place.path / "go")}}
    process = place.start()
    until(lambda: len(waiting(place)) > 0)
    second = place.run()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=DEADLINE_SECONDS)
    assert second.returncode == 1
    assert "another `regsweep run` uses it" in second.stderr


def test_a_trainer_that_does_not_exist_is_reported(place: Workplace) -> None:
    place.spec |= {"flags": [{"name": "l2", "values": [0.01]}]}
    command = place.command(trainer=["/nowhere/trainer"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert done.returncode == 1
    assert "exit code 127, the command was not found" in " ".join(done.stdout.split())


def test_the_real_trainer_trains(place: Workplace) -> None:
    parameters = {"dataset": "iris", "units": [4], "epochs": 2}
    place.spec = {
        "flags": [{"name": "l2", "values": [0, 0.01]}],
        "replicates": 3,
        "trainer": {"gpus": 0, "parameters": parameters},
    }
    command = place.command("--output", "json", trainer=None)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["replicates"] for row in found["results"]] == [3, 3]
    assert all(row["objective"]["standardError"] > 0 for row in found["results"])
    assert {row["source"] for row in found["results"]} == {"Record"}
    assert {facts["trainerVersion"] for facts in place.facts().values()} == {metadata.version("regsweep-trainer")}


def _run_files(place: Workplace) -> list[str]:
    return [path.read_text() for path in place.runs.glob("*/run.json")]


def _trainers_of(place: Workplace) -> list[int]:
    """Fake trainers that train for this place: their environment names its directory."""
    found = []
    for pid in alive(str(FAKE_TRAINER)):
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if str(place.path).encode() in environment:
            found.append(pid)
    return found


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in tasks for child in path.read_text().split()]
