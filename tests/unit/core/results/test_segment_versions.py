"""Stored records among versions: additions come back, and neither an older nor a later version loses what it does not know."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.api.objective import EpochRule
from regsweep.api.spec import Flags, Goal, SweepSpec
from regsweep.api.status import Resolved
from regsweep.api.sweep_result import SweepResult
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Records, Source
from regsweep.core.results.segments import UNKNOWN_RULE, append, load
from regsweep.core.sweep import Sweep

SWEEP = Sweep(
    "cancer",
    "team-a",
    "uid",
    1,
    SweepSpec.model_validate({"flags": [{"name": "l2", "values": [0, 0.01]}]}),
    Resolved(image="i", gpus=0, gpu_resource="nvidia.com/gpu", seed=0, operator_version="0"),
    points=(),
)
FLAGS: dict[str, Flags] = {"ab": {"l2": 0.01}}
LOSS = EpochRule("val_average_loss", Goal.MINIMIZE)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def record_of(replicate: int = 0, **fields: Any) -> Record:
    return Record(**{"point_key": "ab", "replicate": replicate, "outcome": Outcome.OK, "run": "cancer-1", **fields})


def stored(*records: Record) -> dict[str, Any]:
    """The segment as the API server has it."""
    (write,) = append([], records, FLAGS, SWEEP)
    segment: dict[str, Any] = json.loads(json.dumps(write.manifest))
    segment["metadata"]["resourceVersion"] = "7"
    return segment


def content(segment: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in segment.items() if name not in ("apiVersion", "kind", "metadata")}


FULL = record_of(
    metrics={"val_average_loss": 0.5},
    best=BestEpoch(3, 0.2, 0.4, LOSS),
    environment=Environment("jax", "cpu", data="ab12", data_digest="1f0c000000000000"),
    started_at=NOON,
    ended_at=NOON.replace(minute=3),
    gpu_seconds=360.0,
)


def test_all_that_a_trainer_reports_is_stored_and_comes_back() -> None:
    segment = stored(FULL)
    assert list(load([segment])) == [FULL]
    SweepResult.model_validate(content(segment))
    (entry,) = segment["records"]
    assert (entry["start"], entry["end"], entry["gpuSeconds"]) == (
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:03:00Z",
        360.0,
    )
    (environment,) = segment["environments"]
    assert environment["rule"] == {"metric": "val_average_loss", "goal": "Minimize"}
    assert environment["dataDigest"] == "1f0c000000000000"


def test_records_of_two_rules_keep_each_its_own() -> None:
    other = record_of(1, best=BestEpoch(3, 0.2, 0.4, EpochRule("val_accuracy", Goal.MAXIMIZE)))
    unnamed = record_of(2, best=BestEpoch(3, 0.2, 0.4))
    assert list(load([stored(FULL, other, unnamed)])) == [FULL, other, unnamed]


def test_records_of_an_older_version_are_read_as_before() -> None:
    segment = stored(FULL)
    for name in ("start", "end", "gpuSeconds"):
        del segment["records"][0][name]
    segment["environments"] = [{"key": segment["records"][0]["environment"], "backend": "jax"}]
    (record,) = load([segment])
    assert record.best == BestEpoch(3, 0.2, 0.4, None)
    assert record.environment == Environment("jax")
    assert (record.started_at, record.ended_at, record.gpu_seconds) == (None, None, None)


def test_what_a_later_version_wrote_survives_a_record_that_is_added_to_it() -> None:
    segment = stored(FULL)
    segment["records"][0] |= {"joules": 12.5, "outcome": "Preempted", "source": "Tracing", "reason": "PowerCut"}
    segment["environments"][0] |= {"cluster": "east"}
    segment["points"][0] |= {"script": "ab"}
    segment["compression"] = "none"
    before = copy.deepcopy(content(segment))
    (write,) = append([segment], [record_of(1)], FLAGS, SWEEP)
    assert write.replaces
    after = content(json.loads(json.dumps(write.manifest)))
    assert after["records"].pop()["replicate"] == 1
    assert after == before


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        pytest.param("source", "Tracing", {"source": Source.UNKNOWN}, id="a source"),
        pytest.param(
            "reason", "PowerCut", {"reason": Reason.UNKNOWN, "message": "PowerCut: "}, id="a reason, which the message keeps"
        ),
        pytest.param("outcome", "Preempted", {"outcome": Outcome.UNKNOWN, "metrics": {}, "best": None}, id="an outcome"),
        pytest.param("start", "noon", {"started_at": None}, id="a time in another format"),
    ],
)  # fmt: skip
def test_a_value_of_a_later_version_is_shown_as_unknown(field: str, value: str, read: dict[str, Any]) -> None:
    segment = stored(FULL)
    segment["records"][0][field] = value
    (record,) = load([segment])
    assert {name: getattr(record, name) for name in read} == read


def test_an_unknown_outcome_is_neither_ranked_nor_trained_again() -> None:
    segment = stored(FULL)
    segment["records"][0]["outcome"] = "Preempted"
    records = load([segment])
    (record,) = records
    assert record.has_result
    assert not records.add(record_of(attempt=5)), "the stored one wins"
    assert Records([record]).get("ab", 0) == record


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"metric": "val_auc", "goal": "Closest"}, id="a goal of a later version"),
        pytest.param({"epochs": [3, 5]}, id="a rule of another kind"),
    ],
)
def test_a_best_epoch_by_a_rule_of_a_later_version_fits_no_objective(rule: dict[str, Any]) -> None:
    segment = stored(FULL)
    segment["environments"][0]["rule"] = rule
    (record,) = load([segment])
    assert record.best is not None
    assert record.best.rule == UNKNOWN_RULE
