"""Whatever the API server stores of Jobs, pods and results, any part replaced: a plan is made, and a status that can be written."""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regsweep.adapters.object_cache import ObjectCache
from regsweep.api.status import SweepStatus
from regsweep.api.sweep_result import MAX_SEGMENT_BYTES
from regsweep.controller.caches.run_cache import RunCache
from regsweep.controller.caches.trimming import sweep_uid_of, trim_job, trim_pod
from regsweep.core.judging.analysis import analyse_records
from regsweep.core.plan import Plan, plan
from regsweep.core.results.messages import parse_message
from regsweep.core.results.queries import TargetLabels, final_values_query, parse_answer
from regsweep.core.results.records import Outcome, Record, Records
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.results.segments import append, load
from regsweep.core.status import sweep_status
from regsweep.core.timestamps import timestamp
from regsweep.core.world import Observed, Usage
from regsweep.errors import MetricsError

from .nasty import ABSENT, ANSWERS, DEEP, JOBS, MANY, MESSAGES, NUMBERS, PODS, RESULTS, TIMES, Patch, laid_over, places
from .ordinary import JOB, KEY, NOW, POD, RESULT, SWEEP
from .simulation import START

CRD = Path(__file__).parents[3] / "manifests/crd/regsweep.dev_sweepresults.yaml"
SOME = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FEW = settings(SOME, max_examples=40)
"""Of what is ranked, which takes a tenth of a second."""
MOST_STATUS = 100_000
"""Bytes of the status of a sweep of two combinations, whatever others write."""


def judged(jobs: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]], records: Records) -> Plan:
    """What is planned of these objects, once with the analysis that it asks for; the status can be written and is bounded."""
    caches = [ObjectCache(group_by=sweep_uid_of, trim=trim) for trim in (trim_job, trim_pod)]
    for cache, objects in zip(caches, (jobs, pods), strict=True):
        for each in objects:
            cache.upsert(json.loads(json.dumps(each)))
    runs = RunCache(*caches, now=lambda: NOW)
    sweep = {"metadata": {"name": SWEEP.name, "namespace": SWEEP.namespace, "uid": SWEEP.uid}}
    observed = Observed(
        records,
        runs=runs.runs_of(sweep),
        altered=runs.altered_of(sweep),
        orphaned_pods=runs.orphans_of(sweep),
        scrapes=Scrapes(MetricsState.ANSWERED),
        usage=Usage(START, 1),
    )
    for now in (NOW, NOW + timedelta(minutes=10)):
        decided = plan(SWEEP, observed, now)
        if decided.analyse is not None:
            observed = replace(observed, analysis_result=analyse_records(decided.analyse))
            decided = plan(SWEEP, observed, now)
        check(observed, decided, now)
    return decided


def check(observed: Observed, decided: Plan, now: datetime) -> None:
    """What is planned is bounded, and can be written; so is the status."""
    status = sweep_status(SWEEP, observed, decided, (), SweepStatus(), now)
    assert len(json.dumps(status.to_json(), allow_nan=False)) < MOST_STATUS
    assert SweepStatus.model_validate(status.to_json()) == status
    assert len(decided.create) <= SWEEP.spec.parallelism
    assert all(len(notice.message) < 10_000 for notice in decided.notices)
    for write in append([], decided.store, {}, SWEEP):
        assert len(json.dumps(write.manifest, allow_nan=False)) < MAX_SEGMENT_BYTES
    pods = [pod for run in observed.runs for pod in run.pods]
    final_values_query(SWEEP.namespace, "cancer-0123456789ab", pods, now, TargetLabels())


def stored(segments: Sequence[Mapping[str, Any]]) -> Records:
    """The records of the segments, which take one more within bounds."""
    for write in append(segments, [Record(KEY, 99, Outcome.OK, run="r", metrics={"val_loss": 0.5})], {}, SWEEP):
        assert write.records
        json.dumps(write.manifest, allow_nan=False)
    return load(segments)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_of_the_corpus_is_judged(name: str) -> None:
    judged([laid_over(JOB, JOBS[name])], [POD], Records())


