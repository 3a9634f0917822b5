"""Budgets on real GPU slots: what is used stays near the limit, and nothing holds a GPU afterwards."""

from __future__ import annotations

from support.stage import Json, Lab

LIMIT = 36
"""GPU-seconds of 0.01 GPU-hours."""


def metered(lab: Lab, name: str, seconds: list[float], gpus: int, **budget: object) -> Json:
    made: Json = lab.sleepers(name, seconds, parallelism=2, budget={"maxGpuSeconds": LIMIT, **budget})
    made["spec"]["trainer"]["gpus"] = gpus
    return made


def test_a_hundredth_of_a_gpu_hour_stops_in_time(lab: Lab) -> None:
    """The node has eight: one sweep trains for hours on four, the other one for two seconds at a time on twice two."""
    lab.apply(
        metered(lab, "stopped", [7200, 7201, 7202], gpus=4, onExhausted="Stop"),
        metered(lab, "finished", [2 + i / 100 for i in range(20)], gpus=2),
    )
    for name in ("stopped", "finished"):
        reported = lab.until_condition(name, "Complete", reason="BudgetExhausted")
        assert "spec.budget.maxGpuSeconds" in reported["message"]
        lab.until("no pod holds a GPU", lambda name=name: not in_flight(lab, name))  # type: ignore[misc]

    stopped, finished = lab.status("stopped"), lab.status("finished")
    assert LIMIT <= stopped["gpuSeconds"] < 2 * LIMIT
    assert [job["spec"]["suspend"] for job in lab.jobs("stopped")] == [True], (
        "one alone, since nobody knew what it takes"
    )
    assert not lab.records("stopped")

    trained = lab.records("finished")
    assert 1 < len(trained) < 20
    charged = sum(record["gpuSeconds"] for record in trained)
    assert LIMIT / 2 < charged < 2 * LIMIT and abs(charged - finished["gpuSeconds"]) < 1
    assert finished["runs"]["failed"] == 0, "what was started was trained to its end"
    assert len(lab.jobs("finished")) == len(trained), "what would not have fitted was not started"


def in_flight(lab: Lab, name: str) -> list[Json]:
    jobs = {job["metadata"]["name"] for job in lab.jobs(name)}
    return [pod for pod in lab.pods("Pending", "Running") if pod["metadata"]["labels"]["job-name"] in jobs]
