"""A namespace is deleted with a sweep in it that trains."""

from __future__ import annotations

from support.stage import Lab


def test_a_namespace_goes_with_the_sweep_that_trains_in_it(lab: Lab) -> None:
    """By itself Kubernetes would leave it Terminating: see controller/passes/namespaces.py."""
    gone = lab.stage.lab(f"{lab.namespace}-gone")
    gone.apply(gone.sleepers("s", [600, 601, 602, 603]))
    gone.until("runs train", lambda: len(gone.pods("Running")) == 4)
    lab.stage.cluster.kubectl("delete", "namespace", gone.namespace, "--wait=false")
    path = f"/api/v1/namespaces/{gone.namespace}"
    lab.until("the namespace is gone", lambda: lab.stage.api.get_object(path) is None)
