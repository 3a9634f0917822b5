"""What the tests on a real API server share: one control plane for all of them; each file keeps to namespaces of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster import Cluster, Profile, paths
from support.crds import wait_established
from support.minors import KUBERNETES, instance

INSTANCE = instance("test-integration")


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Cluster]:
    """An API server with etcd and controllers, no node and nothing installed; it goes when the session ends."""
    # Two sessions at a time would take the cluster from each other: the second one waits.
    with paths.lock(f"{INSTANCE}-session"):
        up = Cluster.up(Profile.CONTROL_PLANE, INSTANCE, KUBERNETES)
        try:
            yield up
        finally:
            up.down()


@pytest.fixture(scope="module")
def with_crds(control_plane: Cluster) -> Cluster:
    """The control plane with the CRDs as they are committed."""
    control_plane.kubectl("apply", "-f", paths.CHECKOUT / "manifests" / "crd")
    wait_established(control_plane)
    return control_plane
