"""The pure modules import neither Keras nor TensorFlow nor anything that does I/O for them; the shell brings Keras up late."""

import subprocess
import sys

import pytest

PURE = ["flags", "dataset", "preparation", "estimator", "metrics", "record_columns", "audit", "training"]


@pytest.mark.parametrize("module", [*PURE, "bundled", "identity", "run", "main"])
def test_importing_it_brings_up_no_training_library(module: str) -> None:
    heavy = ["keras", "tensorflow", "sklearn", "scipy", *(["prometheus_client"] if module in PURE else [])]
    check = f"import sys, regsweep_trainer.{module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
