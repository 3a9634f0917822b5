"""The termination message: what is read from it, and what becomes of one that keeps no contract."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.core.results.messages import (
    MalformedMessage,
    Message,
    ReplicateResult,
    TrainerError,
    parse_message,
    records_of,
)
from regsweep.core.results.records import BestEpoch, Environment, Outcome, Record, Source, TestLosses
from regsweep.core.runs import ObservedPod, ObservedRun, PodPhase

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN = ObservedRun(
    name="cancer-0123456789ab",
    uid="job-uid",
    point_key="abcdef",
    first_replicate=4,
    replicates=5,
    replicates_per_pod=2,
    attempt=2,
    created_at=NOON,
)
CONTRACT_EXAMPLE = """{"version":1,"backend":"tensorflow","device":"cpu",
     "columns":["train_average_loss","val_average_loss","train_accuracy","val_accuracy","regularization_loss"],
     "records":[[0,"Ok",30,[0.05,0.071,0.98,0.97,0.01],[21,0.06,0.07]],[1,"Diverged",3,[null,null,null,null,null],null]]}
"""


def _pod(index: int = 0) -> ObservedPod:
    return ObservedPod(name=f"pod-{index}", uid="u", index=index, phase=PodPhase.SUCCEEDED, created_at=NOON)


def _text(*records: Sequence[object], version: object = 1, columns: object = None, **more: object) -> str:
    names = ["val_average_loss"] if columns is None else columns
    return json.dumps({"version": version, "columns": names, "records": list(records), **more})


def test_the_example_of_the_contract_is_read() -> None:
    assert parse_message(CONTRACT_EXAMPLE) == Message(
        results=(
            ReplicateResult(
                0,
                Outcome.OK,
                30,
                {
                    "train_average_loss": 0.05,
                    "val_average_loss": 0.071,
                    "train_accuracy": 0.98,
                    "val_accuracy": 0.97,
                    "regularization_loss": 0.01,
                },
                BestEpoch(21, 0.06, 0.07),
            ),
            ReplicateResult(1, Outcome.DIVERGED, 3, {}, None),
        ),
        environment=Environment("tensorflow", "cpu"),
    )


def test_an_error_is_read_without_any_record() -> None:
    message = parse_message('{"version":1,"error":{"reason":"InvalidFlags","message":"flag l3: not known"}}')
    assert message == Message((), Environment(), TrainerError("InvalidFlags", "flag l3: not known"))


def test_fields_of_a_later_trainer_are_put_up_with() -> None:
    message = parse_message(_text([0, "Ok", 1, [0.5], None], rows={"train": 60}))
    assert isinstance(message, Message)
    assert [result.metrics for result in message.results] == [{"val_average_loss": 0.5}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Traceback (most recent call last):", "Invalid JSON", id="a traceback"),
        pytest.param(CONTRACT_EXAMPLE[:150], "Invalid JSON", id="a message that was cut off"),
        pytest.param("[]", "object", id="JSON that is no object"),
        pytest.param("null", "object", id="null"),
        pytest.param('{"columns":[]}', "version: Field required", id="no version"),
        pytest.param(_text(version=2), "version is 2, this operator reads version 1", id="a later version"),
        pytest.param(_text(version="1"), "version: Input should be a valid integer", id="a version in quotes"),
        pytest.param(
            _text([0, "Ok", 1, [0.5, 0.6], None]),
            "replicate 0 has 2 values for 1 columns",
            id="more values than columns",
        ),
        pytest.param(
            _text([0, "Ok", 1, [], None]), "replicate 0 has 0 values for 1 columns", id="fewer values than columns"
        ),
        pytest.param(
            _text([3, "Ok", 1, [0.5], None], [3, "Ok", 1, [0.4], None]),
            "replicate 3 appears twice",
            id="a replicate twice",
        ),
        pytest.param(_text(columns=["a", "a"]), "columns has a twice", id="a column twice"),
        pytest.param(_text(columns=["val loss"]), "columns.0: String should match pattern", id="a column with a blank"),
        pytest.param(
            _text([0, "Fine", 1, [0.5], None]), "records.0.1: Input should be 'Ok' or 'Diverged'", id="an outcome"
        ),
        pytest.param(_text([0, "Ok", 1]), "records.0", id="a record that is too short"),
        pytest.param(_text([-1, "Ok", 1, [0.5], None]), "records.0.0", id="a negative replicate"),
        pytest.param(_text([10**400, "Ok", 1, [0.5], None]), "records.0.0", id="a replicate of 400 digits"),
        pytest.param(_text([0, "Ok", True, [0.5], None]), "records.0.2", id="a boolean for a number"),
        pytest.param(_text([0, "Ok", 1, ["0.5"], None]), "records.0.3.0", id="a number in quotes"),
        pytest.param(_text([0, "Ok", 1, [0.5], [0, 0.1, 0.1]]), "records.0.4.0", id="a best epoch before the first"),
        pytest.param(
            '{"version":1,"columns":["a"],"records":[[0,"Ok",1,[NaN],null]]}',
            "records.0.3.0",
            id="a NaN, which is not JSON",
        ),
        pytest.param(
            '{"version":1,"columns":["a"],"records":[[0,"Ok",1,[1e999],null]]}',
            "records.0.3.0",
            id="a number beyond a double",
        ),
        pytest.param("[" * 10_000, "", id="nested without end"),
        pytest.param("x" * 100_000, "100000 characters", id="a log instead of a message"),
        pytest.param("\ud800", "", id="a lone surrogate"),
    ],
)
def test_what_violates_the_contract_is_reported_in_words(text: str, words: str) -> None:
    message = parse_message(text)
    assert isinstance(message, MalformedMessage)
    assert words in message.reason
    assert message.reason.startswith("The termination message does not follow the training contract: ")
    assert not message.empty
    assert len(message.reason) < 800


@pytest.mark.parametrize("text", [pytest.param("", id="nothing"), pytest.param(" \n", id="blanks alone")])
def test_no_message_is_distinguished_from_a_wrong_one(text: str) -> None:
    assert parse_message(text) == MalformedMessage("The trainer wrote no termination message.", empty=True)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=10,
)


@given(st.text() | st.builds(json.dumps, _json) | st.builds(lambda v: json.dumps({"version": 1, "records": v}), _json))
def test_no_text_makes_the_reader_raise(text: str) -> None:
    assert isinstance(parse_message(text), Message | MalformedMessage)


@given(st.integers(0, len(CONTRACT_EXAMPLE.strip()) - 1))
def test_a_message_cut_off_anywhere_is_never_taken_for_a_whole_one(length: int) -> None:
    assert isinstance(parse_message(CONTRACT_EXAMPLE[:length]), MalformedMessage)


def test_records_carry_the_identity_of_the_run_and_what_trained_them() -> None:
    text = _text(
        [4, "Ok", 7, [0.5], [3, None, 0.4]],
        backend="jax",
        device="cpu",
        data="ab12",
        rows={"train": 60, "stop": 20, "val": 20},
        test={"rows": "0f0f", "losses": ["ADwAPA=="]},
    )
    message = parse_message(text)
    assert isinstance(message, Message)
    assert records_of(RUN, replace(_pod(), image="sha256:0f"), message) == (
        Record(
            point_key="abcdef",
            replicate=4,
            outcome=Outcome.OK,
            run="cancer-0123456789ab",
            attempt=2,
            epochs=7,
            metrics={"val_average_loss": 0.5},
            best=BestEpoch(3, None, 0.4),
            source=Source.RECORD,
            environment=Environment("jax", "cpu", "sha256:0f", "ab12", 60, 20),
            test=TestLosses("0f0f", "ADwAPA=="),
        ),
    )


@pytest.mark.parametrize(
    ("index", "kept"),
    [
        pytest.param(0, [4, 5], id="the first pod reports the first two"),
        pytest.param(1, [6, 7], id="the second pod the next two"),
        pytest.param(2, [8], id="the last pod has one replicate alone"),
        pytest.param(9, [], id="an index that the Job does not have reports none"),
    ],
)
def test_a_pod_reports_its_own_replicates_alone(index: int, kept: list[int]) -> None:
    message = parse_message(_text(*([k, "Ok", 1, [0.5], None] for k in range(12))))
    assert isinstance(message, Message)
    assert [record.replicate for record in records_of(RUN, _pod(index), message)] == kept
