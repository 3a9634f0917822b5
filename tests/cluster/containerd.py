"""The node's container runtime, with an image store that outlives the cluster.

Importing the trainer's image takes half a minute, bringing a cluster up a few seconds: so a store stays in the cache
when its cluster goes, and the next cluster borrows it with all its images. Two clusters side by side get two stores.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster import binaries, namespaces, paths, processes
from cluster.api import wait_until
from cluster.commands import run, tail
from cluster.errors import ClusterError

COMPONENT = "containerd"
SOCKET = "/run/containerd/containerd.sock"
"""Inside the node's mount namespace, where ``/run`` is the node's own."""

_OWNER = "owner"
_ROOT = "root"
_NAMESPACE = "k8s.io"


def borrow_store(state: Path) -> Path:
    """The store that this cluster holds already, or the first that none holds, made if need be."""
    with paths.lock("containerd"):
        stores = sorted((store for store in paths.containerds().iterdir() if store.name.isdigit()), key=_number)
        free = None
        for store in stores:
            holder = _holder(store)
            if holder == state:
                return store
            if free is None and (holder is None or not holder.is_dir()):
                free = store
        if free is None:
            free = paths.containerds() / str(_number(stores[-1]) + 1 if stores else 0)
        (free / _ROOT).mkdir(parents=True, exist_ok=True)
        (free / _OWNER).write_text(str(state))
        return free


def return_store(state: Path) -> None:
    """Let others borrow what this cluster held. Its images stay."""
    with paths.lock("containerd"):
        for store in paths.containerds().iterdir():
            if _holder(store) == state:
                (store / _OWNER).unlink()


def start(state: Path, node: int, pod_network: str, sandbox_image: str) -> None:
    """Start it within the node and wait until it answers."""
    store = borrow_store(state)
    root = store / _ROOT
    cni = state / "cni"
    cni.mkdir(exist_ok=True)
    (cni / "10-pods.conflist").write_text(json.dumps(cni_config(pod_network)))
    config = state / "containerd.toml"
    config.write_text(containerd_config(root, cni, state / "opt", sandbox_image, snapshotter(root)))
    _start(state, node, config)
    if _forget_containers(node):
        # Left by a cluster whose store this was and which was killed. containerd has already read of them.
        processes.kill(_processes(state))
        for kept in ("sandboxes", "containers"):
            shutil.rmtree(root / "io.containerd.grpc.v1.cri" / kept, ignore_errors=True)
        _start(state, node, config)


def daemon(state: Path, *, proc: Path = Path("/proc")) -> list[processes.Process]:
    """The runtime without its shims, which outlive it as the containers do."""
    return [process for process in _processes(state) if not _is_shim(process, proc)]


def images(node: int) -> dict[str, str]:
    """All images in the node's store: reference -> digest of its manifest."""
    return parse_images(_ctr(node, "images", "list"))


def parse_images(told: str) -> dict[str, str]:
    """``ctr images list``: a heading, then reference, type, digest and more."""
    lines = (line.split() for line in told.splitlines()[1:])
    return {words[0]: words[2] for words in lines if words}


def import_image(node: int, state: Path, archive: Path) -> None:
    """Unpack an OCI archive into the node's store."""
    chosen = snapshotter(borrow_store(state) / _ROOT)
    _ctr(node, "images", "import", "--local", "--snapshotter", chosen, str(archive))


def unused(present: Mapping[str, str], current: Mapping[str, str]) -> list[str]:
    """Which of the ``present`` images (reference -> digest) nobody needs where ``current`` (name -> reference) is built.

    These are other tags of the same names, and the images of which no tag is left: the runtime notes each image by its
    own digest too, and that note alone would keep all layers. What else was loaded stays.
    """
    stale = {
        reference
        for reference in present
        for name, wanted in current.items()
        if reference.startswith(f"localhost/{name}:") and reference != wanted
    }
    tagged = {present[reference] for reference in present.keys() - stale if not _is_note(reference)}
    return sorted(stale | {note for note, digest in present.items() if _is_note(note) and digest not in tagged})


def remove_images(node: int, references: Sequence[str]) -> None:
    """Their layers go too, those that no other image and no container has; returns when they are gone."""
    if references:
        _ctr(node, "images", "remove", "--sync", *references)


def snapshotter(root: Path) -> str:
    """Overlays cannot be stacked on an overlay, such as a container's own root; copying is slower but always works."""
    kind = run(["stat", "--file-system", "--format=%T", root]).strip()
    return "native" if kind in ("overlayfs", "overlay") else "overlayfs"


def cni_config(pods: str) -> dict[str, object]:
    """A bridge with an address for each pod; pods see each other and the host, and nothing beyond it."""
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": pods}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    port_map = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, port_map]}


def containerd_config(root: Path, cni: Path, opt: Path, sandbox_image: str, snapshots: str) -> str:
    """``restrict_oom_score_adj``: without CAP_SYS_RESOURCE (as in many containers) no sandbox starts otherwise."""
    tools = binaries.folder(binaries.TOOLS)
    quoted = json.dumps  # TOML's basic strings are JSON's
    return f"""version = 3
root = {quoted(str(root))}
state = "/run/containerd"
[grpc]
address = "{SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
path = {quoted(str(opt))}
[plugins."io.containerd.nri.v1.nri"]
disable = true
[plugins."io.containerd.cri.v1.images"]
snapshotter = "{snapshots}"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = {quoted(sandbox_image)}
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = [{quoted(str(tools))}]
conf_dir = {quoted(str(cni))}
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = {quoted(str(binaries.program(binaries.RUNC)))}
SystemdCgroup = false
"""


def _start(state: Path, node: int, config: Path) -> None:
    tools = binaries.folder(binaries.TOOLS)
    program = binaries.program(binaries.TOOLS, "containerd")
    command = namespaces.inside(
        node, ["env", f"PATH={tools}:/usr/sbin:/usr/bin:/sbin:/bin", program, "--config", config]
    )
    processes.start(COMPONENT, command, state)
    log = state / "logs" / f"{COMPONENT}.log"
    wait_until("containerd answers", lambda: _answers(node), 20, lambda: tail(log.read_text()))


def _answers(node: int) -> bool:
    try:
        _ctr(node, "version")
    except ClusterError:
        return False
    return True


def _forget_containers(node: int) -> bool:
    names = _ctr(node, "containers", "list", "--quiet").split()
    for name in names:
        _ctr(node, "containers", "delete", name)
    return bool(names)


def _processes(state: Path) -> list[processes.Process]:
    """The runtime and, marked like it by inheritance, its shims."""
    return processes.find(state, COMPONENT)


def _is_shim(process: processes.Process, proc: Path) -> bool:
    try:
        return (proc / str(process.pid) / "comm").read_text().startswith("containerd-shim")
    except OSError:
        return False  # gone since it was found


def _ctr(node: int, *arguments: str) -> str:
    program = binaries.program(binaries.TOOLS, "ctr")
    return namespaces.run_inside(node, [program, "--address", SOCKET, "--namespace", _NAMESPACE, *arguments])


def _is_note(reference: str) -> bool:
    return reference.startswith("sha256:")


def _holder(store: Path) -> Path | None:
    try:
        return Path((store / _OWNER).read_text())
    except OSError:
        return None


def _number(store: Path) -> int:
    return int(store.name)
