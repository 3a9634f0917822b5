"""How sure a ranking is, on a real node: ties and the pick in the status, folds, races, the final evaluation on the test rows."""

from __future__ import annotations

import json
from typing import Any

from support.stage import TRAINING_SECONDS, Lab, sweep

PARAMETERS = {"dataset": "iris", "units": [8], "epochs": 8, "learning_rate": 0.02}


def trained(lab: Lab, name: str, values: list[float], **spec: Any) -> dict[str, Any]:
    """The status of a sweep over l2, once it is complete."""
    body = {
        "flags": [{"name": "l2", "values": values}],
        "parallelism": 4,
        "trainer": {"parameters": PARAMETERS},
        **spec,
    }
    lab.apply(sweep(name, **body))
    lab.until_condition(name, "Complete", seconds=TRAINING_SECONDS)
    return dict(lab.status(name))


def test_the_picks_are_scored_once_on_rows_that_no_other_run_touches(lab: Lab) -> None:
    status = trained(lab, "final", [0, 0.03, 3], replicates=5, final={"replicates": 4})
    analysis, final = status["analysis"], status["final"]
    assert analysis["tiedCount"] >= 1
    assert analysis["best"]["newData"]["high"] > analysis["best"]["givenData"]["high"], (
        "other data are surer of nothing"
    )
    assert (final["ended"], final["failed"], final["stale"]) == (4 * len(final["picks"]), 0, False)
    for result in analysis["final"]["results"]:
        assert result["replicates"] == 4
        assert result["loss"]["low"] < result["loss"]["mean"] < result["loss"]["high"]
        assert 0.5 < result["metrics"]["test_accuracy"] <= 1
    tested = [record for record in lab.records("final") if "test" in record]
    assert len(tested) == final["ended"]
    assert len(lab.records("final")) == 3 * 5 + final["ended"]
    others = [record for record in lab.records("final") if "test" not in record]
    assert not any(name.startswith("test_") for record in others for name in record["metrics"])
    assert json.loads(lab.kubectl("get", "rsweep", "final", "-o", "json"))["status"]["results"][0]["rank"] == 1


def test_folds_validate_every_row_once_a_round(lab: Lab) -> None:
    resampling = {"kind": "RepeatedKFold", "folds": 3}
    status = trained(lab, "folds", [0, 0.01], replicates=6, replicatesPerPod=6, resampling=resampling)
    assert status["resolved"]["resampling"] == resampling
    rows = lab.segments("folds")[0]["environments"][0]
    assert rows["trainRows"] == 80, "two of three folds of the 120 rows that are not for the test"
    verdict = status["analysis"]["comparisons"][0]
    assert verdict["spread"]["variance"] > 0, "every row is predicted in each of the two rounds"
    assert status["analysis"]["best"]["newData"]["approximate"]


def test_a_race_ends_without_training_all_of_it(lab: Lab) -> None:
    racing = {"initialReplicates": 3, "maxReplicates": 6}
    status = trained(lab, "race", [0, 10], racing=racing)
    race = status["analysis"]["race"]
    assert (race["reason"], race["dropped"], race["racing"]) == ("Won", 1, 1)
    assert race["trained"] == len(lab.records("race")) == 6 < race["fullGrid"] == 12
    assert status["results"][1]["dropped"]
    assert set(lab.created_jobs().values()) == {1}, "nothing runs twice"
