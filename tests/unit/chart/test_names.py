"""Names of releases, namespaces and versions as people give them: long, of digits, or words that YAML takes for something else."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from regsweep.adapters.yamlreader import read_objects
from support.chart import environment, operator_pod
from support.helm import CHART, Helm, Manifest, one

EVERYTHING = (
    "kueue.enabled=true",
    "rbac.importer.create=true",
    "podMonitors.trainers.enabled=true",
    "serviceMonitor.enabled=true",
    "metrics.tls.secretName=pair",
    "prometheusRule.enabled=true",
    "networkPolicy.operator.enabled=true",
    "networkPolicy.trainers.enabled=true",
    "flowControl.enabled=true",
)
"""Every object that the chart can make; only PodMonitor and ServiceMonitor of the operator exclude each other."""

LABEL = r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
SUBDOMAIN = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
SERVICE = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"


def everything(helm: Helm, release: str, namespace: str, watched: Sequence[str]) -> list[Manifest]:
    """All objects, with those of `helm test`."""
    options = ("--set", ",".join(EVERYTHING), "--set-json", f"watchNamespaces={json.dumps(list(watched))}")
    place = {"release": release, "namespace": namespace}
    return [*helm.template(*options, **place), *helm.hooks(*options, **place)]


def shape(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value within this one: where it stands, and of which type it is."""
    if value in ({}, []):
        yield path, "empty"
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from shape(inner, f"{path}/{key}")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from shape(inner, f"{path}/-")
    else:
        yield path, type(value).__name__


@pytest.fixture(scope="module")
def plain(helm: Helm) -> list[Manifest]:
    """The objects under names that no reader takes for anything else."""
    return everything(helm, "sweeps", "platform", ("ml", "vision"))


@pytest.mark.parametrize("absent", ["podAnnotations", "commonAnnotations", "resources", "env", "prometheus.parameters"])
def test_nothing_is_null_or_empty_that_the_server_would_leave_out(helm: Helm, absent: str) -> None:
    """GitOps tools would find a difference for ever."""
    for found in helm.template("--set", f"{absent}=null,{','.join(EVERYTHING)},watchNamespaces={{a}}"):
        if found["kind"] != "CustomResourceDefinition":  # that its subresource is there is said by an empty mapping
            assert not [path for path, kind in shape(found) if kind in ("NoneType", "empty")], found["kind"]


@pytest.mark.parametrize(
    ("release", "namespace", "watched"),
    [
        pytest.param("123", "456", ("7", "8"), id="digits"),
        pytest.param("1e3", "0x1f", ("2e5", "0777"), id="numbers in other notations"),
        pytest.param("true", "null", ("on", "y"), id="words that are no strings in YAML"),
        pytest.param("1.5", "3240286e-210077", ("0b1", "12e03"), id="fractions and exponents"),
    ],
)
def test_a_name_is_a_string_wherever_it_stands(
    helm: Helm, plain: list[Manifest], release: str, namespace: str, watched: tuple[str, ...]
) -> None:
    found = everything(helm, release, namespace, watched)
    assert {kind["kind"]: sorted(shape(kind)) for kind in found} == {
        kind["kind"]: sorted(shape(kind)) for kind in plain
    }
    places = {manifest["metadata"]["namespace"] for manifest in found if "namespace" in manifest["metadata"]}
    assert places == {namespace, *watched}


WORDS = (
    "serviceAccount.name=123",
    "priorityClassName=1e3",
    "runtimeClassName=true",
    "schedulerName=null",
    "dashboards.namespace=456",
    "fullnameOverride=on",
    "nameOverride=0x1",
    "metrics.tls.serverName=12",
    "prometheus.namespaceLabel=y",
    "prometheus.podLabel=off",
)


def test_a_value_is_a_string_wherever_it_stands(helm: Helm, plain: list[Manifest]) -> None:
    odd = helm.template("--set", ",".join(EVERYTHING), "--set-string", f"watchNamespaces={{1,2}},{','.join(WORDS)}")
    even = helm.template(
        "--set",
        ",".join(EVERYTHING),
        "--set-string",
        f"watchNamespaces={{a,b}},{re.sub('=[^,]+', '=word', ','.join(WORDS))}",
    )
    assert [sorted(shape(manifest)) for manifest in odd] == [sorted(shape(manifest)) for manifest in even]


def labels_of(manifest: Manifest) -> Mapping[str, str]:
    """The labels of an object and of the pods that it makes."""
    pod = manifest.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {})
    return {**manifest["metadata"]["labels"], **pod}


