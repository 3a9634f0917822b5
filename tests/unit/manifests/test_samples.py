"""The samples: each keeps the rules, says what it asks, and is taken by the trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from regsweep.api.validation import parse_sweep
from regsweep.core.grid import combinations
from regsweep_trainer.flags import parse_flags

CHECKOUT = Path(__file__).parents[3]
SAMPLES = CHECKOUT / "manifests" / "samples"


def documents(sample: Path) -> dict[str, Any]:
    """By kind."""
    return {document["kind"]: document for document in yaml.safe_load_all(sample.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sample_is_valid_and_says_what_it_asks(sample: Path) -> None:
    text = sample.read_text(encoding="utf-8")
    manifest = documents(sample)["RegularizationSweep"]
    assert parse_sweep(manifest).trainer.gpus == 1, "the built-in node offers GPUs"
    assert manifest["metadata"]["name"] == sample.stem
    assert "?" in text[: text.index("apiVersion")], "the head comment asks a question"


def test_the_samples_are_there() -> None:
    names = {path.stem for path in SAMPLES.glob("*.yaml")}
    assert {"breast-cancer", "dropout-activation", "digits", "own-data", "own-script"} <= names


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_trainer_takes_every_combination_of_a_sample(sample: Path) -> None:
    spec = parse_sweep(documents(sample)["RegularizationSweep"])
    if spec.trainer.script is not None:
        return  # another trainer: tests/integration/kit runs it
    for combination in combinations(spec):
        parse_flags({**spec.trainer.parameters, **combination.flags})


def test_the_sample_with_a_script_has_the_guides_script() -> None:
    found = documents(SAMPLES / "own-script.yaml")
    script, spec = found["ConfigMap"], parse_sweep(found["RegularizationSweep"])
    assert spec.trainer.script is not None
    assert spec.trainer.script.config_map_ref.name == script["metadata"]["name"]
    guide = CHECKOUT / "images" / "kit" / "examples" / "after" / "digits.py"
    assert script["data"] == {spec.trainer.script.entrypoint: guide.read_text(encoding="utf-8")}
