"""The samples: each keeps the rules, says what it asks, and is taken by the trainer."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from regsweep.api.validation import parse_sweep
from regsweep.core.grid import combinations
from regsweep_trainer.flags import parse_flags

SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sample_is_valid_and_says_what_it_asks(sample: Path) -> None:
    text = sample.read_text(encoding="utf-8")
    manifest = yaml.safe_load(text)
    assert parse_sweep(manifest).trainer.gpus == 1, "the built-in node offers GPUs"
    assert manifest["metadata"]["name"] == sample.stem
    assert "?" in text[: text.index("apiVersion")], "the head comment asks a question"


def test_the_samples_are_there() -> None:
    names = {path.stem for path in SAMPLES.glob("*.yaml")}
    assert {"breast-cancer", "dropout-activation", "digits", "own-data"} <= names


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_trainer_takes_every_combination_of_a_sample(sample: Path) -> None:
    spec = parse_sweep(yaml.safe_load(sample.read_text(encoding="utf-8")))
    for combination in combinations(spec):
        parse_flags({**spec.trainer.parameters, **combination.flags})
