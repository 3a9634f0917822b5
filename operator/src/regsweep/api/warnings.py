"""Warnings about valid parts of a spec that have no effect or look like typing errors. A sweep with warnings is accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from regsweep.api import wording
from regsweep.api.canonical import canonical_json
from regsweep.api.spec import SweepSpec
from regsweep.api.values import flag_values
from regsweep.errors import Problem


def spec_warnings(spec: SweepSpec, trained: int) -> tuple[Problem, ...]:
    """The warnings, each with its field. `trained`: number of combinations of the spec, after `exclude` and `sample`."""
    return (
        *_exclude_warnings(spec),
        *_sample_warnings(spec, trained),
        *_parameter_warnings(spec),
        *_deprecation_warnings(spec),
        *_budget_warnings(spec),
    )


def _exclude_warnings(spec: SweepSpec) -> Iterator[Problem]:
    """Entries that match no combination: the grid has every choice of values, so one value that is not there is the cause."""
    values = {flag.name: list(flag_values(flag)) for flag in spec.flags} if spec.exclude else {}
    texts = {name: {canonical_json(value) for value in of} for name, of in values.items()}
    for place, entry in enumerate(spec.exclude):
        for name, value in entry.items():
            if name in texts and canonical_json(value) not in texts[name]:
                known = wording.shown(values[name])
                text = f"{wording.shown(value)} is not a value of this flag, so the entry excludes nothing. Values: {known}."
                yield Problem(f"spec.exclude[{place}].{name}", text)


def _sample_warnings(spec: SweepSpec, trained: int) -> Iterator[Problem]:
    if spec.sample is not None and spec.sample.size > trained:
        size = spec.sample.size
        text = f"is {size:,}, but there are only {trained:,} combinations: all of them are trained."
        yield Problem("spec.sample.size", text)


def _parameter_warnings(spec: SweepSpec) -> Iterator[Problem]:
    flags = {_plain(flag.name): flag.name for flag in spec.flags}
    seen: dict[str, str] = {}
    for name in spec.trainer.parameters:
        field, plain = f"spec.trainer.parameters.{name}", _plain(name)
        if name in flags.values():
            yield Problem(field, "is ignored, because the flag of this name replaces it in every run.")
        elif plain in flags:
            yield Problem(field, f"differs from the flag {flags[plain]} only in its spelling. Is it the same?")
        elif plain in seen:
            yield Problem(field, f"differs from the parameter {seen[plain]} only in its spelling. Is it the same?")
        seen.setdefault(plain, name)


def _deprecation_warnings(spec: SweepSpec) -> Iterator[Problem]:
    if spec.racing is not None and spec.racing.minimum_difference is not None:
        text = "is deprecated. Write it as spec.objective.minimumDifference, which means the same for the race."
        yield Problem("spec.racing.minimumDifference", text)


def _budget_warnings(spec: SweepSpec) -> Iterator[Problem]:
    budget = spec.budget
    if budget is None:
        return
    if budget.max_gpu_seconds is not None and spec.trainer.gpus == 0:
        text = "limits nothing, because spec.trainer.gpus is 0. spec.budget.maxElapsedSeconds limits the time."
        yield Problem("spec.budget.maxGpuSeconds", text)
    if (budget.max_runs, budget.max_elapsed_seconds, budget.max_gpu_seconds) == (None, None, None):
        yield Problem("spec.budget", "names no limit. Set maxRuns, maxElapsedSeconds or maxGpuSeconds.")


def _plain(name: str) -> str:
    """The name without what people mix up: case, and `-`, `.` or `_`."""
    return re.sub(r"[-._]", "", name).lower()