@pytest.mark.parametrize("name", PODS)
def test_a_pod_of_the_corpus_is_judged(name: str) -> None:
    judged([JOB], [laid_over(POD, PODS[name])], Records())


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_of_the_corpus_is_judged(name: str) -> None:
    judged([JOB], [POD], stored([laid_over(RESULT, RESULTS[name])]))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_the_corpus_is_judged(name: str) -> None:
    end = ("status", "containerStatuses", 0, "state", "terminated", "message")
    judged([JOB], [laid_over(POD, {end: MESSAGES[name]})], Records())
    parse_message(MESSAGES[name])


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_the_corpus_is_samples_or_an_error_in_few_words(name: str) -> None:
    try:
        for sample in parse_answer(ANSWERS[name], TargetLabels()).values():
            assert 0 <= sample.epoch < 2**31
    except MetricsError as error:
        assert len(str(error)) < 1100


def test_the_ordinary_ones_are_what_the_others_are_laid_over() -> None:
    """Else a table would show that what is left out does no harm."""
    decided = judged([JOB], [POD], Records())
    assert [record.replicate for record in decided.store] == [0, 1]
    assert len(stored([RESULT])) == 2
    assert judged([JOB], [POD], stored([RESULT])).store == ()


# Any value in any place

INT64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, -1, 2**31 - 1, 2**63 - 1, -(2**63)]))
TEXTS = st.one_of(
    st.text(max_size=8), st.sampled_from([*NUMBERS, *TIMES, "x" * 3000, MANY[:5000], DEEP[:3000], "Failed"])
)
TIME_TEXTS = st.one_of(
    st.sampled_from(TIMES),
    st.datetimes().map(lambda moment: timestamp(moment.replace(year=max(moment.year, 1000), tzinfo=UTC))),
)
NEEDED = {
    "name",
    "uid",
    "creationTimestamp",
    "namespace",
    "resourceVersion",
    "metadata",
    "spec",
    "containers",
    "type",
    "status",
    "exitCode",
    "kind",
}
"""Fields that the API server lets no such object be without, or writes in any case."""
WORDS: Mapping[str, Sequence[str]] = {
    "phase": ["Pending", "Running", "Succeeded", "Failed", "Unknown"],
    "type": ["Failed", "Complete", "DisruptionTarget", "PodScheduled", "SuccessCriteriaMet"],
    "status": ["True", "False", "Unknown"],
    "reason": ["OOMKilled", "Evicted", "Unschedulable", "ErrImagePull", "ContainerStatusUnknown", "PodFailurePolicy"],
    "completedIndexes": ["0", "0-1", "1-0"],
}
"""What means something in fields of this name."""


def alike(key: str | int, value: Any) -> st.SearchStrategy[Any]:
    """Values that the API server would store in place of this one: of its type."""
    if (
        key in ("startTime", "completionTime", "startedAt", "finishedAt")
        or str(key).endswith("Timestamp")
        or key == "lastTransitionTime"
    ):
        return TIME_TEXTS
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int):
        return INT64
    if isinstance(value, str):
        return st.one_of(TEXTS, st.sampled_from(WORDS.get(str(key), [""])))
    if isinstance(value, list):
        repeated = st.integers(1 if key in NEEDED else 0, 4).map(lambda times: value * times)
        return repeated if key in NEEDED else st.one_of(st.none(), repeated)
    if value and all(isinstance(each, str) for each in value.values()) and key in ("labels", "annotations", "limits"):
        names = st.one_of(st.sampled_from(sorted(value)), TEXTS)
        return st.one_of(st.none(), st.dictionaries(names, TEXTS, max_size=4))
    return (
        st.just({})
        if key in ("state", "resources", "terminated", "running", "waiting") and key != "terminated"
        else st.just(value)
    )


@st.composite
def patches(draw: st.DrawFn, original: Mapping[str, Any]) -> Patch:
    """Up to five parts of the object replaced or taken away."""
    patch: dict[tuple[str | int, ...], Any] = {}
    for path in draw(st.lists(st.sampled_from(list(places(original))), min_size=1, max_size=5)):
        value: Any = original
        for step in path:
            value = value[step]
        goes = isinstance(path[-1], str) and path[-1] not in NEEDED and draw(st.booleans())
        patch[path] = ABSENT if goes else draw(alike(path[-1], value))
    return patch


@SOME
@given(patches(JOB), st.lists(patches(POD), max_size=3))
def test_any_job_with_any_pods_is_judged(job: Patch, pods: list[Patch]) -> None:
    made = [laid_over(POD, {**patch, ("metadata", "uid"): f"pod-{n}"}) for n, patch in enumerate(pods)]
    judged([laid_over(JOB, job)], made, stored([RESULT]) if len(pods) % 2 else Records())


