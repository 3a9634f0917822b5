"""A training script in a ConfigMap: what is pinned, what is refused, which edits are not followed, and what its pods are like."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from regsweep.api.objective import objective_status
from regsweep.api.validation import parse_sweep
from regsweep.core.accept import Defaults, Identity, Past, accept
from regsweep.core.kubernetes.podtemplate import JobDefaults, pod_template
from regsweep.core.runs import ObservedRun, RunRequest
from regsweep.core.scripts import ScriptFiles, copy_name, script_copy, script_files
from regsweep.core.sweep import Sweep
from regsweep.errors import InvalidSweep

SOURCE = {"configMapRef": {"name": "train"}, "entrypoint": "train.py"}
MAP = {"data": {"train.py": "a = 1", "helper.py": ""}, "binaryData": {"table.bin": base64.b64encode(b"\0\1").decode()}}
REPORT = {"format": "Stdout"}


def accepted(
    config_map: Any = MAP, past: Sweep | None = None, source: Any = SOURCE, **trainer: Any
) -> tuple[Sweep, list[str]]:
    """(the sweep, the edits that are not followed). past: it was accepted before and has started."""
    own = {**({"script": source} if source else {}), **trainer}
    spec = parse_sweep({"spec": {"flags": [{"name": "l2", "values": [1]}], "trainer": own}})
    files = script_files("train", config_map) if source else None
    run: Any = ObservedRun.__new__(ObservedRun)
    history = Past() if past is None else Past(past.resolved, past.resolved.objective, runs=[run])
    sweep, edits = accept(
        Identity("my.sweep", "n", "u", 1), spec, Defaults("image", "nvidia.com/gpu", "0"), history, files
    )
    return sweep, [f"{edit.field}: {edit.message}" for edit in edits]


def test_all_files_of_a_config_map_are_the_script() -> None:
    files = script_files("train", {**MAP, "immutable": True})
    assert files.files == {"train.py": b"a = 1", "helper.py": b"", "table.bin": b"\0\1"}


@pytest.mark.parametrize("key", ["..", "../x", ".", "a/b", "", "a b", "..data", "x" * 254])
def test_what_is_no_file_name_is_no_file(key: str) -> None:
    assert script_files("train", {"data": {key: "x"}, "binaryData": {"bad": "no base64!"}}).files == {}


def test_the_script_determines_results() -> None:
    others = [
        accepted(source=None),
        accepted(),
        accepted({"data": {"train.py": "a = 2"}}),
        accepted({"data": {"train.py": "a = 1"}}),
        accepted(source={**SOURCE, "entrypoint": "helper.py"}),
    ]
    assert len({sweep.points[0].key for sweep, _ in others}) == 5
    renamed = accepted({**MAP, "metadata": {"name": "other"}})[0]
    assert renamed.points[0].key == accepted()[0].points[0].key


@pytest.mark.parametrize(
    ("config_map", "message"),
    [
        (
            None,
            "spec.trainer.script.configMapRef.name: is train, and there is no such ConfigMap. Create it: the sweep then starts.",
        ),
        ({}, "spec.trainer.script.entrypoint: is train.py, and ConfigMap train has no such key. Its keys: none."),
        ({"data": {"other.py": ""}}, "ConfigMap train has no such key. Its keys: other.py."),
    ],
)
def test_a_script_that_is_not_there_is_waited_for(config_map: Any, message: str) -> None:
    with pytest.raises(InvalidSweep) as refused:
        accepted(config_map)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("config_map", "source", "edit"),
    [
        pytest.param(MAP, SOURCE, "", id="nothing has changed"),
        pytest.param(None, SOURCE, "", id="the original is gone: the copy is there"),
        pytest.param({"data": {"train.py": "a = 2"}}, SOURCE, "has changed (train.py ", id="other files"),
        pytest.param(MAP, {**SOURCE, "entrypoint": "helper.py"}, "has changed (train.py ", id="another entry point"),
        pytest.param(MAP, None, "cannot be removed", id="no script any more"),
    ],
)
def test_after_the_start_the_pinned_script_stays_and_edits_are_said(config_map: Any, source: Any, edit: str) -> None:
    before, _ = accepted()
    after, edits = accepted(config_map, past=before, source=source)
    assert after.resolved.script == before.resolved.script
    assert after.points[0].key == before.points[0].key
    assert [text.startswith(f"spec.trainer.script: {edit}") for text in edits] == ([True] if edit else [])


def test_a_script_cannot_be_added_after_the_start() -> None:
    before, _ = accepted(source=None)
    _, edits = accepted(past=before)
    assert edits[0].startswith("spec.trainer.script: cannot be added")


def container(sweep: Sweep, template: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
    request = RunRequest("r", sweep.points[0], 0, 1, 1, 0, linger_seconds=0)
    pod: Any = pod_template(sweep, request, objective_status(sweep.spec.objective), template, JobDefaults())
    return pod["spec"], pod["spec"]["containers"][0]


def test_pods_mount_the_copy_and_run_the_script() -> None:
    sweep, _ = accepted(args=["--l2=$(REGSWEEP_ARG_L2)"])
    assert sweep.resolved.script is not None
    template = {"spec": {"volumes": [{"name": "data", "emptyDir": {}}]}}
    spec, trainer = container(sweep, template)
    assert spec["volumes"] == [
        {"name": "data", "emptyDir": {}},
        {"name": "regsweep-script", "configMap": {"name": copy_name(sweep, sweep.resolved.script)}},
    ]
    assert trainer["volumeMounts"] == [{"name": "regsweep-script", "mountPath": "/regsweep/script", "readOnly": True}]
    assert trainer["command"] == ["python", "/regsweep/script/train.py"]
    assert trainer["args"] == ["--l2=$(REGSWEEP_ARG_L2)"]
    assert {"name": "PYTHONSAFEPATH", "value": ""} in trainer["env"], "modules beside the script can be imported"


def test_a_script_that_knows_nothing_of_the_contract_runs_under_the_wrapper() -> None:
    _, trainer = container(accepted(report=REPORT)[0])
    assert trainer["command"] == ["python", "-m", "regsweep_kit", "run", "--", "python", "/regsweep/script/train.py"]


def test_the_copy_is_immutable_owned_by_the_sweep_and_named_by_its_content() -> None:
    sweep, _ = accepted()
    assert sweep.resolved.script is not None
    copy: Any = script_copy(sweep, sweep.resolved.script, {**MAP, "metadata": {"labels": {"x": "y"}}})
    assert copy["immutable"] is True
    assert copy["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert copy["metadata"]["name"].startswith("my-sweep-script-")
    assert script_files("x", copy).digest == sweep.resolved.script.digest
    other, _ = accepted({"data": {"train.py": "a = 2"}})
    assert other.resolved.script is not None
    assert copy_name(other, other.resolved.script) != copy["metadata"]["name"]


def test_without_a_script_nothing_is_mounted() -> None:
    spec, trainer = container(accepted(source=None)[0])
    assert "volumes" not in spec
    assert "command" not in trainer
    assert ScriptFiles("x").exists
