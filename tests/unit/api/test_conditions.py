"""Every reason explains itself, is used, and stands on the generated page."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import regsweep
from regsweep.api import conditions
from regsweep.api.condition_reference import condition_page
from regsweep.api.conditions import NO_RETRY_MENDS, ConditionType, Reason, Retry

SOURCE = Path(regsweep.__file__).parent
SENTENCE = re.compile(r"[`A-Z].*[^.]\.")

each_reason = pytest.mark.parametrize("reason", Reason, ids=str)


@cache
def used_members() -> set[str]:
    """Names of the reasons that any module but the one that defines them refers to."""
    return {
        node.attr
        for path in SOURCE.rglob("*.py")
        if path != Path(conditions.__file__)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }


@each_reason
def test_a_reason_says_what_it_means_in_a_sentence(reason: Reason) -> None:
    assert SENTENCE.fullmatch(reason.about.meaning)
    assert not reason.about.remedy or SENTENCE.fullmatch(reason.about.remedy)


@each_reason
def test_a_reason_has_a_place_and_code_that_gives_it(reason: Reason) -> None:
    about = reason.about
    assert about.conditions or about.event or about.run_failure is not None
    assert reason.name in used_members()


@each_reason
def test_a_reason_is_a_word_for_programs(reason: Reason) -> None:
    assert re.fullmatch(r"([A-Z][a-z]+)+", reason.value)
    assert Reason(reason.value) is reason


@each_reason
def test_a_reason_stands_on_the_page_in_every_place_it_has(reason: Reason) -> None:
    about = reason.about
    only_event = about.event and not about.conditions
    places = len(about.conditions) + (about.run_failure is not None) + only_event
    assert condition_page().count(f"| `{reason}` | {about.meaning} |") == places


@pytest.mark.parametrize("kind", ConditionType, ids=str)
def test_a_condition_says_what_it_means_and_has_reasons(kind: ConditionType) -> None:
    assert SENTENCE.fullmatch(kind.meaning)
    assert [reason for reason in Reason if kind in reason.about.conditions]


def test_only_failed_runs_have_reasons_that_no_retry_mends() -> None:
    assert {r for r in Reason if r.about.run_failure is Retry.USELESS} == NO_RETRY_MENDS
    assert {Reason.INVALID_FLAGS, Reason.NO_RECORD} <= NO_RETRY_MENDS
    assert not {Reason.EVICTED, Reason.TIMEOUT, Reason.VALID} & NO_RETRY_MENDS
