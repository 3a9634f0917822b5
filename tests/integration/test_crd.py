"""The CustomResourceDefinitions on a real API server: what it takes, refuses, fills in and explains."""

import json
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster, ClusterError

ROOT = Path(__file__).parents[2]
DRY = "--dry-run=server"
NAMESPACE = "crd"


@pytest.fixture(scope="module")
def cluster(with_crds: Cluster) -> Cluster:
    """An API server with the CRDs and a namespace."""
    with_crds.kubectl("create", "namespace", NAMESPACE)
    return with_crds


def sweep(flags: list[dict[str, Any]], **others: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "regsweep.dev/v1alpha1",
            "kind": "RegularizationSweep",
            "metadata": {"name": "s", "namespace": NAMESPACE},
            "spec": {"flags": flags, **others},
        }
    )


def stored(cluster: Cluster, manifest: str) -> dict[str, Any]:
    """The spec as the server would store it."""
    answer: dict[str, Any] = json.loads(cluster.kubectl("apply", DRY, "-o", "json", "-f", "-", input=manifest))
    return answer


def test_definitions_are_taken_whole(cluster: Cluster) -> None:
    """Cost budgets of the CEL rules included; NonStructuralSchema would be a condition."""
    definitions = json.loads(cluster.kubectl("get", "crd", "-o", "json"))["items"]
    assert {item["spec"]["names"]["kind"] for item in definitions} == {"RegularizationSweep", "SweepResult"}
    for item in definitions:
        conditions = {c["type"]: c["status"] for c in item["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("sample", sorted((ROOT / "manifests/samples").glob("*.yaml")), ids=lambda path: path.stem)
def test_samples_are_taken(cluster: Cluster, sample: Path) -> None:
    cluster.kubectl("create", DRY, "-f", sample)


def test_values_of_any_type_are_kept(cluster: Cluster) -> None:
    values = [1, 0.0001, "x", "1", True, [1, [2, "y"]]]
    flags = [{"name": "a", "values": values}]
    answer = stored(cluster, sweep(flags, exclude=[{"a": [1, [2, "y"]]}], trainer={"parameters": {"p": {"q": [None]}}}))
    assert answer["spec"]["flags"] == flags
    assert [type(value) for value in answer["spec"]["flags"][0]["values"]] == [type(value) for value in values]
    assert answer["spec"]["exclude"] == [{"a": [1, [2, "y"]]}]
    assert answer["spec"]["trainer"]["parameters"] == {"p": {"q": [None]}}


def test_defaults_are_filled_in(cluster: Cluster) -> None:
    flags = [{"name": "a", "range": {"from": 0, "to": 1, "points": 2}}]
    assert stored(cluster, sweep(flags))["spec"] == {
        "flags": [{"name": "a", "range": {"from": 0, "to": 1, "points": 2, "scale": "Linear"}}],
        "replicates": 5,
        "parallelism": 1,
        "seed": 0,
        "trainer": {"gpus": 1},
        "objective": {"metric": "val_average_loss", "epoch": "Last"},
        "pick": {"rule": "Paired"},
        "resampling": {"kind": "Holdout"},
        "suspend": False,
        "retention": {"succeededJobs": 10, "failedJobs": 10, "results": "Delete"},
        "metrics": {"collectTimeoutSeconds": 30},
    }


RANGE = {"from": 0.001, "to": 1, "points": 3}


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        pytest.param(
            sweep([{"name": "a", "range": {**RANGE, "from": 1}}]), "`from` must be below `to`", id="from equal to to"
        ),
        pytest.param(
            sweep([{"name": "a", "range": {**RANGE, "from": 0, "scale": "Log"}}]),
            "a log range must start above 0",
            id="log from nought",
        ),
        pytest.param(
            sweep([{"name": "a", "range": {**RANGE, "points": 1}}]), "greater than or equal to 2", id="one point"
        ),
        pytest.param(sweep([{"name": "a"}]), "oneOf", id="neither values nor range"),
        pytest.param(
            sweep([{"name": "a", "values": [1]}], objective={"constraints": [{"metric": "val_accuracy"}]}),
            "needs `max`, `min` or both",
            id="a constraint without a bound",
        ),
        pytest.param(
            sweep([{"name": "a", "values": [1]}], resampling={"kind": "KFold"}),
            "`folds` is required with kind KFold",
            id="k-fold without folds",
        ),
        pytest.param(
            sweep([{"name": "a", "values": [1]}], racing={"initialReplicates": 9, "maxReplicates": 5}),
            "must be at most `maxReplicates`",
            id="a race that begins after its end",
        ),
        pytest.param(
            sweep([{"name": "a", "values": [1]}], racing={"minimumDifference": 0}),
            "should be greater than 0",
            id="a difference of nothing",
        ),
        pytest.param(
            sweep([{"name": "a", "values": [1]}], refinement={"maxRuns": 4}),
            "`refinement` needs a flag with a `range`",
            id="refinement without a range",
        ),
        pytest.param(
            sweep([{"name": "a", "range": RANGE}], refinement={"maxRuns": 4}, racing={}),
            "`refinement` cannot be combined",
            id="refinement of a race",
        ),
        pytest.param(
            sweep([{"name": "a", "range": RANGE}], refinement={"maxRuns": 4}, replicates=2),
            "needs at least 3 replicates",
            id="refinement without a tied set",
        ),
        pytest.param(
            sweep([{"name": "a", "range": {**RANGE, "max": 0.5}}]),
            "`max` must be at least `to`",
            id="a max in the range",
        ),
        pytest.param(
            sweep([{"name": "a", "range": {**RANGE, "scale": "Log", "min": 0}}]),
            "must be above 0",
            id="a log range down to nought",
        ),
        pytest.param(
            sweep([{"name": "a", "values": [1]}], final={"evaluate": "Nested"}),
            "`folds` is required with evaluate Nested",
            id="nested without folds",
        ),
        pytest.param(
            sweep([{"name": "a", "values": [1]}], final={"folds": 5}),
            "not allowed with Test",
            id="folds of test rows",
        ),
        pytest.param(
            sweep([{"name": "a", "values": [1]}], final={"evaluate": "Nested", "folds": 5}, racing={}),
            "cannot be combined with `racing`",
            id="a race in outer folds",
        ),
        pytest.param(
            sweep(
                [{"name": "a", "values": [1]}],
                racing={"minimumDifference": 0.1},
                objective={"minimumDifference": 0.2},
            ),
            "differ: keep that of the objective",
            id="two minimum differences",
        ),
        pytest.param(
            sweep([{"name": "a", "values": [1]}], references=[{"name": "b", "flags": {}}, {"name": "b", "flags": {}}]),
            "Duplicate value",
            id="two references of one name",
        ),
        pytest.param(sweep([{"name": "a", "values": [1], "range": RANGE}]), "oneOf", id="both values and range"),
        pytest.param(sweep([]), "spec.flags", id="no flags"),
        pytest.param(
            sweep([{"name": "a", "values": [1]}, {"name": "a", "values": [2]}]), "Duplicate value", id="two of one name"
        ),
        pytest.param(
            sweep([{"name": "a", "values": [1], "rnge": 1}]), 'unknown field "spec.flags[0].rnge"', id="unknown field"
        ),
        pytest.param(
            sweep([{"name": "a", "values": [1]}], replicas=3), 'unknown field "spec.replicas"', id="in the spec"
        ),
        pytest.param(sweep([{"name": "a", "values": [1]}], maxFailedRuns="101%"), "maxFailedRuns", id="101 %"),
        pytest.param(sweep([{"name": "a", "values": [1]}], maxFailedRuns=-1), "maxFailedRuns", id="-1 failed runs"),
        pytest.param(sweep([{"name": "a", "values": [1]}], replicates="5"), "must be of type integer", id="a text"),
    ],
)
def test_what_is_refused(cluster: Cluster, manifest: str, words: str) -> None:
    with pytest.raises(ClusterError) as error:
        cluster.kubectl("create", DRY, "-f", "-", input=manifest)
    assert words in str(error.value)


