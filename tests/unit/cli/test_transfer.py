"""What a user may rely on in `regsweep export` and `import`: all results arrive, nothing is trained again, and a file is not believed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regsweep.adapters.kubeapi import RESULTS, SWEEPS, KubeObject, uid_of
from regsweep.adapters.memory import Write
from regsweep.api.constants import IMPORT_ANNOTATION, IMPORTED_FROM_ANNOTATION
from regsweep.cli.exits import UsageError
from regsweep.cli.place import Place
from regsweep.cli.transfer import _items, exported, import_command, imported
from regsweep.core.archive import read_archive
from regsweep.errors import NotPermitted, RegsweepError, Unavailable, UnusableExport
from unit.controller.fake_cluster import NAMESPACE, FakeCluster, operating, settled, sweep_object


async def trained(cluster: FakeCluster, done: Callable[[], bool] | None = None, **spec: Any) -> None:
    """A sweep that an operator has trained, to its end or until `done`."""
    async with operating(cluster) as operator:
        await cluster.apply(sweep_object(**spec))
        await cluster.train_everything(done or cluster.is_over)
        await settled(operator, cluster)


async def export_of(cluster: FakeCluster) -> list[Any]:
    """The file, read as it was written."""
    text = json.dumps({"kind": "List", "items": await exported(cluster.api, cluster.api.objects(SWEEPS))})
    return _items(text.encode())


async def goes_on(cluster: FakeCluster) -> KubeObject:
    """The status that an operator comes to in the cluster."""
    async with operating(cluster) as operator:
        await cluster.train_everything(cluster.is_over)
        await settled(operator, cluster)
    return cluster.status()


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="a grid"),
        pytest.param(
            {"replicates": 3, "final": {"replicates": 3}, "trainer": {"gpus": 0, "parameters": {"test_fraction": 0.2}}},
            id="frozen picks",
        ),
        pytest.param({"racing": {"initialReplicates": 3, "maxReplicates": 5}}, id="a race"),
        pytest.param(
            {"trainer": {"image": "own:1", "gpus": 0}, "seed": 7, "retention": {"results": "Retain"}},
            id="pinned values",
        ),
    ],
)
async def test_all_results_arrive_in_a_new_cluster_and_nothing_is_trained_again(spec: dict[str, Any]) -> None:
    old, new = FakeCluster(), FakeCluster()
    await trained(old, **spec)
    lines = await imported(new.api, read_archive(await export_of(old)))
    assert lines == [f"{NAMESPACE}/demo: {len(old.records())} records imported"]
    status = await goes_on(new)
    assert not new.created
    assert sorted(new.records()) == sorted(old.records())
    before = old.status()
    for field in ("results", "best", "resolved", "analysis", "final", "runs", "state", "progress", "startTime"):
        assert status.get(field) == before.get(field), field
    assert uid_of(new.sweep()) != uid_of(old.sweep())


async def test_a_sweep_in_mid_run_goes_on_with_what_is_missing() -> None:
    old, new = FakeCluster(), FakeCluster()
    await trained(old, done=lambda: len(old.records()) >= 4)
    missing = 8 - len(old.records())
    await imported(new.api, read_archive(await export_of(old)))
    await goes_on(new)
    assert len(new.trained) == missing
    assert not set(new.trained) & set(old.records())


async def test_an_operator_waits_for_an_import_that_was_interrupted_and_a_repeated_one_goes_on() -> None:
    old, new = FakeCluster(), FakeCluster()
    await trained(old)
    sweeps = read_archive(await export_of(old))

    def cut(write: Write) -> None:
        if write.resource == "sweepresults":
            raise Unavailable("the connection was closed")

    new.api.before_write = cut
    with pytest.raises(Unavailable):
        await imported(new.api, sweeps)
    new.api.before_write = None
    async with operating(new) as operator:
        await settled(operator, new)
    assert not new.created
    assert IMPORT_ANNOTATION in new.sweep()["metadata"]["annotations"]
    assert await imported(new.api, sweeps) == [f"{NAMESPACE}/demo: 8 records imported"]
    await goes_on(new)
    assert not new.created
    assert await imported(new.api, sweeps) == [f"{NAMESPACE}/demo: is there already"]


@pytest.mark.parametrize("cut", range(1, 5))
async def test_an_import_may_be_cut_off_after_any_write(cut: int) -> None:
    old, new = FakeCluster(), FakeCluster()
    await trained(old)
    sweeps = read_archive(await export_of(old))
    done = 0

    def count(_: Write) -> None:
        nonlocal done
        done += 1
        if done > cut:
            raise Unavailable("the connection was closed")

    new.api.before_write = count
    if cut < 4:
        with pytest.raises(Unavailable):
            await imported(new.api, sweeps)
    else:
        await imported(new.api, sweeps)
    new.api.before_write = None
    await imported(new.api, sweeps)
    await goes_on(new)
    assert not new.created
    assert sorted(new.records()) == sorted(old.records())


async def test_a_name_that_another_sweep_has_stops_the_import_before_anything_is_written() -> None:
    old, new = FakeCluster(), FakeCluster()
    await trained(old)
    await old.apply(sweep_object("other"))
    await new.apply(sweep_object("other"))
    sweeps = read_archive(await export_of(old))
    before = len(new.api.writes)
    with pytest.raises(UsageError, match="lab/other"):
        await imported(new.api, sweeps)
    assert len(new.api.writes) == before
    assert len(await imported(new.api, sweeps, "elsewhere")) == 2
    assert {s["metadata"]["namespace"] for s in new.api.objects(RESULTS)} == {"elsewhere"}


async def test_where_it_comes_from_it_is_there_already() -> None:
    cluster = FakeCluster()
    await trained(cluster)
    sweeps = read_archive(await export_of(cluster))
    assert await imported(cluster.api, sweeps) == [f"{NAMESPACE}/demo: is there already"]
    await cluster.api.delete(SWEEPS, NAMESPACE, "demo", uid=uid_of(cluster.sweep()))
    cluster.created.clear()
    await imported(cluster.api, sweeps)
    assert (await goes_on(cluster))["progress"] == "4/4"
    assert not cluster.created


async def test_a_dry_run_writes_nothing() -> None:
    old, new = FakeCluster(), FakeCluster()
    await trained(old)
    assert await imported(new.api, read_archive(await export_of(old)), dry_run=True) == [
        f"{NAMESPACE}/demo: 8 records would be imported"
    ]
    assert not new.api.writes


async def test_whoever_may_not_write_results_is_told_of_the_role() -> None:
    old, new = FakeCluster(), FakeCluster()
    await trained(old)

    def deny(write: Write) -> None:
        if write.resource == "sweepresults":
            raise NotPermitted("User cannot create resource sweepresults", 403)

    new.api.before_write = deny
    with pytest.raises(RegsweepError, match=r"rbac\.importer\.create=true"):
        await imported(new.api, read_archive(await export_of(old)))


async def test_applied_with_kubectl_an_exported_sweep_trains_nothing() -> None:
    old, new = FakeCluster(), FakeCluster()
    await trained(old)
    sweep, *_ = await export_of(old)
    await new.apply({**sweep, "status": {}})
    async with operating(new) as operator:
        await settled(operator, new)
    assert not new.created


def _broken(change: Callable[[list[Any]], object]) -> Callable[[list[Any]], list[Any]]:
    def apply(items: list[Any]) -> list[Any]:
        items = copy.deepcopy(items)
        change(items)
        return items

    return apply


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda i: i[0].update(kind="Pod"), r"items\[0\]: is neither"),
        (lambda i: i.append(i[0]), "is there twice"),
        (lambda i: i.append(i[1]), "is there twice"),
        (lambda i: i.pop(0), "but not the sweep"),
        (lambda i: i[1].update(sequence=1), "segment 0 of the results of demo is missing"),
        (lambda i: i[1]["records"][0].update(outcome="Splendid"), r"items\[1\]\.records\.0\.outcome"),
        (lambda i: i[1]["records"][0].update(point="../x"), r"records\.0\.point"),
        (lambda i: i[1]["records"][0].update(replicate=-1), r"records\.0\.replicate"),
        (lambda i: i[1].update(records=i[1]["records"] * 40), "records"),
        (lambda i: i[0]["metadata"].update(name="Not a name"), r"metadata\.name"),
        (lambda i: i[0]["metadata"].update(namespace="../kube-system"), r"metadata\.namespace"),
        (lambda i: i[0]["metadata"]["annotations"].pop(IMPORT_ANNOTATION), "regsweep.dev/import"),
        (lambda i: i[0]["metadata"]["annotations"].update({IMPORT_ANNOTATION: "a/b"}), "regsweep.dev/import"),
        (lambda i: i[0]["spec"].update(flags=[]), r"spec\.flags"),
        (lambda i: i[0]["spec"].update(replicates="many"), r"spec\.replicates"),
        (lambda i: i[0]["status"]["resolved"].update(keyVersion=99), "keyVersion: is 99"),
        (lambda i: i[0]["status"]["resolved"].update(seed="x"), r"resolved\.seed"),
        (lambda i: i[0]["status"].update(startTime="yesterday"), "startTime"),
        (lambda i: i.insert(0, "text"), r"items\[0\]: is no object"),
    ],
)
async def test_a_file_that_is_not_as_it_was_written_is_refused(
    change: Callable[[list[Any]], object], words: str
) -> None:
    old = FakeCluster()
    await trained(old)
    with pytest.raises(UnusableExport, match=words):
        read_archive(_broken(change)(await export_of(old)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no JSON"),
        ('{"kind": "List", "items": [', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"kind": "List", "items": [{"a": NaN}]}', "NaN"),
        ('{"kind": "List", "items": [{"a": 1e999}]}', "too large"),
        ('{"kind": "List", "items": [{"a": 1, "a": 2}]}', "twice"),
        ('{"kind": "Pod"}', "no list of objects"),
    ],
)
def test_a_text_that_is_no_export_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "sweeps.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=words):
        import_command(Place(), file, dry_run=False)


async def test_what_was_imported_can_be_exported_again() -> None:
    old, new, newer = FakeCluster(), FakeCluster(), FakeCluster()
    await trained(old)
    await imported(new.api, read_archive(await export_of(old)))
    assert new.sweep()["metadata"]["annotations"][IMPORTED_FROM_ANNOTATION] == uid_of(old.sweep())
    await goes_on(new)
    await imported(newer.api, read_archive(await export_of(new)))
    await goes_on(newer)
    assert not newer.created
    assert sorted(newer.records()) == sorted(old.records())
