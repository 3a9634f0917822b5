"""An API server with its Job controller, and KWOK in the place of nodes and pods."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cluster import Cluster, Profile, binaries, paths
from support.crds import wait_established

INSTANCE = "bench-scale"
NODE = "kwok-0"
STAGES = Path(__file__).with_name("scale_stages.yaml")


@contextlib.contextmanager
def playground() -> Iterator[Cluster]:
    """The cluster with the CRDs, one fake node and KWOK; it goes at the end."""
    binaries.ensure([binaries.KWOK])
    cluster = Cluster.up(Profile.CONTROL_PLANE, instance=INSTANCE)
    try:
        cluster.kubectl("apply", "-f", paths.CHECKOUT / "manifests" / "crd")
        wait_established(cluster)
        cluster.kubectl("apply", "-f", "-", input=json.dumps(_node()))
        with _kwok(cluster):
            yield cluster
    finally:
        cluster.down()


@contextlib.contextmanager
def _kwok(cluster: Cluster) -> Iterator[None]:
    command: list[str | Path] = [
        binaries.program(binaries.KWOK),
        f"--kubeconfig={cluster.kubeconfig}",
        f"--config={STAGES}",
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=0",
        "--enable-crds=",
        "--node-port=0",
    ]
    with (cluster.logs / "kwok.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(cluster.state)})
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)


def _node() -> dict[str, object]:
    room = {"cpu": "100000", "memory": "1000Ti", "pods": "100000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "status": {"allocatable": room, "capacity": room},
    }
