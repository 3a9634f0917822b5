"""What the operator's process holds in memory for its whole life."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {"numpy", "scipy", "pandas", "sklearn", "tensorflow", "keras", "jax", "rich"}
"""Each takes tens of MiB; the operator has 120 in all (`make bench-control-loop`)."""


def test_the_operator_loads_no_library_for_arrays_statistics_training_or_terminals() -> None:
    program = "import json, sys; import regsweep.cli.main, regsweep.controller.process.main; print(json.dumps(list(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "regsweep.controller.passes.reconcile" in json.loads(loaded)
    assert HEAVY & set(json.loads(loaded)) == set()
