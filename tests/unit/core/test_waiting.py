"""Runs whose pods the API server refuses: their Jobs wait, few of them, and are asked for again where there may be room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.conditions import Reason
from regsweep.core.plan import Plan, plan
from regsweep.core.refusals import Refusal
from regsweep.core.waiting import MOST_WAITING, all_have_pods, told_refusal
from regsweep.core.world import Observed

from .simulation import World, sweep_of

QUOTA = Refusal(Reason.QUOTA_EXCEEDED, "exceeded quota: gpus, requested: requests.nvidia.com/gpu=1")
BROKEN = Refusal(Reason.PODS_REFUSED, 'violates PodSecurity "restricted:latest"')


class Waiting:
    """A sweep whose first Jobs have pods, and whose others wait for theirs."""

    def __init__(self, jobs: int, with_pods: int, *, refusal: Refusal = QUOTA, **spec: Any) -> None:
        values = list(range(60))
        self.world = World(sweep_of({"l2": values}, **{"parallelism": jobs, **spec}))
        self.names = [request.name for request in self.world.step().create]
        for name in self.names[:with_pods]:
            self.world.add_pod(name)
        self.refused = dict.fromkeys(self.names[with_pods:], refusal)

    def observed(self, **fields: Any) -> Observed:
        return replace(self.world.observe(), **{"refused_pods": self.refused, "cautious": True, **fields})

    def plan(self, **fields: Any) -> Plan:
        return plan(self.world.sweep, self.observed(**fields), self.world.now)

    def raise_parallelism(self, to: int) -> None:
        self.world.sweep = sweep_of({"l2": list(range(60))}, parallelism=to)


@pytest.mark.parametrize(
    ("refusal", "jobs", "deleted"),
    [
        pytest.param(QUOTA, 4, 0, id="in a quota all are kept"),
        pytest.param(QUOTA, MOST_WAITING + 7, 5, id="in a quota, but not any number"),
        pytest.param(BROKEN, 4, 1, id="of those that break a rule one is enough"),
    ],
)
def test_jobs_without_pods_are_kept(refusal: Refusal, jobs: int, deleted: int) -> None:
    waiting = Waiting(jobs, 2, refusal=refusal)
    assert [ref.name for ref in waiting.plan().delete] == waiting.names[jobs - deleted :], "the youngest go"


def test_a_job_of_another_template_leaves_and_one_that_has_had_a_pod_does_not() -> None:
    waiting = Waiting(2, 1)
    waiting.refused = dict.fromkeys(waiting.names, QUOTA)
    decided = waiting.plan(template="another")
    assert [ref.name for ref in decided.delete] == waiting.names[1:]
    assert decided.ask_again == ()


def test_what_is_told_is_the_refusal_of_what_jobs_are_made_from_now() -> None:
    waiting = Waiting(2, 0)
    assert told_refusal(waiting.observed()) == QUOTA
    assert told_refusal(waiting.observed(template="another")) is None
    assert told_refusal(waiting.observed(refusal=BROKEN)) == BROKEN, "a Job's comes first"


@pytest.mark.parametrize(
    ("jobs", "with_pods", "created"),
    [
        pytest.param(1, 0, 0, id="while one waits and none has a pod, none"),
        pytest.param(1, 1, 1, id="as many as have pods"),
        pytest.param(4, 4, 4, id="as many again: a quota that was raised is found out by doubling"),
        pytest.param(6, 4, 2, id="those that wait are among them"),
        pytest.param(6, 3, 0, id="and no more"),
        pytest.param(30, 30, MOST_WAITING, id="never many"),
    ],
)
def test_after_a_refusal_few_jobs_at_a_time_are_created(jobs: int, with_pods: int, created: int) -> None:
    waiting = Waiting(jobs, with_pods)
    waiting.raise_parallelism(60)
    assert len(waiting.plan().create) == created


def test_where_pods_break_a_rule_no_more_jobs_are_created() -> None:
    waiting = Waiting(4, 3, refusal=BROKEN)
    waiting.raise_parallelism(9)
    assert waiting.plan().create == ()


def test_where_there_may_be_room_the_oldest_are_asked_for() -> None:
    waiting = Waiting(6, 2)
    assert waiting.plan().ask_again == ()
    assert [ref.name for ref in waiting.plan(room=2).ask_again] == waiting.names[2:4]
    assert [ref.name for ref in waiting.plan(room=9).ask_again] == waiting.names[2:]


def test_a_pod_that_was_asked_for_in_vain_is_asked_for_once_more() -> None:
    waiting = Waiting(5, 2)
    first, second, third = waiting.names[2:]
    assert waiting.plan(asked={first: False}).ask_again == (), "not yet"
    assert [ref.name for ref in waiting.plan(asked={second: True}).ask_again] == [second]
    assert [ref.name for ref in waiting.plan(asked={first: False, second: True}, room=1).ask_again] == [second, third]


def test_jobs_that_wait_give_way_to_a_lower_parallelism() -> None:
    waiting = Waiting(5, 2)
    waiting.raise_parallelism(3)
    assert [ref.name for ref in waiting.plan().delete] == waiting.names[3:]
    waiting.raise_parallelism(0)
    assert [ref.name for ref in waiting.plan().delete] == waiting.names[2:]


@given(
    jobs=st.integers(1, 40),
    with_pods=st.integers(0, 40),
    parallelism=st.integers(0, 60),
    room=st.integers(0, 40),
    refusal=st.sampled_from([QUOTA, BROKEN]),
    template=st.sampled_from(["", "another"]),
)
def test_no_pod_is_asked_for_that_has_no_slot_and_no_job_is_made_only_to_be_deleted(
    jobs: int, with_pods: int, parallelism: int, room: int, refusal: Refusal, template: str
) -> None:
    waiting = Waiting(jobs, min(with_pods, jobs), refusal=refusal)
    waiting.raise_parallelism(parallelism)
    decided = waiting.plan(room=room, template=template)
    leaving = {ref.name for ref in decided.delete}
    assert leaving.isdisjoint(ref.name for ref in decided.ask_again)
    assert template or not (leaving and decided.create), "it would be deleted as well"
    assert jobs - len(leaving) + len(decided.create) <= max(parallelism, min(with_pods, jobs))
    assert len(decided.ask_again) <= room


@pytest.mark.parametrize(
    ("with_pods", "refused", "leaving", "all_have"),
    [
        pytest.param(3, False, False, True, id="each has its pod"),
        pytest.param(2, False, False, False, id="one lacks it"),
        pytest.param(2, True, False, False, id="one is refused it"),
        pytest.param(3, False, True, False, id="one is leaving: another one comes in its place"),
    ],
)
def test_caution_lasts_until_every_run_has_had_its_pod(
    with_pods: int, refused: bool, leaving: bool, all_have: bool
) -> None:
    waiting = Waiting(3, with_pods)
    if leaving:
        name = waiting.names[-1]
        waiting.world.runs[name] = replace(waiting.world.runs[name], deleting=True)
    observed = waiting.observed() if refused else waiting.observed(refused_pods={})
    assert all_have_pods(observed) is all_have
