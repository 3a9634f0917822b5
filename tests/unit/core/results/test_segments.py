"""Records as SweepResult objects: nothing is stored twice, nothing is lost, and no segment grows beyond its bounds."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsweep.api.conditions import Reason
from regsweep.api.spec import Flags, SweepSpec
from regsweep.api.status import Resolved
from regsweep.api.sweep_result import MAX_RECORDS, MAX_SEGMENT_BYTES, SweepResult
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Source, TestLosses
from regsweep.core.results.segments import SegmentWrite, append, load
from regsweep.core.sweep import Sweep

SWEEP = Sweep(
    "cancer",
    "team-a",
    "3f1c-uid",
    1,
    SweepSpec.model_validate({"flags": [{"name": "l2", "values": [0, 0.01]}]}),
    Resolved(image="i", gpus=0, gpu_resource="nvidia.com/gpu", seed=0, operator_version="0"),
    points=(),
)
FLAGS: dict[str, Flags] = {"ab": {"l2": 0.01}, "cd": {"l2": 0}}


def _record(replicate: int = 0, point: str = "ab", **fields: Any) -> Record:
    return Record(**{"point_key": point, "replicate": replicate, "outcome": Outcome.OK, "run": "cancer-1", **fields})


def _landed(stored: Sequence[dict[str, Any]], writes: Sequence[SegmentWrite]) -> list[dict[str, Any]]:
    """What the API server has after the writes: objects by name, each with a new resourceVersion, 1.0 written as 1."""
    objects = {item["metadata"]["name"]: item for item in stored}
    for write in writes:
        manifest = json.loads(json.dumps(write.manifest, allow_nan=False), parse_float=_as_server)
        present = objects.get(write.name)
        assert write.replaces is (present is not None)
        if present is not None:
            assert manifest["metadata"]["resourceVersion"] == present["metadata"]["resourceVersion"]
        manifest["metadata"]["resourceVersion"] = str(random.getrandbits(40))
        objects[write.name] = manifest
    return list(objects.values())


def _as_server(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _content(item: dict[str, Any]) -> SweepResult:
    """The segment as the CRD's types read it: anything that they do not allow raises."""
    return SweepResult.model_validate({k: v for k, v in item.items() if k not in ("apiVersion", "kind", "metadata")})


def test_the_first_record_makes_a_segment_that_belongs_to_the_sweep() -> None:
    (write,) = append([], [_record(metrics={"val_average_loss": 0.5})], FLAGS, SWEEP)
    assert not write.replaces
    assert write.records == (_record(metrics={"val_average_loss": 0.5}),)
    assert write.manifest == {
        "apiVersion": "regsweep.dev/v1alpha1",
        "kind": "SweepResult",
        "metadata": {
            "name": "3f1c-uid-0",
            "namespace": "team-a",
            "labels": {"regsweep.dev/sweep-uid": "3f1c-uid", "regsweep.dev/sweep": "cancer"},
            "ownerReferences": [
                {
                    "apiVersion": "regsweep.dev/v1alpha1",
                    "kind": "RegularizationSweep",
                    "name": "cancer",
                    "uid": "3f1c-uid",
                    "controller": True,
                }
            ],
        },
        "sweepName": "cancer",
        "sequence": 0,
        "points": [{"key": "ab", "flags": {"l2": 0.01}}],
        "environments": [],
        "records": [
            {
                "point": "ab",
                "replicate": 0,
                "outcome": "Ok",
                "run": "cancer-1",
                "attempt": 0,
                "epochs": 0,
                "metrics": {"val_average_loss": 0.5},
                "source": "Record",
            }
        ],
    }


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(
            _record(
                epochs=30,
                attempt=2,
                metrics={"val_average_loss": 0.1 + 0.2, "val_accuracy": 1.0},
                best=BestEpoch(7, None, 0.25),
                source=Source.PROMETHEUS,
                environment=Environment("jax", "NVIDIA H200", "sha256:0f", "ab12", 273, 91),
                test=TestLosses("0f0f0f0f", "ADwAPA=="),
            ),
            id="a result with all its parts, to the last digit",
        ),
        pytest.param(_record(outcome=Outcome.DIVERGED, epochs=3), id="a diverged replicate"),
        pytest.param(
            _record(outcome=Outcome.FAILED, reason=Reason.OUT_OF_MEMORY, message="needs more"), id="a failed replicate"
        ),
    ],
)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    stored = _landed([], append([], [record], FLAGS, SWEEP))
    assert list(load(stored)) == [record]
    _content(stored[0])


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        pytest.param(
            _record(metrics={"a": math.nan, "b": math.inf, "c": 1.5}, best=BestEpoch(1, math.nan, 2.5)),
            _record(metrics={"c": 1.5}, best=BestEpoch(1, None, 2.5)),
            id="what is not a number is absent",
        ),
        pytest.param(
            _record(metrics={"x" * 64: 1.5, "y": 2.5}), _record(metrics={"y": 2.5}), id="a metric's name is too long"
        ),
        pytest.param(
            _record(metrics={"x" * 63: 1.5}),
            _record(metrics={"x" * 63: 1.5}),
            id="a metric's name is as long as may be",
        ),
        pytest.param(
            _record(metrics={f"m{n}": 0.5 for n in range(70)}),
            _record(metrics={f"m{n}": 0.5 for n in range(64)}),
            id="more metrics than a record takes",
        ),
        pytest.param(
            _record(outcome=Outcome.FAILED, reason=Reason.TRAINER_FAILED, message="x" * 2000),
            _record(outcome=Outcome.FAILED, reason=Reason.TRAINER_FAILED, message="x" * 1021 + "..."),
            id="a message is too long",
        ),
        pytest.param(_record(best=BestEpoch(0, 0.5, 0.5)), _record(), id="a best epoch that is none"),
    ],
)
def test_what_the_api_server_would_refuse_is_left_out_rather_than_lost_with_the_record(
    record: Record, kept: Record
) -> None:
    stored = _landed([], append([], [record], FLAGS, SWEEP))
    assert list(load(stored)) == [kept]
    _content(stored[0])


