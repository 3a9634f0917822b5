"""What the caches keep of an object is bounded, whichever part of it somebody has made huge: memory is everybody's."""

from __future__ import annotations

import copy
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from regsweep.adapters.kubeapi import KubeObject, Resource
from regsweep.adapters.memory import MemoryApi
from regsweep.adapters.object_cache import ObjectCache
from regsweep.api.constants import QUEUE_POD_SET_LABEL, RETRY_ANNOTATION
from regsweep.api.validation import parse_sweep
from regsweep.controller.caches.kept_sweeps import trim_sweep, whole_sweep
from regsweep.controller.caches.template_cache import BELIEVED_SECONDS, TemplateCache
from regsweep.controller.caches.trimming import trim_job, trim_pod
from regsweep.controller.clocks import SYSTEM_CLOCKS
from regsweep.controller.passes.acceptance import Acceptance, Rules
from regsweep.controller.process.assembly import build_caches
from regsweep.core.accept import Defaults, Past
from regsweep.core.kubernetes.identify import ANNOTATIONS
from regsweep.core.kubernetes.observe import observed_pod, observed_run
from regsweep.core.runs import ObservedPod
from regsweep.errors import InvalidSweep
from unit.controller.fake_cluster import sweep_object
from unit.core.kubernetes.objects import STARTED, job_object, pod_object, terminated

MOST_KEPT = 64_000
"""Characters of a trimmed Job or pod; an honest one has some 2,000."""
HUGE = "x" * 1_000_000
MANY = 4000
CONDITIONS = [{"type": "Ready", "status": "True", "reason": "r", "message": "m", "lastTransitionTime": STARTED}]


def a_job() -> KubeObject:
    job = job_object(metadata={"namespace": "lab", "resourceVersion": "1", "labels": {"regsweep.dev/sweep-uid": "u"}})
    job["metadata"]["annotations"] = dict.fromkeys(ANNOTATIONS, "0") | job["metadata"]["annotations"]
    job["spec"]["template"]["metadata"] = {"labels": {QUEUE_POD_SET_LABEL: "main"}}
    job["status"] = {"conditions": CONDITIONS, "failedIndexes": "0", "completedIndexes": "1"}
    return job


def a_pod() -> KubeObject:
    pod = pod_object(terminated(0), "Succeeded")
    pod["metadata"] |= {"namespace": "lab", "resourceVersion": "1", "annotations": dict.fromkeys(ANNOTATIONS, "0")}
    side = {"name": "side", "restartPolicy": "Always", "resources": {"limits": {"memory": "1Gi"}}}
    pod["spec"] |= {
        "nodeName": "n",
        "containers": [{**side, "name": "trainer"}, side],
        "initContainers": [side],
        "resources": {"limits": {"memory": "1Gi"}},
    }
    waiting = {"name": "side", "state": {"waiting": {"reason": "ErrImagePull", "message": "m"}}}
    pod["status"] |= {"conditions": CONDITIONS, "reason": "r", "message": "m", "initContainerStatuses": [waiting]}
    pod["status"]["containerStatuses"] = [{**pod["status"]["containerStatuses"][0], "imageID": "i"}, waiting]
    return pod


