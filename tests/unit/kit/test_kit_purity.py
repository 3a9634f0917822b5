"""The kit imports no framework, and what reads the environment imports neither NumPy nor prometheus-client."""

import subprocess
import sys
from pathlib import Path

import pytest

import regsweep_kit

FOLDER = Path(regsweep_kit.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(FOLDER).with_suffix("").parts) for path in FOLDER.rglob("*.py") if path.stem != "__init__"
)
LIGHT = ["columns", "console", "contract", "digests", "epochs", "errors", "journal", "message", "objective", "record"]
LIGHT += ["resampling", "stopping", "timing", "variables", "process"]
LIGHT += [
    f"script.{name}"
    for name in ("declarations", "precedence", "commandline", "profiles", "ending", "course", "devices")
]
FRAMEWORK = ["script.kerascallback", "script.evaluation"]
"""Imported only where a Keras model is to be reported."""


def imported(module: str) -> set[str]:
    """Packages, beyond Python's own, that importing it brings."""
    check = f"import sys; before = set(sys.modules); import {module}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()} - sys.stdlib_module_names - {"regsweep_kit"}


@pytest.mark.parametrize("module", [module for module in MODULES if module not in FRAMEWORK])
def test_what_a_module_brings_along(module: str) -> None:
    allowed: set[str] = set() if module in LIGHT else {"numpy", "prometheus_client"}
    assert imported(f"regsweep_kit.{module}") <= allowed


def test_the_package_alone_brings_nothing() -> None:
    check = "import sys, regsweep_kit; print([name for name in sys.modules if name.startswith('regsweep_kit.')])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
