"""Events on sweeps: which changes of conditions make one, and that each is written once, and never in the way of anything."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from regsweep.adapters.kubeapi import EVENTS, KubeObject
from regsweep.adapters.memory import MemoryApi, Write
from regsweep.api.conditions import ConditionStatus, ConditionType, Reason
from regsweep.api.status import Condition
from regsweep.controller.writers.events import EventWriter, Notices, transitions
from regsweep.core.notices import Notice
from regsweep.errors import Refused

STAMP = "2026-11-23T10:00:00Z"
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def condition(type_: ConditionType, status: ConditionStatus, reason: str) -> Condition:
    return Condition(type=type_, status=status, reason=reason, message="words", last_transition_time=STAMP)


def conditions(states: list[tuple[str, str, str]]) -> list[Condition]:
    return [condition(ConditionType(t), ConditionStatus(s), r) for t, s, r in states]


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        pytest.param([], [("Complete", "True", "AllRunsEnded")], [("Complete", False)], id="it completed"),
        pytest.param(
            [("Complete", "True", "AllRunsEnded")], [("Complete", "True", "AllRunsEnded")], [], id="it still is"
        ),
        pytest.param([], [("Failed", "True", "RunsFailAlike")], [("RunsFailAlike", True)], id="it failed"),
        pytest.param([], [("Failed", "False", "WithinLimit")], [], id="it has not failed"),
        pytest.param(
            [("Accepted", "True", "Valid")], [("Accepted", "False", "Immutable")], [("Immutable", True)], id="refused"
        ),
        pytest.param([], [("Progressing", "True", "RunsTraining")], [], id="what changes all the time is no event"),
    ],
)
def test_events_tell_what_a_person_would_ask_about(
    before: list[tuple[str, str, str]], after: list[tuple[str, str, str]], events: list[tuple[str, bool]]
) -> None:
    assert [(n.reason.value, n.warning) for n in transitions(conditions(before), conditions(after))] == events


def notice(number: int = 0) -> Notice:
    return Notice(Reason.RUN_FAILED, f"Run {number} failed.", warning=True)


def test_a_notice_is_given_out_once_in_a_term() -> None:
    notices = Notices()
    notices.add([notice(1), notice(2), notice(1)])
    assert notices.take() == [notice(1), notice(2)]
    notices.add([notice(2), notice(3)])
    assert notices.take() == [notice(3)]
    assert notices.take() == []


def test_the_first_ten_notices_tell_the_story_and_the_rest_is_dropped() -> None:
    notices = Notices()
    notices.add(notice(n) for n in range(25))
    assert notices.take() == [notice(n) for n in range(10)]
    assert notices.take() == []


def sweep(generation: int = 1, name: str = "demo") -> KubeObject:
    return {"metadata": {"name": name, "namespace": "lab", "uid": "uid", "generation": generation}}


async def test_an_event_says_what_happened_to_which_sweep() -> None:
    api = MemoryApi()
    await EventWriter(api, instance="operator-0", now=lambda: NOW).write(sweep(), [notice()])
    (event,) = api.objects(EVENTS)
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "RunFailed", "Run 0 failed.")
    assert (event["involvedObject"]["name"], event["involvedObject"]["uid"]) == ("demo", "uid")
    assert (event["reportingInstance"], event["firstTimestamp"]) == ("operator-0", STAMP)


async def test_an_event_is_written_once_for_a_generation_whoever_writes_it() -> None:
    api = MemoryApi()
    for generation, count in ((1, 1), (1, 1), (2, 2)):
        await EventWriter(api, instance="any", now=lambda: NOW).write(sweep(generation), [notice()])
        assert len(api.objects(EVENTS)) == count


async def test_an_event_that_is_refused_is_given_up_and_the_next_one_is_written() -> None:
    api = MemoryApi()
    remaining = 1

    def refuse(_: Write) -> None:
        nonlocal remaining
        remaining -= 1
        if remaining >= 0:
            raise Refused("exceeded quota", 403)

    api.before_write = refuse
    await EventWriter(api, instance="any", now=lambda: NOW).write(sweep(), [notice(1), notice(2)])
    assert [event["message"] for event in api.objects(EVENTS)] == ["Run 2 failed."]


@pytest.mark.parametrize(
    ("length", "end"),
    [
        pytest.param(1024, "x", id="as long as the API server takes"),
        pytest.param(1025, "...", id="too long"),
    ],
)
async def test_a_message_is_cut_where_the_api_server_would_refuse_it(length: int, end: str) -> None:
    api = MemoryApi()
    long = Notice(Reason.RUN_FAILED, "x" * length)
    await EventWriter(api, instance="any", now=lambda: NOW).write(sweep(name="n" * 253), [long])
    (event,) = api.objects(EVENTS)
    assert len(event["message"]) == 1024
    assert event["message"].endswith(end)
    assert len(event["metadata"]["name"]) <= 253
    assert event["type"] == "Normal"
