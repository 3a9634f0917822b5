"""How a Job's pods are kept away from nodes: whatever affinity a template has, it still holds."""

from __future__ import annotations

from typing import Any

import pytest

from regsweep.api import constants as names
from regsweep.api.objective import objective_status
from regsweep.core.kubernetes.jobs import job_manifest
from regsweep.core.kubernetes.observe import observed_run
from regsweep.core.runs import MAX_AVOIDED, ObservedRun
from unit.core.kubernetes.objects import CREATED, run_of
from unit.core.kubernetes.test_jobs import _request, _sweep

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
ELSEWHERE = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["n1", "n2"]}
ZONE = {"key": "zone", "operator": "In", "values": ["a"]}
GPU = {"key": "gpu", "operator": "Exists"}
PREFERRED = [{"weight": 1, "preference": {"matchExpressions": [ZONE]}}]


def affinity_of(affinity: dict[str, Any] | None) -> Any:
    template = {"spec": {"affinity": affinity}} if affinity is not None else {"spec": {}}
    sweep = _sweep(template=template)
    job: Any = job_manifest(
        sweep, _request(sweep, moved=1, avoids=("n1", "n2")), objective_status(sweep.spec.objective)
    )
    return job["spec"]["template"]["spec"]["affinity"]


@pytest.mark.parametrize(
    ("given", "terms"),
    [
        pytest.param(None, [{"matchExpressions": [ELSEWHERE]}], id="no affinity"),
        pytest.param(
            {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [ZONE]}]}}},
            [{"matchExpressions": [ZONE, ELSEWHERE]}],
            id="beside what is required",
        ),
        pytest.param(
            {
                "nodeAffinity": {
                    REQUIRED: {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [ZONE]},
                            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n7"]}]},
                        ]
                    }
                }
            },
            [
                {"matchExpressions": [ZONE, ELSEWHERE]},
                {
                    "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n7"]}],
                    "matchExpressions": [ELSEWHERE],
                },
            ],
            id="in each of several alternatives: a node has to match only one",
        ),
    ],
)
def test_nodes_that_ended_a_run_are_kept_away_from(given: dict[str, Any] | None, terms: list[Any]) -> None:
    assert affinity_of(given)["nodeAffinity"][REQUIRED]["nodeSelectorTerms"] == terms


def test_other_affinities_of_the_template_stay() -> None:
    given = {
        "podAntiAffinity": {REQUIRED: [{"topologyKey": "zone"}]},
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": PREFERRED},
    }
    found = affinity_of(given)
    assert found["podAntiAffinity"] == given["podAntiAffinity"]
    assert found["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] == PREFERRED


def test_a_run_that_avoids_nothing_has_the_job_that_it_always_had() -> None:
    sweep = _sweep()
    job: Any = job_manifest(sweep, _request(sweep), objective_status(sweep.spec.objective))
    assert "affinity" not in job["spec"]["template"]["spec"]
    assert names.MOVED_ANNOTATION not in job["metadata"]["annotations"]


def test_what_a_job_notes_of_its_moves_is_read_back() -> None:
    sweep = _sweep()
    job: Any = job_manifest(
        sweep, _request(sweep, moved=3, avoids=("n1", "n2")), objective_status(sweep.spec.objective)
    )
    run = observed_run(job | {"metadata": job["metadata"] | {"uid": "u", "creationTimestamp": CREATED}})
    assert isinstance(run, ObservedRun), run
    assert (run.moved, run.avoids) == (3, ("n1", "n2"))


@pytest.mark.parametrize(
    ("text", "avoids"),
    [
        pytest.param("", (), id="none"),
        pytest.param(",".join(f"n{n}" for n in range(10_000)), tuple(f"n{n}" for n in range(MAX_AVOIDED)), id="many"),
        pytest.param(f"n1,{'x' * 300},,n2", ("n1", "n2"), id="what is no name"),
    ],
)
def test_what_somebody_else_wrote_there_is_bounded(text: str, avoids: tuple[str, ...]) -> None:
    assert run_of(annotations={names.AVOIDED_NODES_ANNOTATION: text}).avoids == avoids
