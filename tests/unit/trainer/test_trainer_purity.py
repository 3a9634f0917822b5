"""The pure modules import neither Keras nor TensorFlow nor anything that does I/O for them; the shell brings Keras up late."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

LOCK = Path(__file__).parents[3] / "uv.lock"

PURE = ["flags", "data.dataset", "data.numerals", "data.columns", "data.targets", "data.plausibility", "preparation"]
PURE += ["data.typed", "data.roles", "encoding", "scaling"]
PURE += ["estimator", "metrics", "record_columns", "audit", "weighting", "fitting", "task", "judging", "training"]
PURE += ["models.inputs", "models.schedules", "models.constant"]


@pytest.mark.parametrize("module", [*PURE, "data.bundled", "data.tabular", "data.images", "identity", "run", "main"])
def test_importing_it_brings_up_no_training_library(module: str) -> None:
    heavy = [
        "keras",
        "tensorflow",
        "jax",
        "sklearn",
        "scipy",
        "pyarrow",
        "PIL",
        *(["prometheus_client"] if module in PURE else []),
    ]
    check = f"import sys, regsweep_trainer.{module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_bundled_data_are_read_without_pyarrow() -> None:
    check = "import sys; from regsweep_trainer.data.sources import load_bundled; load_bundled('iris'); print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(("package", "has_pyarrow"), [("regsweep", False), ("regsweep-trainer", True)])
def test_pyarrow_is_in_the_trainers_image_alone(package: str, has_pyarrow: bool) -> None:
    locked = tomllib.loads(LOCK.read_text())["package"]
    needs = {p["name"]: {d["name"] for d in p.get("dependencies", ())} for p in locked}
    found, new = set(), {package}
    while new:
        found |= new
        new = set().union(*(needs[name] for name in new)) - found
    assert ("pyarrow" in found) is has_pyarrow
    assert "pandas" not in found
