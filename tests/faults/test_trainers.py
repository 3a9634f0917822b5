"""Trainers that fail, each in its way: the sweep says which, why and what to do, and the rest is ranked."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from cluster import images
from support.stage import TRAINING_SECONDS, Json, Lab, sample, sweep


def variants(lab: Lab, name: str, flag: str, values: list[Any], **spec: Any) -> Json:
    """Runs of the sleep trainer that differ in one of its knobs."""
    made = lab.sleepers(name, [], **{"parameters": {"seconds": 0.1}, **spec})
    made["spec"]["flags"] = [{"name": flag, "values": values}]
    return made


def test_an_unknown_flag_stops_the_sweep_in_the_trainers_words(lab: Lab) -> None:
    flags = [{"name": "l3", "values": [0, 0.1, 0.2, 0.3, 0.4, 0.5]}]
    lab.apply(sample("breast-cancer.yaml", flags=flags, replicates=1, parallelism=2))
    reported = lab.until_condition("breast-cancer", "Failed", reason="RunsFailAlike", seconds=TRAINING_SECONDS)
    assert "InvalidFlags" in reported["message"] and "l3" in reported["message"] and "l2" in reported["message"]
    assert "Fix the cause" in reported["message"]
    failures = lab.status("breast-cancer")["failures"]
    assert {failure["reason"] for failure in failures} == {"InvalidFlags"}
    assert len(lab.created_jobs()) < 6, "it did not try them all"
    assert lab.until_event("RunsFailAlike") == 1


def test_a_value_of_the_wrong_type_fails_alone(lab: Lab) -> None:
    # The sleep trainer refuses a number of seconds that is a text, as the contract says: with exit code 64.
    lab.apply(lab.sleepers("s", [], flags=[{"name": "memory_bytes", "values": [0, 1.5]}], maxFailedRuns=1))
    lab.until_condition("s", "Complete")
    failure = lab.status("s")["failures"][0]
    assert failure["reason"] == "InvalidFlags" and "memory_bytes" in failure["message"]
    assert lab.status("s")["runs"]["succeeded"] == 1


def test_a_diverged_run_ranks_last_and_is_shown(lab: Lab) -> None:
    lab.apply(variants(lab, "s", "nan", [True, False]))
    lab.until_condition("s", "Complete")
    first, last = lab.status("s")["results"]
    assert first["flags"] == {"nan": False} and first["rank"] == 1
    assert last["flags"] == {"nan": True} and last["diverged"] == 1 and "objective" not in last
    assert lab.status("s")["runs"]["diverged"] == 1
    assert "1 with diverged replicates" in lab.condition("s", "Complete")["message"]


def test_real_training_that_diverges_ranks_last(lab: Lab) -> None:
    flags = [{"name": "learning_rate", "values": [1e30, 0.001]}]
    parameters = {"dataset": "diabetes", "units": [8], "epochs": 3, "optimizer": "sgd"}
    lab.apply(sweep("s", flags=flags, replicates=1, parallelism=2, trainer={"gpus": 1, "parameters": parameters}))
    lab.until_condition("s", "Complete", seconds=TRAINING_SECONDS)
    first, last = lab.status("s")["results"]
    assert first["flags"]["learning_rate"] == 0.001
    assert last["diverged"] == 1 and "objective" not in last
    assert last["source"] == "Prometheus", "the NaN was scraped"


@pytest.mark.parametrize(
    ("message", "reason", "words"),
    [
        pytest.param("", "NoRecord", "wrote no termination message", id="nothing"),
        pytest.param("loss: 0.3\nbye", "InvalidRecord", "loss: 0.3", id="no JSON"),
        pytest.param('{"version": 1, "columns": [', "InvalidRecord", "does not follow the training contract", id="half of it"),
        pytest.param('{"version": 2}', "InvalidRecord", "version", id="another version"),
        pytest.param('{"version": 1, "records": [[0, "Ok", 1, [NaN], null]], "columns": ["val_average_loss"]}',
                     "InvalidRecord", "does not follow the training contract", id="a bare NaN"),
        pytest.param("\x00\x01\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "InvalidRecord", "", id="bytes"),
    ],
)  # fmt: skip
def test_a_termination_message_that_cannot_be_read_fails_its_run(
    lab: Lab, message: str, reason: str, words: str
) -> None:
    lab.apply(variants(lab, "s", "seconds", [0.1], parameters={"message": message}))
    lab.until("the run has failed", lambda: lab.status("s").get("failures"))
    failure = lab.status("s")["failures"][0]
    assert failure["reason"] == reason
    assert words in failure["message"] and "\n" not in failure["message"]


def test_what_is_readable_is_ranked_beside_what_is_not(lab: Lab) -> None:
    record = {"version": 1, "columns": ["val_average_loss"], "records": [[0, "Ok", 1, [0.5], None]]}
    lab.apply(variants(lab, "s", "message", ["garbage", json.dumps(record)], maxFailedRuns=1))
    lab.until_condition("s", "Complete")
    status = lab.status("s")
    assert (status["runs"]["succeeded"], status["runs"]["failed"]) == (1, 1)
    assert status["best"]["objective"]["mean"] == 0.5
    assert "1 failed, within spec.maxFailedRuns" in lab.condition("s", "Complete")["message"]


def test_an_objective_that_nobody_reports_stops_the_sweep_and_names_what_there_is(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, 0.2, 0.3, 0.4, 60], objective={"metric": "val_auc"}, parallelism=2))
    reported = lab.until_condition("s", "Failed", reason="ObjectiveNotReported")
    assert "val_auc" in reported["message"] and "val_average_loss" in reported["message"]
    # The objective may change at any time: what is trained is ranked by the other one.
    lab.edit("s", objective={"metric": "val_average_loss"})
    lab.until("it goes on", lambda: lab.status("s")["state"] == "Running")
    assert len(lab.status("s")["results"]) >= 3


def test_what_another_try_may_mend_is_tried_three_times_and_then_called_by_its_name(lab: Lab) -> None:
    template = {"spec": {"containers": [{"name": "trainer", "resources": {"limits": {"memory": "64Mi"}}}]}}
    lab.apply(
        variants(lab, "memory", "memory_bytes", [0, 256 * 1024 * 1024], template=template, maxFailedRuns=1),
        variants(lab, "exit", "message", ["no disk"], parameters={"seconds": 0.1, "exit_code": 3}),
    )
    lab.until_condition("memory", "Complete", seconds=180)  # the Job controller waits 10 s, then 20 s between two tries
    failure = lab.status("memory")["failures"][0]
    assert failure["reason"] == "OutOfMemory"
    assert "64Mi" in failure["message"] and "resources.limits.memory" in failure["message"]
    assert lab.status("memory")["runs"]["succeeded"] == 1

    lab.until_condition("exit", "Failed", seconds=180)
    failure = lab.status("exit")["failures"][0]
    assert failure["reason"] == "TrainerFailed"
    assert "exit code 3" in failure["message"] and "no disk" in failure["message"]
    pods = Counter(pod["metadata"]["labels"]["job-name"] for pod in lab.pods("Failed"))
    assert set(pods.values()) == {3}


def test_too_many_failures_stop_the_sweep(lab: Lab) -> None:
    parameters = {"seconds": 0.1, "message": "garbage"}
    lab.apply(variants(lab, "s", "number", [1, 2, 3, 4], parallelism=1, maxFailedRuns=0, parameters=parameters))
    reported = lab.until_condition("s", "Failed", reason="TooManyFailedRuns")
    assert "spec.maxFailedRuns" in reported["message"]
    assert len(lab.created_jobs()) == 1


def test_a_run_beyond_its_time_limit_is_stopped(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, 120], runTimeoutSeconds=4, maxFailedRuns=1))
    lab.until_condition("s", "Complete")
    failure = lab.status("s")["failures"][0]
    assert failure["reason"] == "Timeout" and "spec.runTimeoutSeconds" in failure["message"]


def test_what_has_failed_is_run_again_when_a_person_asks(lab: Lab) -> None:
    lab.apply(variants(lab, "s", "message", ["garbage"], maxFailedRuns=0))
    lab.until_condition("s", "Failed")
    lab.kubectl("annotate", "rsweep", "s", "regsweep.dev/retry=1")
    lab.until("another Job was made", lambda: len(lab.created_jobs()) == 2)


def test_the_sleep_trainer_is_where_it_is_named(lab: Lab) -> None:
    """What the tests above rest on: their image keeps the contract."""
    lab.apply(lab.sleepers("s", [0]))
    lab.until_condition("s", "Complete")
    segment = lab.segments("s")[0]
    assert segment["records"][0]["source"] == "Record"
    assert segment["environments"][0]["backend"] == "sleep"
    assert images.SLEEP_TRAINER.name in lab.status("s")["resolved"]["image"]
