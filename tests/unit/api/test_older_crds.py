"""What any older version of the CRDs took, today's take: objects that were stored under it can be written, and none of their fields goes.

The older ones are those of git's history since notes and findings had their present shape; where git does not have it (a shallow clone, an
archive) the tests are skipped. `integration/test_older_crds.py` does with a few of them what people do.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FIRST = "0238b721b1ed9f246ee5aed86c32b31138dbe246"
FILES = ("regsweep.dev_regularizationsweeps.yaml", "regsweep.dev_sweepresults.yaml")
WIDER = {
    "^(train|val)_[a-z0-9_]+$": "^(train|val)_[A-Za-z0-9_][A-Za-z0-9_.-]*$",
}
"""Patterns that take all that an older one takes."""
MOST = ("maxLength", "maxItems", "maxProperties", "maximum")
LEAST = ("minLength", "minItems", "minProperties", "minimum")
Schema = Mapping[str, Any]


def git(*arguments: str) -> str:
    """Its answer. Skips the test where it has none."""
    answer = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        pytest.skip(f"git does not have that history here: {answer.stderr.strip()}")
    return answer.stdout


def schema_of(text: str) -> Schema:
    (version,) = yaml.load(text, yaml.CSafeLoader)["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


@cache
def blobs(file: str) -> tuple[str, ...]:
    """The file's contents since the first commit, by their hashes."""
    path = f"manifests/crd/{file}"
    commits = [FIRST, *git("log", "--format=%H", f"{FIRST}..HEAD", "--", path).split()]
    return tuple({git("rev-parse", f"{commit}:{path}").strip(): None for commit in commits})


def narrower(old: Schema, new: Schema, path: str = "") -> Iterator[str]:
    """What the new schema no longer takes, or no longer keeps."""
    if old.get("type") != new.get("type"):
        yield f"{path}: the type was {old.get('type')}, and is {new.get('type')}"
    yield from _narrower_limits(old, new, path)
    yield from _new_rules(old, new, path)
    before, now = old.get("properties", {}), new.get("properties", {})
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{path}.{name}: is required now"
    for name, schema in before.items():
        if name in now:
            yield from narrower(schema, now[name], f"{path}.{name}")
        elif not new.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name}: is not there any more"
    for inner in ("items", "additionalProperties"):
        if isinstance(old.get(inner), dict):
            yield from narrower(old[inner], new.get(inner) or {}, f"{path}[]")


def _narrower_limits(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for name in MOST:
        if name in new and new[name] < old.get(name, float("inf")):
            yield f"{path}: {name} was {old.get(name)}, and is {new[name]}"
    for name in LEAST:
        if name in new and new[name] > old.get(name, float("-inf")):
            yield f"{path}: {name} was {old.get(name)}, and is {new[name]}"
    if "enum" in new and not set(old.get("enum", ["anything"])) <= set(new["enum"]):
        yield f"{path}: not every value is taken that was: {old.get('enum', 'anything')}"
    if "pattern" in new and new["pattern"] not in (old.get("pattern"), WIDER.get(old.get("pattern", ""))):
        yield f"{path}: the pattern was {old.get('pattern')}, and is {new['pattern']}"
    for name in ("oneOf", "anyOf", "allOf", "not", "default"):
        if old.get(name) != new.get(name):
            yield f"{path}: {name} was {old.get(name)}, and is {new.get(name)}"


def _new_rules(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """Rules that may refuse an older object: each new one has to be about a field that older objects do not have, or about an edit."""
    known = {rule["rule"] for rule in old.get("x-kubernetes-validations", ())}
    for rule in new.get("x-kubernetes-validations", ()):
        fields = re.findall(r"\bself\.([A-Za-z.]+)", rule["rule"])
        if (
            rule["rule"] not in known
            and "oldSelf" not in rule["rule"]
            and all(_is_known(old, field.split(".")) for field in fields)
        ):
            yield f"{path}: rule {rule['rule']}"


def _is_known(schema: Schema, fields: list[str]) -> bool:
    for field in fields:
        if field not in schema.get("properties", {}):
            return False
        schema = schema["properties"][field]
    return True


@pytest.mark.parametrize("file", FILES)
def test_what_older_versions_took_is_taken(file: str) -> None:
    today = schema_of((ROOT / "manifests" / "crd" / file).read_text(encoding="utf-8"))
    refused = {blob: list(narrower(schema_of(git("cat-file", "blob", blob)), today)) for blob in blobs(file)}
    assert refused
    assert {blob: found for blob, found in refused.items() if found} == {}


OLD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"type": "string", "maxLength": 9, "pattern": "a"},
        "b": {"type": "array", "items": {"enum": ["x", "y"]}},
    },
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"required": ["a"]}, ".a: is required now", id="a field that has to be there"),
        pytest.param(
            {"properties": {"a": OLD["properties"]["a"]}}, ".b: is not there any more", id="a field that went"
        ),
        pytest.param(
            {"properties": {**OLD["properties"], "a": {"type": "string", "maxLength": 8, "pattern": "a"}}},
            ".a: maxLength was 9, and is 8",
            id="a limit that is lower",
        ),
        pytest.param(
            {"properties": {**OLD["properties"], "a": {"type": "integer", "pattern": "b"}}},
            ".a: the type was string, and is integer",
            id="another type",
        ),
        pytest.param(
            {"properties": {**OLD["properties"], "b": {"type": "array", "items": {"enum": ["x"]}}}},
            ".b[]: not every value is taken that was: ['x', 'y']",
            id="a value that went, in a list",
        ),
        pytest.param(
            {"x-kubernetes-validations": [{"rule": "!has(self.a) || self.a != 'q'"}]},
            ": rule !has(self.a) || self.a != 'q'",
            id="a rule about what was there",
        ),
    ],
)
def test_what_older_objects_may_break_is_found(change: dict[str, Any], said: str) -> None:
    assert said in narrower(OLD, {**OLD, **change})


def test_more_is_no_trouble() -> None:
    more = {
        **OLD,
        "properties": {
            "a": {"type": "string", "maxLength": 20, "pattern": "a"},
            "b": {"type": "array", "items": {"enum": ["x", "y", "z"]}},
            "c": {"type": "integer"},
        },
        "x-kubernetes-validations": [{"rule": "!has(self.c) || has(self.a)"}],
    }
    assert list(narrower(OLD, more)) == []
