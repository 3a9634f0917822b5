"""The runs of a sweep, made from what has changed: the same as made from all that the caches have."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.adapters.kubeapi import KubeObject
from regsweep.adapters.object_cache import ObjectCache
from regsweep.api import constants as names
from regsweep.controller.caches import run_cache
from regsweep.controller.caches.run_cache import RunCache
from regsweep.controller.caches.trimming import sweep_uid_of, trim_job, trim_pod
from regsweep.core.identity import run_name

NOW = datetime(2026, 11, 26, tzinfo=UTC)
SWEEP: KubeObject = {"metadata": {"name": "demo", "namespace": "lab", "uid": "sweep"}}
POINTS = ("abc", "def", "fed")
_versions = count(1)


def metadata(name: str, uid: str, sweep: str, kind: str, owner: str, created: int, namespace: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": namespace,
        "uid": uid,
        "resourceVersion": str(next(_versions)),
        "creationTimestamp": f"2026-11-25T10:00:{created:02d}Z",
        "labels": {names.SWEEP_UID_LABEL: sweep},
        "ownerReferences": [{"kind": kind, "name": "x", "uid": owner, "controller": True}],
    }


def job(
    point: str, sweep: str = "sweep", *, created: int = 0, altered: bool = False, namespace: str = "lab"
) -> KubeObject:
    name = run_name("demo", "sweep", point, 0, 0, 0, 0)
    meta = metadata(name, f"job-{point}", sweep, names.SWEEP_KIND, sweep, created, namespace)
    meta["annotations"] = {
        names.POINT_KEY_ANNOTATION: point,
        names.FIRST_REPLICATE_ANNOTATION: "0",
        names.REPLICATES_ANNOTATION: "9" if altered else "2",
        names.REPLICATES_PER_POD_ANNOTATION: "2",
        names.ATTEMPT_ANNOTATION: "0",
        names.LOST_ANNOTATION: "0",
        names.MOVED_ANNOTATION: "0",
        names.FLAGS_ANNOTATION: "{}",
    }
    variables = {
        "REGSWEEP_FIRST_REPLICATE": "0",
        "REGSWEEP_LAST_REPLICATE": "1",
        "REGSWEEP_REPLICATES": "2",
        "REGSWEEP_FLAGS": "{}",
    }
    trainer = {"name": "trainer", "env": [{"name": n, "value": v} for n, v in variables.items()]}
    spec = {"parallelism": 1, "completions": 1, "template": {"spec": {"containers": [trainer]}}}
    return {"metadata": meta, "spec": spec, "status": {}}


def pod(point: str, number: int, phase: str, sweep: str = "sweep", namespace: str = "lab") -> KubeObject:
    name = f"{run_name('demo', 'sweep', point, 0, 0, 0, 0)}-0-{number}"
    meta = metadata(name, f"pod-{point}-{number}", sweep, "Job", f"job-{point}", number, namespace)
    return {"metadata": meta, "spec": {"containers": [{"name": "trainer"}]}, "status": {"phase": phase}}


class Stand:
    """The caches, and the runs as they are made from what changes."""

    def __init__(self) -> None:
        self.jobs = ObjectCache(group_by=sweep_uid_of, trim=trim_job, keep_tombstones=True)
        self.pods = ObjectCache(group_by=sweep_uid_of, trim=trim_pod, keep_tombstones=True)
        self.runs = RunCache(self.jobs, self.pods, now=lambda: NOW)

    def take(self, change: Change) -> None:
        """Has the caches take a change."""
        cache = self.jobs if change.of_job else self.pods
        uid = change.object["metadata"]["uid"]
        match change.how:
            case "news":
                cache.upsert(change.object)
            case "answer":
                cache.upsert_from_write(change.object)
            case "deleted":
                cache.delete(change.object)
            case "deleted by us":
                cache.remove_from_write(uid)
            case "forgotten":
                cache.forget(uid)

    def seen(self) -> tuple[object, ...]:
        return _seen(self.runs)

    def recomputed(self) -> tuple[object, ...]:
        return _seen(RunCache(self.jobs, self.pods, now=lambda: NOW))


def _seen(runs: RunCache) -> tuple[object, ...]:
    return runs.runs_of(SWEEP), runs.altered_of(SWEEP), runs.orphans_of(SWEEP)


class Change:
    """What becomes of a Job or a pod."""

    def __init__(self, how: str, of_job: bool, obj: KubeObject) -> None:
        self.how, self.of_job, self.object = how, of_job, obj

    def __repr__(self) -> str:
        return f"{self.how}: {self.object['metadata']['uid']} of {sweep_uid_of(self.object)}"


SWEEPS = st.sampled_from(("sweep", "sweep", "another"))
NAMESPACES = st.sampled_from(("lab", "lab", "lab", "den"))
JOBS = st.builds(
    job, st.sampled_from(POINTS[:2]), SWEEPS, created=st.integers(0, 3), altered=st.booleans(), namespace=NAMESPACES
)
PODS = st.builds(
    pod,
    st.sampled_from(POINTS[:2]),
    st.integers(0, 1),
    st.sampled_from(("Pending", "Running", "Succeeded", "Failed")),
    SWEEPS,
    NAMESPACES,
)
HOW = st.sampled_from(("news", "news", "news", "answer", "deleted", "deleted by us", "forgotten"))
CHANGES = st.one_of(st.builds(Change, HOW, st.just(True), JOBS), st.builds(Change, HOW, st.just(False), PODS))


@given(st.lists(st.lists(CHANGES, min_size=1, max_size=4), max_size=8))
def test_runs_are_those_that_would_be_made_from_everything(passes: list[list[Change]]) -> None:
    stand = Stand()
    for changes in passes:
        for change in changes:
            stand.take(change)
        assert stand.seen() == stand.recomputed()


def test_a_run_without_news_is_the_same_object_again() -> None:
    stand = Stand()
    for point in POINTS:
        stand.take(Change("news", True, job(point)))
        stand.take(Change("news", False, pod(point, 0, "Running")))
    before = {run.point_key: run for run in stand.runs.runs_of(SWEEP)}
    stand.take(Change("news", False, pod("def", 0, "Succeeded")))
    after = {run.point_key: run for run in stand.runs.runs_of(SWEEP)}
    assert [after[key] is before[key] for key in POINTS] == [True, False, True]


def test_what_no_pass_reads_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a sweep that another operator has taken over: its Jobs and pods come and go."""
    monkeypatch.setattr(run_cache, "MOST_UNREAD", 3)
    stand = Stand()
    stand.seen()
    for number in range(20):
        stand.take(Change("news", False, pod("abc", number, "Running")))
        stand.take(Change("deleted by us", False, pod("abc", number, "Running")))
    stand.take(Change("news", True, job("abc")))
    assert not stand.runs._views
    assert stand.seen() == stand.recomputed()
