"""The built-in cluster comes up whole and goes without a trace, also when it was killed half way."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster import Cluster, Profile, cgroups, images, instance, network, node, paths, processes
from cluster.api import wait_until

INSTANCE = "test-lifecycle"
# Where components would leave something by default, were the node's own folders not laid over them.
_DEFAULT_PLACES = (
    "/etc/cni/net.d",
    "/opt/containerd",
    "/run/containerd",
    "/run/netns",
    "/usr/libexec/kubernetes",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)


@dataclass(frozen=True)
class Traces:
    """What of a cluster can be seen on this machine."""

    firewall: str
    kernel: str
    default_places: frozenset[str]
    of_instance: frozenset[str]


def _traces(name: str) -> Traces:
    state = paths.clusters() / name
    wire = network.load(state)
    found = {f"process {process}" for process in processes.find(state)}
    found |= {f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if str(state) in line}
    found |= {f"cgroup {tree}" for tree in cgroups.trees() if (tree / cgroups.name(state)).exists()}
    found |= {f"file {path}" for path in (state,) if path.exists()}
    if wire is not None:
        found |= {f"interface {wire.host_interface}"} & {f"interface {name}" for _, name in socket.if_nameindex()}
    settings = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")
    return Traces(
        firewall=_rules(),
        kernel=" ".join((Path("/proc/sys") / setting).read_text().strip() for setting in settings),
        default_places=frozenset(place for place in _DEFAULT_PLACES if Path(place).exists()),
        of_instance=frozenset(found),
    )


def _rules() -> str:
    """Of the host's firewall, without the comments that hold the time."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in rules.splitlines() if not line.startswith("#"))


@pytest.fixture
def before() -> Iterator[Traces]:
    """The machine without the instance; it is so again afterwards whatever the test did."""
    instance.down(INSTANCE)
    yield _traces(INSTANCE)
    instance.down(INSTANCE)


def _pids(cluster: Cluster) -> set[processes.Process]:
    """The daemons. What they call, as kube-proxy calls iptables, carries their mark for a moment, and leads no session."""
    return {process for process in processes.find(cluster.state) if _leads_session(process.pid)}


def _leads_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def _gpus(cluster: Cluster) -> str:
    return cluster.kubectl("get", "node", node.NAME, "-o", r"jsonpath={.status.allocatable.nvidia\.com/gpu}")


def _run_job(cluster: Cluster, name: str, image: str, gpus: int) -> str:
    """Its pods' termination messages."""
    container = {
        "name": "trainer",
        "image": image,
        "env": [{"name": "REGSWEEP_FLAGS", "value": json.dumps({"seconds": 0})}],
        "resources": {"limits": {node.GPU_RESOURCE: str(gpus)}},
    }
    pod = {"restartPolicy": "Never", "containers": [container]}
    spec = {"completionMode": "Indexed", "completions": 2, "parallelism": 2, "template": {"spec": pod}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(job))
    cluster.kubectl("wait", "--for=condition=Complete", f"job/{name}", "--timeout=60s")
    message = "{.items[*].status.containerStatuses[0].state.terminated.message}"
    return cluster.kubectl("get", "pods", "-l", f"job-name={name}", "-o", f"jsonpath={message}")


def _resolves(server: str, name: str) -> bool:
    """Ask a DNS server for an address, as the host can: through the node, kube-proxy's rules and the pods' network."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        asking.sendto(question, (server, 53))
        answer = asking.recv(512)
    answers: int = struct.unpack(">H", answer[6:8])[0]
    return answers > 0


def test_a_node_runs_jobs_on_stand_in_gpus_survives_its_kubelet_and_goes_without_a_trace(before: Traces) -> None:
    cluster = Cluster.up(Profile.NODE, INSTANCE)
    assert all(cluster.status().values())
    pids = _pids(cluster)
    assert Cluster.up(Profile.NODE, INSTANCE) == cluster
    assert _pids(cluster) == pids, "a second up leaves a whole cluster as it is"

    image = cluster.load([images.SLEEP_TRAINER])[images.SLEEP_TRAINER.name]
    assert '"Ok"' in _run_job(cluster, "first", image, gpus=4)
    wire = network.load(cluster.state)
    assert wire is not None
    assert _resolves(wire.dns_service, "kubernetes.default.svc.cluster.local")

    cluster.restart("kubelet")
    # A pod that comes sooner is refused, as on any node, and its Job waits 10 s before the next try.
    gpus = cluster.logs / "fake-gpu.log"
    wait_until("the GPUs are registered again", lambda: gpus.read_text().count("registered") == 2, 20)
    assert _pids(cluster) != pids
    assert '"Ok"' in _run_job(cluster, "second", image, gpus=4), "the GPUs are offered again"
    assert _gpus(cluster) == str(node.GPUS)

    cluster.down()
    instance.down(INSTANCE)
    assert _traces(INSTANCE) == before


def test_images_stay_when_the_cluster_goes(before: Traces) -> None:
    cluster = Cluster.up(Profile.NODE, INSTANCE)
    cluster.load([images.SLEEP_TRAINER])
    processes.kill(processes.find(cluster.state))  # as a machine that is switched off
    again = Cluster.up(Profile.NODE, INSTANCE)
    assert again.has_image(images.SLEEP_TRAINER)
    assert "test" not in again.kubectl("get", "pods", "-A", "-o", "name"), "nothing of the former cluster is left"


@pytest.mark.parametrize("component", ["etcd", "containerd", "kubelet"])
def test_an_up_that_was_killed_is_cleared_away(before: Traces, component: str) -> None:
    _kill_up_once_it_started(component)
    instance.down(INSTANCE)
    assert _traces(INSTANCE) == before


def test_up_recovers_from_an_up_that_was_killed(before: Traces) -> None:
    _kill_up_once_it_started("containerd")
    assert all(Cluster.up(Profile.NODE, INSTANCE).status().values())


def test_up_replaces_a_cluster_of_which_a_part_has_ended(before: Traces) -> None:
    first = Cluster.up(Profile.CONTROL_PLANE, INSTANCE)
    processes.kill(processes.find(first.state, "etcd"))
    second = Cluster.up(Profile.CONTROL_PLANE, INSTANCE)
    assert all(second.status().values())
    assert second.kubectl("get", "--raw", "/readyz") == "ok"


def test_control_planes_stand_side_by_side() -> None:
    names = (f"{INSTANCE}-a", f"{INSTANCE}-b")
    try:
        clusters = [Cluster.up(Profile.CONTROL_PLANE, name) for name in names]
        clusters[0].kubectl("create", "namespace", "only-here")
        assert "only-here" in clusters[0].kubectl("get", "namespaces")
        assert "only-here" not in clusters[1].kubectl("get", "namespaces")
    finally:
        for name in names:
            instance.down(name)


def _kill_up_once_it_started(component: str) -> None:
    command = [sys.executable, "-m", "cluster", "up", "--instance", INSTANCE]
    with subprocess.Popen(command, cwd=paths.CHECKOUT / "tests", stderr=subprocess.DEVNULL) as up:
        state = paths.clusters() / INSTANCE
        wait_until(f"{component} was started", lambda: bool(processes.find(state, component)), 60)
        up.send_signal(signal.SIGKILL)
