"""What is valid but has no effect, or looks like a misprint, is said; what has an effect is not."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from regsweep.api.validation import parse_sweep
from regsweep.api.warnings import spec_warnings
from regsweep.core.grid import combinations

FLAGS = """
- {name: dropout, values: [0, 0.5]}
- {name: units, values: [[64], [64, 32]]}
- {name: l2, range: {from: 0, to: 0.5, points: 6}}
- {name: bn, values: [true, false]}
- {name: batch_size, values: [32]}
"""


def warnings(rest: str) -> dict[str, str]:
    """Field -> text of every warning on a spec with these fields beside its flags."""
    manifest: dict[str, Any] = {"spec": {"flags": yaml.safe_load(FLAGS), **yaml.safe_load(rest)}}
    spec = parse_sweep(manifest)
    return {warning.field: warning.message for warning in spec_warnings(spec, len(combinations(spec)))}


@pytest.mark.parametrize(
    ("rest", "field", "words"),
    [
        pytest.param(
            "exclude: [{dropout: 0.55}]",
            "spec.exclude[0].dropout",
            "0.55 is not a value of this flag, so the entry excludes nothing. Values: [0, 0.5].",
            id="a number that the flag does not have",
        ),
        pytest.param(
            "exclude: [{dropout: 0}, {dropout: 0.5, units: [32]}]",
            "spec.exclude[1].units",
            "[32] is not a value of this flag",
            id="one value of two, a list",
        ),
        pytest.param(
            "exclude: [{l2: 0.30000000000000004}]",
            "spec.exclude[0].l2",
            "Values: [0, 0.1, 0.2, 0.3, 0.4, 0.5].",
            id="a number beside the point of a range",
        ),
        pytest.param("sample: {size: 50}", "spec.sample.size", "only 48 combinations", id="a sample above the grid"),
        pytest.param(
            "{sample: {size: 48}, exclude: [{bn: true}]}",
            "spec.sample.size",
            "is 48, but there are only 24 combinations: all of them are trained.",
            id="a sample above what is not excluded",
        ),
        pytest.param(
            "trainer: {parameters: {l2: 0.1}}",
            "spec.trainer.parameters.l2",
            "is ignored, because the flag of this name replaces it",
            id="a parameter that a flag replaces",
        ),
        pytest.param(
            "trainer: {parameters: {batch-size: 8}}",
            "spec.trainer.parameters.batch-size",
            "differs from the flag batch_size only in its spelling",
            id="a parameter named like a flag but for a dash",
        ),
        pytest.param(
            "trainer: {parameters: {L2: 8}}",
            "spec.trainer.parameters.L2",
            "the flag l2",
            id="a parameter named like a flag but for its case",
        ),
        pytest.param(
            "trainer: {parameters: {learning.rate: 8, learning_rate: 9}}",
            "spec.trainer.parameters.learning_rate",
            "differs from the parameter learning.rate only in its spelling",
            id="two parameters named alike",
        ),
        pytest.param(
            "racing: {minimumDifference: 0.01}",
            "spec.racing.minimumDifference",
            "is deprecated. Write it as spec.objective.minimumDifference",
            id="a field that has moved",
        ),
    ],
)
def test_what_has_no_effect_or_looks_like_a_typing_error_is_reported(rest: str, field: str, words: str) -> None:
    found = warnings(rest)
    assert list(found) == [field]
    assert words in found[field]


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("{}", id="nothing but flags"),
        pytest.param("exclude: [{dropout: 0.50}, {units: [64.0]}, {l2: 0.30, bn: true}]", id="values spelt otherwise"),
        pytest.param("sample: {size: 48}", id="a sample of the whole grid"),
        pytest.param("{objective: {minimumDifference: 0.01}, racing: {}}", id="the field where it is now"),
        pytest.param("trainer: {parameters: {dataset: iris, epochs: 3}}", id="parameters of their own"),
    ],
)
def test_what_has_an_effect_gives_no_warning(rest: str) -> None:
    assert warnings(rest) == {}
