"""The client for a real API server keeps the contract of KubeApi, and maps what only a real server says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from cluster import Cluster
from contract.kube_api import KubeApiContract, job, lease
from regsweep.adapters.connection import load_connection
from regsweep.adapters.kube import KubeClient
from regsweep.adapters.kubeapi import JOBS, LEASES, Resource
from regsweep.errors import Expired, NotFound, Refused

NAMESPACES = Resource("", "v1", "namespaces", "Namespace")


class TestKubeClient(KubeApiContract):
    @pytest.fixture
    async def api(self, control_plane: Cluster) -> AsyncIterator[KubeClient]:
        client = KubeClient((await load_connection(control_plane.kubeconfig)).access)
        yield client
        await client.close()

    @pytest.fixture
    def namespace(self, control_plane: Cluster) -> str:
        name = f"contract-{uuid4().hex[:8]}"
        control_plane.kubectl("create", "namespace", name)
        return name

    async def test_what_the_server_refuses_is_refused_with_its_words(self, api: KubeClient, namespace: str) -> None:
        wrong = job(namespace)
        wrong["spec"]["template"]["spec"]["restartPolicy"] = "Always"
        with pytest.raises(Refused, match="restartPolicy") as caught:
            await api.create(JOBS, wrong)
        assert caught.value.status == 422

    async def test_a_namespace_that_does_not_exist_is_not_found(self, api: KubeClient) -> None:
        with pytest.raises(NotFound):
            await api.create(LEASES, lease("no-such-namespace"))

    async def test_a_continue_token_that_makes_no_sense_is_refused(self, api: KubeClient, namespace: str) -> None:
        with pytest.raises((Refused, Expired)):
            await api.list_page(LEASES, namespace, continue_token="nonsense")