@pytest.mark.parametrize(
    "release",
    [
        pytest.param("a" * 53, id="as long as Helm allows"),
        pytest.param(f"{'a' * 48}----b", id="cut at a dash"),
        pytest.param(f"{'a.' * 26}b", id="dots"),
        pytest.param("1" * 53, id="digits"),
        pytest.param("2-regsweep", id="a digit first, and the chart's name"),
    ],
)
def test_the_objects_of_any_release_have_names_that_the_server_takes(helm: Helm, release: str) -> None:
    found = everything(helm, release, "n" * 63, ("w" * 63,))
    for manifest in found:
        name = manifest["metadata"]["name"]
        if manifest["kind"] != "CustomResourceDefinition":
            assert re.fullmatch(SUBDOMAIN, name) and len(name) <= 253, name
        if manifest["kind"] == "Service":
            assert re.fullmatch(SERVICE, name), name
        assert all(re.fullmatch(LABEL, value) for value in labels_of(manifest).values()), labels_of(manifest)
    names = {manifest["metadata"]["name"] for manifest in found if manifest["kind"] == "ServiceAccount"}
    assert {s["name"] for m in found if m["kind"].endswith("Binding") for s in m["subjects"]} == names


def test_a_version_with_the_digest_that_flux_appends_is_a_label(helm: Helm, tmp_path: Path) -> None:
    chart = shutil.copytree(CHART, tmp_path / "regsweep")
    version = f"1.2.3-rc.1+{'0123456789abcdef' * 4}"
    helm.run("package", str(chart), "--version", version, "--app-version", version, "--destination", str(tmp_path))
    text = helm.run(
        "template", "regsweep", str(tmp_path / f"regsweep-{version}.tgz"), "--set", ",".join(EVERYTHING[:-2])
    )
    for found in read_objects(text.encode()):
        labels = labels_of(found.value)
        assert all(re.fullmatch(LABEL, label) for label in labels.values()), labels
        assert labels["app.kubernetes.io/version"].startswith("1.2.3-rc.1_0123")


@pytest.mark.parametrize(
    ("kind", "name", "label", "values"),
    [
        (
            "PodMonitor",
            "regsweep-trainers",
            "release",
            "podMonitors.trainers.enabled=true,podMonitors.labels.release=own",
        ),
        (
            "ServiceMonitor",
            "regsweep-operator",
            "release",
            "serviceMonitor.enabled=true,serviceMonitor.labels.release=own",
        ),
        ("PrometheusRule", "regsweep", "release", "prometheusRule.enabled=true,prometheusRule.labels.release=own"),
        ("ConfigMap", "regsweep-dashboard-run", "release", "dashboards.labels.release=own"),
        (
            "ConfigMap",
            "regsweep-dashboard-run",
            "app.kubernetes.io/part-of",
            r"dashboards.labels.app\.kubernetes\.io/part-of=own",
        ),
    ],
)
def test_a_label_of_an_object_of_its_own_wins_over_the_common_one(
    helm: Helm, kind: str, name: str, label: str, values: str
) -> None:
    found = one(helm.template("--set", f"commonLabels.release=all,{values}"), kind, name)
    assert found["metadata"]["labels"][label] == "own"


@pytest.mark.parametrize("text", ["$(POD_NAMESPACE)", "a$$b", "$$(POD_NAME)$", "100 $", "$patch"])
def test_a_text_with_dollar_signs_reaches_the_operator_as_it_was_written(helm: Helm, text: str) -> None:
    values = (
        f"trainer.env.A={text}",
        f"trainer.podAnnotations.a={text}",
        f"prometheus.headers.A={text}",
        f"prometheus.parameters.a={text}",
        f"prometheus.url=http://p/{text}",
    )
    found = environment(helm.template(*(option for value in values for option in ("--set-string", value))))
    assert json.loads(found["REGSWEEP_TRAINER_ENV"]) == {"A": text}
    assert json.loads(found["REGSWEEP_TRAINER_TEMPLATE"])["metadata"]["annotations"] == {"a": text}
    assert json.loads(found["REGSWEEP_PROMETHEUS_HEADERS"]) == {"A": text}
    assert json.loads(found["REGSWEEP_PROMETHEUS_PARAMETERS"]) == {"a": text}
    assert found["REGSWEEP_PROMETHEUS_URL"] == f"http://p/{text}"


def test_a_variable_of_ones_own_may_refer_to_another(helm: Helm) -> None:
    found = helm.template("--set-string", "env.WHERE=in $(REGSWEEP_LEASE_NAMESPACE)")
    assert environment(found)["WHERE"] == "in regsweep-system"
    assert operator_pod(found)["spec"]["containers"][0]["env"][-1]["value"] == "in $(REGSWEEP_LEASE_NAMESPACE)"
