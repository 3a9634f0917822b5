"""One built-in cluster from up to down.

All that it is lies in one folder of the cache, and all that it runs is found by its mark (``processes``), its number
(``network``) and its name (``cgroups``). So ``down`` needs nothing from an ``up`` that was killed, and ``up`` reuses a
cluster that is whole and clears away one that is not.
"""

import enum
import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster import (
    binaries,
    cgroups,
    containerd,
    controlplane,
    images,
    namespaces,
    network,
    node,
    paths,
    prerequisites,
    processes,
)
from cluster.addons import coredns
from cluster.api import Api, wait_until
from cluster.binaries import Build
from cluster.commands import run, tail
from cluster.controlplane import Addresses, Keys
from cluster.digests import digest
from cluster.errors import ClusterError
from cluster.images import Image
from cluster.ports import free_ports
from cluster.report import step

_RECORD = "up.json"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_API_SECONDS = 60
_NODE_SECONDS = 60
_READY_SECONDS = 90


class Profile(enum.StrEnum):
    """How much of a cluster: an API whose Jobs get pods that nobody runs, or all of it."""

    CONTROL_PLANE = "control-plane"
    NODE = "node"


_COMPONENTS = {
    Profile.CONTROL_PLANE: ("etcd", "kube-apiserver", "kube-controller-manager"),
    Profile.NODE: (
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        namespaces.COMPONENT,
        containerd.COMPONENT,
        "kubelet",
        "kube-proxy",
        "fake-gpu",
    ),
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is up, or was when this value was made."""

    instance: str
    profile: Profile
    api_url: str

    @property
    def state(self) -> Path:
        """The folder that holds all of it."""
        return _state(self.instance)

    @property
    def kubeconfig(self) -> Path:
        """An administrator's; needs no other file."""
        return Keys(self.state).kubeconfig("admin")

    @property
    def logs(self) -> Path:
        """One file per component."""
        return self.state / "logs"

    @property
    def audit_log(self) -> Path:
        """What the operator wrote, by the API server's account."""
        return controlplane.audit_log(self.state)

    @classmethod
    def up(
        cls, profile: Profile = Profile.NODE, instance: str = "default", kubernetes: Build = binaries.KUBE
    ) -> "Cluster":
        """Return the instance when it is whole, else bring it up from nothing. Raises ClusterError.

        kubernetes: another minor's, for the control plane alone.
        """
        _check_name(instance)
        if profile is Profile.NODE:
            prerequisites.require_root("a cluster with a node")
            prerequisites.ensure(prerequisites.NODE)
        binaries.ensure(binaries.NODE if profile is Profile.NODE else (*binaries.CONTROL_PLANE, kubernetes))
        with paths.lock(f"cluster-{instance}"):
            found = cls.find(instance)
            if found is not None and found.profile is profile and found._is_whole(kubernetes):
                return found
            _remove(instance)
            return _create(instance, profile, kubernetes)

    @classmethod
    def find(cls, instance: str) -> "Cluster | None":
        """The instance that an ``up`` completed, running or not; None where there is none."""
        try:
            record = json.loads((_state(instance) / _RECORD).read_text())
            return cls(instance, Profile(record["profile"]), record["addresses"]["api_url"])
        except (OSError, ValueError, KeyError):
            return None

    def down(self) -> None:
        """End it and remove everything but the images that were imported."""
        down(self.instance)

    def kubectl(
        self,
        *arguments: str | Path,
        input: str | None = None,  # noqa: A002 - as in subprocess.run
        seconds: float | None = None,
    ) -> str:
        """kubectl's standard output. Raises ClusterError with what it said when it fails."""
        program = binaries.program(binaries.KUBE, "kubectl")
        command = [program, f"--kubeconfig={self.kubeconfig}", *arguments]
        return run(command, stdin=input, seconds=seconds, env={"KUBECONFIG": str(self.kubeconfig)})

    def load_image(self, archive: Path) -> None:
        """Import an OCI archive into the node."""
        containerd.import_image(self._node_pid(), self.state, archive)

    def has_image(self, image: Image) -> bool:
        """Whether it was imported, as its sources are now."""
        return images.reference(image) in containerd.images(self._node_pid())

    def load(self, wanted: Iterable[Image]) -> dict[str, str]:
        """Build what is not built, and import it. Returns name -> reference."""
        return self.import_images(images.ensure(wanted))

    def import_images(self, references: dict[str, str]) -> dict[str, str]:
        """Import what was built (name -> reference) and the node has not yet; remove what that leaves unused."""
        pid = self._node_pid()
        present = containerd.images(pid)
        for reference in references.values():
            if reference not in present:
                with step(f"import {reference}"):
                    containerd.import_image(pid, self.state, images.archive(reference))
        # After the imports: a new image has most of its layers from the one that it replaces.
        containerd.remove_images(pid, containerd.unused(containerd.images(pid), references))
        return references

    def restart(self, component: str) -> None:
        """End one component of the node or the control plane as a crash would, and start it again."""
        self.stop(component)
        self.start(component)

    def stop(self, component: str) -> None:
        """End one component of the node or the control plane as a crash would. Containers outlive their runtime."""
        is_runtime = component == containerd.COMPONENT
        processes.kill(containerd.daemon(self.state) if is_runtime else processes.find(self.state, component))

    def start(self, component: str) -> None:
        """Start one that was stopped."""
        processes.start_again(component, self.state)

    def status(self) -> dict[str, bool]:
        """Component -> whether it runs."""
        running = {process.component for process in processes.find(self.state)}
        return {component: component in running for component in _COMPONENTS[self.profile]}

    def _is_whole(self, kubernetes: Build) -> bool:
        if not all(self.status().values()) or _recorded_identity(self.state) != _identity(kubernetes):
            return False
        return _api(self.state, self.api_url).is_ready()

    def _node_pid(self) -> int:
        pid = namespaces.first_process(self.state)
        if pid is None:
            raise ClusterError(f"the cluster {self.instance} has no running node: run `make cluster-up`")
        return pid


def down(instance: str) -> None:
    """End that instance, whatever state it is in. Nothing there is fine."""
    _check_name(instance)
    with paths.lock(f"cluster-{instance}"):
        _remove(instance)


def instances() -> list[str]:
    """All that an ``up`` has begun and no ``down`` has ended."""
    return sorted(folder.name for folder in paths.clusters().iterdir() if folder.is_dir())


def _create(instance: str, profile: Profile, kubernetes: Build) -> Cluster:
    state = _state(instance)
    state.mkdir(parents=True)
    state.chmod(0o700)
    wire = network.allocate(state) if profile is Profile.NODE else None
    addresses = _addresses(wire)
    cluster = Cluster(instance, profile, addresses.api_url)
    keys = controlplane.make_keys(state, addresses, node.NAME, wire.node_address if wire else None)
    loaded = images.ensure(images.NODE) if wire else {}
    pid = None
    if wire:
        # First the wire: the API server listens on its address.
        pid = namespaces.create(state)
        network.connect(wire, pid)
        namespaces.run_inside(pid, ["ip", "-batch", "-"], stdin="\n".join(network.commands_in_node(wire)))
        cgroups.create(state)
    processes.start("etcd", controlplane.etcd(state, addresses), state)
    processes.start(
        "kube-apiserver",
        controlplane.apiserver(keys, addresses, with_node=wire is not None, kubernetes=kubernetes),
        state,
    )
    if wire and pid:
        # While the API server starts.
        containerd.start(state, pid, str(wire.pods), loaded[images.PAUSE.name])
        cluster.load(images.NODE)
    api = _api(state, addresses.api_url)
    wait_until("the API server is ready", api.is_ready, _API_SECONDS, lambda: _why(state, "kube-apiserver"))
    processes.start("kube-controller-manager", controlplane.controller_manager(keys, addresses, kubernetes), state)
    if wire and pid:
        processes.start("kube-scheduler", controlplane.scheduler(keys), state)
        node.write_kubelet_config(keys, wire, containerd.SOCKET)
        for component, command in (
            ("kubelet", node.kubelet(keys, wire)),
            ("kube-proxy", node.kube_proxy(keys, wire)),
            ("fake-gpu", node.fake_gpus()),
        ):
            processes.start(component, namespaces.inside(pid, command), state)
        cluster.kubectl(
            "apply", "--server-side", "-f", "-", input=coredns(wire.dns_service, loaded[images.COREDNS.name])
        )
        wait_until("the node is ready", lambda: _node_ready(api), _NODE_SECONDS, lambda: _why(state, "kubelet"))
        wait_until(
            "the cluster's DNS is ready", lambda: _dns_ready(api), _READY_SECONDS, lambda: _why(state, "kubelet")
        )
    wait_until("the default service account", lambda: _has_account(api), _READY_SECONDS)
    record = {"profile": profile, "identity": _identity(kubernetes), "addresses": {"api_url": addresses.api_url}}
    _write_whole(state / _RECORD, json.dumps(record | {"all_addresses": asdict(addresses)}))
    return cluster


def _remove(instance: str) -> None:
    state = _state(instance)
    if not state.exists():
        return
    (state / _RECORD).unlink(missing_ok=True)
    # The node's first process takes all of the node along, and is then reaped by its parent, which is among the rest.
    first = namespaces.first_process(state)
    _end([process for process in processes.find(state) if process.pid == first])
    # What was just being started may not have been there at the first look.
    while found := processes.find(state):
        _end(found)
    wire = network.load(state)
    if wire is not None:
        network.disconnect(wire)
        cgroups.remove(state)
        containerd.return_store(state)
    shutil.rmtree(state)


def _end(found: list[processes.Process]) -> None:
    if stuck := processes.kill(found):
        raise ClusterError(f"cannot end {', '.join(f'{p.component} ({p.pid})' for p in stuck)}: see dmesg")


def _addresses(wire: network.Network | None) -> Addresses:
    if wire is None:
        etcd, peer, api = free_ports(3)
        return Addresses("127.0.0.1", api, etcd, peer, services="10.215.0.0/24", api_service="10.215.0.1")
    etcd, peer = free_ports(2)
    return Addresses(
        wire.host_address, 6443, etcd, peer, str(wire.services), api_service=wire.api_service, pods=str(wire.pods)
    )


def _api(state: Path, url: str) -> Api:
    keys = Keys(state)
    return Api(url, str(keys.authority), keys.pair("admin"))


def _node_ready(api: Api) -> bool:
    return node.is_ready(api.get_object(f"/api/v1/nodes/{node.NAME}"))


def _dns_ready(api: Api) -> bool:
    deployment = api.get_object("/apis/apps/v1/namespaces/kube-system/deployments/coredns")
    return deployment is not None and deployment.get("status", {}).get("readyReplicas", 0) > 0


def _has_account(api: Api) -> bool:
    """Pods are refused before it is there."""
    return api.get_object("/api/v1/namespaces/default/serviceaccounts/default") is not None


def _why(state: Path, component: str) -> str:
    log = state / "logs" / f"{component}.log"
    return f"{log} ends with:\n{tail(log.read_text(errors='replace'))}" if log.exists() else ""


def _identity(kubernetes: Build) -> str:
    """Of what brings clusters up: one that an older version of it, or another Kubernetes, brought up is not taken for whole."""
    builds = [*binaries.NODE, kubernetes]
    return digest(sorted(Path(__file__).parent.glob("*.py")), [build.key for build in builds])


def _recorded_identity(state: Path) -> str:
    return str(json.loads((state / _RECORD).read_text()).get("identity"))


def _write_whole(path: Path, content: str) -> None:
    unfinished = path.with_suffix(".half")
    unfinished.write_text(content)
    unfinished.rename(path)


def _state(instance: str) -> Path:
    return paths.clusters() / instance


def _check_name(instance: str) -> None:
    if not _NAME.fullmatch(instance):
        raise ClusterError(f"an instance is named by up to 32 of a-z, 0-9 and -, not {instance!r}")
