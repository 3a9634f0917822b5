"""A sweep's records, merged: which of two wins, and in what order they are read."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.core.results.records import Outcome, Record, Records


def record_of(point: str = "a", replicate: int = 0, outcome: Outcome = Outcome.OK, **fields: Any) -> Record:
    return Record(point, replicate, outcome, **{"run": "run", **fields})


FAILED = record_of(outcome=Outcome.FAILED)
DIVERGED = record_of(outcome=Outcome.DIVERGED)


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        pytest.param(record_of(), record_of(run="other", attempt=1), False, id="the first result wins over any other"),
        pytest.param(DIVERGED, record_of(attempt=1), False, id="a divergence is a result"),
        pytest.param(FAILED, record_of(attempt=1), True, id="a later attempt's result replaces a failure"),
        pytest.param(
            FAILED, record_of(outcome=Outcome.FAILED, attempt=1), True, id="a later attempt's failure replaces it too"
        ),
        pytest.param(FAILED, record_of(), False, id="the same attempt does not have two ends"),
        pytest.param(
            record_of(outcome=Outcome.FAILED, attempt=1), record_of(), False, id="nor does an earlier attempt end later"
        ),
        pytest.param(FAILED, record_of(replicate=1), True, id="another replicate stands beside it"),
        pytest.param(FAILED, record_of("b"), True, id="another point too"),
    ],
)
def test_which_of_two_records_wins(first: Record, second: Record, taken: bool) -> None:
    records = Records([first])
    assert records.add(second) is taken
    replaced = taken and first.key == second.key
    assert list(records) == ([second] if replaced else [first, second] if taken else [first])
    assert list(Records([first]).plus([second])) == list(records)


def test_adding_to_a_copy_leaves_the_original_as_it_was() -> None:
    original = Records([record_of("a"), record_of("b", outcome=Outcome.FAILED)])
    before = list(original)
    more = [record_of("a", 1), record_of("a", 2), record_of("b", attempt=1), record_of("c")]
    assert len(original.plus(more)) == 5
    assert list(original) == before
    assert original.of("c") == {}


def test_the_point_that_was_stored_last_comes_first_where_the_latest_are_asked_for() -> None:
    a, b, c = (record_of(point) for point in "abc")
    late = record_of("a", 1)
    assert list(Records([a, b, c, late]).latest_first()) == [c, b, a, late]
