"""What a person may do to a sweep at any time: pause it, drain it, widen it, grow it, ask for more than is allowed, delete it."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster import ClusterError
from support.stage import SWEEPS, Lab, Stage

LONG = 3.0
"""Seconds that a run sleeps which must still be there when a test looks at it."""


def flags(*seconds: float) -> list[dict[str, object]]:
    return [{"name": "seconds", "values": list(seconds)}]


def in_flight(lab: Lab) -> int:
    """Pods whose training container has not ended: the kubelet says of the pod itself only a second or two later."""
    return sum(
        not any("terminated" in c["state"] for c in pod["status"].get("containerStatuses", ()))
        for pod in lab.pods("Pending", "Running")
    )


def trained(lab: Lab, name: str) -> Counter[str]:
    """Point -> how many records there are of it."""
    return Counter(record["point"] for record in lab.records(name))


def each_once(lab: Lab, name: str, runs: int) -> bool:
    """Whether so many runs were created, each once, with one pod, and have left one record each."""
    pods = Counter(pod["metadata"]["labels"]["job-name"] for pod in lab.pods())
    counts = list(lab.created_jobs().values()), list(pods.values()), list(trained(lab, name).values())
    assert counts == ([1] * runs,) * 3, f"created, pods, records: {counts}"
    return True


def test_a_paused_sweep_gives_its_slots_back_and_goes_on_where_it_was(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, 60, 61, 0.2], parallelism=2))
    lab.until("the first has ended and two are under way", lambda: lab.records("s") and len(lab.pods("Running")) == 2)
    lab.edit("s", suspend=True)
    reported = lab.until_condition("s", "Suspended")
    lab.until("no pod is left that trains", lambda: in_flight(lab) == 0)
    assert "suspended" in reported["message"]
    assert lab.status("s")["state"] == "Suspended"
    assert lab.until_condition("s", "Progressing", "False")["reason"] == "SuspendedBySpec"

    created = lab.created_jobs()
    lab.edit("s", suspend=False)
    lab.until("they train again", lambda: len(lab.pods("Running")) == 2)
    lab.until_condition("s", "Suspended", "False")
    assert lab.created_jobs() == created, "the same Jobs go on"


def test_parallelism_0_drains_and_more_starts_more(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [LONG, LONG + 0.1, 0.3, 0.4, 0.5], parallelism=2))
    lab.until("two are under way", lambda: len(lab.jobs("s")) == 2)
    lab.edit("s", parallelism=0)
    lab.until("what ran has ended", lambda: len(lab.records("s")) == 2)
    reported = lab.until_condition("s", "Progressing", "False")
    assert reported["reason"] == "Draining" and "spec.parallelism is 0" in reported["message"]
    assert len(lab.jobs("s")) == 2, "nothing new was started"

    lab.edit("s", parallelism=3)
    lab.until_condition("s", "Complete")
    assert each_once(lab, "s", 5)


def test_no_more_pods_than_asked_for_are_ever_in_flight(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1 * i for i in range(12)], parallelism=3))
    most = 0

    def is_complete() -> bool:
        nonlocal most
        most = max(most, in_flight(lab))
        return str(lab.status("s").get("state")) == "Complete"

    lab.until("all have ended", is_complete)
    assert 1 <= most <= 3
    assert each_once(lab, "s", 12)


def test_flags_added_while_it_runs_and_when_it_is_complete_keep_what_is_finished(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, LONG], parallelism=2))
    lab.until("the first has ended", lambda: lab.records("s"))
    lab.edit("s", flags=flags(0.3, LONG, 0.1))
    lab.until_condition("s", "Complete")
    assert each_once(lab, "s", 3)

    lab.edit("s", flags=flags(0.3, LONG, 0.1, LONG + 0.5))
    assert "3 of 4 runs have ended" in lab.until_condition("s", "Complete", "False")["message"]
    lab.until_condition("s", "Complete")
    assert each_once(lab, "s", 4)
    assert len(lab.status("s")["results"]) == 4


def test_more_replicates_train_only_what_is_missing(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, 0.2], replicates=2))
    lab.until_condition("s", "Complete")
    lab.edit("s", replicates=3)
    lab.until_condition("s", "Complete", "False")
    lab.until_condition("s", "Complete")
    assert Counter(record["replicate"] for record in lab.records("s")) == {0: 2, 1: 2, 2: 2}
    assert {row["replicates"] for row in lab.status("s")["results"]} == {3}


def test_a_combination_taken_out_of_the_grid_is_not_ranked_any_more(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, 0.2, 0.3]))
    lab.until_condition("s", "Complete")
    lab.edit("s", flags=flags(0.1, 0.3))
    lab.until("two are ranked", lambda: lab.status("s")["runs"]["total"] == 2)
    lab.until_condition("s", "Complete")
    assert {row["flags"]["seconds"] for row in lab.status("s")["results"]} == {0.1, 0.3}
    assert len(lab.records("s")) == 3, "its record is kept"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"trainer": {"parameters": {"seconds_more": 1}}}, "spec.trainer.parameters", id="parameters"),
        pytest.param({"seed": 7}, "spec.seed", id="the seed"),
        pytest.param({"trainer": {"image": "localhost/another:1"}}, "spec.trainer.image", id="the image"),
    ],
)
def test_what_is_pinned_cannot_change_and_runs_go_on(lab: Lab, change: dict[str, object], field: str) -> None:
    lab.apply(lab.sleepers("s", [0.1, LONG, 0.2, 0.3], parallelism=2))
    lab.until("it has begun", lambda: lab.jobs("s"))
    image = lab.status("s")["resolved"]["image"]
    lab.edit("s", **change)
    reported = lab.until_condition("s", "Accepted", "False", "Immutable")
    assert field in reported["message"]
    lab.until_condition("s", "Complete")
    assert {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in lab.jobs("s")} == {image}
    assert each_once(lab, "s", 4)


def test_deleted_in_mid_sweep_it_takes_everything_along_and_nothing_comes_back(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, 60, 61, 62, 63], parallelism=2))
    lab.until("a record is stored and two run", lambda: lab.records("s") and len(lab.pods("Running")) == 2)
    lab.kubectl("delete", "rsweep", "s")
    created = lab.created_jobs()
    lab.until("nothing is left", lambda: not (lab.jobs() or lab.pods() or lab.records("s")))
    # Another sweep from end to end is time enough for the operator to make a mistake about the first.
    lab.apply(lab.sleepers("another", [0.1]))
    lab.until_condition("another", "Complete")
    assert not lab.jobs("s") and not lab.records("s")
    assert set(lab.created_jobs()) - set(created) == {job["metadata"]["name"] for job in lab.jobs("another")}


def test_a_sweep_made_anew_under_its_name_trains_anew(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1]))
    lab.until_condition("s", "Complete")
    first = lab.jobs("s")[0]["metadata"]["name"]
    lab.kubectl("delete", "rsweep", "s")
    lab.apply(lab.sleepers("s", [0.1]))
    lab.until_condition("s", "Complete")
    assert {job["metadata"]["name"] for job in lab.jobs("s")} != {first}
    assert lab.status("s")["progress"] == "1/1"


def test_two_sweeps_of_one_name_do_not_meet(lab: Lab, stage: Stage) -> None:
    other = stage.lab(f"{lab.namespace}-other")
    lab.apply(lab.sleepers("s", [0.1, 0.2]))
    other.apply(other.sleepers("s", [0.1, 0.2, 0.3]))
    lab.until_condition("s", "Complete")
    other.until_condition("s", "Complete")
    assert each_once(lab, "s", 2) and each_once(other, "s", 3)
    assert not set(lab.created_jobs()) & set(other.created_jobs())
    other.remove()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("s" * 63, id="63 characters"),
        pytest.param("a" * 39 + "." + "b" * 213, id="253 characters, and a dot where it is cut"),
        pytest.param("1", id="one digit"),
    ],
)
def test_names_of_any_length_are_taken(lab: Lab, name: str) -> None:
    assert len(name) <= 253
    lab.apply(lab.sleepers(name, [0.1, 0.2]))
    lab.until_condition(name, "Complete")
    assert each_once(lab, name, 2)
    assert lab.until_event("Complete") == 1


def test_a_spec_that_the_definition_lets_through_is_refused_by_name_of_the_field_until_it_is_corrected(
    lab: Lab,
) -> None:
    lab.apply(lab.sleepers("s", [0.1], exclude=[{"second": 0.1}]))
    reported = lab.until_condition("s", "Accepted", "False", "Invalid")
    assert "spec.exclude[0]" in reported["message"] and "second" in reported["message"]
    assert lab.status("s")["state"] == "Invalid"
    assert not lab.jobs("s")
    assert lab.until_event("Invalid") == 1

    lab.edit("s", exclude=[])
    lab.until_condition("s", "Complete")
    assert lab.condition("s", "Accepted")["status"] == "True"


def test_a_spec_broken_in_mid_sweep_loses_nothing(lab: Lab) -> None:
    lab.apply(lab.sleepers("s", [0.1, LONG]))
    lab.until("the first has ended", lambda: lab.records("s"))
    lab.edit("s", exclude=[{"second": 0.1}])
    lab.until_condition("s", "Accepted", "False", "Invalid")
    assert lab.status("s")["results"], "what was reached is still shown"
    lab.edit("s", exclude=[])
    lab.until_condition("s", "Complete")
    assert each_once(lab, "s", 2)


def test_kubectl_refuses_what_can_be_decided_at_once(lab: Lab) -> None:
    with pytest.raises(ClusterError, match=r"spec\.flags"):
        lab.apply(lab.sleepers("s", [0.1], flags=[]))
    assert lab.get(SWEEPS, "s") is None
