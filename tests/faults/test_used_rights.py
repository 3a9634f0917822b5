"""After all other tests on the node: what the operator's roles grant is what it used, no more and no less."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster import paths
from support.rights import Right, granted, of_the_operator, used
from support.stage import Stage

ACCOUNT = "system:serviceaccount:regsweep-system:regsweep"
FOLDERS = ("tests/e2e", "tests/faults")
RARE = {
    Right("/events", "list"): "integration/test_refused_pods.py",
    Right("batch/jobs", "get"): "unit/controller/test_job_writer.py",
}
"""Rights that are needed where something is in the way, by the tests that see to that."""


def test_what_is_granted_is_what_was_used(stage: Stage, request: pytest.FixtureRequest) -> None:
    collected = {item.path for item in request.session.items}
    every = {path for folder in FOLDERS for path in (paths.CHECKOUT / folder).glob("test_*.py")}
    if missing := sorted(str(path.name) for path in every - collected):
        pytest.skip(
            f"only after all tests on the node, since each uses rights of its own; not run: {', '.join(missing)}"
        )
    manifests = [m for m in yaml.safe_load_all(Path(paths.CHECKOUT / "manifests/install.yaml").read_text()) if m]
    permitted, denied = used(stage.cluster.audit_log.read_text(), ACCOUNT)
    assert denied == set()
    assert granted(of_the_operator(manifests)) - permitted - RARE.keys() == set(), (
        "granted, and used by no test: take it away"
    )
