"""The figures of ``make bench-control-loop``: from what was seen to what is judged."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench import accounts, goals, timeline
from bench.accounts import Answer, Memory
from bench.goals import Measured
from bench.timeline import Refill
from bench.trials import RUNS, SweepTrial, Trial
from bench.watcher import Seen


def _pod(name: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"uid": name}, "status": status}


def _job(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


_TERMINATED = [{"name": "trainer", "state": {"terminated": {"exitCode": 0}}}]


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        pytest.param({}, False, id="a pod without a status runs"),
        pytest.param(
            {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}, False, id="a running one"
        ),
        pytest.param(
            {"phase": "Running", "containerStatuses": _TERMINATED}, True, id="a terminated container is an end"
        ),
        pytest.param({"phase": "Succeeded"}, True, id="success is an end"),
        pytest.param({"phase": "Failed"}, True, id="failure is an end"),
    ],
)
def test_a_pod_has_ended_when_the_api_first_shows_it(status: dict[str, Any], ended: bool) -> None:
    assert timeline.has_ended(_pod("a", **status)) is ended


def test_each_end_of_a_pod_frees_the_slot_that_the_next_creation_takes() -> None:
    changes = [
        Seen(0.0, "jobs", "ADDED", _job("one")),
        Seen(0.1, "jobs", "ADDED", _job("two")),
        Seen(0.2, "pods", "ADDED", _pod("a")),
        Seen(0.3, "pods", "ADDED", _pod("b")),
        Seen(1.0, "pods", "MODIFIED", _pod("b", phase="Running", containerStatuses=_TERMINATED)),
        Seen(1.02, "jobs", "ADDED", _job("three")),
        Seen(1.05, "pods", "ADDED", _pod("c")),
        Seen(1.5, "pods", "MODIFIED", _pod("b", phase="Succeeded")),
        Seen(2.0, "pods", "MODIFIED", _pod("a", phase="Succeeded")),
        Seen(2.5, "jobs", "ADDED", _job("four")),
        Seen(2.75, "pods", "ADDED", _pod("d")),
        Seen(4.0, "pods", "DELETED", _pod("d", phase="Succeeded")),
    ]
    seen = timeline.timeline(changes)
    assert seen.job_refills(slots=2) == pytest.approx([0.02, 0.5])
    assert seen.pod_refills(slots=2) == pytest.approx([0.05, 0.75])
    assert timeline.added(changes, "pods") == 0.2
    assert timeline.added(changes, "sweeps") is None


def test_a_condition_counts_from_the_moment_it_is_true() -> None:
    def sweep(**conditions: str) -> dict[str, Any]:
        return {"status": {"conditions": [{"type": name, "status": value} for name, value in conditions.items()]}}

    changes = [
        Seen(1.0, "sweeps", "ADDED", {}),
        Seen(2.0, "sweeps", "MODIFIED", sweep(Complete="False")),
        Seen(3.0, "sweeps", "MODIFIED", sweep(Complete="True")),
        Seen(4.0, "sweeps", "MODIFIED", sweep(Complete="True")),
    ]
    assert timeline.became(changes, "Complete") == 3.0
    assert timeline.became(changes[:2], "Complete") is None


def test_a_refill_is_divided_at_what_the_api_server_says_of_the_jobs_creation() -> None:
    changes = [
        Seen(0.1, "jobs", "ADDED", _job("first")),
        Seen(1.0, "pods", "MODIFIED", _pod("a", phase="Succeeded")),
        Seen(1.0, "pods", "MODIFIED", _pod("b", phase="Succeeded")),
        Seen(1.17, "jobs", "ADDED", _job("second")),
        Seen(1.2, "jobs", "ADDED", _job("somebody else's")),
    ]
    answers = {"first": Answer(500.05, 500.09), "second": Answer(501.01, 501.05)}
    (parts,) = timeline.timeline(changes).job_refill_parts(1, answers, epoch=500.0)
    assert (parts.asked, parts.answered, parts.told) == pytest.approx((0.01, 0.04, 0.12))
    assert parts.total == pytest.approx(0.17)


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [
        pytest.param([3.0, 1.0, 2.0], 0.5, 2.0, id="the median of three is the middle one"),
        pytest.param([float(n) for n in range(1, 101)], 0.99, 99.0, id="one of a hundred may be above p99"),
        pytest.param([float(n) for n in range(1, 21)], 0.99, 20.0, id="of twenty, p99 is the worst"),
    ],
)
def test_a_quantile_is_one_of_the_values(values: list[float], share: float, wanted: float) -> None:
    assert timeline.quantile(values, share) == wanted


def test_writes_are_counted_by_what_they_were_and_from_where_the_trial_began(tmp_path: Path) -> None:
    def entry(verb: str, resource: str, code: int = 200, uri: str = "/apis", **target: str) -> str:
        whole = {"verb": verb, "objectRef": {"resource": resource, **target}, "requestURI": uri}
        return json.dumps({**whole, "responseStatus": {"code": code}}) + "\n"

    log = tmp_path / "audit.log"
    log.write_text(entry("create", "jobs"))
    since = accounts.position(log)
    with log.open("a") as file:
        file.write(entry("create", "jobs", 201) + entry("create", "jobs", 201))
        file.write(entry("create", "jobs", 201, "/apis/batch/v1/jobs?dryRun=All"))
        file.write(entry("update", "regularizationsweeps", subresource="status"))
        file.write(entry("create", "events", 403))
        file.write('{"verb": "crea')
    assert accounts.writes(log, since) == {
        "create jobs": 2,
        "create jobs (dry run)": 1,
        "update regularizationsweeps/status": 1,
        "create events -> 403": 1,
    }


def test_only_jobs_that_were_created_count_as_creations(tmp_path: Path) -> None:
    def entry(name: str, code: int = 201, uri: str = "/apis/batch/v1/jobs", verb: str = "create") -> str:
        stamps = {
            "requestReceivedTimestamp": "1970-01-01T00:01:40.25Z",
            "stageTimestamp": "1970-01-01T00:01:40.500000Z",
        }
        target = {"resource": "jobs", "name": name}
        whole = {"verb": verb, "objectRef": target, "requestURI": uri, "responseStatus": {"code": code}}
        return json.dumps({**whole, **stamps}) + "\n"

    log = tmp_path / "audit.log"
    log.write_text(entry("before"))
    since = accounts.position(log)
    with log.open("a") as file:
        file.write(entry("made") + entry("tried", uri="/apis/batch/v1/jobs?dryRun=All") + entry("refused", 403))
        file.write(entry("deleted", 200, verb="delete"))
    assert accounts.job_creations(log, since) == {"made": Answer(100.25, 100.5)}


def test_memory_is_that_of_all_processes_of_the_pod_but_the_one_that_holds_its_namespaces(tmp_path: Path) -> None:
    def process(pid: int, name: str, cgroup: str, resident: int) -> None:
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "cgroup").write_text(f"0::/kubepods/{cgroup}/container\n")
        (folder / "status").write_text(f"Name:\t{name}\nVmHWM:\t{resident + 10} kB\nVmRSS:\t{resident} kB\n")

    process(1, "pause", "podone-uid", 1)
    process(2, "regsweep", "podone-uid", 100)
    process(3, "helper", "podone_uid", 20)
    process(4, "other", "podanother-uid", 1000)
    assert accounts.memory("one-uid", tmp_path) == Memory(processes=2, rss=120 * 1024, peak=140 * 1024)


def _sweep(**changes: Any) -> SweepTrial:
    given: dict[str, Any] = {
        "wall": 19.0,
        "first_pod": 0.5,
        "job_refills": [0.1],
        "pod_refills": [0.2],
        "writes": Counter({"create jobs": RUNS, "update leases": RUNS * 3 // 2}),
        "memory": Memory(1, 2**20, 120 * 2**20),
        "succeeded": RUNS,
        "records": RUNS,
    }
    return SweepTrial(**{**given, **changes})


def _missed(sweep: SweepTrial, at_once: SweepTrial | None = None) -> list[str]:
    floor = Trial(wall=20.0, first_pod=0.1, job_refills=[3.0], pod_refills=[3.1])
    lines = goals.figures(Measured([floor], [sweep], [at_once or _sweep()]))
    return [line.name for line in lines if line.is_kept is False]


def test_what_is_just_within_every_goal_is_kept() -> None:
    assert _missed(_sweep()) == []


@pytest.mark.parametrize(
    ("sweep", "missed"),
    [
        pytest.param(_sweep(wall=19.1), "wall, of the floor's", id="the wall time is held against the loop's"),
        pytest.param(_sweep(first_pod=0.51), "create → first pod", id="the first pod comes at once"),
        pytest.param(_sweep(first_pod=math.nan), "create → first pod", id="what was not measured is not kept"),
        pytest.param(
            _sweep(job_refills=[0.01] * 19 + [0.11]),
            "pod's end → replacement Job, p99",
            id="one slow one of twenty is seen",
        ),
        pytest.param(_sweep(writes=Counter({"patch jobs": 61})), "API writes per run", id="every write counts"),
        pytest.param(
            _sweep(memory=Memory(2, 0, 121 * 2**20)), "memory, most ever resident", id="the peak of memory counts"
        ),
        pytest.param(
            _sweep(succeeded=RUNS - 1), f"lost of {RUNS} runs of 1 s, worst trial", id="a run without success"
        ),
        pytest.param(_sweep(records=RUNS - 1), f"lost of {RUNS} runs of 1 s, worst trial", id="a run without record"),
    ],
)
def test_each_goal_can_be_missed(sweep: SweepTrial, missed: str) -> None:
    assert _missed(sweep) == [missed]


def test_a_run_of_no_length_may_not_be_lost_either() -> None:
    assert _missed(_sweep(), _sweep(records=RUNS - 1)) == [f"lost of {RUNS} runs of 0 s, worst trial"]


def test_the_page_names_every_figure_and_verdict_and_where_it_was_measured() -> None:
    floor = Trial(wall=20.0, first_pod=0.1, job_refills=[3.0], pod_refills=[3.1])
    slow = _sweep(wall=25.0, job_refill_parts=[Refill(0.01, 0.04, 0.12)])
    page = goals.page(Measured([floor], [slow], [_sweep()]), ["2 cores (of some make)", "2026-11-23"])
    assert "MISSED" in page
    assert "kept" in page
    assert "120 MiB |" in page
    assert "≤ 0.95" in page
    assert f"{RUNS} × create jobs" in page
    assert "| → its answer                          |   0.040 s | 0.040 s |" in page
    assert "Measured on: 2 cores (of some make); 2026-11-23." in page
