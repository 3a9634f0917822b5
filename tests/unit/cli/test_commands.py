from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from regsweep.cli.main import app

MANIFEST = """\
apiVersion: regsweep.dev/v1alpha1
kind: RegularizationSweep
metadata: {name: mine}
spec:
  flags:
  - {name: l2, values: [0, 0.01]}
  - {name: dropout, values: [0, 0.3, 0.5]}
  replicates: 4
"""
runner = CliRunner()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text(MANIFEST)
    return path


def test_validate_says_what_would_be_trained(manifest: Path) -> None:
    done = runner.invoke(app, ["validate", str(manifest)])
    assert done.exit_code == 0
    assert "is valid: mine: 6 runs x 4 replicates = 24 trainings" in done.stdout


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_what_has_no_effect_is_reported_beside_the_result(manifest: Path, command: str) -> None:
    manifest.write_text(f"{MANIFEST}  exclude: [{{dropout: 0.55}}]\n")
    done = runner.invoke(app, [command, str(manifest)])
    assert done.exit_code == 0
    assert done.stderr.startswith("warning: spec.exclude[0].dropout: 0.55 is not a value of this flag")
    assert "warning" not in done.stdout


def test_a_small_sample_of_a_large_grid_is_planned(manifest: Path) -> None:
    large = "range: {from: 0, to: 1, points: 500}"
    text = MANIFEST.replace("values: [0, 0.01]", large).replace("values: [0, 0.3, 0.5]", large)
    manifest.write_text(f"{text}  sample: {{size: 3}}\n")
    done = runner.invoke(app, ["plan", str(manifest)])
    assert done.exit_code == 0
    assert done.stdout.startswith("mine: 3 runs x 4 replicates = 12 trainings\n1  l2=")


def test_every_problem_of_a_manifest_is_listed_with_its_field(manifest: Path) -> None:
    manifest.write_text(MANIFEST.replace("replicates: 4", "replicates: 0\n  replicats: 3"))
    done = runner.invoke(app, ["validate", str(manifest)])
    assert done.exit_code == 2
    assert "the manifest has 2 errors" in done.stderr
    assert "  spec.replicats: unknown field." in done.stderr
    assert "  spec.replicates: " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_plan_lists_the_combinations_in_order_and_trains_nothing(manifest: Path) -> None:
    done = runner.invoke(app, ["plan", str(manifest), "--rows", "2"])
    assert done.exit_code == 0
    assert done.stdout == (
        "mine: 6 runs x 4 replicates = 24 trainings\n1  l2=0, dropout=0\n2  l2=0, dropout=0.3\n"
        "4 more combinations not shown: --rows 0 shows all.\n"
    )


def test_plan_has_an_output_for_programs(manifest: Path) -> None:
    done = runner.invoke(app, ["plan", str(manifest), "-o", "json"])
    assert json.loads(done.stdout)["combinations"][-1] == {"l2": 0.01, "dropout": 0.5}
    assert json.loads(done.stdout)["trainings"] == 24
    done = runner.invoke(app, ["plan", str(manifest), "-o", "csv"])
    assert done.stdout.splitlines()[:2] == ["flag_l2,flag_dropout", "0,0"]


def test_a_manifest_comes_from_standard_input_too() -> None:
    assert runner.invoke(app, ["validate", "-"], input=MANIFEST).exit_code == 0


def test_an_image_is_not_silently_replaced(manifest: Path, tmp_path: Path) -> None:
    manifest.write_text(f"{MANIFEST}  trainer: {{image: example/own:1}}\n")
    done = runner.invoke(app, ["run", str(manifest), "--runs-dir", str(tmp_path / "runs")])
    assert done.exit_code == 2
    assert "spec.trainer.image: example/own:1 is an image" in done.stderr
    assert "--trainer-command" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["run", "results", "validate", "plan"])
def test_help_lists_the_exit_codes(command: str) -> None:
    done = runner.invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "130 interrupted" in " ".join(done.stdout.split())


def test_the_command_line_alone_imports_nothing_heavy() -> None:
    code = "import sys, regsweep.cli.main; print(*(m for m in sys.argv[1:] if m in sys.modules))"
    heavy = ["numpy", "scipy", "tensorflow", "keras", "kubernetes", "kopf", "aiohttp", "pydantic", "yaml"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_local_run_imports_no_training_library_and_no_client() -> None:
    code = "import sys, regsweep.cli.run; print(*(m for m in sys.argv[1:] if m in sys.modules))"
    heavy = ["tensorflow", "keras", "kubernetes", "kopf", "aiohttp"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--name", ""], 'got ""', id="an empty name"),
        pytest.param(["--name", "a/b"], 'got "a/b"', id="a name with a slash"),
        pytest.param(["--name", ".."], 'got ".."', id="a name that is a directory"),
        pytest.param(["--name", "x\x1b[31m"], 'got "x\\x1b[31m"', id="a name with terminal escapes"),
        pytest.param(["--name", "x" * 254], "at most 253", id="a name that is too long"),
        pytest.param(["--runs-dir", ""], "'--runs-dir': it is empty", id="no runs directory"),
        pytest.param(["--trainer-command", ""], "--trainer-command: is empty", id="no trainer"),
        pytest.param(["--trainer-command", "  "], "--trainer-command: is empty", id="a trainer of blanks"),
        pytest.param(["--rows", "-1"], "'--rows'", id="rows below zero"),
        pytest.param(["--rows", ""], "'--rows'", id="no rows"),
        pytest.param(["--rows", "1.5"], "'--rows'", id="half a row"),
    ],
)
def test_odd_options_are_refused_before_anything_is_trained(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = runner.invoke(app, ["run", str(manifest), *arguments])
    assert done.exit_code == 2
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [manifest.name]


def test_an_empty_file_name_is_not_the_working_directory() -> None:
    done = runner.invoke(app, ["validate", ""])
    assert (done.exit_code, "it is empty" in done.stderr) == (2, True)
