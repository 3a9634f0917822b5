"""What the API server refuses, told apart by its words, and what a person can do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from regsweep.adapters.kube_errors import error_of
from regsweep.api.conditions import Reason
from regsweep.core.refusals import MAX_WORDS, Refusal, refused_pods, remedy_for
from regsweep.core.retention import deletions
from regsweep.errors import NotPermitted, QuotaExceeded, Refused

from .simulation import World, sweep_of

POD = 'Error creating: pods "demo-1-0-x7k2p" is forbidden: '
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "reason", "words", "remedy"),
    [
        pytest.param(
            f'{POD}violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
            Reason.PODS_REFUSED,
            'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
            "keep that standard",
            id="Pod Security",
        ),
        pytest.param(
            f"{POD}exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: 2, limited: 2",
            Reason.QUOTA_EXCEEDED,
            "exceeded quota: gpus",
            "",
            id="a quota on GPUs",
        ),
        pytest.param(
            f"{POD}failed quota: cpu: must specify limits.cpu for: trainer",
            Reason.PODS_REFUSED,
            "failed quota: cpu: must specify limits.cpu for: trainer",
            "Set these resources",
            id="a quota that demands a limit is not used up",
        ),
        pytest.param(
            f"{POD}maximum memory usage per Container is 1Gi, but limit is 2Gi",
            Reason.PODS_REFUSED,
            "maximum memory usage per Container is 1Gi",
            "or the LimitRange",
            id="a LimitRange",
        ),
        pytest.param(
            f'{POD}error looking up service account lab/robot: serviceaccount "robot" not found',
            Reason.PODS_REFUSED,
            'serviceaccount "robot" not found',
            "Create that service account",
            id="a service account that is not there",
        ),
        pytest.param(
            f"{POD}no PriorityClass with name high was found",
            Reason.PODS_REFUSED,
            "no PriorityClass with name high was found",
            "Create that priority class",
            id="a priority class that is not there",
        ),
        pytest.param(
            f"{POD}unable to validate against any security context constraint: [provider restricted-v2: .spec...]",
            Reason.PODS_REFUSED,
            "any security context constraint",
            "null in the template's securityContext",
            id="OpenShift",
        ),
        pytest.param(
            'Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: no latest tag',
            Reason.PODS_REFUSED,
            'admission webhook "validate.kyverno.svc-fail" denied the request: no latest tag',
            "ask whoever runs that webhook",
            id="a webhook",
        ),
        pytest.param(
            f"{POD}ValidatingAdmissionPolicy 'labels' with binding 'labels' denied request: label team is missing",
            Reason.PODS_REFUSED,
            "label team is missing",
            "ask whoever made that policy",
            id="a policy",
        ),
        pytest.param(
            f"(combined from similar events): {POD}exceeded quota: gpus, requested: requests.nvidia.com/gpu=1",
            Reason.QUOTA_EXCEEDED,
            "exceeded quota: gpus",
            "",
            id="what was said ten times in ten minutes",
        ),
        pytest.param("Error creating: out of\ncheese", Reason.PODS_REFUSED, "out of cheese", "as it says", id="else"),
    ],
)
def test_why_pods_do_not_come(event: str, reason: Reason, words: str, remedy: str) -> None:
    refusal = refused_pods(event)
    assert refusal.reason is reason
    assert words in refusal.words
    assert "combined" not in refusal.words
    assert "x7k2p" not in refusal.words
    assert remedy in remedy_for(refusal)


def test_what_a_webhook_says_is_bounded() -> None:
    assert len(refused_pods("x" * 100_000).words) == MAX_WORDS


@pytest.mark.parametrize(
    ("message", "error"),
    [
        pytest.param(
            'jobs.batch "x" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch=5',
            QuotaExceeded,
            id="a quota",
        ),
        pytest.param(
            'jobs.batch is forbidden: User "system:serviceaccount:a:b" cannot create resource "jobs" in API group "batch"',
            NotPermitted,
            id="a right that is missing",
        ),
        pytest.param('admission webhook "x" denied the request: no', Refused, id="a webhook"),
    ],
)
def test_a_forbidden_request_is_told_apart_by_its_words(message: str, error: type[Refused]) -> None:
    found = error_of(403, {"message": message, "reason": "Forbidden"}, None)
    assert type(found) is error
    assert str(found) == message


@pytest.mark.parametrize(
    ("words", "deleted"),
    [
        pytest.param("exceeded quota: jobs, requested: count/jobs.batch=1", 2, id="one that kept Jobs use up"),
        pytest.param("exceeded quota: pods, requested: count/pods=1", 2, id="one that their pods use up"),
        pytest.param("exceeded quota: gpus, requested: requests.nvidia.com/gpu=1", 0, id="one that they do not"),
    ],
)
def test_retention_gives_way_to_what_waits(words: str, deleted: int) -> None:
    world = World(sweep_of({"l2": [0, 0.1, 0.2]}, parallelism=2))
    world.step()
    world.start_pods()
    world.end_all()
    world.job_controller_catches_up()
    world.carry_out(replace(world.plan(), create=()))
    observed = replace(world.observe(), refusal=Refusal(Reason.QUOTA_EXCEEDED, words))
    assert len(list(deletions(world.sweep, observed, {}, {}, world.now))) == deleted