@SOME
@given(st.lists(patches(POD), min_size=1, max_size=3))
def test_any_pods_of_an_ordinary_job_are_judged(pods: list[Patch]) -> None:
    judged(
        [JOB], [laid_over(POD, {**patch, ("metadata", "uid"): f"pod-{n}"}) for n, patch in enumerate(pods)], Records()
    )


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), INT64, st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(TEXTS, below, max_size=3)),
    max_leaves=8,
)
FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1.7e308, -1.7e308, 5e-324, 0]), INT64
)
KNOWN: Mapping[str, st.SearchStrategy[Any]] = {
    "point": st.sampled_from([*(point.key for point in SWEEP.points), "abc"]),
    "replicate": st.one_of(st.integers(0, 3), INT64.map(abs).map(lambda number: min(number, 2**63 - 1))),
    "environment": st.sampled_from(["00000000", "ffffffff"]),
    "losses": st.one_of(TEXTS, st.binary(max_size=64).map(lambda raw: base64.b64encode(raw).decode())),
    "metric": st.sampled_from(["val_average_loss", "val_auc", ""]),
    "start": st.one_of(TIME_TEXTS, st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", ""])),
    "end": st.one_of(TIME_TEXTS, st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", ""])),
}
"""For fields that others refer to: values that meet, and that do not."""
METRICS = st.dictionaries(
    st.one_of(st.sampled_from(["val_average_loss", "train_average_loss", "late_gain"]), TEXTS.map(lambda t: t[:63])),
    FLOATS,
    max_size=4,
)


def conforming(schema: Mapping[str, Any], name: str = "") -> st.SearchStrategy[Any]:
    """Whatever the API server stores under this schema."""
    if name in KNOWN:
        return KNOWN[name]
    match schema["type"]:
        case "string" if "enum" in schema:
            return st.sampled_from(schema["enum"])
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"].replace("$", r"\Z"))
        case "string":
            return TEXTS.map(lambda text: text[: schema.get("maxLength", sys.maxsize)])
        case "integer":
            return st.one_of(
                st.integers(schema.get("minimum", -(2**63)), 5), st.integers(schema.get("minimum", -(2**63)), 2**63 - 1)
            )
        case "number":
            return FLOATS.filter(lambda number: number >= schema.get("minimum", -math.inf))
        case "array":
            unique = {"unique_by": lambda each: each["key"]} if schema.get("x-kubernetes-list-type") == "map" else {}
            return st.lists(conforming(schema["items"]), max_size=6, **unique)  # type: ignore[arg-type]
        case _ if name == "metrics":
            return METRICS
        case _ if "properties" not in schema:
            return st.dictionaries(TEXTS, JSON, max_size=3)
    parts = {field: conforming(below, field) for field, below in schema["properties"].items()}
    needed = {field: parts.pop(field) for field in schema.get("required", ())}
    return st.fixed_dictionaries(needed, optional=parts)


SCHEMA = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
CONTENT = {
    **SCHEMA,
    "properties": {
        name: SCHEMA["properties"][name]
        for name in SCHEMA["properties"]
        if name not in ("apiVersion", "kind", "metadata")
    },
}


@FEW
@given(st.lists(conforming(CONTENT), max_size=3), st.booleans())
def test_any_results_that_the_crd_takes_are_judged(contents: list[dict[str, Any]], training: bool) -> None:
    segments = [{"metadata": {"name": f"s-{n}", "uid": str(n)}, **content} for n, content in enumerate(contents)]
    judged([JOB] if training else [], [POD] if training else [], stored(json.loads(json.dumps(segments))))


@st.composite
def complete(draw: st.DrawFn) -> dict[str, Any]:
    """A segment with something of every replicate of the sweep, so that it is ranked."""
    whole = [(point.key, replicate) for point in SWEEP.points for replicate in range(SWEEP.spec.replicates)]
    drawn = conforming(CONTENT["properties"]["records"]["items"])
    parts = {"epochs": 3, "metrics": RESULT["records"][0]["metrics"], "best": RESULT["records"][0]["best"]}
    records = [{**parts, **draw(drawn), "point": point, "replicate": replicate} for point, replicate in whole]
    outcomes = st.sampled_from(["Ok", "Ok", "Ok", "Diverged", "Unknown"])
    own: dict[str, Any] = {
        "records": [{**record, "environment": "00000000", "outcome": draw(outcomes)} for record in records]
    }
    return {**RESULT, **own}


@FEW
@given(complete())
def test_any_results_of_a_whole_sweep_are_ranked(segment: dict[str, Any]) -> None:
    decided = judged([], [], stored([json.loads(json.dumps(segment))]))
    assert decided.create == ()
