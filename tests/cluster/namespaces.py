"""The node's own namespaces: what runs in them leaves nothing on the host, however it ends.

- PID: its first process is ``pause``. When that is killed the kernel kills all of the node: kubelet, containerd, shims,
  containers.
- Mount: all the mounts of pods and containers vanish with it. The host's ``/run``, ``/var/lib`` and ``/var/log`` are
  hidden, so that fixed paths (``/var/lib/kubelet``, ``/run/containerd``) are the node's own and the user's runtime,
  if there is one, is never touched. Settings of the kernel that a kubelet insists on are shown to it as it wants them,
  for they belong to the whole machine.
- Network: kube-proxy's rules, the bridge, the pods' ends.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from cluster import binaries, paths, processes
from cluster.api import wait_until
from cluster.commands import run, tail
from cluster.errors import ClusterError

COMPONENT = "node"
_READY = "node.ready"
_HIDDEN = ("/run", "/var/lib", "/var/log")
# pkg/kubelet/cm (KernelTunableModify): it would write these into the machine, or end where it cannot.
_KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def create(state: Path) -> int:
    """Make them and return the pid of their first process, as the host sees it."""
    (state / _READY).unlink(missing_ok=True)
    script = setup_script(state, paths.cache(), binaries.program(binaries.PAUSE))
    unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    processes.start(COMPONENT, [*unshare, "sh", "-euc", script], state)
    log = state / "logs" / f"{COMPONENT}.log"
    wait_until("the node's namespaces", (state / _READY).exists, 10, lambda: tail(log.read_text()))
    pid = first_process(state)
    if pid is None:
        raise ClusterError(f"the node's first process has ended: {tail(log.read_text())}")
    return pid


def first_process(state: Path) -> int | None:
    """None when the node is not there."""
    for process in processes.find(state, COMPONENT):
        child = processes.first_child(process)
        if child is not None:
            return child
    return None


def inside(pid: int, command: Sequence[str | Path]) -> list[str]:
    """That command, as to be run within the namespaces of the node's first process."""
    enter = ["nsenter", f"--target={pid}", "--mount", "--net", "--pid", "--"]
    return [*enter, *(str(word) for word in command)]


def run_inside(pid: int, command: Sequence[str | Path], *, stdin: str | None = None) -> str:
    """Its standard output. Raises ClusterError when it fails."""
    return run(inside(pid, command), stdin=stdin)


def setup_script(state: Path, cache: Path, pause: Path) -> str:
    """What the first process does before it becomes ``pause``: a script for sh."""
    quoted_state, quoted_cache = shlex.quote(str(state)), shlex.quote(str(cache))
    lines = ["mount -t proc proc /proc", "mount -t tmpfs tmpfs /run"]
    # The cache may itself lie under what is hidden (a service's home in /var/lib): it is bound back to its place.
    cache_hidden = any(cache.is_relative_to(hidden) for hidden in _HIDDEN[1:])
    if cache_hidden:
        lines += ["mkdir /run/cache", f"mount --rbind {quoted_cache} /run/cache"]
    lines += [f"mount -t tmpfs tmpfs {hidden}" for hidden in _HIDDEN[1:]]
    if cache_hidden:
        lines += [f"mkdir -p {quoted_cache}", f"mount --rbind /run/cache {quoted_cache}", "umount -l /run/cache"]
    for place, folder in (("/var/lib/kubelet", "kubelet"), ("/var/log", "log")):
        lines += [f"mkdir -p {place} {quoted_state}/{folder}", f"mount --bind {quoted_state}/{folder} {place}"]
    for setting, value in _KERNEL_SETTINGS.items():
        shown = f"/run/sysctl/{setting}"
        lines += [
            f"mkdir -p {Path(shown).parent}",
            f"echo {value} > {shown}",
            f"mount --bind {shown} /proc/sys/{setting}",
        ]
    # Of the namespace, not of the machine. The second is there only where the bridge's module is.
    lines += [
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "{ echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; } 2>/dev/null || true",
    ]
    # Volumes that a pod mounts must show in its containers.
    lines += ["mount --make-rshared /", f"touch {quoted_state}/{_READY}", f"exec {shlex.quote(str(pause))}"]
    return "\n".join(lines)
