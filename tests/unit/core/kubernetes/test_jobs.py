"""A run's Job: one golden manifest, and what a person may rely on when templates are laid over it."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from regsweep.api.objective import EpochRule, objective_status
from regsweep.api.spec import Goal, SweepSpec
from regsweep.api.status import Resolved
from regsweep.core.grid import Combination
from regsweep.core.identity import run_name
from regsweep.core.kubernetes.jobs import job_manifest, same_job
from regsweep.core.kubernetes.observe import observed_run
from regsweep.core.kubernetes.podtemplate import JobDefaults
from regsweep.core.runs import ObservedRun, RunRequest
from regsweep.core.sweep import Point, Sweep
from regsweep.errors import InvalidTemplate

GOLDEN = Path(__file__).parent / "golden" / "job.yaml"
RESOLVED = Resolved(
    image="ghcr.io/example/trainer@sha256:0123",
    parameters={"dataset": "breast_cancer", "l2": 0.5},
    gpus=1,
    gpu_resource="nvidia.com/gpu",
    seed=7,
    operator_version="0.1.0",
)


def _sweep(name: str = "cancer", resolved: Resolved = RESOLVED, **spec: object) -> Sweep:
    whole = SweepSpec.model_validate({"flags": [{"name": "l2", "values": [0, 0.01]}], **spec})
    return Sweep(name, "team-a", "3f1c-uid", 1, whole, resolved, points=())


def _request(sweep: Sweep, **changes: Any) -> RunRequest:
    point = Point("abc123", Combination("c0ffee", {"l2": 0.01, "dropout": 0.3}, 1))
    request = RunRequest(
        name="",
        point=point,
        first_replicate=0,
        replicates=5,
        replicates_per_pod=2,
        attempt=0,
        linger_seconds=30,
    )
    request = replace(request, **changes)
    name = run_name(
        sweep.name, sweep.uid, point.key, request.first_replicate, request.attempt, request.lost, request.moved
    )
    return replace(request, name=name)


def _job(
    sweep: Sweep | None = None,
    shared: dict[str, Any] | None = None,
    defaults: JobDefaults | None = None,
    **changes: Any,
) -> dict[str, Any]:
    sweep = sweep or _sweep()
    return job_manifest(sweep, _request(sweep, **changes), objective_status(sweep.spec.objective), shared, defaults)


def _pod(job: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def _trainer(job: dict[str, Any]) -> dict[str, Any]:
    return next(c for c in _pod(job)["containers"] if c["name"] == "trainer")


def _env(job: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in _trainer(job)["env"] if "value" in entry}


def _template(**trainer: object) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "trainer", **trainer}]}}


def test_the_whole_job_of_a_plain_sweep() -> None:
    assert _job(_sweep(runTimeoutSeconds=3600)) == yaml.safe_load(GOLDEN.read_text(encoding="utf-8"))


STORED: dict[str, Any] = {
    "metadata": {"creationTimestamp": None, "labels": {"team": "a"}},
    "spec": {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        "containers": [
            {
                "name": "trainer",
                "image": "placeholder",
                "imagePullPolicy": "Always",
                "resources": {"limits": {"memory": "8Gi"}},
                "terminationMessagePath": "/tmp/log",
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "restartPolicy": "OnFailure",
                "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}],
            }
        ],
    },
}
"""A PodTemplate as the API server gives it back: much of it is its own."""


def test_what_the_server_filled_into_a_stored_template_does_not_count() -> None:
    job = _job(shared=STORED, defaults=JobDefaults(image_pull_policy="IfNotPresent"))
    assert _pod(job)["restartPolicy"] == "Never"
    assert not {"restartPolicy", "restartPolicyRules"} & _trainer(job).keys()
    assert job["spec"]["template"]["metadata"]["labels"]["team"] == "a"
    assert _pod(job)["securityContext"]["runAsNonRoot"] is True
    trainer = _trainer(job)
    assert trainer["image"] == RESOLVED.image
    assert trainer["imagePullPolicy"] == "IfNotPresent"
    assert trainer["terminationMessagePath"] == "/dev/termination-log"
    assert trainer["terminationMessagePolicy"] == "File"
    assert trainer["resources"] == {"limits": {"memory": "8Gi", "nvidia.com/gpu": "1"}}


def test_the_manifest_is_json_and_building_it_changes_neither_template_nor_the_next_one() -> None:
    shared, own = copy.deepcopy(STORED), _template(env=[{"name": "A", "value": "1"}], resources={"limits": {"cpu": 2}})
    sweep = _sweep(templateRef={"name": "gpu"}, template=copy.deepcopy(own))
    jobs = [json.dumps(_job(sweep, shared), allow_nan=False) for _ in range(2)]
    assert (jobs[0], shared, sweep.spec.template) == (jobs[1], STORED, own)


def test_a_sidecar_of_a_stored_template_keeps_its_image() -> None:
    shared = {"spec": {"containers": [*STORED["spec"]["containers"], {"name": "log", "image": "lab/log:1"}]}}
    assert {"name": "log", "image": "lab/log:1"} in _pod(_job(shared=shared))["containers"]


def test_the_sweeps_template_wins_over_the_shared_one_and_that_over_the_operators_defaults() -> None:
    sweep = _sweep(
        templateRef={"name": "gpu"},
        template={**_template(imagePullPolicy="Never", env=[{"name": "A", "value": "sweep"}])},
    )
    shared = _template(env=[{"name": "A", "value": "shared"}, {"name": "B", "value": "shared"}])
    defaults = JobDefaults({"A": "operator", "B": "operator", "C": "operator"}, image_pull_policy="Always")
    job = _job(sweep, shared, defaults)
    env = _env(job)
    assert (env["A"], env["B"], env["C"]) == ("sweep", "shared", "operator")
    assert _trainer(job)["imagePullPolicy"] == "Never"


@pytest.mark.parametrize(
    "template",
    [
        pytest.param({"spec": {"restartPolicy": "OnFailure"}}, id="restartPolicy"),
        pytest.param({"spec": {"automountServiceAccountToken": True}}, id="a service-account token"),
        pytest.param({"metadata": {"labels": {"regsweep.dev/run": "other"}}}, id="our labels"),
        pytest.param(_template(env=[{"name": "REGSWEEP_FLAGS", "value": "{}"}]), id="the contract's environment"),
        pytest.param(_template(terminationMessagePath="/tmp/x"), id="the termination message"),
        pytest.param(_template(ports=[{"name": "metrics", "containerPort": 1}]), id="the port called metrics"),
        pytest.param(_template(ports=[{"name": "web", "containerPort": 9090}]), id="the port's number"),
        pytest.param(_template(resources={"limits": {"nvidia.com/gpu": 4}}), id="the number of GPUs"),
    ],
)
def test_a_template_cannot_change_what_the_operator_owns(template: dict[str, Any]) -> None:
    assert _job(_sweep(template=template)) == _job()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        pytest.param(
            _template(image="other"),
            "spec.template.spec.containers[name=trainer].image: got 'other', but the sweep trains with "
            "'ghcr.io/example/trainer@sha256:0123'. Name the image in spec.trainer.image: it identifies the results",
            id="another image",
        ),
        pytest.param(
            {"containers": []},
            "spec.template.containers: did you mean spec.template.spec.containers? "
            "A pod template has the fields metadata and spec",
            id="a pod's field one level too high",
        ),
        pytest.param(
            {"kind": "Pod"}, "spec.template.kind: A pod template has the fields metadata and spec", id="a whole object"
        ),
        pytest.param({"spec": []}, "spec.template.spec: must be an object", id="a list for the pod"),
        pytest.param(
            _template(**{"$patch": "delete"}),
            "spec.template.spec.containers: container trainer is required. Remove the $patch directive that deletes it",
            id="the trainer deleted",
        ),
    ],
)
def test_a_template_that_contradicts_is_refused_in_words(template: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidTemplate) as raised:
        _job(_sweep(template=template))
    assert str(raised.value) == message


def test_an_error_in_the_shared_template_names_it() -> None:
    with pytest.raises(InvalidTemplate) as raised:
        _job(_sweep(templateRef={"name": "mig"}), {"spec": {"containers": [{}]}})
    assert str(raised.value).startswith("template of PodTemplate mig.spec.containers[0].name: got nothing")


def test_the_image_that_the_sweep_trains_with_may_be_repeated() -> None:
    assert _trainer(_job(_sweep(template=_template(image=RESOLVED.image))))["image"] == RESOLVED.image


@pytest.mark.parametrize(
    ("others", "inits", "room"),
    [
        pytest.param(0, 0, "4096", id="alone in its pod"),
        pytest.param(2, 0, "4096", id="three containers still have 4,096 bytes each"),
        pytest.param(3, 0, "3072", id="four share the pod's 12 KiB"),
        pytest.param(1, 4, "2048", id="init containers count, sidecars among them"),
        pytest.param(6, 0, "1755", id="what is left over is nobody's"),
    ],
)
def test_the_trainer_receives_the_room_for_its_message(others: int, inits: int, room: str) -> None:
    def named(prefix: str, count: int) -> list[dict[str, Any]]:
        return [{"name": f"{prefix}{n}", "image": "i"} for n in range(count)]

    template = {"spec": {"containers": named("c", others), "initContainers": named("i", inits)}}
    assert _env(_job(_sweep(template=template)))["REGSWEEP_MESSAGE_BYTES"] == room
    assert _env(_job(_sweep(templateRef={"name": "shared"}), shared=template))["REGSWEEP_MESSAGE_BYTES"] == room


@pytest.mark.parametrize(
    ("spec", "expected"), [pytest.param({}, "0", id="no"), pytest.param({"final": {"replicates": 3}}, "1", id="yes")]
)
def test_the_trainer_learns_whether_a_final_evaluation_follows(spec: dict[str, Any], expected: str) -> None:
    assert _env(_job(_sweep(**spec)))["REGSWEEP_FINAL"] == expected


def test_pinned_data_are_passed_on_and_no_template_pins_others() -> None:
    template = _template(env=[{"name": "REGSWEEP_DATA_DIGEST", "value": "9a3e"}])
    assert _env(_job(data_digest="1f0c"))["REGSWEEP_DATA_DIGEST"] == "1f0c"
    assert _env(_job(_sweep(template=template)))["REGSWEEP_DATA_DIGEST"] == ""


def test_a_job_notes_the_rule_and_the_tries_that_it_stands_for() -> None:
    job = _job(_sweep(objective={"metric": "val_accuracy"}), attempt=3, lost=1)
    notes = job["metadata"]["annotations"]
    assert (notes["regsweep.dev/attempt"], notes["regsweep.dev/lost"]) == ("3", "1")
    run = observed_run(job | {"metadata": job["metadata"] | {"uid": "u", "creationTimestamp": "2026-11-23T12:00:00Z"}})
    assert isinstance(run, ObservedRun)
    assert (run.attempt, run.lost, run.rule) == (3, 1, EpochRule("val_accuracy", Goal.MAXIMIZE))


def test_a_flag_wins_over_a_parameter_of_its_name() -> None:
    env = _env(_job())
    assert json.loads(env["REGSWEEP_FLAGS"]) == {"dataset": "breast_cancer", "l2": 0.01, "dropout": 0.3}
    assert json.loads(env["REGSWEEP_FLAG_NAMES"]) == ["l2", "dropout"]


@given(st.text(alphabet="a$()H{}", max_size=12))
def test_kubernetes_gives_the_trainer_the_very_text_of_a_flag(text: str) -> None:
    sweep = _sweep(resolved=RESOLVED.model_copy(update={"parameters": {"path": text}}))
    assert json.loads(_expanded(_env(_job(sweep))["REGSWEEP_FLAGS"]))["path"] == text


def _expanded(text: str) -> str:
    """What the kubelet makes of a value: $(NAME) is replaced, $$ is an escaped $."""
    return re.sub(r"\$\$|\$\([^)]*\)", lambda match: "$" if match[0] == "$$" else "<replaced>", text)


@pytest.mark.parametrize(
    ("first", "replicates", "per_pod", "completions", "last"),
    [
        pytest.param(0, 5, 5, 1, "4", id="all in one pod"),
        pytest.param(0, 5, 2, 3, "4", id="the last pod has fewer"),
        pytest.param(5, 3, 1, 3, "7", id="replicates added later"),
    ],
)
def test_indexes_cover_the_replicates(first: int, replicates: int, per_pod: int, completions: int, last: str) -> None:
    job = _job(first_replicate=first, replicates=replicates, replicates_per_pod=per_pod, parallelism=9)
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == completions
    env = _env(job)
    assert env["REGSWEEP_FIRST_REPLICATE"] == str(first)
    assert env["REGSWEEP_LAST_REPLICATE"] == last
    assert env["REGSWEEP_REPLICATES"] == str(per_pod)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a" * 63, id="63 characters"),
        pytest.param("a" * 253, id="253 characters"),
        pytest.param("a." * 126 + "a", id="dots, one of them where the name is cut"),
        pytest.param("a" * 62 + "-b", id="a hyphen where it is cut"),
    ],
)
def test_a_long_name_gives_legal_labels_and_stands_whole_in_the_annotation(name: str) -> None:
    job = _job(_sweep(name=name))
    for labels in (job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]):
        for value in labels.values():
            assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", value)
    assert job["metadata"]["annotations"]["regsweep.dev/sweep-name"] == name
    assert _env(job)["REGSWEEP_SWEEP"] == name


def test_the_queue_of_a_template_is_the_jobs() -> None:
    shared = {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "gpus", "kueue.x-k8s.io/priority-class": "low"}}}
    job = _job(shared=shared)
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert job["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "low"
    assert not any("kueue" in name for name in job["spec"]["template"]["metadata"]["labels"])
    assert "suspend" not in job["spec"]


def test_templates_are_left_as_they_were() -> None:
    shared, template = copy.deepcopy(STORED), _template(env=[{"name": "A", "value": "1"}])
    before = copy.deepcopy((shared, template))
    _job(_sweep(template=template), shared)
    assert (shared, template) == before


def test_jobs_are_never_deleted_by_a_clock() -> None:
    assert "ttlSecondsAfterFinished" not in _job()["spec"]
    assert "activeDeadlineSeconds" not in _job()["spec"]


def _existing(**metadata: object) -> dict[str, Any]:
    job = copy.deepcopy(_job())
    job["metadata"].update(metadata)
    return job


def _annotated(name: str, value: str) -> dict[str, Any]:
    job = _existing()
    job["metadata"]["annotations"][name] = value
    return job


@pytest.mark.parametrize(
    ("existing", "same"),
    [
        pytest.param(_existing(), True, id="the very Job"),
        pytest.param(_annotated("regsweep.dev/flags", "{}"), True, id="what does not identify the run may differ"),
        pytest.param(_existing(ownerReferences=None), False, id="a Job that nobody controls"),
        pytest.param(
            _existing(ownerReferences=[{"uid": "other", "controller": True}]),
            False,
            id="a Job of a sweep of another UID",
        ),
        pytest.param(
            _existing(ownerReferences=[{"uid": "3f1c-uid"}]), False, id="a Job that the sweep owns and does not control"
        ),
        pytest.param(_existing(deletionTimestamp="2026-11-23T12:00:00Z"), False, id="a Job on its way out"),
        pytest.param(_existing(annotations=None), False, id="a Job that does not say what it trains"),
        pytest.param(_annotated("regsweep.dev/point-key", "other"), False, id="a Job of another point"),
        pytest.param(_annotated("regsweep.dev/first-replicate", "5"), False, id="a Job of other replicates"),
        pytest.param(_annotated("regsweep.dev/replicates", "4"), False, id="a Job of fewer replicates"),
        pytest.param(_annotated("regsweep.dev/attempt", "1"), False, id="a Job that contradicts itself"),
    ],
)
def test_a_job_that_is_there_already_is_ours_only_if_it_trains_the_same(existing: dict[str, Any], same: bool) -> None:
    assert same_job(existing, _sweep(), _request(_sweep())) is same
