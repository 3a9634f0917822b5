"""Sweeps that an older version has stored under its own CRDs, once today's CRDs are applied over these: read, edited, finished and written.

The older versions are commits that this one comes from; where git does not have them (a shallow clone, an archive) the tests are skipped.
`unit/api/test_older_crds.py` compares the schemas of all of them.
"""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster, Profile, paths
from integration.laboratory import Lab, Way, eventually, is_complete, laboratory, operating
from integration.soundness import begin, crowds, finishes, is_quiet
from regsweep.adapters.kubeapi import JOBS, RESULTS, SWEEPS, name_of
from support.crds import wait_established
from support.minors import KUBERNETES, instance
from support.versions import source_of

VERSIONS = {
    "before claims and records that name their data": "0238b721b1ed9f246ee5aed86c32b31138dbe246",
    "before budgets": "642e6ff",
    "before sweeps of many thousand runs": "25053ab58c32a25182d9d06d588527003fdbd92c",
}
"""What came with the next one, and the commit."""
KINDS = ["regularizationsweeps.regsweep.dev", "sweepresults.regsweep.dev"]
FOUR = [{"name": "l2", "values": [0, 0.01, 0.1, 1]}]


@pytest.fixture(scope="module")
def bare() -> Iterator[Cluster]:
    """A control plane of this file's own: CRDs are the whole cluster's."""
    up = Cluster.up(Profile.CONTROL_PLANE, instance("test-older-crds"), KUBERNETES)
    try:
        yield up
    finally:
        up.down()


OLDEST, *LATER = VERSIONS


@pytest.fixture(params=[OLDEST, *(pytest.param(each, marks=pytest.mark.long) for each in LATER)])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Another version's checkout."""
    return source_of(VERSIONS[request.param], tmp_path)


@pytest.fixture
async def lab(bare: Cluster, source: Path) -> AsyncIterator[Lab]:
    """A namespace of a cluster that has the other version's CRDs, and has never had others."""
    bare.kubectl("delete", "crd", "--ignore-not-found", *KINDS)
    bare.kubectl("apply", "-f", source / "manifests" / "crd")
    wait_established(bare)
    async with laboratory(bare) as fresh:
        yield fresh


def upgrade(lab: Lab) -> None:
    """What a person does, and what the chart does."""
    for kind in ([], ["--server-side", "--force-conflicts"]):
        lab.cluster.kubectl("apply", *kind, "-f", paths.CHECKOUT / "manifests" / "crd")
    wait_established(lab.cluster)


def edit(lab: Lab, **spec: Any) -> None:
    """What a person changes of the sweep."""
    patch = json.dumps({"spec": spec})
    lab.cluster.kubectl("-n", lab.namespace, "patch", "rsweep", "demo", "--type=merge", "-p", patch)


async def _can_be_written(lab: Lab) -> None:
    """Each stored object can be written back as it is read, to the object and to its status, though something of it has changed."""
    for resource in (SWEEPS, RESULTS):
        for each in await lab.all(resource):
            touched = {**each, "metadata": {**each["metadata"], "annotations": {"example.com/touched": "yes"}}}
            written = await lab.api.replace(resource, touched)
            if resource is SWEEPS:
                await lab.api.replace(
                    resource, {**written, "status": {**written["status"], "progress": "?"}}, subresource="status"
                )
                again = await lab.api.get(resource, lab.namespace, name_of(each))
                await lab.api.replace(resource, {**again, "status": each["status"]}, subresource="status")


async def test_what_an_older_version_has_begun_is_finished_under_todays_crds(lab: Lab, source: Path) -> None:
    await begin(lab, source / "operator" / "src")
    pinned = (await lab.status())["resolved"]
    upgrade(lab)
    await _can_be_written(lab)
    await finishes(lab, pinned)


async def test_what_an_older_version_has_finished_stays_and_follows_edits(lab: Lab, source: Path) -> None:
    async with operating(lab, Way(source=source / "operator" / "src")) as operator:
        await lab.apply(flags=FOUR, replicates=3, parallelism=4, final={"replicates": 3})
        await lab.train_until(is_complete)
        await operator.end(signal.SIGTERM)
    before, trained = await _stored(lab), len(lab.trained)
    upgrade(lab)
    assert _said(await _stored(lab)) == _said(before), "today's CRDs keep every field"
    await _can_be_written(lab)
    async with operating(lab) as operator:
        await eventually(lambda: _is_complete(lab))
        await lab.train()
        assert len(lab.trained) == trained, "nothing is trained again"
        edit(lab, retention={"succeededJobs": 1})
        await eventually(lambda: _has_jobs(lab, 1))
        edit(lab, replicates=4, final=None)
        await eventually(lambda: _has_jobs(lab, 5))
        await lab.train_until(lambda status: is_complete(status) and len(lab.trained) == trained + 4)
        await is_quiet(lab, operator)
    assert crowds(lab, parallelism=4) == []
    assert len(lab.trained) == trained + 4
    assert sorted(await lab.records()) == sorted(lab.trained)


async def test_what_this_version_has_begun_is_finished_after_a_rollback_with_its_crds(lab: Lab, source: Path) -> None:
    upgrade(lab)
    await begin(lab, None)
    lab.cluster.kubectl("apply", "-f", source / "manifests" / "crd")
    wait_established(lab.cluster)
    async with operating(lab, Way(source=source / "operator" / "src")) as operator:
        await lab.train_until(is_complete)
        await is_quiet(lab, operator)
    assert crowds(lab, parallelism=3) == []
    assert len(lab.trained) == 24
    assert sorted(await lab.records()) == sorted(lab.trained)


async def _is_complete(lab: Lab) -> bool:
    return is_complete(await lab.status())


async def _has_jobs(lab: Lab, number: int) -> bool:
    return len(await lab.all(JOBS)) == number


async def _stored(lab: Lab) -> list[dict[str, Any]]:
    return [*await lab.all(SWEEPS), *await lab.all(RESULTS)]


def _said(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was stored, without what an API server fills in where an older spec is silent."""
    return [
        {name: part for name, part in each.items() if name not in ("spec", "metadata", "apiVersion", "kind")}
        for each in objects
    ]
