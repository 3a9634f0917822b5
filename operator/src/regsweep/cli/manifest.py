"""Reading a manifest: YAML as kubectl reads it, one RegularizationSweep in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import yaml

from regsweep.api.constants import SWEEP_KIND
from regsweep.api.spec import SweepSpec
from regsweep.api.validation import parse_sweep
from regsweep.cli.exits import UsageError

STANDARD_INPUT = Path("-")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A sweep as it was written."""

    name: str
    spec: SweepSpec


class _Loader(yaml.SafeLoader):
    """YAML as the Go library behind kubectl reads it.

    PyYAML takes `1e-4` for a text, `1:30` for 90 and `2026-01-01` for a date, and lets the last of two equal keys win. The
    same file must mean the same here and in a cluster.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a text, not a list or mapping", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_REPLACED_TAGS = ("tag:yaml.org,2002:float", "tag:yaml.org,2002:int", "tag:yaml.org,2002:timestamp")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^[-+]?(0b[01_]+|0[0-7_]*|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"),
    list("-+0123456789."),
)


def load_manifest(path: Path, name: str | None = None) -> Manifest:
    """The one RegularizationSweep of the file (`-`: standard input); other kinds beside it are left alone.

    name: stands in for `metadata.name`.

    Raises:
        UsageError: where the file cannot be read, is not YAML, or has none or several sweeps.
        InvalidSweep: where the sweep breaks a rule of the API.
    """
    sweep = _only_sweep(_documents(path), path)
    metadata = sweep.get("metadata")
    if name is not None:
        sweep["metadata"] = {**(metadata if isinstance(metadata, dict) else {}), "name": name}
    elif not (isinstance(metadata, dict) and metadata.get("name")):
        raise UsageError(f"{_shown(path)}: metadata.name is missing. Write it into the file, or give --name.")
    spec = parse_sweep(sweep)
    found = sweep["metadata"]
    return Manifest(str(found["name"]) if isinstance(found, dict) else "", spec)


def _documents(path: Path) -> list[object]:
    try:
        text = sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{_shown(path)}: cannot be read ({error.strerror}). Name a manifest's file, or - for standard input."
        ) from error
    try:
        return [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise UsageError(f"{_shown(path)}: is not YAML: {_yaml_problem(error)}") from error


def _yaml_problem(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
    return " ".join(str(error).split()) or type(error).__name__


def _only_sweep(documents: list[object], path: Path) -> dict[str, object]:
    sweeps = [d for d in documents if isinstance(d, dict) and d.get("kind") == SWEEP_KIND]
    if len(sweeps) == 1:
        return sweeps[0]
    if sweeps:
        raise UsageError(
            f"{_shown(path)}: has {len(sweeps)} {SWEEP_KIND} documents. One at a time: keep each in a file of its own."
        )
    kinds = [str(d.get("kind") or "no kind") if isinstance(d, dict) else f"a {type(d).__name__}" for d in documents]
    has = f"has {', '.join(kinds)}, but no {SWEEP_KIND}" if kinds else f"is empty, so it has no {SWEEP_KIND}"
    raise UsageError(f"{_shown(path)}: {has}. A manifest begins with `kind: {SWEEP_KIND}`.")


def _shown(path: Path) -> str:
    return "standard input" if path == STANDARD_INPUT else str(path)
