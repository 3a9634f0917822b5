"""What Helm says after an installation."""

from __future__ import annotations

import pytest

from support.helm import CHART, Helm

NOTES = [
    pytest.param("", "no Prometheus is configured", True, id="no Prometheus"),
    pytest.param("prometheus.url=http://p", "no Prometheus is configured", False, id="a Prometheus"),
    pytest.param("crds.keep=false", "deletes every sweep", True, id="CRDs that go"),
    pytest.param("crds.keep=false,crds.enabled=false", "deletes every sweep", False, id="CRDs of another release"),
    pytest.param("replicas=1", "replicas is 1", True, id="one operator"),
    pytest.param("watchNamespaces={ml}", "kubectl -n ml apply -f", True, id="where the first sweep goes"),
]


@pytest.mark.parametrize(("values", "words", "said"), NOTES)
def test_the_notes_say_what_is_next_and_what_to_look_out_for(helm: Helm, values: str, words: str, said: bool) -> None:
    notes = helm.run("install", "regsweep", str(CHART), "--dry-run=client", "-n", "regsweep-system", "--set", values)
    assert "rollout status deployment/regsweep" in notes
    assert (words in notes) is said