def made_huge(obj: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The object with one of its texts, lists or mappings made huge: with each of them in turn."""
    if isinstance(obj, str):
        yield path, HUGE
    if isinstance(obj, list) and obj:
        yield f"{path}[]", [copy.deepcopy(obj[place % len(obj)]) for place in range(MANY)]
        yield f"{path}[] of other names", [*obj, *(renamed(obj[-1], str(place)) for place in range(MANY))]
    if isinstance(obj, dict):
        yield f"{path}{{}}", {**obj, **{f"k{place}": "v" * 63 for place in range(MANY)}}
    for step, below in obj.items() if isinstance(obj, dict) else enumerate(obj) if isinstance(obj, list) else ():
        for place, huge in made_huge(below, f"{path}.{step}"):
            whole = copy.copy(obj)
            whole[step] = huge
            yield place, whole


def all_huge(obj: Any) -> Any:
    """The object with all of its texts, lists and mappings huge."""
    if isinstance(obj, list):
        return [renamed(all_huge(obj[place % len(obj)]), f"n{place}") for place in range(100)] + [
            all_huge(item) for item in obj
        ]
    if isinstance(obj, dict):
        return {name: value if name in ("name", "kind") else all_huge(value) for name, value in obj.items()}
    return "x" * 50_000 if isinstance(obj, str) else obj


def renamed(item: Any, name: str) -> Any:
    return {**item, "name": name} if isinstance(item, dict) else item


@pytest.mark.parametrize(("trim", "original"), [(trim_job, a_job()), (trim_pod, a_pod())], ids=["Job", "pod"])
def test_whatever_is_huge_in_a_job_or_pod_little_is_kept(
    trim: Callable[[KubeObject], KubeObject], original: KubeObject
) -> None:
    sizes = {place: len(json.dumps(trim(huge))) for place, huge in made_huge(original) if ".uid" not in place}
    assert len(sizes) > 30
    assert {place: size for place, size in sizes.items() if size > MOST_KEPT} == {}
    assert len(json.dumps(trim(all_huge(original)))) < 2 * MOST_KEPT


def test_the_controller_of_a_job_is_known_among_however_many_owners() -> None:
    job = a_job()
    others = [{"kind": "ConfigMap", "name": f"c{n}", "uid": f"u{n}", "apiVersion": "v1"} for n in range(MANY)]
    job["metadata"]["ownerReferences"] = [*others, *job["metadata"]["ownerReferences"]]
    assert observed_run(trim_job(job)) == observed_run(a_job())


def test_the_trainer_of_a_pod_is_known_among_however_many_containers() -> None:
    pod = a_pod()
    for part, field in (("spec", "containers"), ("status", "containerStatuses")):
        pod[part][field] = [*({"name": f"c{n}", "state": {}} for n in range(MANY)), *pod[part][field]]
    seen, honest = observed_pod(trim_pod(pod)), observed_pod(a_pod())
    assert isinstance(seen, ObservedPod)
    assert (seen.exit_code, seen.message, seen.memory_limit) == (honest.exit_code, honest.message, honest.memory_limit)


def cost_of(make: Callable[[], object]) -> int:
    """Bytes that are held by what is made."""
    tracemalloc.start()
    kept = make()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return held


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


class Templates(MemoryApi):
    """A large object of each name."""

    async def get(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        return {"metadata": {"name": name}, "data": {"train.py": 100_000 * name[-1]}}


async def test_of_what_sweeps_refer_to_only_what_is_believed_is_held() -> None:
    now = [0.0]
    cache = TemplateCache(Templates(), clock=lambda: now[0])
    tracemalloc.start()
    for number in range(100):
        now[0] += BELIEVED_SECONDS
        assert await cache.get("lab", f"t{number}") is await cache.get("lab", f"t{number}")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 500_000


EMPTY = json.dumps([{}] * 200_000)
"""800 kB of JSON; as Python objects 25 times as much."""
HOSTILE: dict[str, dict[str, Any]] = {
    "a template": {"template": {"spec": {"tolerations": json.loads(EMPTY)}}},
    "parameters": {"trainer": {"image": "t:1", "parameters": {"a": json.loads(EMPTY)}}},
    "a value": {"flags": [{"name": "l2", "values": [json.loads(EMPTY)]}]},
    "values": {"flags": [{"name": "l2", "values": json.loads(EMPTY)}]},
    "a text": {"template": {"spec": {"nodeName": HUGE}}},
    "a depth": {"template": _nested(5000)},
}


@pytest.mark.parametrize("part", HOSTILE)
def test_of_a_sweep_that_is_too_large_only_why_is_kept(part: str) -> None:
    sweep = sweep_object(**HOSTILE[part])
    with pytest.raises(InvalidSweep) as at_once:
        parse_sweep(sweep)
    assert cost_of(lambda: copy.deepcopy(trim_sweep(sweep))) < 20_000
    with pytest.raises(InvalidSweep) as kept:
        parse_sweep(whole_sweep(trim_sweep(sweep)))
    assert kept.value.problems == at_once.value.problems


def test_the_operator_holds_many_sweeps_that_are_too_large_in_little_memory() -> None:
    sweeps = build_caches(MemoryApi(), SYSTEM_CLOCKS).sweeps

    def fill() -> ObjectCache:
        for number in range(10):
            sweep = sweep_object(template={"spec": {"tolerations": [{} for _ in range(60_000)]}})
            sweep["metadata"] |= {"uid": f"u{number}", "resourceVersion": "1", "generation": 1}
            sweeps.upsert(sweep)
        return sweeps

    assert cost_of(fill) < 100_000
    with pytest.raises(InvalidSweep, match=r"spec\.template: has 180,0"):
        Acceptance().accept(sweeps.get("u7") or {}, Past(), Rules(Defaults("t:1", "gpu", "1"), 100))


def test_of_a_sweep_that_is_within_bounds_no_more_is_kept_than_it_has_characters() -> None:
    text = json.dumps(sweep_object(flags=[{"name": "l2", "values": [[]] * 100_000}]))
    assert cost_of(lambda: trim_sweep(json.loads(text))) < 1.2 * len(text)


def test_whatever_is_huge_in_the_metadata_of_a_sweep_little_is_kept() -> None:
    sweep = sweep_object()
    sweep["metadata"] |= {
        "annotations": {RETRY_ANNOTATION: HUGE, "other": HUGE},
        "labels": {f"l{n}": "v" for n in range(MANY)},
        "ownerReferences": [{"uid": f"u{n}"} for n in range(MANY)],
        "managedFields": [{"manager": HUGE}],
        "finalizers": [f"f/{n}" for n in range(MANY)],
    }
    assert len(json.dumps(trim_sweep(sweep))) < 5000


def test_a_sweep_is_read_as_it_was_written() -> None:
    sweep = sweep_object(template={"metadata": {"labels": {"ä": "ö"}}}, retention={"failedJobs": 3}, suspend=True)
    kept = trim_sweep(sweep)
    assert parse_sweep(whole_sweep(kept)) == parse_sweep(sweep) == parse_sweep(whole_sweep(sweep))
    assert kept["spec"] == {"retention": {"failedJobs": 3}, "suspend": True}