@pytest.mark.parametrize("limit", [5, "10%", "7"])
def test_failed_runs_are_a_number_or_a_percentage(cluster: Cluster, limit: int | str) -> None:
    assert stored(cluster, sweep([{"name": "a", "values": [1]}], maxFailedRuns=limit))["spec"]["maxFailedRuns"] == limit


def test_the_largest_spec_is_taken(cluster: Cluster) -> None:
    """The limits of the schema and the costs of its rules go together."""
    flags = [{"name": f"f{i}", "range": {"from": 0, "to": 1, "points": 1000}} for i in range(20)]
    stored(cluster, sweep(flags, exclude=[{"f0": i} for i in range(1000)]))


def test_kubectl_explain_teaches(cluster: Cluster) -> None:
    text = " ".join(cluster.kubectl("explain", "rsweep.spec.flags").split())
    assert "The first flag varies slowest." in text
    assert "values: [0, 0.001, 0.01]" in text


def test_status_is_written_apart_from_the_spec(cluster: Cluster) -> None:
    cluster.kubectl("create", "-f", "-", input=sweep([{"name": "a", "values": [1]}]))
    try:
        patch = {"status": {"progress": "1/4", "state": "Running", "bestLabel": "a=1", "bestObjective": "0.07"}}
        cluster.kubectl(
            "-n", NAMESPACE, "patch", "rsweep", "s", "--subresource=status", "--type=merge", "-p", json.dumps(patch)
        )
        heading, row = cluster.kubectl("-n", NAMESPACE, "get", "rsweep", "s").splitlines()
        assert heading.split() == [
            "NAME",
            "RUNS",
            "RUNNING",
            "FAILED",
            "BEST",
            "OBJECTIVE",
            "GPU-HOURS",
            "STATE",
            "AGE",
        ]
        assert row.split()[:5] == ["s", "1/4", "a=1", "0.07", "Running"]
        generation = cluster.kubectl("-n", NAMESPACE, "get", "rsweep", "s", "-o", "jsonpath={.metadata.generation}")
        assert generation == "1", "a status write is no new generation"
    finally:
        cluster.kubectl("-n", NAMESPACE, "delete", "rsweep", "s")


def test_a_result_is_kept_as_written(cluster: Cluster) -> None:
    content = {
        "sweepName": "s",
        "sequence": 0,
        "points": [{"key": "0123abcd", "flags": {"l2": 0.1, "units": [64]}}],
        "records": [
            {
                "point": "0123abcd",
                "replicate": 0,
                "outcome": "Ok",
                "run": "s-0",
                "metrics": {"val_average_loss": 0.07, "val_accuracy": 1},
                "best": {"epoch": 3, "train": 0.05, "val": 0.06},
                "source": "Prometheus",
            },
            {"point": "0123abcd", "replicate": 0, "attempt": 1, "outcome": "Failed", "run": "s-1", "reason": "Evicted"},
        ],
    }
    head = {
        "apiVersion": "regsweep.dev/v1alpha1",
        "kind": "SweepResult",
        "metadata": {"name": "s", "namespace": NAMESPACE},
    }
    answer = json.loads(cluster.kubectl("create", DRY, "-o", "json", "-f", "-", input=json.dumps(head | content)))
    assert {name: answer[name] for name in content} == content
