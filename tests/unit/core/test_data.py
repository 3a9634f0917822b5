"""The data that results rest on: pinned by the earliest result, and results of other data never ranked beside it."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.api.conditions import Reason
from regsweep.core.data import change_of, is_unguarded, pinned_digest, with_same_data
from regsweep.core.results.records import Environment, Outcome, Record, Records

OLD, NEW = "1f0c000000000000", "9a3e000000000000"
KEYS = frozenset({"ab", "cd"})


def record_of(key: str = "ab", replicate: int = 0, digest: str = OLD, **fields: Any) -> Record:
    values = {"outcome": Outcome.OK, "run": "r", "environment": Environment(data_digest=digest, train_rows=60)}
    return Record(key, replicate, **{**values, **fields})


@pytest.mark.parametrize(
    ("records", "pinned"),
    [
        pytest.param([], "", id="nothing is stored"),
        pytest.param([record_of(), record_of("cd", digest=NEW)], OLD, id="the earliest result decides"),
        pytest.param([record_of("zz", digest=NEW), record_of()], OLD, id="results of other points say nothing"),
        pytest.param([record_of(digest=""), record_of("cd", digest=NEW)], NEW, id="nor do those that name no data"),
        pytest.param(
            [record_of(digest=NEW, outcome=Outcome.FAILED), record_of("cd")], OLD, id="nor do failures of other data"
        ),
        pytest.param([record_of(outcome=Outcome.DIVERGED)], OLD, id="a diverged training has read its data too"),
    ],
)
def test_which_data_are_pinned(records: list[Record], pinned: str) -> None:
    assert pinned_digest(KEYS, Records(records)) == pinned


def test_data_that_are_known_beforehand_need_no_result() -> None:
    assert pinned_digest(KEYS, Records([record_of()]), NEW) == NEW


def test_results_of_other_data_become_failures_that_say_so() -> None:
    same, other, elsewhere, silent = (
        record_of(),
        record_of("cd", 3, NEW, attempt=2),
        record_of("zz", digest=NEW),
        record_of("ab", 1, ""),
    )
    kept = with_same_data([same, other, elsewhere, silent], KEYS, OLD)
    assert (kept[0], kept[2], kept[3]) == (same, elsewhere, silent)
    refused = kept[1]
    assert (refused.key, refused.attempt, refused.outcome) == (("cd", 3), 2, Outcome.FAILED)
    assert refused.reason is Reason.DATA_CHANGED
    assert (refused.run, refused.replicate) == (other.run, other.replicate)
    assert refused.environment == Environment(data_digest=NEW), "its rows are no rows of these data"
    assert refused.metrics == {}
    assert "1f0c -> 9a3e" in refused.message


def test_of_the_first_results_that_come_together_the_first_one_pins() -> None:
    kept = with_same_data([record_of(digest=NEW), record_of("cd")], KEYS, "")
    assert [record.outcome for record in kept] == [Outcome.OK, Outcome.FAILED]


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        pytest.param(OLD, NEW, "1f0c -> 9a3e", id="four digits do"),
        pytest.param("1f0c1111", "1f0c1222", "1f0c11 -> 1f0c12", id="as many as tell them apart"),
        pytest.param("1f0c", "1f0c", "1f0c -> 1f0c", id="never more than there are"),
        pytest.param(OLD, "", "from 1f0c", id="the new one is not known"),
        pytest.param("", "", "", id="neither is known"),
    ],
)
def test_a_change_in_as_few_digits_as_show_it(old: str, new: str, shown: str) -> None:
    assert change_of(old, new) == shown


@pytest.mark.parametrize(
    ("records", "unguarded"),
    [
        pytest.param([], False, id="nothing is known before the first result"),
        pytest.param([record_of(digest="")], True, id="no result names its data"),
        pytest.param([record_of(digest=""), record_of("cd")], False, id="one does"),
        pytest.param([record_of(digest="", outcome=Outcome.FAILED)], False, id="a failure need not name them"),
    ],
)
def test_whether_a_change_would_be_noticed(records: list[Record], unguarded: bool) -> None:
    assert is_unguarded(KEYS, Records(records)) is unguarded
