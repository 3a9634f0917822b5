"""What the operator's process loads at its start, and holds in memory for its whole life."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from unit.adapters.test_connection import certificate

HEAVY = {"numpy", "scipy", "pandas", "sklearn", "tensorflow", "keras", "jax", "rich"}
"""Each takes tens of MiB; the operator has 120 in all (`make bench-control-loop`)."""
CLIENTS = {"kubernetes", "requests", "urllib3", "oauthlib"}
"""The official client and what it brings along, for kubeconfigs alone."""
STARTED = "import regsweep.cli.main, regsweep.controller.process.main"
IN_A_POD = f"""
import asyncio, pathlib, sys
{STARTED}
from regsweep.adapters import service_account
service_account.SERVICE_ACCOUNT = pathlib.Path(sys.argv[1])
connection = asyncio.run(regsweep.controller.process.main.load_connection())
assert connection.access.host == "https://10.0.0.1:443", connection
"""


def loaded_by(program: str, *arguments: str, **environment: str) -> set[str]:
    """Names of the modules that a process has loaded which has done this."""
    command = [sys.executable, "-c", f"{program}\nimport json, sys; print(json.dumps(list(sys.modules)))", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return set(json.loads(done.stdout))


def test_the_operator_loads_no_library_for_arrays_statistics_training_or_terminals() -> None:
    loaded = loaded_by(STARTED)
    assert "regsweep.controller.passes.reconcile" in loaded
    assert HEAVY & loaded == set()


def test_in_a_pod_it_loads_no_client_library_and_nothing_that_reads_kubeconfigs(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken")
    (tmp_path / "ca.crt").write_bytes(certificate()[0])
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    loaded = loaded_by(IN_A_POD, str(tmp_path), **pod)
    assert "kopf" in loaded
    assert (CLIENTS | {"regsweep.adapters.kubeconfig", "regsweep.adapters.exec_plugin"}) & loaded == set()


def test_what_is_hidden_from_kopf_is_there_for_all_others() -> None:
    loaded = loaded_by(f"{STARTED}\nimport kubernetes.client")
    assert "kubernetes.client" in loaded
