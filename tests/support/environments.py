"""Environments of their own for frameworks that the project does not depend on, made once in the cache."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster import paths
from cluster.digests import digest

KIT = ("numpy", "prometheus-client", "scikit-learn")
"""What the kit and its examples need beside a framework."""
TORCH: Mapping[str, str] = {
    f"/usr/lib/python3/dist-packages/{module}": package
    for module, package in (
        ("torch", "python3-torch"),
        ("sklearn", "python3-sklearn"),
        ("prometheus_client", "python3-prometheus-client"),
    )
}
"""PyTorch without CUDA, and what the kit needs beside it, for Debian's own Python: folder -> package."""


def python_with(name: str, packages: Sequence[str]) -> str:
    """Python of an environment with these packages and what the kit needs. `UV` names uv, as `make` sets it."""
    name = f"{name}-{sys.implementation.cache_tag}"
    folder = paths.cache() / "frameworks" / name
    with paths.lock(f"framework-{name}"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            uv = os.environ["UV"]
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
            python = folder / "bin" / "python"
            subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *packages, *KIT], check=True)
            (folder / "done").touch()
    return str(folder / "bin" / "python")


def python_of_trainer(extra: str) -> str:
    """Python of an environment with what the trainer's image of this extra has, locked, and pytest; without the trainer itself."""
    uv = os.environ["UV"]
    export = [uv, "export", "--quiet", "--frozen", "--no-dev", "--no-hashes", "--no-emit-workspace", "--no-annotate"]
    export += ["--package", "regsweep-trainer", "--extra", extra]
    locked = subprocess.run(export, cwd=paths.CHECKOUT, capture_output=True, text=True, check=True).stdout
    packages = [line for line in locked.splitlines() if not line.startswith("#")]
    return python_with(f"trainer-{extra}-{digest([], packages)}", [*packages, "pytest"])


def python_that_imports(module: str, variable: str) -> str | None:
    """The Python that this variable names, this one or the system's, whichever imports the module and the kit's needs; None: none does."""
    wanted = ", ".join(("numpy", "prometheus_client", "sklearn", module))
    for python in filter(None, (os.environ.get(variable), sys.executable, shutil.which("python3", path="/usr/bin"))):
        if (
            Path(python).exists()
            and subprocess.run([python, "-c", f"import {wanted}"], capture_output=True).returncode == 0
        ):
            return python
    return None
