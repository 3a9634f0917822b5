"""The cgroups that the node's pods run in: one of our own per instance, in version 1 (a tree per controller) or 2."""

import contextlib
import os
import signal
import time
from pathlib import Path

from cluster.digests import digest

ROOT = Path("/sys/fs/cgroup")
COMPONENTS = 8
"""etcd, API server, controller manager, scheduler, kubelet, proxy, containerd, CoreDNS' shim: on a real node they weigh less than all
pods together, and here each would weigh as much."""
_WAIT_SECONDS = 5.0


def name(state: Path) -> str:
    """Below the root of each tree. Instances of one name in two caches are two clusters."""
    return f"regsweep-{state.name}-{digest([], [str(state)])}"


def trees(root: Path = ROOT) -> list[Path]:
    """The roots of all hierarchies: the one of version 2, or each controller's of version 1 (mixed set-ups included)."""
    if (root / "cgroup.controllers").exists():
        return [root]
    # cpu,cpuacct and the like are symbolic links to one tree.
    return sorted({child.resolve() for child in root.iterdir() if (child / "cgroup.procs").exists()})


def create(state: Path, root: Path = ROOT) -> None:
    """The kubelet wants its cgroup root to be there, with every controller that the machine grants."""
    for tree in trees(root):
        folder = tree / name(state)
        folder.mkdir(exist_ok=True)
        if (tree / "cgroup.controllers").exists():
            for parent in (tree, folder):
                _enable_controllers(parent)
        elif (tree / "cpuset.cpus").exists():
            # In version 1 a new cpuset is empty and admits no process until it is filled.
            for file in ("cpuset.cpus", "cpuset.mems"):
                (folder / file).write_text((tree / file).read_text())
        # Version 1 alone: with autogrouping each component of the control plane is a group of weight 1024 of its own.
        if (folder / "cpu.shares").exists():
            (folder / "cpu.shares").write_text(str(COMPONENTS * 1024))


def remove(state: Path, root: Path = ROOT) -> None:
    """End what still runs there and remove the whole tree. Nothing there is fine."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while left := [tree / name(state) for tree in trees(root) if (tree / name(state)).exists()]:
        for folder in left:
            _remove_tree(folder)
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)


def _enable_controllers(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for controller in (folder / "cgroup.controllers").read_text().split():
            # One at a time: a machine that refuses one (inside a container, say) may grant the others.
            with contextlib.suppress(OSError):
                (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def _remove_tree(folder: Path) -> None:
    for current, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            for pid in (Path(current) / "cgroup.procs").read_text().split():
                # 0 stands for a process of another PID namespace, and to kill(2) for one's own group.
                if pid != "0":
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
        # Busy until its last process is gone: the caller tries again.
        with contextlib.suppress(OSError):
            Path(current).rmdir()
