"""Operators as the chart runs them: with its environment, as its service account, several at a time, replaced one after the other."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml

from cluster import Cluster
from integration.chart_release import Release, released, take_away
from integration.laboratory import Lab, Process, eventually, is_complete, laboratory
from regsweep.adapters.kubeapi import JOBS, LEASES, PODS
from support.logs import complaints


async def _leads(operator: Process) -> bool:
    return "regsweep_operator_leader 1.0" in (await operator.get("/metrics"))[1]


@pytest.fixture
async def lab(with_crds: Cluster) -> AsyncIterator[Lab]:
    """A fresh namespace of a user's."""
    async with laboratory(with_crds) as fresh:
        yield fresh


@pytest.fixture(params=["all namespaces", "listed namespaces"])
def release(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Release:
    """The chart, installed by its defaults but for the namespaces."""
    listed = (f"watchNamespaces={{{lab.namespace}}}",) if request.param == "listed namespaces" else ()
    return released(lab.cluster, f"{lab.namespace}-system", tmp_path, *listed)


FRESH_CRD = ("storage is (re)initializing", "no matches for kind")
"""What a server answers whose CRDs are seconds old; the pass is repeated."""


def complaints_here(log: str, namespace: str) -> list[str]:
    """Warnings and errors, but for those about sweeps that other tests have left behind elsewhere."""
    ours = [line for line in complaints(log) if f"sweep {namespace}/" in line or ": sweep " not in line]
    return [line for line in ours if not any(words in line for words in FRESH_CRD)]


async def test_a_rolling_update_in_mid_sweep_loses_and_repeats_nothing(lab: Lab, release: Release) -> None:
    async with AsyncExitStack() as pods:
        old = [await pods.enter_async_context(release.operator(f"old-{number}")) for number in range(2)]
        await eventually(lambda: _one_leads(old))
        await lab.apply()
        await eventually(lambda: lab.all(PODS))
        await lab.train(most=1)

        # As the Deployment does it: one more, and when that is ready an old one goes; the leader first.
        for number in range(2):
            new = await pods.enter_async_context(release.operator(f"new-{number}"))
            leaving = [operator for operator in old if await _leads(operator)][0]  # noqa: RUF015 (asynchronous)
            old.remove(leaving)
            assert await leaving.end(signal.SIGTERM) == 0
            old.append(new)
            await eventually(lambda: _one_leads(old))
            await lab.train(most=1)
        await lab.train_until(is_complete)
        metrics = [(await operator.get("/metrics"))[1] for operator in old]

    assert len(lab.trained) == 8
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert max(Counter(lab.seen.values()).values()) == 1
    lease = await lab.api.get(LEASES, release.namespace, "regsweep-operator")
    assert lease["spec"]["leaseTransitions"] >= 2
    assert not [text for text in metrics if re.search(r'requests_total\{code="(401|403)"', text)]
    assert complaints_here(release.log(), lab.namespace) == []


async def _one_leads(operators: list[Process]) -> bool:
    return sum([await _leads(operator) for operator in operators]) == 1


@pytest.mark.parametrize("release", ["all namespaces"], indirect=True)
@pytest.mark.parametrize(
    ("group", "resource", "verb"),
    [
        pytest.param("batch", "jobs", "create", id="no run starts"),
        pytest.param("regsweep.dev", "sweepresults", "create", id="no record is stored"),
        pytest.param("regsweep.dev", "regularizationsweeps/status", "update", id="nothing is told"),
    ],
)
async def test_without_one_of_its_rights_something_fails_and_its_metrics_say_what(
    lab: Lab, release: Release, group: str, resource: str, verb: str
) -> None:
    """Each right of the role is there for something: see also docs/security.md."""
    take_away(lab.cluster, f"regsweep.{release.namespace}", group, resource, verb)
    missing = rf'requests_total\{{code="403",resource="{resource}",verb="{verb}"\}} [1-9]'
    async with release.operator("only") as operator:
        await lab.apply()

        async def is_refused() -> bool:
            await lab.train(most=1)
            return re.search(missing, (await operator.get("/metrics"))[1]) is not None

        await eventually(is_refused)
    assert not is_complete(await lab.status())


async def test_a_namespace_whose_rights_somebody_takes_away_waits_and_keeps_no_other_from_going_on(
    lab: Lab, tmp_path: Path
) -> None:
    """Of two namespaces that a release watches one has lost its RoleBinding: for the API server's RBAC, not for a double of it."""
    async with laboratory(lab.cluster) as closed:
        watched = f"watchNamespaces={{{closed.namespace},{lab.namespace}}}"
        release = released(lab.cluster, f"{lab.namespace}-system", tmp_path, watched)
        binding = closed.cluster.kubectl("-n", closed.namespace, "get", "rolebinding", "regsweep", "-o", "yaml")
        closed.cluster.kubectl("-n", closed.namespace, "delete", "rolebinding", "regsweep")
        await closed.apply()
        async with release.operator("only") as operator:
            await lab.apply()
            await lab.train_until(is_complete)
            assert sorted(await lab.records()) == sorted(lab.trained)
            assert (await closed.status(), await closed.all(JOBS)) == ({}, []), "what cannot be seen is not begun"
            await eventually(lambda: _is_refused(operator))
            assert (await operator.get("/readyz"))[0] == 200
            assert (
                f'cannot list resource "jobs" in API group "batch" in the namespace "{closed.namespace}"'
                in release.log()
            )

            closed.cluster.kubectl("apply", "-f", "-", input=_fresh(binding))
            await closed.train_until(is_complete)
        assert sorted(await closed.records()) == sorted(closed.trained)


async def _is_refused(operator: Process) -> bool:
    page = (await operator.get("/metrics"))[1]
    refused = (rf'requests_total\{{code="403",resource="{each}",verb="list"\}} [1-9]' for each in ("jobs", "pods"))
    return all(re.search(each, page) for each in refused)


def _fresh(manifest: str) -> str:
    """The object as it may be created again."""
    found = yaml.safe_load(manifest)
    found["metadata"] = {name: found["metadata"][name] for name in ("name", "namespace", "labels")}
    return str(yaml.safe_dump(found))
