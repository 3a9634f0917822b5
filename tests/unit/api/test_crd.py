"""The generated CustomResourceDefinitions: structural, bounded, teaching, and committed as they are generated."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regsweep.api.constants import CONFIDENCE_LEVEL, MIN_REPLICATES_FOR_ERROR
from regsweep.api.crd import result_crd, result_schema, sweep_crd, sweep_schema
from regsweep.api.schema import at
from regsweep.generate import generated_files

ROOT = Path(__file__).parents[3]
OPEN = "x-kubernetes-preserve-unknown-fields"
SCHEMAS = [pytest.param(sweep_schema(), id="RegularizationSweep"), pytest.param(result_schema(), id="SweepResult")]


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within, with the path of its field."""
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from walk(field, f"{path}.{name}")
    for key, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield from walk(schema[key], path + suffix)


def ours(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """All but the three fields that every object has."""
    return [(path, field) for path, field in walk(schema) if path not in ("", ".apiVersion", ".kind", ".metadata")]


@pytest.mark.parametrize("name", sorted(generated_files()))
def test_committed_files_are_current(name: str) -> None:
    committed = (ROOT / name).read_text(encoding="utf-8")
    assert committed == generated_files()[name], "run `python -m regsweep.generate` and commit what it writes"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_field_says_what_it_is_in_a_sentence(schema: dict[str, Any]) -> None:
    wanting = [
        path
        for path, field in ours(schema)
        if not path.endswith(("[]", "{}")) and not field.get("description", "").endswith((".", ").", "`."))
    ]
    assert wanting == []


@pytest.mark.parametrize("schema", SCHEMAS)
def test_everything_that_can_grow_is_bounded(schema: dict[str, Any]) -> None:
    unbounded = []
    for path, field in ours(schema):
        kind = field.get("type")
        grows = {"string": {"maxLength", "enum"}, "array": {"maxItems"}}.get(kind or "", set())
        if kind == "object" and "properties" not in field:
            grows = {"maxProperties"}
        if grows and not grows & field.keys():
            unbounded.append(path)
    assert unbounded == []


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_schema_is_structural(schema: dict[str, Any]) -> None:
    for path, field in walk(schema):
        assert not {"$ref", "$defs", "title", "nullable", "const", "allOf"} & field.keys(), path
        assert "type" in field or OPEN in field or "x-kubernetes-int-or-string" in field, path
        assert "anyOf" not in field or "x-kubernetes-int-or-string" in field, path
        assert field.get("additionalProperties") is not False, path


def test_only_values_of_any_type_are_open() -> None:
    found = {path for schema in (sweep_schema(), result_schema()) for path, field in walk(schema) if OPEN in field}
    assert found == {
        ".spec.flags[].values[]",
        ".spec.exclude[]",
        ".spec.references[].flags",
        ".spec.trainer.parameters",
        ".spec.template",
        ".status.resolved.parameters",
        ".status.best.flags",
        ".status.final.picks[].flags",
        ".status.results[].flags",
        ".status.analysis.effects.means[].value",
        ".status.analysis.effects.interplays[].cells[].values[]",
        ".status.references[].flags",
        ".status.refinement.rounds[].added[]",
        ".status.analysis.findings[].value",
        ".status.analysis.findings[].suggestion",
        ".points[].flags",
    }


@pytest.mark.parametrize(
    ("location", "key", "value"),
    [
        pytest.param(("flags",), "x-kubernetes-list-map-keys", ["name"], id="flags are told apart by name"),
        pytest.param(("flags", 0, "name"), "maxLength", 63, id="length of a flag's name"),
        pytest.param(("flags", 0, "range", "points"), "minimum", 2, id="least points of a range"),
        pytest.param(("flags", 0, "range", "scale"), "enum", ["Linear", "Log"], id="scales"),
        pytest.param(("replicates",), "default", 5, id="default of a number"),
        pytest.param(("objective", "metric"), "default", "val_average_loss", id="default within an object"),
        pytest.param(("objective",), "default", {}, id="an absent object is filled in"),
        pytest.param(("maxFailedRuns",), "x-kubernetes-int-or-string", True, id="a number or a percentage"),
    ],
)
def test_what_the_spec_says_stands_in_the_schema(location: tuple[int | str, ...], key: str, value: object) -> None:
    field = at(sweep_schema()["properties"]["spec"], location)
    assert field is not None
    assert field[key] == value


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        pytest.param(r"(\d+) % (?:interval|confidence)|one-sided, (\d+) %", CONFIDENCE_LEVEL * 100, id="the level"),
        pytest.param(
            r"[Bb]elow (\d+) replicates|(\d+) replicates or more",
            MIN_REPLICATES_FOR_ERROR,
            id="replicates for an error",
        ),
    ],
)
def test_descriptions_state_facts_as_the_code_has_them(pattern: str, value: float) -> None:
    stated = {
        float(number)
        for _, field in walk(sweep_schema())
        for match in re.finditer(pattern, field.get("description", ""))
        for number in match.groups()
        if number
    }
    assert stated == {value}


def test_conditions_are_distinguished_by_type() -> None:
    conditions = sweep_schema()["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_status_has_no_defaults() -> None:
    """The operator writes all of it: the server must not add to what it wrote."""
    status = sweep_schema()["properties"]["status"]
    assert [path for path, field in walk(status) if "default" in field] == []


def test_kubectl_get_shows_what_people_look_for() -> None:
    [version] = sweep_crd()["spec"]["versions"]
    columns = [column["name"].upper() for column in version["additionalPrinterColumns"]]
    assert columns == ["RUNS", "RUNNING", "FAILED", "BEST", "OBJECTIVE", "GPU-HOURS", "STATE", "AGE"]
    for column in version["additionalPrinterColumns"]:
        path = column["jsonPath"].removeprefix(".").split(".")
        if path[0] != "metadata":
            assert at(version["schema"]["openAPIV3Schema"], tuple(path)) is not None, f"no field {column['jsonPath']}"


def test_names_and_subresources() -> None:
    sweep, result = sweep_crd()["spec"], result_crd()["spec"]
    assert sweep["names"]["shortNames"] == ["rsweep"]
    assert result["names"]["shortNames"] == ["sresult"]
    assert sweep["versions"][0]["subresources"] == {"status": {}}
    assert "subresources" not in result["versions"][0]


def test_client_side_apply_can_keep_the_definition_in_an_annotation() -> None:
    assert all(len(json.dumps(crd(), separators=(",", ":"))) < 262_144 / 2 for crd in (sweep_crd, result_crd))
