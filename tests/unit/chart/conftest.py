"""The chart is rendered by a real Helm; where none was built yet, these tests are skipped and say so."""

from __future__ import annotations

import pytest

from support.helm import Helm, Manifest, find_helm


@pytest.fixture(scope="session")
def helm() -> Helm:
    """A Helm 4."""
    found = find_helm()
    if found is None:
        pytest.skip("no Helm 4 here: `make test` builds one, and so does tests/integration/test_chart.py")
    return found


@pytest.fixture(scope="session")
def defaults(helm: Helm) -> list[Manifest]:
    """What the chart makes of its own values."""
    return helm.template()
