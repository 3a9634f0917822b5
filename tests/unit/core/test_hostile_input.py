"""Whatever others write, the operator reads it without a crash, and takes no more from it than the API's own bounds allow."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regsweep.api.objective import objective_status
from regsweep.api.spec import MAX_REPLICATES, SweepSpec
from regsweep.api.status import Resolved
from regsweep.api.validation import parse_sweep
from regsweep.controller.caches.trimming import trim_job, trim_pod
from regsweep.core.collect import collect
from regsweep.core.grid import Combination
from regsweep.core.identity import run_name
from regsweep.core.kubernetes.identify import MAX_TEXT
from regsweep.core.kubernetes.jobs import job_manifest
from regsweep.core.kubernetes.observe import observed_pod, observed_run
from regsweep.core.plan import plan
from regsweep.core.results.messages import MalformedMessage, parse_message, records_of
from regsweep.core.results.queries import TargetLabels, parse_answer
from regsweep.core.results.records import Records
from regsweep.core.results.scrapes import MetricsState, Scrapes
from regsweep.core.results.segments import append, load
from regsweep.core.runs import AlteredJob, ObservedRun, RunRequest
from regsweep.core.sweep import Point, Sweep
from regsweep.core.world import Observed
from regsweep.errors import InvalidSweep, InvalidTemplate, MetricsError
from unit.core.kubernetes.objects import STARTED, job_object, pod_object, terminated

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NUMBERS = st.one_of(st.integers(), st.sampled_from([10**9, 10**400, -1, 2**63]), st.floats())
TEXTS = st.one_of(
    st.text(max_size=12), st.sampled_from(["9" * 30, "1e999999999", "x" * 5000, "0-999999999", "\ud800", "²"])
)
ANY: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(TEXTS, below, max_size=4)),
    max_leaves=12,
)
RESOLVED = Resolved.model_validate(
    {"image": "t:1", "gpus": 1, "gpuResource": "nvidia.com/gpu", "seed": 0, "operatorVersion": "1"}
)
SWEEP = Sweep("cancer", "lab", "sweep-uid", 1, SweepSpec(flags=[{"name": "l2", "values": [0]}]), RESOLVED, points=())


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places within the value."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in steps:
        yield from _places(below, (*path, step))


@st.composite
def changed(draw: st.DrawFn, original: Any, values: st.SearchStrategy[Any] = ANY) -> Any:
    """The original with up to three of its places changed to something else."""
    result = copy.deepcopy(original)
    for path in draw(st.lists(st.sampled_from([p for p in _places(original) if p]), min_size=1, max_size=3)):
        below = result
        try:
            for step in path[:-1]:
                below = below[step]
            below[path[-1]] = draw(values)
        except (TypeError, KeyError, IndexError):
            continue  # an earlier change took the place away
    return result


MANIFEST = {
    "metadata": {"name": "cancer"},
    "spec": {
        "flags": [
            {"name": "l2", "values": [0, 0.01]},
            {"name": "dropout", "range": {"from": 0, "to": 0.5, "points": 3, "scale": "Linear"}},
        ],
        "exclude": [{"l2": 0}],
        "sample": {"size": 3},
        "replicates": 5,
        "objective": {"metric": "val_accuracy", "constraints": [{"metric": "val_auc", "min": 0.5}]},
        "trainer": {"image": "t:1", "parameters": {"units": [8, 8]}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"nodeSelector": {"a": "b"}, "containers": []}},
        "maxFailedRuns": "10%",
    },
}


@FEW
@given(st.one_of(changed(MANIFEST), st.builds(lambda spec: {"spec": spec}, ANY)))
def test_a_spec_is_taken_or_refused_in_few_words(manifest: dict[str, Any]) -> None:
    try:
        parse_sweep(manifest, 1000)
    except InvalidSweep as invalid:
        assert all(len(str(problem)) < 20_000 for problem in invalid.problems)


TEXT_PLACES = st.one_of(TEXTS, st.none())
"""The API server checks the types of a Job: annotations and variables are texts or absent."""


@FEW
@given(
    annotations=changed(job_object()["metadata"]["annotations"], TEXT_PLACES),
    entries=st.lists(
        st.tuples(st.sampled_from(["FIRST_REPLICATE", "LAST_REPLICATE", "REPLICATES", "OBJECTIVE"]), TEXTS)
    ),
    completions=st.one_of(st.none(), st.integers(0, 2**31 - 1)),
    parallelism=st.integers(0, 2**31 - 1),
    status=st.fixed_dictionaries({}, optional={"completedIndexes": TEXTS, "failedIndexes": TEXTS}),
)
def test_a_job_is_a_run_within_bounds_or_none(
    annotations: dict[str, Any], entries: list[tuple[str, str]], completions: Any, parallelism: int, status: Any
) -> None:
    env = {f"REGSWEEP_{name}": value for name, value in entries}
    job = job_object(
        annotations={name: value for name, value in annotations.items() if isinstance(value, str)},
        env=env,
        spec={"completions": completions, "parallelism": parallelism},
        status=status,
        metadata={"name": "cancer-dae19fde03ca"},
    )
    kept = trim_job(job)
    assert all(len(text) <= MAX_TEXT + 1 for text in kept["metadata"]["annotations"].values())
    others = {**kept, "metadata": {**kept["metadata"], "annotations": {}}, "status": {}}
    assert len(json.dumps(others)) < 2000, "what is kept of what others may write is bounded"
    run = observed_run(kept, [pod_object(terminated(0))])
    if isinstance(run, AlteredJob):
        assert len(run.problem) < 200
    else:
        assert 0 < run.replicates <= MAX_REPLICATES
        assert run.first_replicate + run.replicates <= MAX_REPLICATES


@FEW
@given(
    replicates=st.integers(1, 10**9),
    per_pod=st.integers(1, 10**9),
    first=st.integers(0, 10**9),
    attempt=st.integers(0, 10**9),
)
def test_a_forged_job_costs_a_plan_no_more_than_the_largest_real_one(
    replicates: int, per_pod: int, first: int, attempt: int
) -> None:
    """Whoever may create Jobs can make all parts agree."""
    name = run_name("cancer", "sweep-uid", "abc", first, attempt)
    notes = {"first-replicate": first, "replicates": replicates, "replicates-per-pod": per_pod, "attempt": attempt}
    job = job_object(
        annotations={"regsweep.dev/lost": "0", **{f"regsweep.dev/{n}": str(value) for n, value in notes.items()}},
        env={
            "REGSWEEP_FIRST_REPLICATE": str(first),
            "REGSWEEP_LAST_REPLICATE": str(first + replicates - 1),
            "REGSWEEP_REPLICATES": str(per_pod),
        },
        spec={"completions": -(-replicates // per_pod)},
        metadata={"name": name},
    )
    run = observed_run(job)
    if isinstance(run, ObservedRun):
        assert run.replicates <= MAX_REPLICATES
    observed = Observed(
        Records(),
        runs=(run,) if isinstance(run, ObservedRun) else (),
        altered=(run,) if isinstance(run, AlteredJob) else (),
    )
    assert len(plan(SWEEP, observed, NOON).notices) <= 1


@FEW
@given(
    changed(
        {
            "running": {"startedAt": STARTED},
            "terminated": terminated(0)["terminated"],
            "waiting": {"reason": "x", "message": "y"},
        },
        st.one_of(st.integers(-(2**31), 2**31 - 1), st.just({})),
    ),
    TEXTS.filter(bool),
)
def test_a_pod_is_read_whatever_its_name_and_its_end(state: dict[str, Any], name: str) -> None:
    state = {kind: part for kind, part in state.items() if isinstance(part, dict)}
    state.get("terminated", {}).update(startedAt=STARTED, finishedAt=STARTED, message="{}")
    state.get("running", {}).update(startedAt=STARTED)
    state.get("waiting", {}).update(reason="x", message="y")
    pod = observed_pod(trim_pod(_resourced(pod_object(state, name=name))))
    assert -1 <= pod.index < 10**6


def _resourced(pod: dict[str, Any]) -> dict[str, Any]:
    pod["metadata"].update(namespace="lab", resourceVersion="1")
    return pod


MESSAGE = {
    "version": 1,
    "backend": "jax",
    "device": "cpu",
    "gpus": 1,
    "dataDigest": "1f0c00000000",
    "rule": {"metric": "val_auc", "goal": "Maximize"},
    "times": {"start": 1_763_899_200, "replicates": [[0, 1.5]]},
    "rows": {"train": 3, "val": 4},
    "test": {"rows": "a", "losses": ["AAA="]},
    "columns": ["val_average_loss"],
    "records": [[4, "Ok", 3, [0.25], [2, 0.1, 0.2]]],
    "error": {"reason": "BadData", "message": "gone"},
}


@FEW
@given(st.one_of(changed(MESSAGE).map(json.dumps), st.text(max_size=40), st.just("[" * 60_000), ANY.map(json.dumps)))
def test_a_termination_message_gives_records_of_its_own_replicates_or_none(text: str) -> None:
    run, pod = observed_run(job_object()), observed_pod(pod_object(terminated(0, message=text), "Succeeded", index="0"))
    assert isinstance(run, ObservedRun)
    message = parse_message(text)
    if isinstance(message, MalformedMessage):
        assert len(message.reason) < 1000
    else:
        assert {record.replicate for record in records_of(run, pod, message)} <= {4, 5}
    collected = collect(replace(run, pods=(pod,)), Records(), Scrapes(MetricsState.NOT_CONFIGURED), timedelta(0), NOON)
    writes = append([], collected.records, {}, SWEEP)
    assert all(len(json.dumps(write.manifest)) < 300_000 for write in writes)


ANSWER = {
    "status": "success",
    "data": {
        "resultType": "vector",
        "result": [
            {
                "metric": {
                    "__name__": "regsweep_trainer_metric",
                    "pod": "p",
                    "replicate": "0",
                    "metric": "loss",
                    "split": "val",
                },
                "value": [1, "0.25"],
            },
            {"metric": {"__name__": "regsweep_trainer_epoch", "pod": "p", "replicate": "0"}, "value": [1, "3"]},
        ],
    },
    "warnings": [],
}


@FEW
@given(st.one_of(changed(ANSWER).map(json.dumps), st.text(max_size=40), st.just("[" * 60_000), ANY.map(json.dumps)))
def test_an_answer_of_prometheus_gives_samples_or_an_error_in_few_words(body: str) -> None:
    try:
        parse_answer(body, TargetLabels())
    except MetricsError as error:
        assert len(str(error)) < 1100


SEGMENT: dict[str, Any] = {
    "metadata": {"name": "s-0", "labels": {"a": "b"}},
    "sequence": 0,
    "points": [{"key": "abc", "flags": {"l2": 0}}],
    "environments": [
        {"key": "00000000", "backend": "jax", "rule": {"metric": "val_auc", "goal": "Maximize"}, "trainRows": 3}
    ],
    "records": [
        {
            "point": "abc",
            "replicate": 0,
            "outcome": "Ok",
            "run": "r",
            "attempt": 0,
            "epochs": 3,
            "metrics": {"val_average_loss": 0.25},
            "best": {"epoch": 2, "train": 0.1, "val": 0.2},
            "source": "Record",
            "environment": "00000000",
            "start": "2026-11-23T12:00:00Z",
            "gpuSeconds": 1.5,
        }
    ],
}
WORDS = st.sampled_from(["Ok", "Failed", "Evaporated", "Prometheus", "x" * 253, "2026", "BadData"])


@FEW
@given(changed(SEGMENT["records"], WORDS))
def test_a_stored_record_with_words_of_another_version_is_read(records: Any) -> None:
    """The CRD checks the types; words are any version's."""
    (record,) = records if isinstance(records, list) and records and isinstance(records[0], dict) else ({},)
    original = SEGMENT["records"][0]
    typed = {name: value for name, value in record.items() if isinstance(value, type(original[name]))}
    typed = {**original, **{n: v for n, v in typed.items() if not isinstance(v, dict)}}
    assert len(load([{**SEGMENT, "records": [typed]}])) == 1


TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"kueue.x-k8s.io/queue-name": "gpus"}, "annotations": {}},
    "spec": {
        "containers": [
            {
                "name": "trainer",
                "env": [{"name": "A", "value": "b"}],
                "resources": {"limits": {"cpu": "1"}, "requests": {}},
            },
            {"name": "side", "ports": [{"containerPort": 1}]},
        ],
        "initContainers": [],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "tolerations": [],
    },
}


@FEW
@given(
    own=st.one_of(changed(TEMPLATE), st.dictionaries(st.sampled_from(["metadata", "spec"]), ANY)), shared=st.booleans()
)
def test_a_template_makes_a_job_or_is_refused(own: dict[str, Any], shared: bool) -> None:
    spec = SWEEP.spec.model_copy(update={"template": own})
    sweep = Sweep("cancer", "lab", "sweep-uid", 1, spec, RESOLVED, points=())
    request = RunRequest("r", Point("abc", Combination("c", {"l2": 0}, 0)), 0, 1, 1, 0, 0)
    try:
        job_manifest(sweep, request, objective_status(spec.objective), TEMPLATE if shared else None)
    except InvalidTemplate as error:
        assert str(error)
