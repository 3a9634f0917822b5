"""Schema and table of values come from values.yaml, and from nowhere else."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import yaml

from support.helm import CHART, CHECKOUT

SCHEMA = json.loads((CHART / "values.schema.json").read_text())


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """charts/chart_values.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("chart_values", CHECKOUT / "charts" / "chart_values.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def objects(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object that the schema describes, with where it stands."""
    if isinstance(schema, list):
        for entry in schema:
            yield from objects(entry, path)
    elif isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield path, schema
        for name, inner in schema.items():
            yield from objects(inner, f"{path}/{name}")


def test_schema_and_table_are_those_of_values_yaml(reference: ModuleType) -> None:
    for path, text in reference.rendered().items():
        assert path.read_text() == text, f"{path.name}: make manifests"


def test_an_object_with_named_fields_refuses_others() -> None:
    open_ones = {path for path, schema in objects(SCHEMA) if schema.get("additionalProperties") is not False}
    # A parent chart has values of its own in global; a volume has one of thirty sources.
    assert open_ones == {"/properties/global", "/properties/volumes/items"}


def test_every_value_is_in_the_schema_with_its_description(reference: ModuleType) -> None:
    for value in reference.values_of((CHART / "values.yaml").read_text()):
        schema = SCHEMA
        for key in value.path:
            schema = schema["properties"][key]
        assert schema["description"] == value.description


def test_every_value_is_a_sentence_in_the_table(reference: ModuleType) -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| `.*` \| (.+) \|$", (CHART / "README.md").read_text(), re.MULTILINE)
    leaves = [v for v in reference.values_of((CHART / "values.yaml").read_text()) if not v.is_group]
    assert [name for name, _ in rows] == [".".join(v.path) for v in leaves]
    assert [text for _, text in rows if not text.endswith(".")] == []


def test_every_type_is_used() -> None:
    text = json.dumps(SCHEMA)
    unused = [name for name in SCHEMA["definitions"] if f'"#/definitions/{name}"' not in text]
    assert unused == []


def test_every_value_is_used_by_a_template() -> None:
    templates = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    for name in yaml.safe_load((CHART / "values.yaml").read_text()):
        assert f".Values.{name}" in templates or f'"{name}"' in templates, name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: 1\n", "a has no comment", id="a value without a comment"),
        pytest.param("# A group.\na:\n  b: 1\n", "a.b has no comment", id="a member without a comment"),
        pytest.param("# A list.\na: []\n", "a needs a @schema", id="a list of who knows what"),
        pytest.param("# A map.\na: {}\n", "a needs a @schema", id="a map of who knows what"),
    ],
)
def test_a_value_that_is_not_documented_is_named(reference: ModuleType, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reference.schema_of(reference.values_of(text))
