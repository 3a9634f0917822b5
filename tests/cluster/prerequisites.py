"""The Debian packages that cannot come from a language's own registry: installed only where they are missing."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cluster import paths
from cluster.commands import run_logged
from cluster.errors import ClusterError
from cluster.report import step

# What must be there (a program, or a file) -> the package that brings it.
BUILD: Mapping[str, str] = {
    "gcc": "gcc",
    "pkg-config": "pkg-config",
    "/usr/include/seccomp.h": "libseccomp-dev",  # without it runc cannot start any sandbox
    "/usr/include/stdlib.h": "libc6-dev",
}
NODE: Mapping[str, str] = {
    "ip": "iproute2",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ethtool": "ethtool",
    "socat": "socat",
    "unshare": "util-linux",
    "mount": "mount",
}
IMAGES: Mapping[str, str] = {"buildah": "buildah", "debootstrap": "debootstrap"}


def ensure(wanted: Mapping[str, str]) -> None:
    """Install what is missing. Raises ClusterError where that needs root, or a Debian, that is not there."""
    missing = sorted(package for probe, package in wanted.items() if not _is_there(probe))
    if not missing:
        return
    command = f"apt-get install --yes --no-install-recommends {' '.join(missing)}"
    if shutil.which("apt-get") is None:
        raise ClusterError(f"missing here: {', '.join(missing)}; this is no Debian or Ubuntu: install them by hand")
    if os.geteuid() != 0:
        raise ClusterError(f"missing here: {', '.join(missing)}; as root: {command}")
    with paths.lock("apt"), step(f"apt-get install {' '.join(missing)}"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        log = paths.logs() / "apt.log"
        run_logged(["apt-get", "update"], log, env=quiet, cwd=Path("/"))
        run_logged(command.split(), log, env=quiet, cwd=Path("/"))


def require_root(why: str) -> None:
    """Raises ClusterError for anybody else."""
    if os.geteuid() != 0:
        raise ClusterError(f"{why} needs root; `make run` and `make test-integration` do not")


def _is_there(probe: str) -> bool:
    if probe.startswith("/"):
        # Debian's multi-arch headers lie one folder deeper.
        return Path(probe).exists() or any(Path("/usr/include").glob(f"*-linux-gnu*/{Path(probe).name}"))
    return shutil.which(probe, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None
