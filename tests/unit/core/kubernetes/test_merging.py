"""Pod templates laid over one another: what a person may rely on when a sweep's template meets a shared PodTemplate."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from regsweep.core.kubernetes.merging import merge_templates
from regsweep.core.ownership import JsonObject
from regsweep.errors import InvalidTemplate


def _pod(**spec: JsonValue) -> JsonObject:
    return {"spec": spec}


def _field(name: str, entries: Sequence[Mapping[str, JsonValue]]) -> JsonObject:
    return {name: [dict(entry) for entry in entries]}


def _trainer(**fields: JsonValue) -> JsonObject:
    return _pod(containers=[{"name": "trainer", **fields}])


@pytest.mark.parametrize(
    ("base", "overlay", "merged"),
    [
        pytest.param(_trainer(image="a"), {}, _trainer(image="a"), id="an empty overlay changes nothing"),
        pytest.param(
            _trainer(image="a", tty=True),
            _trainer(image="b"),
            _trainer(image="b", tty=True),
            id="containers merge by name",
        ),
        pytest.param(
            _pod(containers=[{"name": "log"}, {"name": "trainer", "image": "a"}]),
            _pod(containers=[{"name": "new"}, {"name": "trainer", "tty": True}]),
            _pod(containers=[{"name": "log"}, {"name": "trainer", "image": "a", "tty": True}, {"name": "new"}]),
            id="the base's order stays, what is new comes last",
        ),
        pytest.param(
            _trainer(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
            _trainer(env=[{"name": "B", "value": "3"}]),
            _trainer(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "3"}]),
            id="environment variables merge by name",
        ),
        pytest.param(
            _trainer(env=[{"name": "A", "value": "1"}]),
            _trainer(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
            _trainer(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
            id="a variable from a Secret puts out the literal one",
        ),
        pytest.param(
            _pod(volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "a"}}]),
            _pod(volumes=[{"name": "data", "emptyDir": {}}]),
            _pod(volumes=[{"name": "data", "emptyDir": {}}]),
            id="a volume has one source, the overlay's",
        ),
        pytest.param(
            _pod(volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "a"}}]),
            _pod(volumes=[{"name": "data", "persistentVolumeClaim": {"readOnly": True}}]),
            _pod(volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "a", "readOnly": True}}]),
            id="a volume's source of the same kind merges",
        ),
        pytest.param(
            _trainer(volumeMounts=[{"name": "a", "mountPath": "/data"}]),
            _trainer(volumeMounts=[{"name": "b", "mountPath": "/data"}, {"name": "b", "mountPath": "/out"}]),
            _trainer(volumeMounts=[{"name": "b", "mountPath": "/data"}, {"name": "b", "mountPath": "/out"}]),
            id="mounts merge by path: one volume may be mounted twice",
        ),
        pytest.param(
            _trainer(ports=[{"containerPort": 53, "protocol": "UDP"}]),
            _trainer(ports=[{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]),
            _trainer(ports=[{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]),
            id="one port number may serve two protocols",
        ),
        pytest.param(
            _pod(tolerations=[{"key": "a"}]),
            _pod(tolerations=[{"key": "b"}]),
            _pod(tolerations=[{"key": "b"}]),
            id="tolerations are replaced as a whole",
        ),
        pytest.param(
            _trainer(args=["a", "b"]),
            _trainer(args=["c"]),
            _trainer(args=["c"]),
            id="arguments are replaced as a whole",
        ),
        pytest.param(
            _pod(nodeSelector={"a": "1", "b": "2"}),
            _pod(nodeSelector={"a": None, "c": "3"}),
            _pod(nodeSelector={"b": "2", "c": "3"}),
            id="null deletes a key",
        ),
        pytest.param(
            _pod(nodeSelector={"containers": "1"}),
            _pod(nodeSelector={"containers": "2"}),
            _pod(nodeSelector={"containers": "2"}),
            id="a node label called containers is a label",
        ),
        pytest.param(_pod(priorityClassName="a"), _pod(priorityClassName=None), _pod(), id="null deletes a field"),
        pytest.param(_pod(), _pod(nodeSelector={"a": None}), _pod(nodeSelector={}), id="null of nothing is nothing"),
        pytest.param(
            _pod(containers=[{"name": "log"}, {"name": "trainer"}]),
            _pod(containers=[{"name": "log", "$patch": "delete"}]),
            _pod(containers=[{"name": "trainer"}]),
            id="$patch delete takes an entry out",
        ),
        pytest.param(
            _trainer(image="a", tty=True),
            _trainer(**{"image": "b", "$patch": "replace"}),
            _trainer(image="b"),
            id="$patch replace puts an entry in place of the base's",
        ),
        pytest.param(
            _pod(imagePullSecrets=[{"name": "a"}]),
            _pod(imagePullSecrets=[{"name": "b"}, {"$patch": "replace"}]),
            _pod(imagePullSecrets=[{"name": "b"}]),
            id="$patch replace as an entry replaces the list",
        ),
        pytest.param(
            _pod(securityContext={"runAsUser": 1}),
            _pod(securityContext={"$patch": "replace", "runAsNonRoot": True}),
            _pod(securityContext={"runAsNonRoot": True}),
            id="$patch replace in an object replaces the object",
        ),
        pytest.param(
            _pod(topologySpreadConstraints=[{"topologyKey": "zone", "maxSkew": 1}]),
            _pod(topologySpreadConstraints=[{"topologyKey": "zone", "maxSkew": 2}, {"topologyKey": "host"}]),
            _pod(topologySpreadConstraints=[{"topologyKey": "zone", "maxSkew": 2}, {"topologyKey": "host"}]),
            id="spread constraints merge by topology key",
        ),
        pytest.param(
            _pod(hostAliases=[{"ip": "1.1.1.1", "hostnames": ["a"]}]),
            _pod(hostAliases=[{"ip": "1.1.1.1", "hostnames": ["b"]}]),
            _pod(hostAliases=[{"ip": "1.1.1.1", "hostnames": ["b"]}]),
            id="host aliases merge by address, their names are replaced",
        ),
        pytest.param(
            _pod(resourceClaims=[{"name": "gpu", "resourceClaimName": "a"}]),
            _pod(resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "b"}]),
            _pod(resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "b"}]),
            id="a resource claim has one source, the overlay's",
        ),
    ],
)
def test_merging(base: JsonObject, overlay: JsonObject, merged: JsonObject) -> None:
    before = copy.deepcopy((base, overlay))
    assert merge_templates(base, overlay, "spec.template") == merged
    assert (base, overlay) == before, "the arguments are left alone"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("containers", "name"),
        ("initContainers", "name"),
        ("ephemeralContainers", "name"),
        ("volumes", "name"),
        ("imagePullSecrets", "name"),
        ("resourceClaims", "name"),
        ("schedulingGates", "name"),
        ("hostAliases", "ip"),
        ("topologySpreadConstraints", "topologyKey"),
    ],
)
def test_lists_of_a_pod_merge_by_the_key_that_kubernetes_gives_them(name: str, key: str) -> None:
    a, b = {key: "a", "from": "base"}, {key: "b", "from": "overlay"}
    base, overlay, both = (_pod(**_field(name, entries)) for entries in ([a], [b], [a, b]))
    assert merge_templates(base, overlay, "spec") == both


@pytest.mark.parametrize(
    ("name", "key"),
    [("env", "name"), ("volumeMounts", "mountPath"), ("volumeDevices", "devicePath"), ("ports", "containerPort")],
)
def test_lists_of_a_container_merge_by_the_key_that_kubernetes_gives_them(name: str, key: str) -> None:
    a, b = {key: "a"}, {key: "b"}
    base, overlay, both = (_trainer(**_field(name, entries)) for entries in ([a], [b], [a, b]))
    assert merge_templates(base, overlay, "spec") == both


@pytest.mark.parametrize(
    "where",
    [
        "labels",
        "annotations",
        "nodeSelector",
        "limits",
        "requests",
        "matchLabels",
        "overhead",
        "volumeAttributes",
        "options",
    ],
)
def test_a_persons_own_keys_may_be_called_like_a_list_that_merges(where: str) -> None:
    assert merge_templates({where: {"env": "lab", "ports": "a"}}, {where: {"env": "prod", "ports": None}}, "spec") == {
        where: {"env": "prod"}
    }
    assert merge_templates({where: {"a": "1"}}, {where: {"$patch": "replace", "env": "x"}}, "spec") == {
        where: {"env": "x"}
    }


def test_an_object_that_the_overlay_deletes_is_empty() -> None:
    assert merge_templates(_pod(affinity={"nodeAffinity": {}}), _pod(affinity={"$patch": "delete"}), "spec") == _pod(
        affinity={}
    )


@pytest.mark.parametrize(
    ("base", "overlay", "message"),
    [
        pytest.param(
            {},
            _pod(containers={"name": "trainer"}),
            "spec.template.spec.containers: got an object, want a list of objects with a field name each",
            id="an object for a list",
        ),
        pytest.param(
            _trainer(),
            _pod(containers={"name": "trainer"}),
            "spec.template.spec.containers: got an object, want a list of objects with a field name each",
            id="an object over a list",
        ),
        pytest.param(
            {},
            _pod(containers="trainer"),
            "spec.template.spec.containers: got the value 'trainer', want a list of objects with a field name each",
            id="a text for a list",
        ),
        pytest.param(
            {},
            _pod(containers=[{"image": "a"}]),
            "spec.template.spec.containers[0].name: got nothing; entries of this list are identified by name",
            id="an entry without its name",
        ),
        pytest.param(
            {},
            _pod(containers=["trainer"]),
            "spec.template.spec.containers[0]: got the value 'trainer', want an object with a field name",
            id="an entry that is no object",
        ),
        pytest.param(
            {},
            _trainer(env=[{"name": "A"}, {"name": "A"}]),
            "spec.template.spec.containers[name=trainer].env[1].name: A appears twice; "
            "entries of this list are identified by name",
            id="a name that appears twice",
        ),
        pytest.param(
            _pod(securityContext={"runAsUser": 1}),
            _pod(securityContext="none"),
            "spec.template.spec.securityContext: got the value 'none', want an object",
            id="a text over an object",
        ),
        pytest.param(
            {},
            _pod(**{"$patch": "remove"}),
            "spec.template.spec.$patch: got 'remove', want delete, replace or merge",
            id="an unknown directive",
        ),
        pytest.param(
            {},
            _pod(**{"$setElementOrder/containers": []}),
            "spec.template.spec.$setElementOrder/containers: is not supported; $patch is the only patch directive that is",
            id="a directive that only kubectl writes",
        ),
    ],
)
def test_what_cannot_be_merged_is_named(base: JsonObject, overlay: JsonObject, message: str) -> None:
    with pytest.raises(InvalidTemplate) as raised:
        merge_templates(base, overlay, "spec.template")
    assert str(raised.value) == message


_names = st.sampled_from(["a", "b", "c", "d"])
_scalars = st.one_of(st.integers(-5, 5), st.text(max_size=3), st.booleans())


@st.composite
def _containers(draw: st.DrawFn) -> list[JsonValue]:
    found: list[JsonValue] = []
    for name in draw(st.lists(_names, unique=True)):
        env: list[JsonValue] = [
            {"name": n, "value": draw(st.text(max_size=3))} for n in draw(st.lists(_names, unique=True, max_size=3))
        ]
        fields: JsonObject = {"name": name, "image": draw(st.text(max_size=3)), "env": env}
        found.append(fields)
    return found


@st.composite
def _templates(draw: st.DrawFn) -> JsonObject:
    volumes: list[JsonValue] = [
        {"name": n, draw(st.sampled_from(["emptyDir", "nfs"])): {}} for n in draw(st.lists(_names, unique=True))
    ]
    return {
        "metadata": {"labels": dict(draw(st.dictionaries(_names, st.text(max_size=3), max_size=3)))},
        "spec": {"containers": draw(_containers()), "volumes": volumes, "priority": draw(_scalars)},
    }


@given(_templates())
def test_a_template_over_nothing_or_over_itself_is_itself(template: JsonObject) -> None:
    assert merge_templates({}, template, "t") == template
    assert merge_templates(template, template, "t") == template


@given(_templates(), _templates())
def test_what_the_overlay_says_holds_and_laying_it_over_again_changes_nothing(
    base: JsonObject, top: JsonObject
) -> None:
    once = merge_templates(base, top, "t")
    assert merge_templates(once, top, "t") == once


@given(_templates(), _templates(), _templates())
def test_three_layers_come_to_the_same_in_either_order_of_work(a: JsonObject, b: JsonObject, c: JsonObject) -> None:
    left = merge_templates(merge_templates(a, b, "t"), c, "t")
    right = merge_templates(a, merge_templates(b, c, "t"), "t")
    assert left == right
