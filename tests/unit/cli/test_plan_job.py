"""`regsweep plan --job` and what it says of a budget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from regsweep.api.forecast import Duration, Forecast
from regsweep.api.spec import SweepSpec
from regsweep.cli.main import app
from regsweep.report.forecast import budget_sentences

runner = CliRunner()
FLAGS = [{"name": "l2", "values": [0, 0.01, 0.1, 1]}]


def planned(tmp_path: Path, *options: str, **spec: Any) -> Any:
    kind = {"apiVersion": "regsweep.dev/v1alpha1", "kind": "RegularizationSweep", "metadata": {"name": "mine"}}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**kind, "spec": {"flags": FLAGS, "replicates": 4, **spec}}))
    return runner.invoke(app, ["plan", str(path), *options])


def test_the_first_job_is_the_one_that_an_operator_would_create(tmp_path: Path) -> None:
    template = {"spec": {"nodeSelector": {"gpu": "a100"}}}
    result = planned(
        tmp_path, "--job", "-o", "json", "-n", "ml", trainer={"image": "own:1", "gpus": 2}, template=template
    )
    job = json.loads(result.stdout)["firstJob"]
    assert (job["kind"], job["metadata"]["namespace"]) == ("Job", "ml")
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (container["image"], container["resources"]["limits"]) == ("own:1", {"nvidia.com/gpu": "2"})
    assert pod["nodeSelector"] == {"gpu": "a100"}
    assert json.loads(job["metadata"]["annotations"]["regsweep.dev/flags"]) == {"l2": 0}


@pytest.mark.parametrize("spec", [{"parallelism": 0}, {"suspend": True}, {"budget": {"maxRuns": 0}}])
def test_it_is_shown_of_a_sweep_that_would_not_start_yet_too(tmp_path: Path, spec: dict[str, Any]) -> None:
    result = planned(tmp_path, "--job", **spec)
    assert result.exit_code == 0
    assert "kind: Job" in result.stdout


def test_without_the_option_no_job_is_shown(tmp_path: Path) -> None:
    assert "kind: Job" not in planned(tmp_path).stdout
    assert "firstJob" not in json.loads(planned(tmp_path, "-o", "json").stdout)


def test_a_template_that_cannot_be_merged_is_an_error_of_the_manifest(tmp_path: Path) -> None:
    result = planned(tmp_path, "--job", template={"spec": {"containers": "none"}})
    assert result.exit_code == 2
    assert "spec.template" in result.stderr


@pytest.mark.parametrize(
    ("budget", "needed", "words"),
    [
        ({"maxRuns": 3}, None, ["spec.budget.maxRuns: 3 of the 4 runs would be trained."]),
        ({"maxRuns": 4, "maxGpuSeconds": 7200, "maxElapsedSeconds": 7200}, (3600, 3000, 4000), []),
        (
            {"maxGpuSeconds": 3600},
            (3500, 3000, 4000),
            ["spec.budget.maxGpuSeconds: 60 min may not be enough for about 58 min (95 %: 50 min to 67 min)."],
        ),
        (
            {"maxElapsedSeconds": 60},
            (3600, None, None),
            ["spec.budget.maxElapsedSeconds: 60 s is not enough for about 60 min."],
        ),
        ({"maxGpuSeconds": 60}, None, []),
    ],
)
def test_a_budget_that_is_too_small_is_said_before_anything_is_spent(
    budget: dict[str, int], needed: tuple[float, float | None, float | None] | None, words: list[str]
) -> None:
    spec = SweepSpec.model_validate({"flags": FLAGS, "budget": budget})
    time = None if needed is None else Duration(seconds=needed[0], low=needed[1], high=needed[2])
    found = Forecast(like="x", combinations=4, trainings=4, parallelism=1, wall=time, gpu_seconds=time)
    assert list(budget_sentences(spec, 4, found)) == words
