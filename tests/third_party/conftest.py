"""What the tests beside other projects' controllers share: an API server of their own, and those controllers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster import Cluster, Profile, paths
from support.crds import wait_established
from third_party.kueue import Kueue, kueue_in
from third_party.kyverno import Kyverno, kyverno_in

INSTANCE = "test-third-party"


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Cluster]:
    """An API server with etcd and controllers, no node, and our CRDs; it goes when the session ends."""
    with paths.lock(f"{INSTANCE}-session"):
        up = Cluster.up(Profile.CONTROL_PLANE, instance=INSTANCE)
        try:
            up.kubectl("apply", "-f", paths.CHECKOUT / "manifests" / "crd")
            wait_established(up)
            yield up
        finally:
            up.down()


@pytest.fixture(scope="module")
def kueue(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kueue]:
    """The real Kueue, which manages Jobs without a queue's name too."""
    with kueue_in(control_plane, tmp_path_factory.mktemp("kueue"), manages_all=True) as running:
        yield running


@pytest.fixture(scope="module")
def kueue_by_default(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kueue]:
    """The real Kueue as it comes: Jobs without a queue's name are none of its business."""
    with kueue_in(control_plane, tmp_path_factory.mktemp("kueue"), manages_all=False) as running:
        yield running


@pytest.fixture(scope="module")
def kyverno(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kyverno]:
    """The real Kyverno, without policies."""
    with kyverno_in(control_plane, tmp_path_factory.mktemp("kyverno")) as running:
        yield running
