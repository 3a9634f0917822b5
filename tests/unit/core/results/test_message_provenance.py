"""What a message says beside its values: the data, the rule of best epochs, times and GPUs; bounded, and none of it required."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.objective import EpochRule
from regsweep.api.spec import Goal
from regsweep.core.results.messages import MalformedMessage, Message, parse_message, records_of
from regsweep.core.results.records import BestEpoch, Record
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = int(NOON.timestamp())
LOSS = EpochRule("val_average_loss", Goal.MINIMIZE)
RUN = ObservedRun("cancer-1", "job-uid", "abcdef", 0, 2, 2, attempt=0, created_at=NOON, rule=LOSS)
POD = ObservedPod("pod", "u", 0, PodPhase.SUCCEEDED, created_at=NOON)
RECORDS = [[0, "Ok", 9, [0.5], [3, 0.3, 0.4]], [1, "Ok", 9, [0.6], None]]


def text_of(**header: Any) -> str:
    return json.dumps({"version": 1, "columns": ["val_average_loss"], "records": RECORDS, **header})


def records_from(run: ObservedRun = RUN, **header: Any) -> list[Record]:
    message = parse_message(text_of(**header))
    assert isinstance(message, Message), message
    return list(records_of(run, POD, message))


def test_what_a_trainer_reports_is_in_its_records() -> None:
    first, second = records_from(
        dataDigest="1f0c" + "0" * 60,
        rule={"metric": "val_accuracy", "goal": "Maximize"},
        times={"start": START, "replicates": [[2.4, 62.5], None]},
        gpus=2,
    )
    assert first.environment.data_digest == "1f0c" + "0" * 12
    assert first.best == BestEpoch(3, 0.3, 0.4, EpochRule("val_accuracy", Goal.MAXIMIZE))
    assert (first.started_at, first.ended_at) == (NOON.replace(second=2), NOON.replace(minute=1, second=2))
    assert first.gpu_seconds == pytest.approx(120.2)
    assert (second.started_at, second.ended_at, second.gpu_seconds) == (None, None, None)


@pytest.mark.parametrize(
    ("header", "gpu_seconds"),
    [
        pytest.param({"gpus": 0, "times": {"start": START, "replicates": [[0, 9], [9, 9]]}}, 0.0, id="on the CPU"),
        pytest.param({"times": {"start": START, "replicates": [[0, 9], [9, 9]]}}, None, id="how many is not known"),
        pytest.param({"gpus": 4}, None, id="how long is not known"),
    ],
)
def test_seconds_on_gpus(header: dict[str, Any], gpu_seconds: float | None) -> None:
    assert records_from(**header)[0].gpu_seconds == gpu_seconds


def test_a_trainer_that_names_no_rule_has_chosen_by_the_one_that_it_was_given() -> None:
    assert records_from()[0].best == BestEpoch(3, 0.3, 0.4, LOSS)
    assert records_from(replace(RUN, rule=None))[0].best == BestEpoch(3, 0.3, 0.4, None), "an old Job does not say"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        pytest.param({"dataDigest": "1f0c"}, "dataDigest", id="a digest that is too short to tell data apart"),
        pytest.param({"dataDigest": "x" * 64}, "dataDigest", id="a digest that is none"),
        pytest.param({"dataDigest": "a" * 65}, "dataDigest", id="a digest that is too long"),
        pytest.param({"rule": {"metric": "val_loss", "goal": "Best"}}, "rule.goal", id="a goal that is none"),
        pytest.param({"rule": {"metric": "v" * 64, "goal": "Minimize"}}, "rule.metric", id="a metric's name without end"),
        pytest.param({"gpus": -1}, "gpus", id="fewer than no GPUs"),
        pytest.param({"gpus": 1.5}, "gpus", id="half a GPU"),
        pytest.param({"times": {"start": -1, "replicates": [None, None]}}, "times.start", id="before there was Unix"),
        pytest.param({"times": {"start": 10**18, "replicates": [None, None]}}, "times.start", id="beyond every calendar"),
        pytest.param({"times": {"start": START, "replicates": [None]}}, "1 entries for 2 records", id="a time is missing"),
        pytest.param(
            {"times": {"start": START, "replicates": [[5, 4], None]}}, "an end before its start", id="backwards"
        ),
        pytest.param({"times": {"start": START, "replicates": [[0, 1e12], None]}}, "times.replicates", id="for ever"),
    ],
)  # fmt: skip
def test_impossible_values_are_reported(header: dict[str, Any], words: str) -> None:
    message = parse_message(text_of(**header))
    assert isinstance(message, MalformedMessage)
    assert words in message.reason


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["start", "replicates", "metric", "goal"]), inner),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["dataDigest", "rule", "times", "gpus"]), _json))
def test_no_value_makes_the_reader_raise(header: dict[str, Any]) -> None:
    message = parse_message(text_of(**header))
    if isinstance(message, Message):
        assert len(records_of(RUN, POD, message)) == 2
