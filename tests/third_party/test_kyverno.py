"""Sweeps beside the real Kyverno: pods or Jobs that its policies deny, and webhooks that do not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from integration.laboratory import Lab, eventually, is_complete, laboratory, operating, says
from regsweep.adapters.kubeapi import JOBS
from third_party.kyverno import Kyverno

SOON_SECONDS = 30
LABELLED = {"metadata": {"labels": {"team": "vision"}}}


@pytest.fixture
async def lab(kyverno: Kyverno) -> AsyncIterator[Lab]:
    """A fresh namespace."""
    async with laboratory(kyverno.cluster) as fresh:
        yield fresh


def policy(namespace: str, *, of_jobs: bool) -> dict[str, Any]:
    """Pods of the namespace must name their team. of_jobs: Kyverno derives the same rule for what makes pods, its default."""
    rule = {
        "name": "team",
        "match": {"any": [{"resources": {"kinds": ["Pod"], "namespaces": [namespace], "operations": ["CREATE"]}}]},
        "validate": {
            "failureAction": "Enforce",
            "message": "Say whose it is: label team is missing.",
            "pattern": {"metadata": {"labels": {"team": "?*"}}},
        },
    }
    derived = {} if of_jobs else {"pod-policies.kyverno.io/autogen-controllers": "none"}
    return {
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": namespace, "annotations": derived},
        "spec": {"background": False, "rules": [rule]},
    }


async def test_pods_that_a_policy_denies_are_said_and_the_corrected_template_trains(kyverno: Kyverno, lab: Lab) -> None:
    kyverno.enforce(policy(lab.namespace, of_jobs=False))
    async with operating(lab, refusal_retry_seconds=2):
        await lab.apply()
        async with asyncio.timeout(SOON_SECONDS):
            await eventually(lambda: says(lab, "PodsRefused", "label team is missing"))
        assert len(await lab.all(JOBS)) <= 1
        patch = '{"spec":{"template":{"metadata":{"labels":{"team":"vision"}}}}}'
        lab.cluster.kubectl("-n", lab.namespace, "patch", "rsweep", "demo", "--type=merge", "-p", patch)
        await lab.train_until(is_complete)
    assert sorted(await lab.records()) == sorted(lab.trained)


async def test_jobs_that_a_policy_denies_are_said_and_made_once_it_is_withdrawn(kyverno: Kyverno, lab: Lab) -> None:
    kyverno.enforce(policy(lab.namespace, of_jobs=True))
    async with operating(lab, refusal_retry_seconds=2):
        await lab.apply()
        async with asyncio.timeout(SOON_SECONDS):
            await eventually(lambda: says(lab, "TemplateRefused", "label team is missing", "Accepted"))
        assert await lab.all(JOBS) == []
        kyverno.withdraw(lab.namespace)
        await lab.train_until(is_complete)
    assert sorted(await lab.records()) == sorted(lab.trained)


async def test_webhooks_that_do_not_answer_hold_a_sweep_up_and_no_longer_than_that(kyverno: Kyverno, lab: Lab) -> None:
    kyverno.enforce(policy(lab.namespace, of_jobs=False))
    async with operating(lab, refusal_retry_seconds=2):
        kyverno.stop()
        try:
            await lab.apply(template=LABELLED)
            async with asyncio.timeout(SOON_SECONDS):
                await eventually(lambda: says(lab, "PodsRefused", "failed calling webhook"))
        finally:
            kyverno.start()
        await lab.train_until(is_complete)
    assert sorted(await lab.records()) == sorted(lab.trained)
