"""A sweep is exported, deleted with all that is in the cluster of it, and imported by people who may do that and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import ClusterError
from support.helm import find_helm, one
from support.stage import SWEEPS, Lab
from support.users import kubeconfig_of

IMPORTER = "regsweep-import.regsweep-system"


def regsweep(*arguments: str | Path, person: Path) -> subprocess.CompletedProcess[str]:
    """The command, by a person's kubeconfig, which names the namespace too."""
    command = [sys.executable, "-m", "regsweep.cli", *arguments, "--kubeconfig", person]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def importer_role() -> str:
    """The role that the chart makes by `rbac.importer.create`."""
    helm = find_helm()
    if helm is None:
        pytest.skip("Helm is not built here: `make programs` builds it, and `make test` does that first")
    return json.dumps(one(helm.template("--set", "rbac.importer.create=true"), "ClusterRole", IMPORTER))


def test_what_comes_back_is_what_was_there_and_nothing_is_trained_again(lab: Lab, tmp_path: Path) -> None:
    lab.kubectl("apply", "-f", "-", input=importer_role())
    viewer, importer = (kubeconfig_of(lab.stage.cluster, lab.namespace, role, tmp_path) for role in ("view", IMPORTER))
    lab.apply(lab.sleepers("s", [0.1, 0.2, 0.3], replicates=2))
    lab.until_condition("s", "Complete")
    before, records, created = lab.status("s"), lab.records("s"), lab.created_jobs()

    file = tmp_path / "sweeps.json"
    exported = regsweep("export", "s", person=viewer)
    assert exported.returncode == 0, exported.stderr
    file.write_text(exported.stdout)
    lab.kubectl("delete", "rsweep", "s")
    lab.until("nothing of it is left", lambda: not (lab.jobs() or lab.pods() or lab.records("s")))

    refused = regsweep("import", file, person=viewer)
    assert refused.returncode != 0 and "rbac.importer.create" in refused.stderr
    assert lab.get(SWEEPS, "s") is None
    imported = regsweep("import", file, person=importer)
    assert imported.returncode == 0, imported.stderr
    lab.until_condition("s", "Complete")
    after = lab.status("s")
    for field in ("results", "best", "analysis", "runs", "resolved", "startTime"):
        assert after.get(field) == before.get(field), field
    assert sorted(map(json.dumps, lab.records("s"))) == sorted(map(json.dumps, records))
    assert lab.created_jobs() == created, "by the API server's account no Job was created"

    # It is a sweep like any other: what is added is trained, and only that. Nor may the importer do more than import.
    lab.edit("s", flags=[{"name": "seconds", "values": [0.1, 0.2, 0.3, 0.4]}])
    lab.until("the fourth is ranked", lambda: len(lab.status("s")["results"]) == 4)
    assert len(lab.created_jobs() - created) == 1
    for verb in ("get", "delete"):
        with pytest.raises(ClusterError, match="forbidden"):
            lab.kubectl(f"--kubeconfig={importer}", verb, "jobs", "--all" if verb == "delete" else "--output=name")