def test_more_records_fill_the_segment_that_is_there() -> None:
    stored = _landed([], append([], [_record(0)], FLAGS, SWEEP))
    stored[0]["metadata"]["managedFields"] = [{"manager": "someone"}]
    (write,) = append(stored, [_record(1), _record(0, "cd")], FLAGS, SWEEP)
    assert write.replaces
    assert write.records == (_record(1), _record(0, "cd"))
    assert "managedFields" not in json.dumps(write.manifest)
    stored = _landed(stored, [write])
    assert [record.key for record in load(stored)] == [("ab", 0), ("ab", 1), ("cd", 0)]
    assert {point["key"]: point["flags"] for point in stored[0]["points"]} == FLAGS


def test_storing_once_more_what_is_stored_writes_nothing() -> None:
    stored = _landed([], append([], [_record(0), _record(1)], FLAGS, SWEEP))
    again = [_record(0, metrics={"val_average_loss": 9.0}), _record(1)]
    assert append(stored, again, FLAGS, SWEEP) == []
    assert append(stored, [], FLAGS, SWEEP) == []


def test_a_later_attempt_stands_beside_the_failure_that_it_replaces() -> None:
    failed = _record(outcome=Outcome.FAILED, reason=Reason.EVICTED)
    stored = _landed([], append([], [failed], FLAGS, SWEEP))
    stored = _landed(stored, append(stored, [_record(attempt=2)], FLAGS, SWEEP))
    assert len(stored[0]["records"]) == 2
    assert list(load(stored)) == [_record(attempt=2)]


def test_a_full_segment_is_followed_by_another_and_never_written_again() -> None:
    stored = _landed([], append([], [_record(k) for k in range(MAX_RECORDS)], FLAGS, SWEEP))
    (write,) = append(stored, [_record(MAX_RECORDS)], FLAGS, SWEEP)
    assert not write.replaces
    assert write.name == "3f1c-uid-1"
    assert write.manifest["sequence"] == 1


def test_one_call_may_fill_a_segment_up_and_begin_two_more() -> None:
    stored = _landed([], append([], [_record(0)], FLAGS, SWEEP))
    writes = append(stored, [_record(k) for k in range(1, 2 * MAX_RECORDS + 1)], FLAGS, SWEEP)
    assert [(write.name, write.replaces, len(write.records)) for write in writes] == [
        ("3f1c-uid-0", True, MAX_RECORDS - 1),
        ("3f1c-uid-1", False, MAX_RECORDS),
        ("3f1c-uid-2", False, 1),
    ]


def test_records_with_much_in_them_make_more_segments_of_bounded_size() -> None:
    records = [_record(k, metrics={f"val_metric_{n}_{'x' * 40}": k + n / 7 for n in range(60)}) for k in range(100)]
    writes = append([], records, FLAGS, SWEEP)
    assert len(writes) > 1
    sizes = [len(json.dumps(write.manifest, separators=(",", ":"), ensure_ascii=False).encode()) for write in writes]
    assert max(sizes) <= MAX_SEGMENT_BYTES
    assert min(sizes[:-1]) > MAX_SEGMENT_BYTES / 2, "all but the last are well filled"
    assert len(load(_landed([], writes))) == 100


_records = st.lists(
    st.builds(
        Record,
        point_key=st.sampled_from(["ab", "cd", "ef"]),
        replicate=st.integers(0, 3),
        outcome=st.sampled_from([Outcome.OK, Outcome.DIVERGED, Outcome.FAILED]),
        run=st.just("r"),
        attempt=st.integers(0, 3),
        epochs=st.integers(0, 9),
        metrics=st.dictionaries(st.sampled_from("abc"), st.floats(allow_nan=False, allow_infinity=False)),
    ),
    max_size=30,
)


@given(st.lists(_records, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_whatever_the_order_of_segments_the_same_records_are_loaded(batches: list[list[Record]], chance: Any) -> None:
    segments = [
        {**write.manifest, "sequence": number}
        for number, batch in enumerate(batches)
        for write in append([], batch, FLAGS, SWEEP)
    ]
    loaded = {record.key: record for record in load(segments)}
    chance.shuffle(segments)
    assert {record.key: record for record in load(segments)} == loaded
    assert loaded.keys() == {record.key for batch in batches for record in batch}
