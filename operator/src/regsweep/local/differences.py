"""What differs between two runs: flags, metrics, what they were trained with, source and console."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue, ValidationError

from regsweep.api.canonical import canonical_json
from regsweep.core.results.records import Outcome
from regsweep.local.estimates import mean, standard_error
from regsweep.local.inventory import KeptRun, console
from regsweep.local.provenance import MOST_SOURCE_BYTES, PROVENANCE_FILE, SOURCE_FOLDER, Provenance

MOST_LINES: Final = 5000
"""Of a text that is compared; the rest is left out, and that is said."""
_DURATION: Final = re.compile(r"\b\d+(\.\d+)? s\b")


@dataclass(frozen=True, slots=True)
class Pair:
    """A value in both runs; None: absent."""

    name: str
    before: JsonValue
    after: JsonValue


@dataclass(frozen=True, slots=True)
class PairedMetric:
    """A metric of both runs over the replicates that they have in common."""

    name: str
    before: float
    after: float
    difference: float
    """Mean of after - before, paired by replicate."""
    standard_error: float | None
    """Of that mean; None below 3 common replicates."""
    replicates: int
    """That they have in common."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Two runs beside each other."""

    before: KeptRun
    after: KeptRun
    flags: tuple[Pair, ...]
    """Flags and parameters with different values."""
    circumstances: tuple[Pair, ...]
    """Data, trainer, seed, backend, device, environment, packages and checkout where they differ; of a variable that the script reads a
    digest."""
    metrics: tuple[PairedMetric, ...]
    source: tuple[str, ...]
    """Lines of a unified diff; none: equal."""
    output: tuple[str, ...]


def differences(before: KeptRun, after: KeptRun) -> Differences:
    """What differs. Reads both folders."""
    first, second = provenance_of(before), provenance_of(after)
    return Differences(
        before,
        after,
        flags=tuple(_pairs(_settings(before), _settings(after))),
        circumstances=tuple(_pairs(_circumstances(before, first), _circumstances(after, second))),
        metrics=tuple(_metrics(before, after)),
        source=tuple(_source_diff(before, after)),
        output=tuple(_diff(_comparable(console(before)), _comparable(console(after)), "output")),
    )


def provenance_of(run: KeptRun) -> Provenance:
    """What the run was trained with; empty where that was not kept."""
    try:
        return Provenance.model_validate_json((run.path / PROVENANCE_FILE).read_bytes(), extra="ignore")
    except (OSError, ValidationError):
        return Provenance()


def source_of(run: KeptRun) -> dict[str, str]:
    """The texts of the run's source files, by name; a file that is none is left out."""
    texts = {}
    try:
        paths = sorted((run.path / SOURCE_FOLDER).rglob("*"))
    except OSError:
        return {}
    for path in paths:
        try:
            if path.is_file() and path.stat().st_size <= MOST_SOURCE_BYTES:
                name = path.relative_to(run.path / SOURCE_FOLDER).as_posix()
                texts[name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    return texts


def _settings(run: KeptRun) -> dict[str, JsonValue]:
    return {**run.facts.parameters, **run.facts.flags}


def _circumstances(run: KeptRun, provenance: Provenance) -> dict[str, JsonValue]:
    environment = run.records[0].environment if run.records else None
    git = provenance.git
    facts = run.facts
    return {
        "sweep": facts.sweep,
        "seed": facts.seed,
        "trainer": facts.trainer,
        "trainer version": facts.trainer_version,
        "data": facts.data.digest if facts.data is not None else "",
        "backend": environment.backend if environment is not None else None,
        "device": environment.device if environment is not None else None,
        "python": provenance.python,
        "platform": provenance.platform,
        "git commit": None if git is None else git.commit + (" with changes" if git.changed else ""),
        **{f"environment {name}": value for name, value in facts.settings.items()},
        **{f"package {name}": version for name, version in provenance.packages.items()},
    }


def _pairs(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> Iterator[Pair]:
    for name in dict.fromkeys([*before, *after]):
        first, second = before.get(name), after.get(name)
        if canonical_json(first) != canonical_json(second):
            yield Pair(name, first, second)


def _metrics(before: KeptRun, after: KeptRun) -> Iterator[PairedMetric]:
    first, second = (
        {each.replicate: each for each in run.records if each.outcome is Outcome.OK} for run in (before, after)
    )
    common = sorted(first.keys() & second.keys())
    if not common:
        return
    names = [
        name
        for name in first[common[0]].shown_metrics
        if all(name in side[k].metrics for side in (first, second) for k in common)
    ]
    for name in names:
        one, two = ([side[k].metrics[name] for k in common] for side in (first, second))
        changes = [b - a for a, b in zip(one, two, strict=True)]
        yield PairedMetric(name, mean(one), mean(two), mean(changes), standard_error(changes), len(common))


def _source_diff(before: KeptRun, after: KeptRun) -> Iterator[str]:
    first, second = source_of(before), source_of(after)
    for name in sorted(first.keys() | second.keys()):
        yield from _diff(first.get(name, ""), second.get(name, ""), str(Path(SOURCE_FOLDER) / name))


def _diff(before: str, after: str, name: str) -> Iterator[str]:
    first, second = before.splitlines(), after.splitlines()
    yield from difflib.unified_diff(first[:MOST_LINES], second[:MOST_LINES], f"a/{name}", f"b/{name}", lineterm="", n=2)
    if max(len(first), len(second)) > MOST_LINES:
        yield f"... lines after the first {MOST_LINES:,} are not compared"


def _comparable(text: str) -> str:
    """A console without durations, which always differ."""
    return _DURATION.sub("- s", text)
