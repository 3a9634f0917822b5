"""The operator's process against a real API server, etcd and the controller-manager. There is no kubelet: the test plays it.

Covered: a whole sweep; SIGKILL and SIGTERM in its midst; deletion in its midst; templates that are missing or that the server
refuses; health and metrics. That real pods train is for the end-to-end tests.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from typing import Any

import kopf

from integration.laboratory import Lab, eventually, is_complete, lab, operating, says
from regsweep.adapters.kubeapi import CONFIG_MAPS, JOBS, LEASES, POD_TEMPLATES, PODS, RESULTS, SWEEPS, uid_of
from regsweep.api.constants import GROUP, SWEEP_PLURAL, VERSION
from regsweep.controller.process.handlers import quiet_settings, registry_of
from regsweep.errors import ApiError
from unit.controller.fake_cluster import sweep_object

__all__ = ["lab"]


async def test_a_sweep_completes_with_every_record_stored_once(lab: Lab) -> None:
    async with operating(lab) as operator:
        await lab.apply()
        await lab.train_until(is_complete)
        _, metrics = await operator.get("/metrics")
    status = await lab.status()
    assert status["progress"] == "4/4"
    assert [r["rank"] for r in status["results"]] == [1, 2, 3, 4]
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert Counter(lab.seen.values()).most_common(1)[0][1] == 1
    assert f'regsweep_operator_sweep_runs{{namespace="{lab.namespace}",state="succeeded",sweep="demo"}} 4.0' in metrics
    events = lab.cluster.kubectl("-n", lab.namespace, "get", "events", "-o", "name")
    assert "demo." in events


async def test_killed_in_mid_sweep_the_next_one_loses_and_repeats_nothing(lab: Lab) -> None:
    async with operating(lab) as operator:
        await lab.apply()
        await eventually(lambda: lab.all(PODS))
        await lab.train(most=1)
        await operator.end(signal.SIGKILL)
    await lab.train()
    async with operating(lab):
        await lab.train_until(is_complete)
    assert len(lab.trained) == 8
    assert sorted(await lab.records()) == sorted(lab.trained)
    assert max(Counter(lab.seen.values()).values()) == 1


async def test_sigterm_ends_it_quickly_and_frees_the_lease(lab: Lab) -> None:
    async with operating(lab) as operator:
        await lab.apply()
        await eventually(lambda: lab.all(JOBS))
        assert await operator.end(signal.SIGTERM) == 0
    lease = await lab.api.get(LEASES, lab.namespace, "regsweep-operator")
    assert not lease["spec"].get("holderIdentity")


async def test_a_sweep_deleted_in_its_midst_takes_everything_along(lab: Lab) -> None:
    async with operating(lab):
        sweep = await lab.apply()
        await eventually(lambda: lab.all(PODS))
        await lab.train(most=1)
        await eventually(lambda: lab.all(RESULTS))
        await lab.api.delete(SWEEPS, lab.namespace, "demo", uid=uid_of(sweep))
        await eventually(lambda: _nothing_left(lab))


async def _nothing_left(lab: Lab) -> bool:
    return not (await lab.all(JOBS) or await lab.all(PODS) or await lab.all(RESULTS))


async def test_kopf_tells_of_a_sweep_and_writes_nothing_to_it(lab: Lab) -> None:
    heard: list[str] = []
    registry = registry_of(lab.api.access, heard.append)
    bodies: list[dict[str, Any]] = []
    before = await lab.api.create(
        SWEEPS, sweep_object("before") | {"metadata": {"name": "before", "namespace": lab.namespace}}
    )

    @kopf.on.event(GROUP, VERSION, SWEEP_PLURAL, registry=registry)
    async def keep(body: kopf.Body, **_: Any) -> None:
        bodies.append(dict(body))

    stop, ready = asyncio.Event(), asyncio.Event()
    listening = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=quiet_settings(),
            standalone=True,
            namespaces=[lab.namespace],
            stop_flag=stop,
            ready_flag=ready,
        )
    )
    await ready.wait()
    sweep = await lab.apply()

    async def is_reported() -> bool:
        return {uid_of(before), uid_of(sweep)} <= set(heard)

    await eventually(is_reported)
    stop.set()
    await listening
    assert await lab.api.get(SWEEPS, lab.namespace, "demo") == sweep
    assert all(body.keys() == {"apiVersion", "kind", "metadata"} for body in bodies), "it holds the metadata alone"


async def test_a_template_that_the_server_refuses_is_reported_with_its_message(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply(template={"spec": {"nodeSelector": {"not a key!": "x"}}})
        await eventually(lambda: says(lab, "TemplateRefused", "not a key!", "Accepted"))
        assert not await lab.all(JOBS)
        await lab.api.patch(SWEEPS, lab.namespace, "demo", {"spec": {"template": {"spec": {"nodeSelector": None}}}})
        await eventually(lambda: lab.all(JOBS))


async def test_a_missing_template_is_waited_for(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply(templateRef={"name": "cpu"})
        await eventually(lambda: says(lab, "TemplateNotFound", "cpu", "Accepted"))
        spec = {"nodeSelector": {"pool": "cpu"}, "containers": [{"name": "trainer", "image": "placeholder"}]}
        meta = {"name": "cpu", "namespace": lab.namespace}
        kind = {"apiVersion": "v1", "kind": "PodTemplate"}
        await lab.api.create(POD_TEMPLATES, {**kind, "metadata": meta, "template": {"spec": spec}})
        await eventually(lambda: lab.all(JOBS))
    (job, *_) = await lab.all(JOBS)
    assert job["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "cpu"}


async def test_a_script_is_waited_for_copied_and_mounted(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply(trainer={"gpus": 0, "script": {"configMapRef": {"name": "train"}, "entrypoint": "train.py"}})
        await eventually(lambda: says(lab, "Invalid", "there is no such ConfigMap", "Accepted"))
        meta, data = {"name": "train", "namespace": lab.namespace}, {"train.py": "a = 1"}
        await lab.api.create(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})
        await eventually(lambda: lab.all(JOBS))
    (job, *_) = await lab.all(JOBS)
    volumes = {volume["name"]: volume for volume in job["spec"]["template"]["spec"]["volumes"]}
    copy = await lab.api.get(CONFIG_MAPS, lab.namespace, volumes["regsweep-script"]["configMap"]["name"])
    assert (copy["immutable"], copy["data"]) == (True, data)
    assert copy["metadata"]["ownerReferences"][0]["kind"] == "RegularizationSweep"


async def test_a_lost_api_server_is_waited_for(lab: Lab) -> None:
    async with operating(lab):
        await lab.apply()
        await eventually(lambda: lab.all(PODS))
        lab.cluster.restart("kube-apiserver")
        await eventually(lambda: _answers(lab))
        await lab.train_until(is_complete)
    assert sorted(await lab.records()) == sorted(lab.trained)


async def _answers(lab: Lab) -> bool:
    try:
        await lab.status()
    except ApiError:
        return False
    return True
