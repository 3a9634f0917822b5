"""A sweep's results from its folder alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regsweep.api.conditions import ConditionType
from regsweep.api.spec import SweepSpec
from regsweep.api.status import RefinementRound, RefinementStatus
from regsweep.core.accept import Defaults, Identity, accept
from regsweep.core.refinement import refined
from regsweep.local.directory import RunsDirectory, RunsDirectoryError
from regsweep.local.facts import ASKED_FILE
from regsweep.local.inventory import inventory
from regsweep.local.provenance import SWEEP_FILE
from regsweep.local.revisit import LOCAL, asked_text, revisit
from support.kept_runs import keep_run

SPEC = {"flags": [{"name": "l2", "values": [0, 0.1]}], "replicates": 3, "trainer": {"parameters": {"dataset": "iris"}}}
GOOD = ((0.1, 0.2, 0.9, 0.9), (0.2, 0.3, 0.8, 0.8), (0.3, 0.4, 0.7, 0.7))
BAD = ((0.1, 0.5, 0.9, 0.6), (0.2, 0.6, 0.8, 0.5), (0.3, 0.7, 0.7, 0.45))


def keep_sweep(runs_dir: Path, *, second: str = "completed") -> Path:
    """A sweep of two combinations; the second one is completed, failed, or not there."""
    sweep, _ = accept(Identity("mine", LOCAL, LOCAL, 1), SweepSpec.model_validate(SPEC), Defaults("process:x", "", "0"))
    source = {SWEEP_FILE: json.dumps(SPEC)}
    keys = {point.combination.flags["l2"]: point.key for point in sweep.points}
    keep_run(runs_dir, {"l2": 0}, *BAD, point_key=keys[0], source=source)
    if second == "completed":
        keep_run(runs_dir, {"l2": 0.1}, *GOOD, point_key=keys[0.1], source=source)
    if second == "failed":
        keep_run(
            runs_dir, {"l2": 0.1}, point_key=keys[0.1], source=source, exit_code=1, replicates=3, replicates_per_pod=3
        )
    return runs_dir / "mine"


def test_a_complete_sweep_is_ranked_as_when_it_was_trained(tmp_path: Path) -> None:
    report = revisit(keep_sweep(tmp_path), inventory(tmp_path).runs).report
    assert [row.label for row in report.ranking] == ["l2=0.1", "l2=0"]
    assert report.holds(ConditionType.COMPLETE)
    assert report.analysis is not None
    assert len(report.analysis.comparisons) == 2


def test_a_failed_run_is_a_failure_and_not_something_still_to_be_trained(tmp_path: Path) -> None:
    report = revisit(keep_sweep(tmp_path, second="failed"), inventory(tmp_path).runs).report
    assert report.status.runs.failed == 1
    assert [failure.label for failure in report.status.failures] == ["l2=0.1"]


def test_an_unfinished_sweep_says_that_it_is(tmp_path: Path) -> None:
    report = revisit(keep_sweep(tmp_path, second="missing"), inventory(tmp_path).runs).report
    assert not report.holds(ConditionType.COMPLETE)
    assert [row.label for row in report.ranking] == ["l2=0"]


def test_nothing_is_written(tmp_path: Path) -> None:
    folder = keep_sweep(tmp_path)
    before = sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*"))
    revisit(folder, inventory(tmp_path).runs)
    assert sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


@pytest.mark.parametrize("content", [None, "{", '{"flags": 3}'])
def test_a_sweep_that_did_not_keep_its_spec_says_what_to_do(tmp_path: Path, content: str | None) -> None:
    folder = keep_sweep(tmp_path)
    for path in folder.rglob(SWEEP_FILE):
        path.unlink() if content is None else path.write_text(content)
    with pytest.raises(RunsDirectoryError, match=r"`regsweep run` with its manifest trains nothing again"):
        revisit(folder, inventory(tmp_path).runs)


def asked(folder: Path, spec: dict[str, Any], at: str = "2026-11-25T11:00:00Z", trainer: str = "process:x") -> None:
    (folder / ASKED_FILE).write_text(json.dumps({"at": at, "trainer": trainer, "spec": spec}))


def test_the_sweep_is_the_one_that_was_asked_for_last_even_if_nothing_was_trained_for_it(tmp_path: Path) -> None:
    """As when a value was taken out of the grid, or data or environment are again what they were before the latest runs."""
    folder = keep_sweep(tmp_path)
    asked(folder, SPEC | {"flags": [{"name": "l2", "values": [0]}]})
    assert [row.label for row in revisit(folder, inventory(tmp_path).runs).report.ranking] == ["l2=0"]
    asked(folder, SPEC, trainer="process:other")
    assert revisit(folder, inventory(tmp_path).runs).report.ranking == ()


@pytest.mark.parametrize("text", ["{", "[]", '{"at": "2026-11-25T09:00:00Z", "trainer": "process:other", "spec": {}}'])
def test_what_was_asked_for_before_the_latest_run_does_not_count(tmp_path: Path, text: str) -> None:
    folder = keep_sweep(tmp_path)
    (folder / ASKED_FILE).write_text(text)
    assert len(revisit(folder, inventory(tmp_path).runs).report.ranking) == 2


def test_what_is_kept_of_a_sweep_is_that_sweep(tmp_path: Path) -> None:
    folder = keep_sweep(tmp_path)
    sweep = revisit(folder, inventory(tmp_path).runs).sweep
    (folder / ASKED_FILE).write_text(asked_text(sweep))
    assert revisit(folder, inventory(tmp_path).runs).sweep == sweep


def test_what_refinement_has_added_is_ranked_too(tmp_path: Path) -> None:
    spec = SPEC | {
        "flags": [{"name": "l2", "range": {"from": 0.01, "to": 0.1, "points": 2}}], "refinement": {"rounds": 1, "maxRuns": 4}
    }  # fmt: skip
    grid, _ = accept(Identity("mine", LOCAL, LOCAL, 1), SweepSpec.model_validate(spec), Defaults("process:x", "", "0"))
    added = RefinementRound(added=[{"l2": 0.05}], rests_on="0")
    chosen = RefinementStatus(rounds=[added])
    for point, values in zip(refined(grid, chosen).points, (BAD, BAD, GOOD), strict=True):
        flags = point.combination.flags
        folder = keep_run(tmp_path, flags, *values, point_key=point.key, source={SWEEP_FILE: json.dumps(spec)}).parent
    RunsDirectory(folder).refine(chosen)
    found = revisit(folder, inventory(tmp_path).runs)
    assert found.sweep.refinement == chosen
    assert found.report.ranking[0].label == "l2=0.05"
