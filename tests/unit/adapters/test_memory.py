"""The API in memory keeps the contract of KubeApi."""

from __future__ import annotations

import pytest

from contract.kube_api import KubeApiContract
from regsweep.adapters.memory import MemoryApi


class TestMemoryApi(KubeApiContract):
    @pytest.fixture
    def api(self) -> MemoryApi:
        return MemoryApi()

    @pytest.fixture
    def namespace(self) -> str:
        return "lab"
